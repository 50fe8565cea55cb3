"""Options that several commands have, and what they mean: which project, in which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vbn_assets.pipeline import Workspace
    from vbn_assets.settings import Settings

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="vbn|vbo", help="The data set; by default the first of VBN_PROJECTS."),
]
ProjectsOption = Annotated[
    str | None, typer.Option("--project", "-p", metavar="vbn|vbo", help="One data set; by default all of VBN_PROJECTS.")
]


def settings_of() -> Settings:
    from vbn_assets.settings import Settings

    return Settings.from_environment()


def workspace_of(project: str | None, settings: Settings | None = None) -> Workspace:
    """The workspace of the project a user named. `SettingsError` if there is none of that name."""
    from vbn_assets.pipeline import Workspace
    from vbn_assets.projects import project_named

    settings = settings or settings_of()
    return Workspace(settings, project_named(project or settings.projects[0]))


def workspaces_of(project: str | None) -> list[Workspace]:
    """The workspace of the project a user named, or of every project in the settings."""
    settings = settings_of()
    return [workspace_of(name, settings) for name in ([project] if project else settings.projects)]
