"""The metadata CSVs of VBO: one table each, with AllenSDK's names, types and nulls.

AllenSDK returns these tables with their first column as index; here it is a column like the others, followed by the
rest in AllenSDK's order. Lists are lists, dates are points in time. Releases differ in what they say of a session:
whatever AllenSDK can do without is null where a release lacks it.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from vbn_assets.tables.model import BOOL, I64, STR, UTC, Column, Entity, Table

_BEHAVIOR_SESSION = Column("behavior_session_id", I64, "Behavior session", nullable=False)
_OPHYS_SESSION = Column("ophys_session_id", I64, "Ophys session: one recording of one mouse on one day", nullable=False)
_OPHYS_EXPERIMENT = Column("ophys_experiment_id", I64, "Imaging plane of an ophys session", nullable=False)
_FILE_ID = Column("file_id", I64, "The release's own number for the NWB file; negative or null where there is none")


def _released(name: str, type: pa.DataType, description: str, unit: str | None = None) -> Column:
    """A column that some release lacks."""
    return Column(name, type, description, unit, optional=True)


_CONTAINERS = _released(
    "ophys_container_id", pa.list_(I64), "Containers of its planes, each one plane in several sessions"
)
_EXPERIMENTS = _released("ophys_experiment_id", pa.list_(I64), "Its planes; AllenSDK reads behavior from the first")
_MOUSE = (
    _released("mouse_id", STR, "LabTracks id of the mouse, as text"),
    _released("indicator", STR, "Calcium indicator"),
    _released("full_genotype", STR, "Full genotype"),
    _released("driver_line", pa.list_(STR), "Driver lines"),
    _released("cre_line", STR, "Cre line"),
    _released("reporter_line", STR, "Reporter line"),
    _released("sex", STR, "F or M"),
    _released("age_in_days", I64, "Age of the mouse", "days"),
)
_PLANE = (
    _released("imaging_depth", I64, "Depth of the plane", "µm"),
    _released("targeted_structure", STR, "Brain structure imaged"),
    _released("targeted_imaging_depth", I64, "Mean depth of the container's planes", "µm"),
    _released("imaging_plane_group", I64, "Planes with one number were imaged together; null for single planes"),
)
_PLANE_GROUPS = _released("imaging_plane_group_count", I64, "Groups of planes imaged together; null for single planes")
_PROJECT = _released("project_code", STR, "Allen project: VisualBehavior, VisualBehaviorMultiscope, …")
_TASK = (
    _released("session_type", STR, "Stimulus and reward of the session, e.g. OPHYS_1_images_A"),
    _released("session_number", I64, "Number of the session type (OPHYS_1 to OPHYS_6); null in training"),
    _released("image_set", STR, "Image set shown; null for gratings"),
    _released("behavior_type", STR, "active_behavior or passive_viewing"),
)
_PASSIVE = _released("passive", BOOL, "Whether the mouse could not lick")
_EXPERIENCE = (
    _released("experience_level", STR, "Training, Familiar, Novel 1 or Novel >1"),
    _released("prior_exposures_to_session_type", I64, "Earlier sessions of the same type"),
    _released("prior_exposures_to_image_set", I64, "Earlier sessions with this image set; null for gratings"),
    _released("prior_exposures_to_omissions", I64, "Earlier sessions with omitted flashes"),
    _released("date_of_acquisition", UTC, "Start of the session; taken for UTC where a release gives no offset"),
    _released("equipment_name", STR, "Rig or training box"),
)
_LAYOUT = (
    _released("num_depths_per_area", I64, "Depths imaged in each structure"),
    _released("num_targeted_structures", I64, "Structures imaged"),
)
_TRIALS = tuple(
    _released(f"{name}_trial_count", I64, description)
    for name, description in {
        "catch": "Catch trials",
        "correct_reject": "Correct rejects",
        "engaged": "Trials in which the mouse was engaged",
        "false_alarm": "False alarms",
        "go": "Go trials",
        "hit": "Hits",
        "miss": "Misses",
    }.items()
)

BEHAVIOR_SESSION_TABLE = Table(
    name="behavior_session_table",
    description="Every behavior session of the mice: training, and the behavior half of ophys sessions.",
    entity=Entity.FILE,
    key=("behavior_session_id",),
    allensdk="get_behavior_session_table()",
    columns=(
        _BEHAVIOR_SESSION,
        replace(_OPHYS_SESSION, description="The ophys session it belongs to; null in training", nullable=True),
        _CONTAINERS,
        *_MOUSE,
        _PLANE_GROUPS,
        _PROJECT,
        *_TASK,
        *_EXPERIENCE,
        _LAYOUT[0],
        _EXPERIMENTS,
        _LAYOUT[1],
        *_TRIALS,
        _released("trial_count", I64, "Trials, aborted ones included"),
        replace(_FILE_ID, description=f"{_FILE_ID.description}: use a plane's"),
    ),
)

OPHYS_SESSION_TABLE = Table(
    name="ophys_session_table",
    description="Every ophys session: one or more planes imaged at a time.",
    entity=Entity.FILE,
    key=("ophys_session_id",),
    allensdk="get_ophys_session_table()",
    columns=(
        _OPHYS_SESSION,
        _BEHAVIOR_SESSION,
        _CONTAINERS,
        *_MOUSE,
        _PLANE_GROUPS,
        _PROJECT,
        *_TASK,
        *_EXPERIENCE,
        _LAYOUT[0],
        _EXPERIMENTS,
        _LAYOUT[1],
    ),
)

OPHYS_EXPERIMENT_TABLE = Table(
    name="ophys_experiment_table",
    description="Every imaging plane of every ophys session.",
    entity=Entity.FILE,
    key=("ophys_experiment_id",),
    allensdk="get_ophys_experiment_table()",
    columns=(
        _OPHYS_EXPERIMENT,
        _BEHAVIOR_SESSION,
        _OPHYS_SESSION,
        _released("ophys_container_id", I64, "Container: the same plane in several sessions"),
        *_MOUSE,
        *_PLANE,
        _PROJECT,
        *_TASK,
        _PASSIVE,
        *_EXPERIENCE,
        _FILE_ID,
    ),
)

OPHYS_CELLS_TABLE = Table(
    name="ophys_cells_table",
    description="Every cell of every imaging plane (from 1.0.0).",
    entity=Entity.FILE,
    key=("cell_roi_id",),
    allensdk="get_ophys_cells_table()",
    columns=(
        Column("cell_roi_id", I64, "The cell in this plane and session", nullable=False),
        Column("cell_specimen_id", I64, "The cell in all sessions of its container; null where it was not matched"),
        _OPHYS_EXPERIMENT,
    ),
)

TABLES = (BEHAVIOR_SESSION_TABLE, OPHYS_SESSION_TABLE, OPHYS_EXPERIMENT_TABLE, OPHYS_CELLS_TABLE)
