"""Tables of the change detection task as a whole: its parameters, and how well the mouse did it.

One row a session, or one a trial; the trials themselves are in `behavior`.
"""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.behavior import BEHAVIOR_SESSION
from vbn_assets.tables.model import F64, I64, STR, Column, Entity, Table, View

_PARAMETERS = "/general/task_parameters@"


def _parameter(name: str, type: pa.DataType, description: str, unit: str | None = None) -> Column:
    return Column(name, type, description, unit, source=f"{_PARAMETERS}{name}")


TASK_PARAMETERS = Table(
    name="task_parameters",
    description="The parameters of the change detection task: one row a session.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id",),
    allensdk="session.task_parameters",
    columns=(
        BEHAVIOR_SESSION,
        _parameter("auto_reward_volume", F64, "Water given without a lick", "mL"),
        _parameter("blank_duration_sec", pa.list_(F64), "Shortest and longest gray between flashes", "s"),
        Column("image_set", STR, "Image set, or gratings, from session_type", source=f"{_PARAMETERS}session_type"),
        _parameter("n_stimulus_frames", I64, "Frames on which a stimulus was drawn"),
        _parameter("omitted_flash_fraction", F64, "Fraction of flashes left out; null where none could be"),
        _parameter("response_window_sec", pa.list_(F64), "Start and end, after the change, of the time to lick", "s"),
        _parameter("reward_volume", F64, "Water given for a hit", "mL"),
        _parameter("session_type", STR, "Stimulus and reward"),
        _parameter("stimulus", STR, "images or grating"),
        _parameter("stimulus_distribution", STR, "How change times are drawn: geometric or exponential"),
        _parameter("stimulus_duration_sec", F64, "Length of a flash; null where the stimulus stays on", "s"),
        _parameter("stimulus_name", STR, "Name of the stimulus file"),
        _parameter("task", STR, "change detection"),
    ),
)

_FROM_TRIALS = "/intervals/trials"


def _count(name: str, description: str) -> Column:
    return Column(name, I64, description, source=_FROM_TRIALS)


def _rate(name: str, description: str, unit: str | None = None) -> Column:
    return Column(name, F64, description, unit, source=_FROM_TRIALS)


ROLLING_PERFORMANCE = Table(
    name="rolling_performance",
    description="How well the mouse did around each trial: 25 trials either side for rewards, the last 100 for rates.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id", "trials_id"),
    allensdk="session.get_rolling_performance_df()",
    columns=(
        BEHAVIOR_SESSION,
        Column("trials_id", I64, "Trial: `trials.trials_id`", nullable=False, source=f"{_FROM_TRIALS}/id"),
        _rate("reward_rate", "Rewards earned around the trial; null in the first ten", "1/min"),
        _rate("hit_rate_raw", "Hits among go trials; null in aborted trials and before the first go trial"),
        _rate("hit_rate", "The same, kept half a trial away from 0 and 1"),
        _rate("false_alarm_rate_raw", "False alarms among catch trials; null as hit_rate_raw"),
        _rate("false_alarm_rate", "The same, kept half a trial away from 0 and 1"),
        _rate("rolling_dprime", "d' of hit_rate and false_alarm_rate, both kept within 0.01 and 0.99; 0 if passive"),
    ),
)

PERFORMANCE_METRICS = Table(
    name="performance_metrics",
    description="How well the mouse did in all: one row a session. Engaged: at more than 2 rewards a minute.",
    entity=Entity.BEHAVIOR_SESSION,
    key=("behavior_session_id",),
    allensdk="session.get_performance_metrics()",
    columns=(
        BEHAVIOR_SESSION,
        _count("trial_count", "Trials, aborted ones included"),
        _count("go_trial_count", "Go trials"),
        _count("catch_trial_count", "Catch trials"),
        _count("hit_trial_count", "Hits"),
        _count("miss_trial_count", "Misses"),
        _count("false_alarm_trial_count", "False alarms"),
        _count("correct_reject_trial_count", "Correct rejects"),
        _count("auto_reward_count", "Trials rewarded without a lick"),
        _count("earned_reward_count", "Trials rewarded for a lick"),
        Column("total_reward_count", I64, "Rewards of both kinds", source="/processing/rewards"),
        Column("total_reward_volume", F64, "Water of both kinds", "mL", source="/processing/rewards/volume/data"),
        _rate("maximum_reward_rate", "Highest reward_rate; null with ten trials or fewer", "1/min"),
        _count("engaged_trial_count", "Trials in which the mouse was engaged"),
        _rate("mean_hit_rate", "Mean hit_rate"),
        _rate("mean_hit_rate_uncorrected", "Mean hit_rate_raw"),
        _rate("mean_hit_rate_engaged", "Mean hit_rate of engaged trials"),
        _rate("mean_false_alarm_rate", "Mean false_alarm_rate"),
        _rate("mean_false_alarm_rate_uncorrected", "Mean false_alarm_rate_raw"),
        _rate("mean_false_alarm_rate_engaged", "Mean false_alarm_rate of engaged trials"),
        _rate("mean_dprime", "Mean rolling_dprime"),
        _rate("mean_dprime_engaged", "Mean rolling_dprime of engaged trials"),
        _rate("max_dprime", "Highest rolling_dprime"),
        _rate("max_dprime_engaged", "Highest rolling_dprime of engaged trials"),
    ),
)

TABLES = (TASK_PARAMETERS, ROLLING_PERFORMANCE, PERFORMANCE_METRICS)

VIEWS = (
    View(
        name="reward_rate",
        description="Rewards earned around each trial.",
        sql="reward_rate.sql",
        own_columns=tuple(map(ROLLING_PERFORMANCE.column, ("behavior_session_id", "trials_id", "reward_rate"))),
        allensdk="session.get_reward_rate()",
    ),
)
