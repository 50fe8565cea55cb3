"""What the environment may say, and what it may not."""

from __future__ import annotations

import pytest

from vbn_assets.errors import SettingsError
from vbn_assets.settings import Settings


@pytest.mark.parametrize(
    ("said", "meant"), [("vbn,vbn", ("vbn",)), (",", ("vbn", "vbo")), ("vbo, vbn", ("vbo", "vbn"))]
)
def test_projects_are_named_once(said: str, meant: tuple[str, ...]) -> None:
    assert Settings.from_environment({"VBN_PROJECTS": said}).projects == meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VBN_PROJECTS", "visual_coding"),
        ("VBN_RELEASE_VBN", "v0.5.0"),
        ("VBN_POLL_SECONDS", "-5"),
        ("VBN_POLL_SECONDS", "often"),
        ("VBN_LFP", "perhaps"),
        ("AWS_ENDPOINT_URL", "ftp://127.0.0.1"),
        ("VBN_DATA_DIR", "~nobody-of-this-name/data"),
        ("VBN_DATA_DIR", "/data/session=7"),
        ("VBN_DATA_DIR", "/data/back\\slash"),
        ("VBN_DATA_DIR", "/data/what[ever]"),
    ],
)
def test_what_means_nothing_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert name in str(refused.value) or value in str(refused.value)
