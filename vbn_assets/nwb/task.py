"""The parameters of the change detection task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.task import TASK_PARAMETERS

_PARAMETERS = "general/task_parameters"
_LISTS = ("blank_duration_sec", "response_window_sec")
"""Pairs of seconds, which AllenSDK's writer stores as text."""


def read_task_parameters(file: SessionFile) -> pa.Table:
    """Table `task_parameters`, one row, from the attributes of /general/task_parameters."""
    schema = TASK_PARAMETERS.file_schema
    row = {name: _parameter(file, name) for name in schema.names if name in file.group(_PARAMETERS).attrs}
    row["image_set"] = _image_set(file, row["session_type"])
    return pa.Table.from_pylist([row], schema)


def read_response_window(file: SessionFile) -> list[float]:
    """Start and end, in seconds after the change, of the time in which a lick is an answer."""
    window: list[float] = _parameter(file, "response_window_sec")
    return window


def _parameter(file: SessionFile, name: str) -> Any:
    if name in _LISTS:
        return file.attribute(_PARAMETERS, name, lambda parts: [float(part) for part in parts])
    value = file.attribute(_PARAMETERS, name, lambda value: value)
    plain = value.item() if isinstance(value, np.generic) else value
    return None if plain != plain else plain


def _image_set(file: SessionFile, session_type: str) -> str:
    """`images_G` of EPHYS_1_images_G_3uL_reward, `gratings` of TRAINING_1_gratings."""
    parts = session_type.split("_")
    if parts[2:3] == ["gratings"]:
        return "gratings"
    if parts[2:3] == ["images"] and len(parts) > 3:
        return f"images_{parts[3]}"
    raise file.error("names no image set", expected="a session_type such as EPHYS_1_images_G", found=session_type)
