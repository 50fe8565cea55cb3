"""Tables of what the mouse saw and did: the same in every session file of every project.

Each is keyed by `behavior_session_id`, then by AllenSDK's index as a column; a project puts the id of the recording
that was made in the session before it (`in_recording`). Times are seconds on the session's clock.
"""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.model import BOOL, F64, I64, STR, UTC, Column, Entity, Storage, Table

BEHAVIOR_SESSION = Column("behavior_session_id", I64, "The behavior session", nullable=False)

TRIALS = Table(
    name="trials",
    description="The trials of the change detection task.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id", "trials_id"),
    allensdk="session.trials",
    columns=(
        BEHAVIOR_SESSION,
        Column("trials_id", I64, "Number of the trial in its session", nullable=False, source="/intervals/trials/id"),
        Column("start_time", F64, "Start of the trial", "s", source="/intervals/trials/start_time"),
        Column("stop_time", F64, "End of the trial", "s", source="/intervals/trials/stop_time"),
        Column("initial_image_name", STR, "Image before the change", source="/intervals/trials/initial_image_name"),
        Column("change_image_name", STR, "Image after the change", source="/intervals/trials/change_image_name"),
        Column("is_change", BOOL, "Whether the image changed", source="/intervals/trials/is_change"),
        Column(
            "change_time_no_display_delay",
            F64,
            "When the change (or sham change) was ordered: the monitor showed it 20 ms later",
            "s",
            source="/intervals/trials/change_time_no_display_delay",
            optional=True,
        ),
        Column(
            "change_time",
            F64,
            "When the monitor showed the change (or sham change); only in files of sessions without probes",
            "s",
            source="/intervals/trials/change_time",
            optional=True,
        ),
        Column("go", BOOL, "A change the mouse should answer", source="/intervals/trials/go"),
        Column("catch", BOOL, "A sham change", source="/intervals/trials/catch"),
        Column("lick_times", pa.list_(F64), "Licks during the trial", "s", source="/intervals/trials/lick_times"),
        Column(
            "response_time",
            F64,
            "First lick of the trial; null if aborted",
            "s",
            source="/intervals/trials/response_time",
        ),
        Column(
            "response_latency",
            F64,
            "From change_time to first lick; only in files of sessions without probes",
            "s",
            source="/intervals/trials/response_latency",
            optional=True,
        ),
        Column("reward_time", F64, "Time of the reward", "s", source="/intervals/trials/reward_time"),
        Column("reward_volume", F64, "Water given", "mL", source="/intervals/trials/reward_volume"),
        Column("hit", BOOL, "Licked in time after a change", source="/intervals/trials/hit"),
        Column("false_alarm", BOOL, "Licked after a sham change", source="/intervals/trials/false_alarm"),
        Column("miss", BOOL, "Did not lick after a change", source="/intervals/trials/miss"),
        Column("correct_reject", BOOL, "Did not lick after a sham change", source="/intervals/trials/correct_reject"),
        Column("aborted", BOOL, "Licked before the change", source="/intervals/trials/aborted"),
        Column("auto_rewarded", BOOL, "Rewarded without a lick", source="/intervals/trials/auto_rewarded"),
        Column("change_frame", I64, "Stimulus frame of the change; -99: none", source="/intervals/trials/change_frame"),
        Column("trial_length", F64, "Length of the trial", "s", source="/intervals/trials/trial_length"),
    ),
)

_SHOWN = "/intervals/<stimulus>_presentations"

