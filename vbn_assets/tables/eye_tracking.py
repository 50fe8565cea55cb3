"""Tables of what the camera saw of the eye, and where camera, light and monitor stood."""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.behavior import BEHAVIOR_SESSION
from vbn_assets.tables.model import BOOL, F64, I64, STR, Column, Entity, Storage, Table

_SERIES = {
    "cr": "/acquisition/EyeTracking/corneal_reflection_tracking",
    "eye": "/acquisition/EyeTracking/eye_tracking",
    "pupil": "/acquisition/EyeTracking/pupil_tracking",
}
_PARTS = {"cr": "corneal reflection", "eye": "eyelid", "pupil": "pupil"}


_AREAS = {
    "cr": "Area of the corneal reflection's ellipse",
    "eye": "Area of the eyelid's ellipse",
    "pupil": "Area of the pupil, as a circle of its longer half axis",
}


def _area(part: str) -> Column:
    text = f"{_AREAS[part]}; null in likely blinks"
    return Column(f"{part}_area", F64, text, "pixels²", source=f"{_SERIES[part]}/area_raw")


def _raw_area(part: str) -> Column:
    text = f"{_AREAS[part]}, likely blinks included"
    return Column(f"{part}_area_raw", F64, text, "pixels²", source=f"{_SERIES[part]}/area_raw")


def _ellipse(part: str) -> tuple[Column, ...]:
    series, name = _SERIES[part], _PARTS[part]
    blinks = "" if part == "cr" else "; null in likely blinks"
    return (
        Column(f"{part}_center_x", F64, f"Centre of the {name}, from the left", "pixels", source=f"{series}/data"),
        Column(f"{part}_center_y", F64, f"Centre of the {name}, from the top", "pixels", source=f"{series}/data"),
        Column(f"{part}_width", F64, f"Half axis of the {name}{blinks}", "pixels", source=f"{series}/width"),
        Column(f"{part}_height", F64, f"Half axis of the {name}{blinks}", "pixels", source=f"{series}/height"),
        Column(f"{part}_phi", F64, f"Angle of the {name}'s ellipse{blinks}", "rad", source=f"{series}/angle"),
    )


EYE_TRACKING = Table(
    name="eye_tracking",
    description="Ellipses fitted to eyelid, pupil and corneal reflection: one row a camera frame, in camera pixels.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id", "frame"),
    allensdk="session.eye_tracking",
    storage=Storage.VIEW,
    columns=(
        BEHAVIOR_SESSION,
        Column("frame", I64, "Camera frame", nullable=False),
        Column("timestamps", F64, "Time", "s", source=f"{_SERIES['eye']}/timestamps"),
        _area("cr"),
        _area("eye"),
        _area("pupil"),
        Column(
            "likely_blink",
            BOOL,
            "No fit, or an area more than 3 standard deviations from the mean, within 2 frames; computed as AllenSDK "
            "does on reading, not as stored",
        ),
        _raw_area("pupil"),
        _raw_area("cr"),
        _raw_area("eye"),
        *_ellipse("cr"),
        *_ellipse("eye"),
        *_ellipse("pupil"),
    ),
)

_RIG = "/processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata"
_XYZ = pa.struct([("x", F64), ("y", F64), ("z", F64)])

EYE_TRACKING_RIG_GEOMETRY = Table(
    name="eye_tracking_rig_geometry",
    description="Where camera, light and monitor stood: one row a session with eye tracking.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id",),
    allensdk="session.eye_tracking_rig_geometry",
    columns=(
        BEHAVIOR_SESSION,
        Column("equipment", STR, "Rig", source=f"{_RIG}@equipment"),
        Column("monitor_position_mm", _XYZ, "Position of the monitor", "mm", source=f"{_RIG}/monitor_position"),
        Column("monitor_rotation_deg", _XYZ, "Rotation of the monitor", "degrees", source=f"{_RIG}/monitor_rotation"),
        Column("camera_position_mm", _XYZ, "Position of the camera", "mm", source=f"{_RIG}/camera_position"),
        Column("camera_rotation_deg", _XYZ, "Rotation of the camera", "degrees", source=f"{_RIG}/camera_rotation"),
        Column("led_position", _XYZ, "Position of the infrared light", "mm", source=f"{_RIG}/led_position"),
    ),
)

TABLES = (EYE_TRACKING, EYE_TRACKING_RIG_GEOMETRY)
