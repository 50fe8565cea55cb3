"""Every setting, its default, and the one place that reads the environment.

What a setting means is written here; what is done with it belongs to the room that does it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from semver import Version

from vbn_assets.errors import SettingsError
from vbn_assets.projects import PROJECTS, Project, project_named

_ENVIRONMENT = {
    "data_dir": "VBN_DATA_DIR",
    "endpoint_url": "AWS_ENDPOINT_URL",
    "hold": "VBN_HOLD",
    "hold_behavior": "VBN_HOLD_BEHAVIOR",
    "lfp": "VBN_LFP",
    "poll_seconds": "VBN_POLL_SECONDS",
    "dagster_home": "DAGSTER_HOME",
}
_OF_PROJECTS = {"pins": "VBN_RELEASE_", "holds": "VBN_HOLD_", "behavior_holds": "VBN_HOLD_BEHAVIOR_"}
"""Followed by the name of a project."""


def _plain_folder(folder: Path) -> Path:
    """The folder, if DuckDB takes its name for nothing but a name: said before anything is fetched into it."""
    try:
        folder = folder.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError("the data folder (VBN_DATA_DIR) is nobody's", found=f"{folder}: {error}") from error
    if any(sign in str(folder) for sign in "*?[=\\"):
        raise SettingsError(
            "the data folder (VBN_DATA_DIR) has a character that DuckDB takes for a pattern or a column's name",
            expected="none of * ? [ = \\",
            found=str(folder),
            remedy="Choose another folder.",
        )
    return folder


def _address(url: str | None) -> str | None:
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError(
            "AWS_ENDPOINT_URL is no address", expected="one like http://127.0.0.1:5555", found=repr(url)
        )
    return url


def _versions(pins: dict[str, str]) -> dict[str, str]:
    """The pins, each of which is a version."""
    for project, version in pins.items():
        if not Version.is_valid(version):
            raise SettingsError(
                f"VBN_RELEASE_{project.upper()} is no version",
                expected="three numbers as in 0.5.0",
                found=repr(version),
            )
    return pins


class Settings(BaseModel):
    """Where the data is kept, what is kept, and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Annotated[Path, AfterValidator(_plain_folder)] = Field(Path("data"), validate_default=True)
    """`VBN_DATA_DIR`: holds `mirror/` (verified files), `lake/` (Parquet) and `warehouse.duckdb`."""
    projects: tuple[str, ...] = tuple(PROJECTS)
    """`VBN_PROJECTS`: comma separated."""
    endpoint_url: Annotated[str | None, AfterValidator(_address)] = None
    """`AWS_ENDPOINT_URL`: another S3 than AWS, e.g. the local sample."""
    hold: str = "none"
    """`VBN_HOLD`: the sessions to keep by themselves: `none`, `all`, or an SQL condition on the session table.

    That is `ecephys_sessions` of VBN, `ophys_experiment_table` of VBO, whose files are of single imaging planes. A
    condition is about the projects whose table has the columns that it names.
    """
    hold_behavior: str = "none"
    """`VBN_HOLD_BEHAVIOR`: the same for behavior-only sessions; its condition is on the behavior sessions' table."""
    holds: dict[str, str] = {}
    """`VBN_HOLD_VBN` etc.: the same as `VBN_HOLD` for one project, instead of it."""
    behavior_holds: dict[str, str] = {}
    """`VBN_HOLD_BEHAVIOR_VBN` etc.: the same as `VBN_HOLD_BEHAVIOR` for one project, instead of it."""
    lfp: bool = False
    """`VBN_LFP`: whether the LFP files of the ecephys sessions that are held are held too."""
    pins: Annotated[dict[str, str], AfterValidator(_versions)] = {}
    """`VBN_RELEASE_VBN` etc.: the release a project stays at, instead of the highest one."""
    poll_seconds: int = Field(60, ge=1)
    """`VBN_POLL_SECONDS`: how often the sensor lists the manifests: one request."""
    dagster_home: Path | None = None
    """`DAGSTER_HOME`: where Dagster keeps its instance; `vbn sync` reports there what it did."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings of this process. `SettingsError` names the variable that means nothing."""
        values: dict[str, object] = {
            field: environment[name] for field, name in _ENVIRONMENT.items() if environment.get(name)
        }
        names = [name.strip() for name in environment.get("VBN_PROJECTS", "").split(",") if name.strip()]
        if names:
            values["projects"] = tuple(dict.fromkeys(project_named(name).name for name in names))
        for field, name in _OF_PROJECTS.items():
            named = {project: environment.get(f"{name}{project.upper()}") for project in PROJECTS}
            values[field] = {project: value for project, value in named.items() if value}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0])
            raise SettingsError(
                f"{_ENVIRONMENT.get(field, field)} cannot be read: {first['msg']}", found=repr(first["input"])
            ) from error

    def at(self, data_dir: Path) -> Self:
        """The same settings for another data folder. Raises `SettingsError` if it cannot be one."""
        return self.model_copy(update={"data_dir": _plain_folder(data_dir)})

    @property
    def names_data_dir(self) -> bool:
        """Whether somebody chose the data folder."""
        return "data_dir" in self.model_fields_set

    @property
    def own_dagster_home(self) -> Path:
        """Where `vbn run` keeps Dagster's instance if nothing else is said."""
        return self.data_dir / "dagster"

    @property
    def lake_dir(self) -> Path:
        return self.data_dir / "lake"

    @property
    def warehouse_path(self) -> Path:
        return self.data_dir / "warehouse.duckdb"

    def mirror_dir(self, project: Project) -> Path:
        """The project's AllenSDK-shaped cache folder."""
        return self.data_dir / project.mirror_folder
