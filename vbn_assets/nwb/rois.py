"""The cells of an imaging plane: the ROIs its movie was segmented into, and the pixels of each.

AllenSDK leaves out ROIs that are marked as no cells, and gives everything else in the order of those that remain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbn_assets.nwb.columns import read_dynamic_table
from vbn_assets.nwb.session_file import SessionFile

ROIS = "processing/ophys/image_segmentation/cell_specimen_table"
_MASKS = ("image_mask", "pixel_mask", "voxel_mask")
_UNMATCHED = -1
"""How the files spell that a ROI was not matched to a cell of other sessions."""
_PIECE_BYTES = 4 << 20
"""Of masks: Parquet notes for each pixel where it is, and takes fifteen times as much while it writes."""


def read_cell_specimen_table(file: SessionFile) -> pa.Table:
    """Table `cell_specimen_table`: the ROIs that are cells."""
    rois = read_rois(file)
    return rois.filter(rois["valid_roi"])


def read_excluded_rois(file: SessionFile) -> pa.Table:
    """Table `excluded_rois`: the ROIs that are none."""
    rois = read_rois(file)
    return rois.filter(pc.invert(rois["valid_roi"]))


def read_rois(file: SessionFile) -> pa.Table:
    """All ROIs but their pixels, in the file's order; `valid_roi` tells the cells."""
    rois = read_dynamic_table(file, ROIS, skip=_MASKS)
    rois = rois.rename_columns(["cell_roi_id" if name == "id" else name for name in rois.column_names])
    for name in ("valid_roi", "cell_specimen_id"):
        file.dataset(f"{ROIS}/{name}")
    matched = pc.not_equal(rois["cell_specimen_id"], _UNMATCHED)
    valid = rois["valid_roi"].cast(pa.bool_())
    rois = rois.set_column(rois.column_names.index("valid_roi"), "valid_roi", valid)
    specimen = pc.if_else(matched, rois["cell_specimen_id"].cast(pa.int64()), None)
    return rois.set_column(rois.column_names.index("cell_specimen_id"), "cell_specimen_id", specimen)


def read_roi_masks(file: SessionFile) -> Iterator[pa.Table]:
    """Table `roi_masks` in pieces of some cells, at least one."""
    cells = read_rois(file)
    rows = np.flatnonzero(cells["valid_roi"].to_numpy())
    cells = cells.select(["cell_specimen_id", "cell_roi_id"])
    masks = file.dataset(f"{ROIS}/image_mask")
    if masks.ndim != 3 or len(masks) != cells.num_rows:
        expected = f"an image for each of {cells.num_rows} ROIs"
        raise file.error("has masks of another shape", expected=expected, found=masks.shape)
    step = max(1, _PIECE_BYTES // max(1, masks.shape[1] * masks.shape[2]))
    for first in range(0, max(len(rows), 1), step):
        piece = rows[first : first + step]
        pixels = np.array([masks[row] for row in piece], bool).reshape(len(piece), *masks.shape[1:])
        yield cells.take(pa.array(piece)).append_column("roi_mask", _nested(pixels))


def read_segmentation_mask(file: SessionFile) -> NDArray[np.int64]:
    """1 where a cell is, 0 elsewhere, rows by columns: as AllenSDK computes it from the masks, not as stored."""
    valid = read_rois(file)["valid_roi"].to_numpy()
    masks = file.dataset(f"{ROIS}/image_mask")
    covered = np.zeros(masks.shape[1:], bool)
    for row in np.flatnonzero(valid):
        covered |= masks[row].astype(bool)
    return covered.astype(np.int64)


def _nested(images: NDArray[np.bool_]) -> pa.ListArray:
    """Images, each as a list of rows, each a list of pixels."""
    count, rows, columns = images.shape
    lines = pa.ListArray.from_arrays(np.arange(count * rows + 1, dtype=np.int32) * columns, pa.array(images.ravel()))
    return pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * rows, lines)
