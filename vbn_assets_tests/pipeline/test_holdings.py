"""Which files the settings name: for all projects, for one, and where a condition is about one only."""

from __future__ import annotations

import pytest

from vbn_assets.holdings import hold_condition
from vbn_assets.pipeline import Workspace
from vbn_assets.projects import VBN, VBO, FileKind, Project
from vbn_assets.settings import Settings


def condition(project: Project, kind: FileKind, **environment: str) -> str:
    return hold_condition(Workspace(Settings.from_environment(environment), project), kind)


@pytest.mark.parametrize("project", [VBN, VBO])
@pytest.mark.parametrize("where", ["all", "none", "experience_level = 'Familiar'"])
def test_a_setting_is_about_every_project_that_can_be_asked(project: Project, where: str) -> None:
    assert condition(project, project.sessions, VBN_HOLD=where) == where


def test_a_condition_on_columns_of_one_project_is_about_that_one() -> None:
    assert condition(VBN, VBN.sessions, VBN_HOLD="abnormal_activity IS NULL") == "abnormal_activity IS NULL"
    assert condition(VBO, VBO.sessions, VBN_HOLD="abnormal_activity IS NULL") == "none"
    assert condition(VBO, VBO.sessions, VBN_HOLD="imaging_depth < 200") == "imaging_depth < 200"
    assert condition(VBN, VBN.sessions, VBN_HOLD="imaging_depth < 200") == "none"


@pytest.mark.parametrize("where", ["experince_level = 'Familiar'", "imaging_depth <"])
def test_a_condition_that_no_project_understands_is_not_passed_over(where: str) -> None:
    assert condition(VBN, VBN.sessions, VBN_HOLD=where) == condition(VBO, VBO.sessions, VBN_HOLD=where) == where


def test_a_projects_own_setting_goes_before() -> None:
    assert condition(VBO, VBO.sessions, VBN_HOLD="all", VBN_HOLD_VBO="none") == "none"
    assert condition(VBN, VBN.sessions, VBN_HOLD="all", VBN_HOLD_VBO="none") == "all"


def test_sessions_without_a_recording_have_settings_of_their_own() -> None:
    behavior = VBN.kind("behavior_session"), VBO.kind("behavior_session")
    assert [condition(VBN, behavior[0], VBN_HOLD="all"), condition(VBO, behavior[1], VBN_HOLD="all")] == ["none"] * 2
    assert condition(VBO, behavior[1], VBN_HOLD_BEHAVIOR="cre_line LIKE 'Sst%'") == "cre_line LIKE 'Sst%'"
    assert condition(VBN, behavior[0], VBN_HOLD_BEHAVIOR="cre_line LIKE 'Sst%'") == "none"
    assert condition(VBN, behavior[0], VBN_HOLD_BEHAVIOR="all", VBN_HOLD_BEHAVIOR_VBN="none") == "none"


def test_lfp_follows_the_sessions() -> None:
    assert condition(VBN, VBN.kind("probe_lfp"), VBN_HOLD="all") == "none"
    assert condition(VBN, VBN.kind("probe_lfp"), VBN_LFP="1") == "all"