STIMULUS_PRESENTATIONS = Table(
    name="stimulus_presentations",
    reader_version=3,
    description="Every stimulus shown, in order of start: images of the task and its passive replay, gabors, flashes.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id", "stimulus_presentations_id"),
    allensdk="session.stimulus_presentations",
    columns=(
        BEHAVIOR_SESSION,
        Column("stimulus_presentations_id", I64, "Number of the presentation in its session", nullable=False),
        Column(
            "stimulus_block",
            I64,
            "Block; with probes: 0 task, 1 and 3 gray, 2 gabors, 4 flashes, 5 passive replay of the task",
            source=f"{_SHOWN}/stimulus_block",
            optional=True,
        ),
        Column(
            "stimulus_block_name",
            STR,
            "What the block is, as in change_detection_behavior; only in Visual Behavior Ophys",
            source=f"{_SHOWN}/stimulus_block_name",
            optional=True,
        ),
        Column("image_name", STR, "Image shown; empty where omitted", source=f"{_SHOWN}/image_name", optional=True),
        Column("duration", F64, "Time on screen", "s", source=f"{_SHOWN}/duration"),
        Column("start_time", F64, "Onset on the monitor, its delay included", "s", source=f"{_SHOWN}/start_time"),
        Column("end_time", F64, "Offset on the monitor", "s", source=f"{_SHOWN}/stop_time"),
        Column("start_frame", I64, "First stimulus frame", source=f"{_SHOWN}/start_frame"),
        Column("end_frame", I64, "Frame after the last", source=f"{_SHOWN}/end_frame"),
        Column(
            "is_change",
            BOOL,
            "First flash of a new image; null where no images are shown",
            source=f"{_SHOWN}/is_change",
            optional=True,
        ),
        Column(
            "is_image_novel", BOOL, "Image set unknown to the mouse", source=f"{_SHOWN}/is_image_novel", optional=True
        ),
        Column("omitted", BOOL, "A flash left out", source=f"{_SHOWN}/omitted", optional=True),
        Column(
            "flashes_since_change",
            I64,
            "Flashes of this image so far; -99 outside the task",
            source=f"{_SHOWN}/flashes_since_change",
            optional=True,
        ),
        Column(
            "trials_id", I64, "Trial it falls in; -99: none", source=f"{_SHOWN}/trials_id or derived", optional=True
        ),
        Column(
            "is_sham_change",
            BOOL,
            "Onset of a catch trial's sham change",
            source=f"{_SHOWN}/is_sham_change or derived",
            optional=True,
        ),
        Column(
            "active",
            BOOL,
            "Shown while the mouse did the task",
            source=f"{_SHOWN}/active or derived",
            optional=True,
        ),
        Column("rewarded", BOOL, "Followed by a reward", source=f"{_SHOWN}/rewarded", optional=True),
        Column(
            "stimulus_index", I64, "0 gabor, 1 flash, -99 otherwise", source=f"{_SHOWN}/stimulus_index", optional=True
        ),
        Column("stimulus_name", STR, "Kind of stimulus", source=f"{_SHOWN}/stimulus_name", optional=True),
        Column("contrast", F64, "Contrast", source=f"{_SHOWN}/contrast", optional=True),
        Column("color", F64, "1 white, -1 black", source=f"{_SHOWN}/color", optional=True),
        Column("orientation", F64, "Orientation", "degrees", source=f"{_SHOWN}/orientation", optional=True),
        Column("position_x", F64, "Horizontal position", "degrees", source=f"{_SHOWN}/position_x", optional=True),
        Column("position_y", F64, "Vertical position", "degrees", source=f"{_SHOWN}/position_y", optional=True),
        Column(
            "spatial_frequency",
            F64,
            "Spatial frequency",
            "cycles/degree",
            source=f"{_SHOWN}/spatial_frequency",
            optional=True,
        ),
        Column(
            "temporal_frequency", F64, "Temporal frequency", "Hz", source=f"{_SHOWN}/temporal_frequency", optional=True
        ),
        Column(
            "image_index",
            I64,
            "Number of the image in the file's templates; -99: none; not in ecephys session files",
            source=f"{_SHOWN}/image_index",
            optional=True,
        ),
        Column("phase", F64, "Phase of the grating", "cycles", source=f"{_SHOWN}/phase", optional=True),
        Column(
            "movie_frame_index",
            I64,
            "Frame of the natural movie; -99: none; only in Visual Behavior Ophys",
            source=f"{_SHOWN}/movie_frame_index",
            optional=True,
        ),
        Column(
            "movie_repeat",
            I64,
            "Which showing of the movie; -99: none; only in Visual Behavior Ophys",
            source=f"{_SHOWN}/movie_repeat",
            optional=True,
        ),
        Column(
            "is_change_in_behavior_session",
            BOOL,
            "First flash of a new image, computed from the images shown: what get_behavior_session has for is_change",
            optional=True,
        ),
        Column(
            "flashes_since_change_in_behavior_session",
            I64,
            "Flashes since then, whatever was shown: what get_behavior_session has for flashes_since_change",
            optional=True,
        ),
    ),
)

