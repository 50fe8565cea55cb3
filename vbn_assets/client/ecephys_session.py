"""AllenSDK's `BehaviorEcephysSession` over the lake: a behavior session, and what its probes recorded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from vbn_assets.client import lfp
from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.exceptions import UnknownProbe
from vbn_assets.client.frames import to_frame
from vbn_assets.client.source import SessionSource
from vbn_assets.client.unit_arrays import UnitArrays, UnitColumn
from vbn_assets.tables import Entity

if TYPE_CHECKING:
    from xarray import DataArray


class BehaviorEcephysSession(BehaviorSession):
    """One ecephys session as AllenSDK 2.16.2 shows it. Units and channels come probe by probe, in the file's order."""

    _CHANGES_AS_STORED: ClassVar = True
    _NEEDED_TABLE: ClassVar = "session_probes"
    _ENTITY: ClassVar = Entity.ECEPHYS_SESSION

    def __init__(self, source: SessionSource) -> None:
        super().__init__(source)
        self._unit_columns: dict[str, UnitColumn] = {}

    @property
    def metadata(self) -> dict[str, Any]:
        """15 facts about session and mouse: a behavior session's, and `ecephys_session_id`."""
        return {**super().metadata, "ecephys_session_id": self._source.record.source.ids[Entity.ECEPHYS_SESSION]}

    @property
    def probes(self) -> pd.DataFrame:
        """The probes by `id`: `name`, `location`, `sampling_rate` (Hz), `lfp_sampling_rate` (Hz) and `has_lfp_data`.

        What it says of LFP is the release's, from probes.csv: None or NaN, and False, where no LFP is published. Source
        of the rest: /general/extracellular_ephys.
        """
        facts = self._source.probe_facts()
        probes = self._frame("session_probes", index="id")
        rates = [facts[id].lfp_sampling_rate if id in facts else None for id in probes.index]
        known = any(rate is not None for rate in rates)
        probes["lfp_sampling_rate"] = pd.Series(rates, probes.index, dtype=float if known else object)
        probes["has_lfp_data"] = probes.index.isin(facts)
        return probes

    @property
    def optotagging_table(self) -> pd.DataFrame:
        """Every light pulse by `id`, times in s; no rows where the file, which AllenSDK cannot open then, has none.

        Source: /processing/optotagging.
        """
        return self._frame("optotagging_table", index="id")

    @property
    def spike_times(self) -> UnitArrays:
        """Unit id → times of its spikes, s, float64, rising. A unit is read when it is asked for. Source: /units."""
        return self._unit_arrays("spike_times", "spike_time")

    @property
    def spike_amplitudes(self) -> UnitArrays:
        """Unit id → amplitudes of its spikes, V, float64; wrong by 2 in most sessions before 0.5.0. Source: /units."""
        return self._unit_arrays("spike_times", "spike_amplitude")

    @property
    def mean_waveforms(self) -> UnitArrays:
        """Unit id → mean waveform on every channel of its probe, µV, float64 (384, 82) at 30 kHz. Source: /units."""
        return self._unit_arrays("mean_waveforms", "mean_waveform")

    def get_channels(self, filter_by_validity: bool = True) -> pd.DataFrame:
        """The channels by `id`. Positions in µm; `structure_acronym` is cut at the first '-', None outside the brain.

        With `filter_by_validity`, only valid ones, and without the column `valid_data`. Source:
        /general/extracellular_ephys/electrodes.
        """
        channels = self._channels.copy(deep=False)
        return channels[channels["valid_data"]].drop(columns="valid_data") if filter_by_validity else channels

    def get_units(
        self,
        filter_by_validity: bool = False,
        filter_out_of_brain_units: bool = False,
        amplitude_cutoff_maximum: float | None = None,
        presence_ratio_minimum: float | None = None,
        isi_violations_maximum: float | None = None,
    ) -> pd.DataFrame:
        """The units by `id`, with 25 columns. Source: /units.

        `filter_by_validity` keeps units of good quality on valid channels, and drops the column `quality`;
        `filter_out_of_brain_units` those whose channel has a structure. The limits include their value. Units that
        lack one of the three limited metrics are never there. Unlike in AllenSDK, a limit of 0 is a limit.
        """
        units = self._units
        if filter_by_validity or filter_out_of_brain_units:
            channels = self.get_channels(filter_by_validity)
            if filter_out_of_brain_units:
                channels = channels[channels["structure_acronym"].notna()]
            units = units[units["peak_channel_id"].isin(channels.index)]
        if filter_by_validity:
            units = units[units["quality"] == "good"].drop(columns="quality")
        within = units["amplitude_cutoff"] <= _or(amplitude_cutoff_maximum, np.inf)
        within &= units["presence_ratio"] >= _or(presence_ratio_minimum, -np.inf)
        within &= units["isi_violations"] <= _or(isi_violations_maximum, np.inf)
        return units[within]

    def get_lfp(
        self,
        probe_id: int,
        *,
        time_window: tuple[float, float] | None = None,
        channels: Sequence[int] | None = None,
    ) -> DataArray | None:
        """LFP of a probe: V, float32, dimensions `time` (s) and `channel` (id). None where none is published.

        Fetched if it is not here. Only what is asked for is read: samples from the first to the second time of
        `time_window`, both included, and of `channels`, in that order. AllenSDK has neither. Raises `UnknownProbe`, a
        ValueError. Source: /acquisition/probe_<id>_lfp of the probe's LFP file.
        """
        self._check_probe(probe_id)
        if probe_id not in self._source.probe_facts():
            return None
        return lfp.read_lfp(self._source.lake, self._source.lfp_record(probe_id), time_window, channels)

    def get_current_source_density(self, probe_id: int) -> DataArray | None:
        """Mean CSD of a probe around a flash: V/cm², float64, dimensions `virtual_channel_index` and `time` (s).

        With `vertical_position` and `horizontal_position` (µm) as coordinates. None where none is published. Raises
        `UnknownProbe`, a ValueError. Source: /processing/current_source_density of the probe's LFP file.
        """
        self._check_probe(probe_id)
        if probe_id not in self._source.probe_facts():
            return None
        return lfp.read_current_source_density(self._source.lake, self._source.lfp_record(probe_id))

    def _check_probe(self, probe_id: int) -> None:
        probes = self._frame("session_probes", index="id")
        if probe_id not in probes.index:
            raise UnknownProbe(
                f"Could not find probe with id {probe_id}",
                file=f"ecephys session {self._source.record.source.id}",
                expected="one of " + ", ".join(f"{id} ({name})" for id, name in probes["name"].items()),
            )

    @cached_property
    def _channels(self) -> pd.DataFrame:
        rows = self._rows("session_channels").drop_columns("location")
        channels = to_frame(rows, index="id")
        channels["structure_acronym"] = pd.Series(rows["structure_acronym"].to_pylist(), channels.index, dtype=object)
        return self._by_probe(channels, channels["probe_id"])

    @cached_property
    def _units(self) -> pd.DataFrame:
        units = to_frame(self._rows("session_units"), index="id")
        return self._by_probe(units, units["peak_channel_id"].map(self._channels["probe_id"]))

    def _by_probe(self, frame: pd.DataFrame, probe_ids: pd.Series[Any]) -> pd.DataFrame:
        """`frame` probe by probe, with its columns by name; without what is of no known probe."""
        probes = self._frame("session_probes", index="id").index.get_indexer(pd.Index(probe_ids))
        order = np.argsort(probes, kind="stable")
        return frame.iloc[order[probes[order] >= 0]][sorted(frame.columns)]

    def _unit_arrays(self, table: str, column: str) -> UnitArrays:
        if column not in self._unit_columns:
            path = self._source.lake.path(self._source.record.tables[table])
            self._unit_columns[column] = UnitColumn(path, column)
        return UnitArrays(self._units.index.tolist(), self._unit_columns[column])


def _or(limit: float | None, no_limit: float) -> float:
    return no_limit if limit is None else limit
