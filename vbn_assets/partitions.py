"""The partition sets: releases by version, sessions by id. They grow as releases are found."""

from __future__ import annotations

import dagster as dg

from vbn_assets.projects import Project


def releases_of(project: Project) -> dg.DynamicPartitionsDefinition:
    """One partition a release, e.g. `vbn_releases`."""
    return dg.DynamicPartitionsDefinition(name=f"{project.name}_releases")


def sessions_of(project: Project) -> dg.DynamicPartitionsDefinition:
    """One partition a session of the kind that is held, e.g. `vbn_ecephys_sessions`."""
    return dg.DynamicPartitionsDefinition(name=f"{project.name}_{project.session_kind}s")
