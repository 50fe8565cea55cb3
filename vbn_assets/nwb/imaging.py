"""What an imaging plane's file says of the plane: its frames, their shifts, its mean images, and how it was imaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.columns import read_series
from vbn_assets.nwb.metadata import NO_PROJECT
from vbn_assets.nwb.rois import ROIS, read_segmentation_mask
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.model import STORED_AS
from vbn_assets.tables.ophys import EXPERIMENT_METADATA

_OPHYS = "processing/ophys"
_IMAGES = f"{_OPHYS}/images"
_PER_MILLIMETRE = 10
"""Resolutions are stored by the centimetre, and AllenSDK gives them by the millimetre."""
_CONTAINER_BEFORE = "experiment_container_id"
"""What the first files call the container; AllenSDK does not know it any more."""
_INDICATORS = {"GCaMP6f": "GCaMP6f", "GC6f": "GCaMP6f", "GCaMP6s": "GCaMP6s"}
"""By a part of the reporter line; AllenSDK ignores the indicator that the file names."""


def read_ophys_timestamps(file: SessionFile) -> pa.Table:
    """Table `ophys_timestamps`, numbered by frame."""
    return _numbered(read_series(file, timestamps=f"{_OPHYS}/dff/traces/timestamps"))


def read_motion_correction(file: SessionFile) -> pa.Table:
    """Table `motion_correction`, numbered by frame."""
    return _numbered(
        read_series(file, **{axis: f"{_OPHYS}/ophys_motion_correction_{axis}/data" for axis in ("x", "y")})
    )


def read_projections(file: SessionFile) -> pa.Table:
    """Table `projections`, one row."""
    images = {
        "max_projection": file.dataset(f"{_IMAGES}/max_projection")[:],
        "average_projection": file.dataset(f"{_IMAGES}/average_image")[:],
        "segmentation_mask_image": read_segmentation_mask(file),
    }
    resolution = file.dataset(f"{_IMAGES}/max_projection").attrs.get("resolution")
    spacing = None if resolution is None else float(resolution) * _PER_MILLIMETRE
    row = pa.table({"spacing": pa.array([spacing], pa.float64()), "unit": ["mm"]})
    for name, pixels in images.items():
        rows = _nested(file, name, pixels)
        row = row.append_column(pa.field(name, rows.type, metadata={STORED_AS: pixels.dtype.name}), rows)
    return row


def read_experiment_metadata(file: SessionFile) -> pa.Table:
    """Table `experiment_metadata`, one row, from /general/metadata and the imaging plane of the ROIs."""
    metadata = dict(file.group("general/metadata").attrs)
    planes = int(metadata.get("imaging_plane_group_count", 0))
    plane = file.group(f"{ROIS}/imaging_plane")
    row = {
        "indicator": _indicator(file.nwb.subject.reporter_line),
        "emission_lambda": _emission_lambda(file),
        "excitation_lambda": float(file.dataset(f"{plane.name}/excitation_lambda")[()]),
        "ophys_container_id": _number(metadata, "ophys_container_id", _CONTAINER_BEFORE),
        "field_of_view_height": _number(metadata, "field_of_view_height"),
        "field_of_view_width": _number(metadata, "field_of_view_width"),
        "imaging_depth": _number(metadata, "imaging_depth"),
        "targeted_imaging_depth": _number(metadata, "targeted_imaging_depth"),
        "imaging_plane_group": _number(metadata, "imaging_plane_group") if planes > 1 else None,
        "imaging_plane_group_count": planes if planes > 1 else 0,
        "ophys_frame_rate": frame_rate(file),
        "project_code": metadata.get("project_code", NO_PROJECT),
        "targeted_structure": file.dataset(f"{plane.name}/location").asstr()[()],
    }
    return pa.Table.from_pylist([row], pa.schema([EXPERIMENT_METADATA.file_schema.field(name) for name in row]))


def frame_rate(file: SessionFile) -> float:
    """Frames of the plane a second. `NwbError` where it is none."""
    rate = float(file.dataset(f"{ROIS}/imaging_plane/imaging_rate")[()])
    if not rate > 0:
        raise file.error("has no frame rate", expected="a positive imaging_rate", found=rate)
    return rate


def _numbered(series: pa.Table) -> pa.Table:
    return series.add_column(0, "frame", pa.array(np.arange(series.num_rows)))


def _nested(file: SessionFile, name: str, pixels: NDArray[Any]) -> pa.ListArray:
    """One image as a list of rows, each a list of pixels."""
    if pixels.ndim != 2:
        raise file.error(f"has a {name} that is no image", expected="rows by columns", found=pixels.shape)
    rows, columns = pixels.shape
    lines = pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * columns, pa.array(pixels.ravel()))
    return pa.ListArray.from_arrays(np.array([0, rows], np.int32), lines)


def _emission_lambda(file: SessionFile) -> float:
    """Of the first optical channel."""
    plane = file.nwb.processing["ophys"]["image_segmentation"]["cell_specimen_table"].imaging_plane
    if not plane.optical_channel:
        raise file.error("lacks a part", expected="an optical channel of the imaging plane", found="none")
    return float(plane.optical_channel[0].emission_lambda)


def _indicator(reporter_line: str) -> str | None:
    return next((indicator for part, indicator in _INDICATORS.items() if part in reporter_line), None)


def _number(attributes: dict[str, Any], *names: str) -> int | None:
    return next((int(attributes[name]) for name in names if name in attributes), None)
