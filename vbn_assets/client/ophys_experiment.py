"""AllenSDK's `BehaviorOphysExperiment` over the lake: a behavior session, and what one plane showed meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.caller import warn
from vbn_assets.client.exceptions import UnmatchedCells
from vbn_assets.client.frames import as_stored, in_file_order, to_frame
from vbn_assets.client.image import Image
from vbn_assets.tables import Entity

_INDEX = "cell_specimen_id"


class BehaviorOphysExperiment(BehaviorSession):
    """One imaging plane of an ophys session as AllenSDK 2.16.2 shows it, with the behavior of that session.

    Frames of cells are by `cell_specimen_id`, which is NaN for a cell that was not matched, and in the file's order;
    ROIs that are no cells are left out. Arrays in frames have a value a frame, at the time `ophys_timestamps` has for
    it.
    """

    _NEEDED_TABLE: ClassVar = "experiment_metadata"
    _PROJECT: ClassVar = "vbo"
    _ENTITY: ClassVar = Entity.OPHYS_EXPERIMENT

    @property
    def ophys_experiment_id(self) -> int:
        """The imaging plane. Source: /identifier."""
        return self._source.record.source.ids[Entity.OPHYS_EXPERIMENT]

    @property
    def ophys_session_id(self) -> int:
        """The ophys session of the plane. Source: /general/metadata@ophys_session_id."""
        return self._source.record.source.ids["ophys_session_id"]

    @property
    def metadata(self) -> dict[str, Any]:
        """29 facts about session, mouse and plane: a behavior session's, and how the plane was imaged.

        Wavelengths are nm, depths µm, the field of view pixels, `ophys_frame_rate` Hz. `imaging_plane_group` is None
        and `imaging_plane_group_count` 0 for a single plane. Source: /general/metadata, /general/optophysiology. A
        depth that the file has is given also where it names no container, where AllenSDK gives None.
        """
        (plane,) = self._rows("experiment_metadata").to_pylist()
        ids = {"ophys_experiment_id": self.ophys_experiment_id, "ophys_session_id": self.ophys_session_id}
        return {**super().metadata, **plane, **ids}

    @property
    def ophys_timestamps(self) -> NDArray[np.float64]:
        """When each frame of the plane was taken, s, float64. Source: /processing/ophys/dff/traces/timestamps."""
        times: NDArray[np.float64] = self._rows("ophys_timestamps")["timestamps"].to_numpy().copy()
        return times

    @property
    def dff_traces(self) -> pd.DataFrame:
        """`cell_roi_id` and `dff`, an array of ΔF/F, of each cell. Source: /processing/ophys/dff."""
        return self._frame("dff_traces", index=_INDEX)

    @property
    def corrected_fluorescence_traces(self) -> pd.DataFrame:
        """`cell_roi_id`, `corrected_fluorescence` (array), `r` and `RMSE`: demixed, less r times the neuropil's.

        `r` and `RMSE` are absent where the file lacks them. Source: /processing/ophys/corrected_fluorescence.
        """
        return self._frame("corrected_fluorescence_traces", index=_INDEX)

    @property
    def demixed_traces(self) -> pd.DataFrame:
        """`cell_roi_id` and `demixed_trace`, an array, of each cell. Source: /processing/ophys/demixed_trace.

        Without rows where the file, as of the first releases, has none; AllenSDK gives None then.
        """
        return self._frame("demixed_traces", index=_INDEX)

    @property
    def neuropil_traces(self) -> pd.DataFrame:
        """`cell_roi_id` and `neuropil_trace`, an array, of each cell. Source: /processing/ophys/neuropil_trace.

        AllenSDK's accessor of this name returns `demixed_traces` instead.
        """
        return self._frame("neuropil_traces", index=_INDEX)

    @property
    def events(self) -> pd.DataFrame:
        """`cell_roi_id`, `events` and `filtered_events` (arrays), `lambda` and `noise_std` of each cell.

        Only of cells in which events were looked for. `filtered_events` are smoothed as AllenSDK does on reading; its
        last bits depend on the processor, there and here. Source: /processing/ophys/event_detection.
        """
        return self._frame("events", index=_INDEX)

    @property
    def cell_specimen_table(self) -> pd.DataFrame:
        """Place and size of each cell in pixels, and its `roi_mask`, an array of bool over the whole field of view.

        Source: /processing/ophys/image_segmentation/cell_specimen_table.
        """
        cells = to_frame(in_file_order(self._rows("cell_specimen_table")), index=_INDEX)
        return cells.assign(roi_mask=self.roi_masks["roi_mask"].to_list())

    @property
    def roi_masks(self) -> pd.DataFrame:
        """`cell_roi_id` and `roi_mask` of each cell, as in `cell_specimen_table`."""
        if "roi_masks" not in self._frames:
            rows = self._rows("roi_masks")
            masks = pd.Series(list(_pixels(rows["roi_mask"])), dtype=object)
            cells = to_frame(rows.drop_columns("roi_mask")).assign(roi_mask=masks)
            self._frames["roi_masks"] = cells.set_index(_INDEX)
        return self._frames["roi_masks"].copy(deep=False)

    @property
    def motion_correction(self) -> pd.DataFrame:
        """`x` and `y` by which each frame was shifted, pixels. Source: /processing/ophys/ophys_motion_correction_*."""
        return self._frame("motion_correction").drop(columns="frame")

    @property
    def max_projection(self) -> Image:
        """The brightest value of each pixel over the session. Source: /processing/ophys/images/max_projection."""
        return self._image("max_projection")

    @property
    def average_projection(self) -> Image:
        """The mean of each pixel over the session. Source: /processing/ophys/images/average_image."""
        return self._image("average_projection")

    @property
    def segmentation_mask_image(self) -> Image:
        """1 on every cell, 0 elsewhere, int64; computed from the masks, not as stored."""
        return self._image("segmentation_mask_image")

    def get_segmentation_mask_image(self) -> Image:
        """The same as `segmentation_mask_image`."""
        return self.segmentation_mask_image

    def get_cell_specimen_ids(self) -> NDArray[Any]:
        """The cells' ids, as `cell_specimen_table` has them. `ValueError` if none was matched."""
        _warn_of_legacy("get_cell_specimen_ids", "Consider using cell_specimen_table['cell_specimen_id'] instead.")
        ids: NDArray[Any] = self.cell_specimen_table.index.to_numpy(copy=True)
        if all(math.isnan(id) for id in ids):
            raise UnmatchedCells(f"cell_specimen_id values not assigned for {self.ophys_experiment_id}")
        return ids

    def get_cell_specimen_indices(self, cell_specimen_ids: Iterable[int]) -> list[int]:
        """The rows of `cell_specimen_table` that have these cells. `KeyError` for one that is not there."""
        _warn_of_legacy("get_cell_specimen_indices", "")
        rows = {id: row for row, id in enumerate(self.dff_traces.index.tolist())}
        return [rows[id] for id in cell_specimen_ids]

    def get_dff_traces(
        self, cell_specimen_ids: Iterable[int] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`ophys_timestamps`, and ΔF/F as an array (cell, frame) of these cells, or all, in the table's order.

        `KeyError` names cells that are not there; AllenSDK fails an assertion.
        """
        _warn_of_legacy("get_dff_traces", 'Consider using "dff_traces" instead.')
        traces = self.dff_traces
        if cell_specimen_ids is not None:
            wanted = list(cell_specimen_ids)
            missing = sorted(set(wanted) - set(traces.index))
            if missing:
                raise KeyError(missing)
            traces = traces[traces.index.isin(wanted)]
        return self.ophys_timestamps, np.vstack(traces["dff"].to_list())

    def _image(self, name: str) -> Image:
        row = self._rows("projections")
        (data,) = _pixels(row[name])
        (spacing,) = row["spacing"].to_pylist()
        return Image(as_stored(row.schema.field(name), data).copy(), (spacing, spacing), row["unit"][0].as_py())


def _pixels(images: pa.ChunkedArray) -> NDArray[Any]:
    """Images of one size: (image, row, column)."""
    lines = images.combine_chunks().flatten()
    values: NDArray[Any] = lines.flatten().to_numpy(zero_copy_only=False)
    rows = len(lines) // max(len(images), 1)
    return values.reshape(len(images), rows, -1) if len(values) else values.reshape(len(images), 0, 0)


def _warn_of_legacy(function: str, advice: str) -> None:
    """AllenSDK's words for what an older interface had."""
    warn(
        f"Function {function} is provided for backward-compatibilty with a legacy API, and may be removed in the "
        f"future. {advice}",
        np.exceptions.VisibleDeprecationWarning,
    )
