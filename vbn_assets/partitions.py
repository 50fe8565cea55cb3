"""The partition sets: releases by version, sessions and probes by id. They grow as releases are found."""

from __future__ import annotations

import dagster as dg

from vbn_assets.projects import FileKind, Project


def releases_of(project: Project) -> dg.DynamicPartitionsDefinition:
    """One partition a release, e.g. `vbn_releases`."""
    return dg.DynamicPartitionsDefinition(name=f"{project.name}_releases")


def files_of(project: Project, kind: FileKind) -> dg.DynamicPartitionsDefinition:
    """One a session or probe that has a file: `vbn_ecephys_sessions`, `vbn_behavior_sessions`, `vbn_probes`."""
    return dg.DynamicPartitionsDefinition(name=f"{project.name}_{kind.table}")
