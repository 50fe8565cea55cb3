"""A data file as the tables of the registry, each ready to be written without holding it in memory.

This is the room's door: which reader makes which table stands here, how it does in the modules beside this one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from vbn_assets.errors import NwbError
from vbn_assets.nwb.behavior import (
    read_licks,
    read_raw_running_speed,
    read_rewards,
    read_running_speed,
    read_stimulus_timestamps,
)
from vbn_assets.nwb.electrodes import read_channels, read_probes
from vbn_assets.nwb.eye_tracking import read_eye_tracking, read_rig_geometry
from vbn_assets.nwb.images import ImageReading, read_session_images
from vbn_assets.nwb.imaging import (
    read_experiment_metadata,
    read_motion_correction,
    read_ophys_timestamps,
    read_projections,
)
from vbn_assets.nwb.lfp import read_current_source_density, read_lfp, read_lfp_channels, read_lfp_timestamps
from vbn_assets.nwb.metadata import read_session_metadata
from vbn_assets.nwb.optotagging import read_optotagging
from vbn_assets.nwb.performance import read_performance_metrics, read_rolling_performance
from vbn_assets.nwb.presentations import read_stimulus_presentations
from vbn_assets.nwb.rois import read_cell_specimen_table, read_excluded_rois, read_roi_masks
from vbn_assets.nwb.session_file import SessionFile, legible, open_file
from vbn_assets.nwb.task import read_task_parameters
from vbn_assets.nwb.traces import (
    read_corrected_fluorescence_traces,
    read_demixed_traces,
    read_dff_traces,
    read_events,
    read_neuropil_traces,
)
from vbn_assets.nwb.trials import read_trials
from vbn_assets.nwb.units import read_mean_waveforms, read_spike_times, read_spikes_per_unit, read_units
from vbn_assets.projects import FileKind
from vbn_assets.tables import Table, conform
from vbn_assets.tables.model import ColumnProblem, lacking

_log = logging.getLogger(__name__)

_SLICED: dict[str, Callable[[SessionFile], Iterator[pa.Table]]] = {
    "spike_times": read_spike_times,
    "mean_waveforms": read_mean_waveforms,
    "eye_tracking": read_eye_tracking,
    "lfp": read_lfp,
    "dff_traces": read_dff_traces,
    "corrected_fluorescence_traces": read_corrected_fluorescence_traces,
    "demixed_traces": read_demixed_traces,
    "neuropil_traces": read_neuropil_traces,
    "events": read_events,
    "roi_masks": read_roi_masks,
}
"""Big tables, read piece by piece. First, so that what takes longest starts first."""

_WHOLE: dict[str, Callable[[SessionFile], pa.Table]] = {
    "session_units": read_units,
    "session_channels": read_channels,
    "session_probes": read_probes,
    "trials": read_trials,
    "stimulus_presentations": read_stimulus_presentations,
    "licks": read_licks,
    "rewards": read_rewards,
    "running_speed": read_running_speed,
    "raw_running_speed": read_raw_running_speed,
    "stimulus_timestamps": read_stimulus_timestamps,
    "eye_tracking_rig_geometry": read_rig_geometry,
    "optotagging_table": read_optotagging,
    "session_images": read_session_images,
    "lfp_timestamps": read_lfp_timestamps,
    "lfp_channels": read_lfp_channels,
    "current_source_density": read_current_source_density,
    "cell_specimen_table": read_cell_specimen_table,
    "excluded_rois": read_excluded_rois,
    "ophys_timestamps": read_ophys_timestamps,
    "motion_correction": read_motion_correction,
    "projections": read_projections,
    "experiment_metadata": read_experiment_metadata,
    "task_parameters": read_task_parameters,
    "rolling_performance": read_rolling_performance,
    "performance_metrics": read_performance_metrics,
    "session_metadata": read_session_metadata,
}


@dataclass(frozen=True)
class TableReading:
    """One table of a session file, read when asked for; several threads may read different ones at once."""

    table: Table
    file: SessionFile

    def pieces(self) -> Iterator[pa.Table]:
        """The rows, from the file, in pieces of bounded size, at least one. Raises `NwbError`.

        All have the same schema: the described columns without the lake's entity column, then the file's own.
        """
        with legible(self.file.path, self.file.release):
            for number, piece in enumerate(self._read()):
                rows = self._with_ids(piece)
                if number == 0:
                    self._tell_what_is_missing(rows)
                yield self._conformed(rows)

    def _read(self) -> Iterator[pa.Table]:
        if self.table.name in _SLICED:
            return _SLICED[self.table.name](self.file)
        return iter([_WHOLE[self.table.name](self.file)])

    def _with_ids(self, rows: pa.Table) -> pa.Table:
        """`rows` with the session's ids, where they have none of their own."""
        for name, id in self.file.ids.items():
            if name in self.table.column_names and name not in rows.column_names and name != self.table.entity:
                rows = rows.add_column(0, name, pa.repeat(pa.scalar(id, pa.int64()), rows.num_rows))
        return rows

    def _tell_what_is_missing(self, rows: pa.Table) -> None:
        missing = set(lacking(rows.column_names, self.table)) - {self.table.entity}
        if missing:
            file, columns = self.file.path.name, ", ".join(sorted(missing))
            _log.warning("%s of release %s has no %s for %s; null", file, self.file.release, columns, self.table.name)

    def _conformed(self, rows: pa.Table) -> pa.Table:
        """`rows` as described."""
        try:
            return conform(rows, self.table, file=self.file.path.name, release=self.file.release or None)
        except ColumnProblem as problem:
            raise NwbError(**vars(problem)) from problem


@dataclass(frozen=True)
class Session:
    """An open data file as its tables: of a session, of the LFP of one of its probes, or of an imaging plane."""

    kind: FileKind
    file: SessionFile

    @property
    def ids(self) -> Mapping[str, int]:
        """What the file is about, by the names of the ids."""
        return self.file.ids

    def knowing(self, ids: Mapping[str, int]) -> Session:
        """The same, with ids that the file does not name."""
        return replace(self, file=replace(self.file, ids={**self.file.ids, **ids}))

    def tables(self) -> list[TableReading]:
        """Every table that is read from a file of this kind, the big ones first."""
        tables = sorted(self.kind.tables, key=lambda table: table.name not in _SLICED)
        return [TableReading(table, self.file) for table in tables]

    def images(self, session_images: pa.Table) -> list[ImageReading]:
        """The images that rows of this file's table `session_images` name, each to be kept once for all sessions."""
        return [ImageReading(self.file, **row) for row in session_images.select(ImageReading.NAMED_BY).to_pylist()]

    def counted(self) -> dict[str, pa.Table]:
        """What the file's own indexes count, to hold against what was read; `indexed_spikes` where it has units."""
        if not self.kind.has("spike_times"):
            return {}
        return {"indexed_spikes": read_spikes_per_unit(self.file)}


@contextmanager
def open_session(path: Path, *, kind: FileKind, expected_id: int | str | None, release: str) -> Iterator[Session]:
    """The file at `path`, of a kind of its project.

    `expected_id` is the id that a release knows the file by; None takes what the file names. Raises `NwbError` where
    the file is not HDF5, is cut short, lacks a part or is about something else.
    """
    with open_file(path, kind=kind.name, expected_id=expected_id, release=release) as file:
        yield Session(kind, file)
