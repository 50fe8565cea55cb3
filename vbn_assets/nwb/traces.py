"""Traces of an imaging plane's cells, and the events found in them: one row a cell, with a list of its frames.

The file has all cells of a frame next to each other; a row wants a cell's frames together. So a series is read in
slabs of some cells, each turned round in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbn_assets.nwb.columns import read_column
from vbn_assets.nwb.imaging import frame_rate
from vbn_assets.nwb.rois import read_rois
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables import Table
from vbn_assets.tables.model import STORED_AS, nan_to_null
from vbn_assets.tables.ophys import DEMIXED_TRACES, NEUROPIL_TRACES

_OPHYS = "processing/ophys"
_CORRECTED = f"{_OPHYS}/corrected_fluorescence"
_EVENTS = f"{_OPHYS}/event_detection"
_SLAB_BYTES = 8 << 20
"""Read and turned round at once: twenty cells of an hour. It is also a row group, so that one cell reads little."""

_FILTER_SECONDS = 2.0 / 31.0
_FILTER_STEPS = 20
"""AllenSDK's half Gaussian for filtered_events: its standard deviation, and the frames it reaches."""


def read_dff_traces(file: SessionFile) -> Iterator[pa.Table]:
    """Table `dff_traces` in pieces."""
    return _traces(file, f"{_OPHYS}/dff/traces", "dff")


def read_demixed_traces(file: SessionFile) -> Iterator[pa.Table]:
    """Table `demixed_traces` in pieces; without rows where the file, as before release 1.1.0, has none."""
    return _traces_if_any(file, f"{_OPHYS}/demixed_trace", DEMIXED_TRACES)


def read_neuropil_traces(file: SessionFile) -> Iterator[pa.Table]:
    """Table `neuropil_traces` in pieces: what the file calls so. AllenSDK returns the demixed traces instead."""
    return _traces_if_any(file, f"{_OPHYS}/neuropil_trace", NEUROPIL_TRACES)


def read_corrected_fluorescence_traces(file: SessionFile) -> Iterator[pa.Table]:
    """Table `corrected_fluorescence_traces` in pieces; without `r` and `RMSE` where the file has none."""
    facts = {name: f"{_CORRECTED}/{name}/data" for name in ("r", "RMSE") if f"{_CORRECTED}/{name}" in file.h5}
    return _traces(file, f"{_CORRECTED}/traces", "corrected_fluorescence", facts)


def read_events(file: SessionFile) -> Iterator[pa.Table]:
    """Table `events` in pieces: the cells that events were looked for in, as AllenSDK those with both statistics."""
    facts = {"lambda": f"{_EVENTS}/lambdas", "noise_std": f"{_EVENTS}/noise_stds"}
    weights = _half_gaussian(frame_rate(file))
    for piece in _traces(file, _EVENTS, "events", facts, of_all_cells=False):
        found = piece.filter(pc.and_(piece["lambda"].is_valid(), piece["noise_std"].is_valid())).combine_chunks()
        yield found.append_column("filtered_events", _filtered(found["events"], weights))


