"""How well the mouse did the task, from trials and rewards as AllenSDK computes it.

Sums are taken over the same values in the same order, so that they end in the same bit.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.behavior import read_rewards
from vbn_assets.nwb.dprime import dprime
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.nwb.task import read_response_window
from vbn_assets.nwb.trials import read_trials
from vbn_assets.tables.model import nan_to_null

_REWARD_WINDOW_TRIALS = 25
_TRIALS_WITHOUT_REWARD_RATE = 10
_REWARDED_WITHIN_SECONDS = 0.75
_RATE_WINDOW_TRIALS = 100
_ENGAGED_ABOVE = 2.0
"""Rewards a minute: the default of AllenSDK's get_performance_metrics."""

_Rates = NDArray[np.float64]


def read_rolling_performance(file: SessionFile) -> pa.Table:
    """Table `rolling_performance`, one row a trial."""
    trials = read_trials(file)
    columns = {name: nan_to_null(rates) for name, rates in _rolling(file, trials).items()}
    return pa.table({"trials_id": trials["trials_id"], **columns})


def read_performance_metrics(file: SessionFile) -> pa.Table:
    """Table `performance_metrics`, one row."""
    trials, rewards = read_trials(file), read_rewards(file)
    rolling = _rolling(file, trials)
    engaged = rolling["reward_rate"] > _ENGAGED_ABOVE
    row = {
        "trial_count": trials.num_rows,
        **{f"{kind}_trial_count": _count(trials, kind) for kind in ("go", "catch", "hit", "miss")},
        **{f"{kind}_trial_count": _count(trials, kind) for kind in ("false_alarm", "correct_reject")},
        "auto_reward_count": _count(trials, "auto_rewarded"),
        "earned_reward_count": _count(trials, "hit"),
        "total_reward_count": rewards.num_rows,
        "total_reward_volume": float(np.nansum(rewards["volume"].to_numpy())),
        "maximum_reward_rate": _highest(rolling["reward_rate"]),
        "engaged_trial_count": int(engaged.sum()),
        "mean_dprime": _mean(rolling["rolling_dprime"]),
        "mean_dprime_engaged": _mean(rolling["rolling_dprime"][engaged]),
        "max_dprime": _highest(rolling["rolling_dprime"]),
        "max_dprime_engaged": _highest(rolling["rolling_dprime"][engaged]),
    }
    for rate in ("hit_rate", "false_alarm_rate"):
        row[f"mean_{rate}"] = _mean(rolling[rate])
        row[f"mean_{rate}_uncorrected"] = _mean(rolling[f"{rate}_raw"])
        row[f"mean_{rate}_engaged"] = _mean(rolling[rate][engaged])
    return pa.Table.from_pylist([row])


def _rolling(file: SessionFile, trials: pa.Table) -> dict[str, _Rates]:
    """The columns of `rolling_performance`, NaN where there is no value."""
    done = ~trials["aborted"].to_numpy()
    hit_rate_raw, hit_rate = _rates(trials, done, positive="hit", negative="miss")
    false_alarm_raw, false_alarm = _rates(trials, done, positive="false_alarm", negative="correct_reject")
    if _is_passive(trials):
        discriminability = np.zeros(len(hit_rate))
    else:
        discriminability = np.array([dprime(*rates) for rates in zip(hit_rate, false_alarm, strict=True)], float)
    rates = {
        "hit_rate_raw": hit_rate_raw,
        "hit_rate": hit_rate,
        "false_alarm_rate_raw": false_alarm_raw,
        "false_alarm_rate": false_alarm,
        "rolling_dprime": discriminability,
    }
    rolling = {"reward_rate": _reward_rate(file, trials)}
    for name, values in rates.items():
        rolling[name] = np.full(len(done), np.nan)
        rolling[name][done] = values
    return rolling


def _rates(trials: pa.Table, done: NDArray[np.bool_], *, positive: str, negative: str) -> tuple[_Rates, _Rates]:
    """Of the trials that were not aborted, the share of positive ones among the last hundred, as it is and corrected.

    The corrected share stays half a trial away from 0 and 1. Both are NaN until the first trial that counts.
    """
    yes, no = trials[positive].to_numpy()[done], trials[negative].to_numpy()[done]
    positives, counted = _in_window(yes & ~no), _in_window(yes | no)
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = positives / counted
        corrected = np.minimum(np.maximum(raw, 1.0 / (2 * counted)), 1 - 1.0 / (2 * counted))
    return raw, np.where(counted == 0, np.nan, corrected)


def _in_window(truths: NDArray[np.bool_]) -> _Rates:
    """How many of the last hundred are true, this one included."""
    total = np.concatenate([np.zeros(_RATE_WINDOW_TRIALS), np.cumsum(truths)])
    counted: _Rates = total[_RATE_WINDOW_TRIALS:] - total[:-_RATE_WINDOW_TRIALS]
    return counted


def _reward_rate(file: SessionFile, trials: pa.Table) -> _Rates:
    """Trials answered in time a minute, in a window of 25 trials either side; NaN in the first ten."""
    start = trials["start_time"].to_numpy()
    rewarded = _latencies(trials, read_response_window(file)[0]) < _REWARDED_WITHIN_SECONDS
    total = np.concatenate([[0], np.cumsum(rewarded)])
    number = np.arange(len(start))
    first = np.maximum(0, number - _REWARD_WINDOW_TRIALS)
    last = np.minimum(number + _REWARD_WINDOW_TRIALS, len(start))
    with np.errstate(invalid="ignore", divide="ignore"):
        rate: _Rates = (total[last] - total[first]) / (start[last - 1] - start[first]) * 60
    rate[np.isinf(rate)] = np.nan
    rate[:_TRIALS_WITHOUT_REWARD_RATE] = np.nan
    return rate


def _latencies(trials: pa.Table, window_start: float) -> _Rates:
    """From the change to the first lick more than `window_start` seconds after it; infinite without such a lick."""
    change_time = "change_time" if "change_time" in trials.column_names else "change_time_no_display_delay"
    changes, licks = trials[change_time].to_numpy(), trials["lick_times"].to_pylist()
    answers = (
        next((lick - change for lick in times if lick - change > window_start), np.inf)
        for change, times in zip(changes, licks, strict=True)
    )
    return np.fromiter(answers, float, trials.num_rows)


def _is_passive(trials: pa.Table) -> bool:
    """Whether the mouse could only watch: no water, no lick."""
    unrewarded = bool((trials["reward_volume"].to_numpy() == 0).all())
    return unrewarded and not any(trials["lick_times"].to_pylist())


def _count(trials: pa.Table, kind: str) -> int:
    return int(trials[kind].to_numpy().sum())


def _mean(rates: _Rates) -> float | None:
    """Pandas' mean: NaN left out of the count, and summed as zeros."""
    known = ~np.isnan(rates)
    return float(np.where(known, rates, 0.0).sum() / known.sum()) if known.any() else None


def _highest(rates: _Rates) -> float | None:
    known = rates[~np.isnan(rates)]
    return float(known.max()) if len(known) else None
