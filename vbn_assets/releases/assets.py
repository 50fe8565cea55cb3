"""Assets of what is published: each release's manifest, and each data file as S3 has it now."""

import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

from vbn_assets.partitions import files_of, releases_of
from vbn_assets.pipeline import Workspace, keep_manifest
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.diff import diff_releases
from vbn_assets.releases.manifest import Release
from vbn_assets.report import OWNERS, asset_key, failures, group, published_key, release_diff
from vbn_assets.resources import VisualBehavior


def release_assets(project: Project) -> Sequence[dg.AssetsDefinition | dg.SourceAsset]:
    return [_manifest(project), *(_published_files(project, kind) for kind in project.kinds)]


def _manifest(project: Project) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_key(project, "manifest"),
        partitions_def=releases_of(project),
        group_name=group(project, "releases"),
        kinds={"s3", "json"},
        owners=OWNERS,
        description=f"A release of {project.title}: its manifest, checked and kept as bytes.",
    )
    def manifest(context: dg.AssetExecutionContext, visual_behavior: VisualBehavior) -> dg.MaterializeResult[None]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = keep_manifest(workspace, context.partition_key)
            before = release_before(workspace, release)
        return dg.MaterializeResult(
            metadata={
                "release": release.version,
                "previous_release": before.version if before else "none",
                "bytes": len(release.raw),
                "metadata_files": len(release.metadata),
                "data_files": len(release.data),
                "software": ", ".join(f"{name} {version}" for name, version in release.pipeline.items()),
                "changes_from_the_release_before": release_diff(diff_releases(before, release)),
                "path": dg.MetadataValue.path(workspace.mirror.root / release.manifest_name),
            }
        )

    return manifest


def _published_files(project: Project, kind: FileKind) -> Any:
    # Beta since 1.7, and the only model of "what S3 has" that staleness and automation conditions both react to.
    warnings.filterwarnings("ignore", message=".*observable_source_asset", category=dg.BetaWarning)

    @dg.observable_source_asset(
        key=published_key(project, kind),
        partitions_def=files_of(project, kind),
        group_name=group(project, "releases"),
        tags={"dagster/kind/s3": "", "dagster/kind/hdf5": ""},
        description=(
            f"An NWB file ({kind.name}) as the current release has it; its data version is the file's hash. "
            "Observed when a release that changed it arrives; Observe looks at all of them."
        ),
    )
    def published_files(visual_behavior: VisualBehavior) -> dg.DataVersionsByPartition:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = workspace.current_release()
            files = workspace.files_about(release, kind) if release else {}
        return dg.DataVersionsByPartition({id: file.file_hash for id, file in files.items()})

    return published_files


def release_before(workspace: Workspace, release: Release) -> Release | None:
    """The highest release held that is lower than this one."""
    lower = [held for held in workspace.mirror.releases() if held.semver < release.semver]
    return lower[-1] if lower else None
