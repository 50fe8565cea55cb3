"""Units of a session file: their table, every spike, and their mean waveforms.

Spikes and waveforms are most of a file, so they come in pieces of bounded size, by rising unit id; the file has them
probe by probe. Spikes sorted by time within a unit is what AllenSDK's writer makes; it is verified here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.columns import read_dynamic_table, read_row_ends
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.ecephys import SESSION_UNITS
from vbn_assets.tables.model import nan_to_null

_RAGGED = ("spike_times", "spike_amplitudes", "waveform_mean")
_PIECE_BYTES = 8 << 20
"""Read at once: what a few pieces in flight cost is small, and so is the time lost between them."""


def read_units(file: SessionFile) -> pa.Table:
    """Table `session_units`: everything /units says of a unit but its spikes and waveforms."""
    units = read_dynamic_table(file, "units", skip=_RAGGED)
    return units if units.num_rows else SESSION_UNITS.file_schema.empty_table()


def read_spikes_per_unit(file: SessionFile) -> pa.Table:
    """`unit_id` and `spikes`, how many the file's index says the unit has, in the file's order."""
    spans = _spans(file, "spike_times")
    return pa.table({"unit_id": spans.unit_ids, "spikes": spans.counts})


def read_spike_times(file: SessionFile) -> Iterator[pa.Table]:
    """Table `spike_times` in pieces of some hundred thousand rows, at least one: sorted by unit, then time."""
    spans = _spans(file, "spike_times")
    times, amplitudes = file.dataset("units/spike_times"), file.dataset("units/spike_amplitudes")
    _check_spikes(file, spans, times, amplitudes)
    for piece in spans.pieces(max_rows=_PIECE_BYTES // 24):
        unit_id = np.repeat(piece.unit_ids, piece.counts)
        spike_time, spike_amplitude = _sorted_by_time(unit_id, times[piece.rows], amplitudes[piece.rows])
        amplitude = nan_to_null(spike_amplitude)
        yield pa.table({"unit_id": unit_id, "spike_time": spike_time, "spike_amplitude": amplitude})


def read_mean_waveforms(file: SessionFile) -> Iterator[pa.Table]:
    """Table `mean_waveforms` in pieces, at least one: sorted by unit, then channel."""
    spans = _spans(file, "waveform_mean")
    waveforms = file.dataset("units/waveform_mean")
    samples = waveforms.shape[-1] if waveforms.ndim > 1 else 0
    for piece in spans.pieces(max_rows=_PIECE_BYTES // (8 * max(samples, 1))):
        values = waveforms[piece.rows]
        offsets = np.arange(len(values) + 1, dtype=np.int32) * samples
        yield pa.table(
            {
                "unit_id": np.repeat(piece.unit_ids, piece.counts),
                "channel_index": np.arange(len(values)) - np.repeat(piece.begins - piece.rows.start, piece.counts),
                "mean_waveform": pa.ListArray.from_arrays(offsets, values.ravel()),
            }
        )


@dataclass(frozen=True)
class _Spans:
    """Units, and the rows of a ragged dataset that are each one's."""

    unit_ids: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        return self.ends - self.begins

    @property
    def rows(self) -> slice:
        """All the rows, of units that lie next to each other."""
        return slice(int(self.begins[0]), int(self.ends[-1])) if len(self.ends) else slice(0, 0)

    def pieces(self, max_rows: int) -> Iterator[_Spans]:
        """By rising unit id, units that lie next to each other in the file together, up to `max_rows` or one unit."""
        order = np.argsort(self.unit_ids, kind="stable")
        unit_ids, begins, ends = self.unit_ids[order], self.begins[order], self.ends[order]
        first = 0
        for last in range(1, len(order) + 1):
            apart = last == len(order) or begins[last] != ends[last - 1]
            if apart or ends[last] - begins[first] > max_rows:
                yield _Spans(unit_ids[first:last], begins[first:last], ends[first:last])
                first = last
        if not len(order):
            yield self


def _spans(file: SessionFile, column: str) -> _Spans:
    ends = read_row_ends(file, f"units/{column}")
    unit_ids = file.dataset("units/id")[:].astype(np.int64)
    if len(ends) != len(unit_ids):
        raise file.error(
            f"/units/{column}_index has another length than /units", expected=len(unit_ids), found=len(ends)
        )
    return _Spans(unit_ids, ends - np.diff(ends, prepend=0), ends)


def _check_spikes(file: SessionFile, spans: _Spans, times: h5py.Dataset, amplitudes: h5py.Dataset) -> None:
    if not np.array_equal(spans.ends, read_row_ends(file, "units/spike_amplitudes")):
        raise file.error(
            "has other units' boundaries in spike_amplitudes than in spike_times", expected="the same index"
        )
    indexed = int(spans.ends[-1]) if len(spans.ends) else 0
    for dataset in (times, amplitudes):
        if len(dataset) != indexed:
            raise file.error(f"{dataset.name} and its index differ", expected=indexed, found=len(dataset))


def _sorted_by_time(
    unit_id: NDArray[np.int64], times: NDArray[np.float64], amplitudes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and amplitudes by rising time within each unit; ties stay in the file's order."""
    backwards = np.flatnonzero(times[1:] < times[:-1])
    if (unit_id[backwards] != unit_id[backwards + 1]).all():
        return times, amplitudes
    order = np.lexsort((times, unit_id))
    return times[order], amplitudes[order]
