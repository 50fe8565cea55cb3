"""Eye tracking: ellipses of eyelid, pupil and corneal reflection, and the geometry of the rig.

What the file says of blinks is left aside: AllenSDK finds them anew on reading, and so does this module.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.session_file import SessionFile, as_text
from vbn_assets.tables.eye_tracking import EYE_TRACKING, EYE_TRACKING_RIG_GEOMETRY
from vbn_assets.tables.model import nan_to_null

_EYE_TRACKING = "acquisition/EyeTracking"
_SERIES = {"cr": "corneal_reflection_tracking", "eye": "eye_tracking", "pupil": "pupil_tracking"}
_TIMESTAMPS = "eye_tracking/timestamps"
_ELLIPSE = ("data", "area_raw", "width", "height", "angle")
_RIG = "processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata"
_UNKNOWN_IN_BLINKS = ("cr_area", *(f"{p}_{q}" for p in ("eye", "pupil") for q in ("area", "width", "height", "phi")))
"""The ellipse of the corneal reflection stays: only its area goes."""

_OUTLIER_DEVIATIONS = 3.0
_FRAMES_AROUND_BLINKS = 2
_PIECE_ROWS = 1 << 16
"""12 MB of two dozen columns; all of a session's at once were the most memory that any table took."""

_Series = NDArray[np.float64]


def read_eye_tracking(file: SessionFile) -> Iterator[pa.Table]:
    """Table `eye_tracking` in pieces, at least one; empty where the file, as of a training session, has none."""
    if _EYE_TRACKING not in file.h5:
        yield EYE_TRACKING.file_schema.empty_table()
        return
    _check_lengths(file)
    eye_area, pupil_area = (file.dataset(f"{_EYE_TRACKING}/{_SERIES[part]}/area_raw")[:] for part in ("eye", "pupil"))
    blinks = _likely_blinks(eye_area, pupil_area)
    for begin in range(0, max(len(blinks), 1), _PIECE_ROWS):
        yield _frames(file, blinks, slice(begin, min(begin + _PIECE_ROWS, len(blinks))))


def read_rig_geometry(file: SessionFile) -> pa.Table:
    """Table `eye_tracking_rig_geometry`, one row; none where the file has no eye tracking."""
    schema = EYE_TRACKING_RIG_GEOMETRY.file_schema
    if _RIG not in file.h5:
        return schema.empty_table()
    places = {
        f"{thing}_{aspect}{unit}": f"{thing}_{aspect}"
        for thing, aspect, unit in (
            ("monitor", "position", "_mm"),
            ("monitor", "rotation", "_deg"),
            ("camera", "position", "_mm"),
            ("camera", "rotation", "_deg"),
            ("led", "position", ""),
        )
    }
    row = {
        name: dict(zip("xyz", file.dataset(f"{_RIG}/{dataset}")[:].tolist(), strict=True))
        for name, dataset in places.items()
    }
    equipment = file.attribute(_RIG, "equipment", as_text)
    return pa.Table.from_pylist([{**row, "equipment": equipment}], schema)


def _check_lengths(file: SessionFile) -> None:
    ellipses = [f"{series}/{name}" for series in _SERIES.values() for name in _ELLIPSE]
    lengths = {name: len(file.dataset(f"{_EYE_TRACKING}/{name}")) for name in (_TIMESTAMPS, *ellipses)}
    if len(set(lengths.values())) > 1:
        raise file.error("has eye tracking of different length", expected="one length", found=lengths)


def _frames(file: SessionFile, blinks: NDArray[np.bool_], rows: slice) -> pa.Table:
    columns = {"timestamps": file.dataset(f"{_EYE_TRACKING}/{_TIMESTAMPS}")[rows]}
    for part, series in _SERIES.items():
        columns |= _ellipses(file, part, f"{_EYE_TRACKING}/{series}", rows)
    for name in _UNKNOWN_IN_BLINKS:
        columns[name] = np.where(blinks[rows], np.nan, columns[name])
    known = {name: nan_to_null(values) for name, values in columns.items()}
    return pa.table({"frame": np.arange(rows.start, rows.stop), "likely_blink": blinks[rows], **known})


def _ellipses(file: SessionFile, part: str, series: str, rows: slice) -> dict[str, _Series]:
    centre, area, width, height, angle = (file.dataset(f"{series}/{name}")[rows] for name in _ELLIPSE)
    return {
        f"{part}_area": area,
        f"{part}_area_raw": area,
        f"{part}_center_x": centre[:, 0],
        f"{part}_center_y": centre[:, 1],
        f"{part}_width": width,
        f"{part}_height": height,
        f"{part}_phi": angle,
    }


def _likely_blinks(eye_area: _Series, pupil_area: _Series) -> NDArray[np.bool_]:
    """Frames without a fit or with an area far off the mean, and those around them."""
    blinks = np.isnan(eye_area) | np.isnan(pupil_area) | _outliers(eye_area) | _outliers(pupil_area)
    around = np.pad(blinks, _FRAMES_AROUND_BLINKS)
    shifts = range(2 * _FRAMES_AROUND_BLINKS + 1)
    likely: NDArray[np.bool_] = np.logical_or.reduce([around[shift : shift + len(blinks)] for shift in shifts])
    return likely


def _outliers(areas: _Series) -> NDArray[np.bool_]:
    """More than three standard deviations from the mean of the known areas; none where all of these are equal."""
    known = areas[~np.isnan(areas)]
    if not len(known) or (known == known[0]).all():
        return np.zeros(len(areas), bool)
    outliers: NDArray[np.bool_] = np.abs((areas - known.mean()) / known.std()) > _OUTLIER_DEVIATIONS
    return outliers