LICKS = Table(
    name="licks",
    description="Every lick, in order of time.",
    entity=Entity.BEHAVIOR_SESSION,
    allensdk="session.licks",
    columns=(
        BEHAVIOR_SESSION,
        Column("timestamps", F64, "Time of the lick", "s", source="/processing/licking/licks/timestamps"),
        Column("frame", I64, "Stimulus frame of the lick", source="/processing/licking/licks/data"),
    ),
)

REWARDS = Table(
    name="rewards",
    description="Every reward, in order of time.",
    entity=Entity.BEHAVIOR_SESSION,
    allensdk="session.rewards",
    columns=(
        BEHAVIOR_SESSION,
        Column("volume", F64, "Water given", "mL", source="/processing/rewards/volume/data"),
        Column("timestamps", F64, "Time of the reward", "s", source="/processing/rewards/autorewarded/timestamps"),
        Column("auto_rewarded", BOOL, "Given without a lick", source="/processing/rewards/autorewarded/data"),
    ),
)


def _running(name: str, description: str, series: str) -> Table:
    return Table(
        name=name,
        description=f"Running speed, {description}, one row a stimulus frame; sign as AllenSDK corrects it.",
        entity=Entity.BEHAVIOR_SESSION,
        allensdk=f"session.{name}",
        storage=Storage.VIEW,
        columns=(
            BEHAVIOR_SESSION,
            Column("timestamps", F64, "Time", "s", source=f"/processing/running/{series}/timestamps"),
            Column("speed", F64, "Speed, forward positive", "cm/s", source=f"/processing/running/{series}/data"),
        ),
    )


RUNNING_SPEED = _running("running_speed", "low-pass filtered", "speed")
RAW_RUNNING_SPEED = _running("raw_running_speed", "not filtered", "speed_unfiltered")

STIMULUS_TIMESTAMPS = Table(
    name="stimulus_timestamps",
    description="When each frame of the monitor was drawn, without the monitor's delay.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id", "frame"),
    allensdk="session.stimulus_timestamps",
    storage=Storage.VIEW,
    columns=(
        BEHAVIOR_SESSION,
        Column("frame", I64, "Stimulus frame: start_frame, change_frame and licks.frame mean these", nullable=False),
        Column("timestamps", F64, "Time", "s", source="/processing/stimulus/timestamps/timestamps"),
    ),
)

SESSION_METADATA = Table(
    name="session_metadata",
    description="What a session file says of its session and mouse: one row a session.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id",),
    allensdk="session.metadata",
    columns=(
        BEHAVIOR_SESSION,
        Column("equipment_name", STR, "Rig", source="/general/metadata@equipment_name"),
        Column("sex", STR, "F or M", source="/general/subject/sex"),
        Column("age_in_days", I64, "Age of the mouse", "days", source="/general/subject/age"),
        Column(
            "stimulus_frame_rate", F64, "Monitor's frame rate", "Hz", source="/general/metadata@stimulus_frame_rate"
        ),
        Column("session_type", STR, "Stimulus and reward", source="/general/metadata@session_type"),
        Column("date_of_acquisition", UTC, "Start of the session", source="/session_start_time"),
        Column("reporter_line", STR, "Reporter line; null in wild types", source="/general/subject@reporter_line"),
        Column(
            "cre_line",
            STR,
            "Genotype's first part, without /wt; null in wild types",
            source="/general/subject/genotype",
        ),
        Column("behavior_session_uuid", STR, "UUID", source="/general/metadata@behavior_session_uuid"),
        Column("driver_line", pa.list_(STR), "Driver lines, sorted", source="/general/subject@driver_line"),
        Column("mouse_id", STR, "LabTracks id of the mouse, as text", source="/general/subject/subject_id"),
        Column("project_code", STR, "Allen project", source="/general/metadata@project_code"),
        Column("full_genotype", STR, "Full genotype", source="/general/subject/genotype"),
    ),
)

TABLES = (
    TRIALS,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TIMESTAMPS,
    LICKS,
    REWARDS,
    RUNNING_SPEED,
    RAW_RUNNING_SPEED,
    SESSION_METADATA,
)
