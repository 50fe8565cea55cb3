"""Tables of the images shown: which a session has, and each distinct image once for all sessions."""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.behavior import BEHAVIOR_SESSION
from vbn_assets.tables.model import F64, I64, STR, Column, Entity, Storage, Table, View

_TEMPLATES = "/stimulus/templates/<image set>"

SESSION_IMAGES = Table(
    name="session_images",
    description="The images that a session's file holds, by name; `stimulus_templates` has their pixels.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id", "image_name"),
    allensdk="session.stimulus_templates",
    columns=(
        BEHAVIOR_SESSION,
        Column("image_name", STR, "Image, as in stimulus_presentations", source=f"{_TEMPLATES}/control_description"),
        Column("image_set", STR, "Name of the set of images", source=_TEMPLATES),
        Column("image_index", I64, "Number of the image in its set", source=f"{_TEMPLATES}/control"),
        Column("image_hash", STR, "Image: `stimulus_images.image_hash`", nullable=False),
    ),
)

STIMULUS_IMAGES = Table(
    name="stimulus_images",
    description="Every distinct image once, whichever sessions show it.",
    entity=Entity.IMAGE,
    key=("image_hash",),
    storage=Storage.VIEW,
    columns=(
        Column("image_hash", STR, "BLAKE2b of shapes, types and pixels of both forms", nullable=False),
        Column(
            "unwarped",
            pa.list_(pa.list_(F64)),
            "Rows of pixels as the mouse would see them on a flat screen; NaN where it sees none",
            "gray level",
            source=f"{_TEMPLATES}/unwarped",
        ),
        Column(
            "warped",
            pa.list_(pa.list_(pa.uint8())),
            "Rows of pixels as they were on the monitor",
            "gray level",
            source=f"{_TEMPLATES}/data",
        ),
    ),
)

TABLES = (SESSION_IMAGES,)
SHARED = (STIMULUS_IMAGES,)
"""Not of one file: a file's readings name what of these it has."""

VIEWS = (
    View(
        name="stimulus_templates",
        description="Each session's images with their pixels: warped[row][column] is one. Ask for few: 20 MB each.",
        sql="stimulus_templates.sql",
        own_columns=(
            *(column for column in SESSION_IMAGES.columns if column.name != "image_hash"),
            *(column for column in STIMULUS_IMAGES.columns if column.name != "image_hash"),
        ),
        allensdk="session.stimulus_templates",
    ),
)
