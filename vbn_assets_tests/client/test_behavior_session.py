"""Everything a behavior session gives is what AllenSDK gives, and is the caller's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.ecephys_session import BehaviorEcephysSession
from vbn_assets_tests.client.against_allensdk import ask, assert_array, assert_frame, exactly
from vbn_assets_tests.golden import golden

TRAINED, HALF, RECORDED = 1100000213, 1100000203, 1100000104
"""A session of its own, without eye tracking; half of an ecephys session, of a wild type; an ecephys session."""

FRAMES = (
    "licks",
    "rewards",
    "running_speed",
    "raw_running_speed",
    "eye_tracking",
    "trials",
    "stimulus_presentations",
    "get_rolling_performance_df",
)
DICTS = ("metadata", "task_parameters", "get_performance_metrics", "eye_tracking_rig_geometry")
ARRAYS = ("stimulus_timestamps", "get_reward_rate")

Sessions = Callable[[str, int], BehaviorSession]
EcephysSessions = Callable[[str, int], BehaviorEcephysSession]


@pytest.fixture(scope="module")
def trained(behavior_session: Sessions) -> BehaviorSession:
    return behavior_session("0.5.0", TRAINED)


@pytest.fixture(scope="module")
def half(behavior_session: Sessions) -> BehaviorSession:
    return behavior_session("0.5.0", HALF)


@pytest.fixture(scope="module")
def recorded(ecephys_session: EcephysSessions) -> BehaviorEcephysSession:
    return ecephys_session("0.5.0", RECORDED)


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_a_session_of_its_own(trained: BehaviorSession, name: str) -> None:
    assert_frame(ask(trained, name), "0.5.0", name, TRAINED, "behavior_session")


@pytest.mark.parametrize("name", DICTS)
@pytest.mark.parametrize("id", [TRAINED, HALF])
@pytest.mark.filterwarnings("ignore:Unable to parse cre_line")
def test_dicts(behavior_session: Sessions, name: str, id: int) -> None:
    ours, expected = ask(behavior_session("0.5.0", id), name), golden("0.5.0", name, id, "behavior_session")
    if name == "metadata":
        ours |= {"date_of_acquisition": ours["date_of_acquisition"].isoformat()}
        ours |= {"behavior_session_uuid": ours["behavior_session_uuid"] and str(ours["behavior_session_uuid"])}
    assert list(ours) == list(expected)
    assert exactly(ours) == exactly(expected)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("id", [TRAINED, HALF])
def test_arrays(behavior_session: Sessions, name: str, id: int) -> None:
    assert_array(ask(behavior_session("0.5.0", id), name), golden("0.5.0", name, id, "behavior_session")["value"])


@pytest.mark.parametrize("id", [TRAINED, HALF])
def test_images(behavior_session: Sessions, id: int) -> None:
    templates = behavior_session("0.5.0", id).stimulus_templates
    assert templates is not None
    expected = golden("0.5.0", "stimulus_templates", id, "behavior_session")
    assert [f"{form}/{name}" for form in templates for name in templates.index] == list(expected)
    assert templates.index.name == "image_name"
    assert {str(templates.index.dtype), *map(str, templates.dtypes)} == {"object"}
    for form in templates:
        for name, image in templates[form].items():
            assert_array(image, expected[f"{form}/{name}"])


def test_changes_of_half_an_ecephys_session_are_computed(
    half: BehaviorSession, recorded: BehaviorEcephysSession
) -> None:
    assert_frame(half.stimulus_presentations, "0.5.0", "stimulus_presentations", HALF, "behavior_session")
    assert half.stimulus_presentations["is_change"].dtype == bool
    assert recorded.stimulus_presentations["is_change"].dtype == "boolean"


def test_columns_of_presentations_always_come_in_the_same_order(half: BehaviorSession) -> None:
    known = "stimulus_block image_name duration start_time end_time start_frame end_frame is_change is_image_novel"
    known += " omitted flashes_since_change trials_id"
    files = "stimulus_index stimulus_name is_sham_change rewarded active contrast color spatial_frequency"
    files += " position_x position_y temporal_frequency orientation"
    assert list(half.stimulus_presentations.columns) == [*known.split(), *files.split()]


@pytest.mark.filterwarnings("ignore:Unable to parse cre_line")
def test_types_of_metadata(trained: BehaviorSession) -> None:
    metadata = trained.metadata
    assert isinstance(metadata["behavior_session_uuid"], UUID)
    assert isinstance(metadata["date_of_acquisition"], datetime)
    assert metadata["date_of_acquisition"].tzinfo is not None
    assert metadata["behavior_session_id"] == trained.behavior_session_id == TRAINED


def test_a_genotype_without_driver_is_warned_of(half: BehaviorSession, recorded: BehaviorEcephysSession) -> None:
    with pytest.warns(UserWarning, match="Unable to parse cre_line from full_genotype") as warned:
        assert half.metadata["cre_line"] is None
    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert recorded.metadata["cre_line"]


@pytest.mark.parametrize("threshold", [0.0, 1.0, 2.0, 5.3, 1000.0])
def test_engaged_is_whoever_earns_more_than_the_threshold(recorded: BehaviorEcephysSession, threshold: float) -> None:
    rolling = recorded.get_rolling_performance_df()
    engaged = [(row.hit_rate, row.rolling_dprime) for row in rolling.itertuples() if row.reward_rate > threshold]
    hit_rates = [rate for rate, _ in engaged if not np.isnan(rate)]
    metrics = recorded.get_performance_metrics(engaged_trial_reward_rate_threshold=threshold)
    assert metrics["engaged_trial_count"] == len(engaged)
    if hit_rates:
        assert metrics["mean_hit_rate_engaged"] == pytest.approx(sum(hit_rates) / len(hit_rates))
    else:
        assert np.isnan(metrics["mean_hit_rate_engaged"])
        assert np.isnan(metrics["max_dprime_engaged"])
    assert metrics["trial_count"] == len(recorded.trials)


@pytest.mark.parametrize("name", [*FRAMES, "stimulus_templates"])
def test_a_frame_is_the_caller_s_own(trained: BehaviorSession, name: str) -> None:
    before = ask(trained, name)
    kept = before.copy()
    before.iloc[:, 0] = before.iloc[::-1, 0].to_numpy()
    before["mine"] = 1
    pd.testing.assert_frame_equal(ask(trained, name), kept)


def test_arrays_inside_a_frame_cannot_be_changed(trained: BehaviorSession) -> None:
    licks = next(licks for licks in trained.trials["lick_times"] if len(licks))
    with pytest.raises(ValueError, match="read-only"):
        licks[0] = 0.0


def test_timestamps_are_the_caller_s_own(trained: BehaviorSession) -> None:
    trained.stimulus_timestamps[:] = 0
    assert trained.stimulus_timestamps.any()


def test_what_gives_data(trained: BehaviorSession, recorded: BehaviorEcephysSession) -> None:
    names = trained.list_data_attributes_and_methods()
    assert len(names) == 16
    more = set(recorded.list_data_attributes_and_methods()) - set(names)
    assert more == {
        "get_channels",
        "get_current_source_density",
        "get_lfp",
        "get_units",
        "mean_waveforms",
        "optotagging_table",
        "probes",
        "spike_amplitudes",
        "spike_times",
    }
    assert repr(recorded) == f"BehaviorEcephysSession({RECORDED})"
