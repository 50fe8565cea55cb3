"""The partition sets: releases by version, files by the id of what they are about. They grow as releases are found."""

from __future__ import annotations

import dagster as dg

from vbn_assets.projects import FileKind, Project


def releases_of(project: Project) -> dg.DynamicPartitionsDefinition:
    """One partition a release, e.g. `vbn_releases`."""
    return dg.DynamicPartitionsDefinition(name=f"{project.name}_releases")


def files_of(project: Project, kind: FileKind) -> dg.DynamicPartitionsDefinition:
    """One for each that has a file: `vbn_ecephys_sessions`, `vbn_probes`, `vbo_ophys_experiments` and so on."""
    return dg.DynamicPartitionsDefinition(name=f"{project.name}_{kind.partitions}")