@dataclass(frozen=True)
class _Series:
    """Values (frame, column) of the cells of a plane, and which column is whose."""

    data: h5py.Dataset
    cells: pa.Table
    """`cell_specimen_id`, `cell_roi_id` and what else there is of each, in the order of cell_specimen_table."""
    columns: NDArray[np.int64]

    def slabs(self) -> Iterator[tuple[pa.Table, NDArray[np.float64]]]:
        """Some cells and their values (cell, frame), one after the other; none once where there are no cells."""
        together = max(1, _SLAB_BYTES // (8 * max(1, len(self.data))))
        if self.data.chunks:
            together = max(1, together // self.data.chunks[1]) * self.data.chunks[1]
        for first in range(0, len(self.columns), together):
            columns = self.columns[first : first + together]
            left = columns.min()
            slab = self.data[:, left : columns.max() + 1]
            values = slab[:, columns - left].T.astype(np.float64, order="C")
            yield self.cells.slice(first, together), values
        if not len(self.columns):
            yield self.cells, np.empty((0, len(self.data)))


def _traces_if_any(file: SessionFile, name: str, table: Table) -> Iterator[pa.Table]:
    """Traces of an NWB interface that the first releases' files lack."""
    if name in file.h5:
        return _traces(file, f"{name}/traces", table.columns[-1].name)
    return iter([table.file_schema.empty_table()])


def _traces(
    file: SessionFile, series: str, column: str, facts: dict[str, str] | None = None, *, of_all_cells: bool = True
) -> Iterator[pa.Table]:
    """The cells of a series with their traces in `column`, and of each a value of the datasets `facts` name."""
    found = _series(file, series, facts or {}, of_all_cells=of_all_cells)
    for cells, values in found.slabs():
        lists = _lists(values)
        yield cells.append_column(pa.field(column, lists.type, metadata={STORED_AS: found.data.dtype.name}), lists)


def _series(file: SessionFile, name: str, facts: dict[str, str], *, of_all_cells: bool) -> _Series:
    data = file.dataset(f"{name}/data")
    frames = len(file.dataset(f"{_OPHYS}/dff/traces/timestamps"))
    rois = read_rois(file)
    column_of = _column_of_each_roi(file, name, rois.num_rows)
    if data.ndim != 2 or data.shape[1] != (column_of >= 0).sum() or len(data) > frames:
        shape = f"({frames} frames, {(column_of >= 0).sum()} ROIs)"
        raise file.error(f"/{name} has another shape than its ROIs and timestamps", expected=shape, found=data.shape)
    wanted = rois["valid_roi"].to_numpy() & (column_of >= 0)
    if of_all_cells and (rois["valid_roi"].to_numpy() & ~wanted).any():
        raise file.error(f"/{name} lacks cells", expected="a trace of each", found=f"{wanted.sum()} traces")
    columns = column_of[wanted]
    cells = rois.filter(pa.array(wanted)).select(["cell_specimen_id", "cell_roi_id"])
    for fact, dataset in facts.items():
        values = read_column(file.dataset(dataset))
        if len(values) != data.shape[1]:
            raise file.error(f"/{dataset} has another length", expected=data.shape[1], found=len(values))
        cells = cells.append_column(fact, values.take(pa.array(columns)))
    return _Series(data, cells, columns)


def _column_of_each_roi(file: SessionFile, series: str, rois: int) -> NDArray[np.int64]:
    """Which column of a series is each ROI's, from the rows its region names; -1 for none.

    AllenSDK takes the columns of all but events to be all ROIs in order, which they are in every released file.
    """
    region = file.dataset(f"{series}/rois")[:].astype(np.int64)
    if len(region) and (region.min() < 0 or region.max() >= rois or len(set(region.tolist())) < len(region)):
        raise file.error(f"/{series}/rois does not fit the ROIs", expected=f"rows among {rois}", found=region.tolist())
    columns = np.full(rois, -1)
    columns[region] = np.arange(len(region))
    return columns


def _lists(values: NDArray[np.float64]) -> pa.ListArray:
    count, frames = values.shape
    return pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * frames, nan_to_null(values.ravel()))


def _half_gaussian(frames_per_second: float) -> NDArray[np.float64]:
    """Weights of the frames before, the present one first: scipy.stats.halfnorm.pdf, normalised.

    AllenSDK's own last bits here are those of its NumPy on its processor: exp differs by two of them, and so does the
    order in which the sum of `np.convolve` is taken.
    """
    scale = _FILTER_SECONDS * frames_per_second
    steps = np.arange(_FILTER_STEPS) / scale
    weights: NDArray[np.float64] = np.sqrt(2.0 / np.pi) * np.exp(-steps * steps / 2.0) / scale
    return weights / np.sum(weights)


def _filtered(events: pa.ChunkedArray, weights: NDArray[np.float64]) -> pa.ListArray:
    values = [row.values.to_numpy(zero_copy_only=False) for row in events]
    smooth = [np.convolve(trace, weights)[: len(trace)] for trace in values]
    return _lists(np.stack(smooth) if smooth else np.empty((0, 0)))
