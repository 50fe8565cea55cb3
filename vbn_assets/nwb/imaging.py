"""What an imaging plane's file says of the plane: its frames, their shifts, its mean images, and how it was imaged."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.columns import read_series
from vbn_assets.nwb.metadata import read_project_code, read_reporter_line
from vbn_assets.nwb.rois import ROIS, read_segmentation_mask
from vbn_assets.nwb.session_file import METADATA, SessionFile, as_text
from vbn_assets.tables.model import STORED_AS
from vbn_assets.tables.ophys import EXPERIMENT_METADATA

_PLANE = f"{ROIS}/imaging_plane"
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
    planes = _number(file, "imaging_plane_group_count") or 0
    row = {
        "indicator": _indicator(read_reporter_line(file)),
        "emission_lambda": _emission_lambda(file),
        "excitation_lambda": file.scalar(f"{_PLANE}/excitation_lambda", float),
        "ophys_container_id": _number(file, "ophys_container_id", _CONTAINER_BEFORE),
        "field_of_view_height": _number(file, "field_of_view_height"),
        "field_of_view_width": _number(file, "field_of_view_width"),
        "imaging_depth": _number(file, "imaging_depth"),
        "targeted_imaging_depth": _number(file, "targeted_imaging_depth"),
        "imaging_plane_group": _number(file, "imaging_plane_group") if planes > 1 else None,
        "imaging_plane_group_count": planes if planes > 1 else 0,
        "ophys_frame_rate": frame_rate(file),
        "project_code": read_project_code(file),
        "targeted_structure": file.scalar(f"{_PLANE}/location", as_text),
    }
    return pa.Table.from_pylist([row], pa.schema([EXPERIMENT_METADATA.file_schema.field(name) for name in row]))


def frame_rate(file: SessionFile) -> float:
    """Frames of the plane a second. `NwbError` where it is none."""
    rate = file.scalar(f"{_PLANE}/imaging_rate", float)
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
    parts = {name: file.h5.get(f"{_PLANE}/{name}") for name in file.group(_PLANE)}
    for name, part in parts.items():
        if isinstance(part, h5py.Group) and part.attrs.get("neurodata_type") == "OpticalChannel":
            return file.scalar(f"{_PLANE}/{name}/emission_lambda", float)
    raise file.lacks(f"an optical channel in /{_PLANE}")


def _indicator(reporter_line: str | None) -> str | None:
    return next((indicator for part, indicator in _INDICATORS.items() if part in (reporter_line or "")), None)


def _number(file: SessionFile, *names: str) -> int | None:
    """The first of the attributes of /general/metadata that the file has."""
    named = file.group(METADATA).attrs
    return next((file.attribute(METADATA, name, int) for name in names if name in named), None)
