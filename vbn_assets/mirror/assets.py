"""The assets of the mirror: the NWB files of each kind, and the scrub that reads all files again."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from vbn_assets.automation import HELD_AND_CHANGED
from vbn_assets.errors import WrongHash
from vbn_assets.metadata.assets import RETRIES
from vbn_assets.partitions import files_of
from vbn_assets.projects import FileKind, Project
from vbn_assets.report import (
    OWNERS,
    asset_key,
    failures,
    file_key,
    group,
    is_news,
    observation,
    published_key,
    source_metadata,
)
from vbn_assets.resources import VisualBehavior

HASH_CHECK = "hash_matches_manifest"
SCRUB_CHECK = "bytes_are_intact"


def file_spec(project: Project, kind: FileKind) -> dg.AssetSpec:
    """The asset of the files of a kind on disk."""
    return dg.AssetSpec(
        file_key(project, kind),
        deps=[published_key(project, kind)],
        group_name=group(project, "mirror"),
        kinds={"s3", "hdf5"},
        owners=OWNERS,
        automation_condition=HELD_AND_CHANGED,
        description=f"An NWB file ({kind.name}) on disk: downloaded in parallel parts, verified, then named.",
    )


def hash_check(project: Project, kind: FileKind) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        HASH_CHECK,
        asset=file_key(project, kind),
        blocking=True,
        description="BLAKE2b of the bytes is the one the release names",
    )


def file_asset(project: Project, kind: FileKind) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{project.name}_{kind.asset}_nwb",
        specs=[file_spec(project, kind)],
        check_specs=[hash_check(project, kind)],
        partitions_def=files_of(project, kind),
        retry_policy=RETRIES,
    )
    def nwb_file(
        context: dg.AssetExecutionContext, visual_behavior: VisualBehavior
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        workspace = visual_behavior.workspace(project.name)
        check = partial(dg.AssetCheckResult, asset_key=file_key(project, kind), check_name=HASH_CHECK)
        with failures():
            file = workspace.session_file(context.partition_key, kind)
            try:
                fetched = workspace.mirror.fetch(file)
            except WrongHash as error:
                yield check(passed=False, description=str(error))
                raise
        published = observation(project, kind, context.partition_key, file)
        if is_news(context.instance, published):
            context.log_event(published)
        yield check(passed=True, metadata={"release": file.release, "file": file.id})
        yield dg.MaterializeResult(
            asset_key=file_key(project, kind),
            metadata={
                "bytes": fetched.bytes,
                "seconds": round(fetched.seconds, 3),
                "how": str(fetched.how),
                "path": dg.MetadataValue.path(fetched.path),
                **source_metadata(file),
            },
            data_version=dg.DataVersion(file.file_hash),
        )

    return nwb_file


def scrub_asset(project: Project) -> dg.AssetsDefinition:
    # Not a check on session_nwb: materialising one session there would run it, and read every file.
    key = asset_key(project, "mirror_scrub")

    @dg.asset(
        key=key,
        deps=[file_key(project, kind) for kind in project.kinds],
        group_name=group(project, "mirror"),
        kinds={"hdf5"},
        owners=OWNERS,
        check_specs=[
            dg.AssetCheckSpec(
                SCRUB_CHECK, asset=key, description="Every file of the mirror still has the hash it was verified with"
            )
        ],
        description="Every file of the mirror, read again and its hash compared. A rotten one is set aside.",
    )
    def mirror_scrub(visual_behavior: VisualBehavior) -> Iterator[dg.MaterializeResult[None]]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            results = list(workspace.mirror.scrub())
            swept = workspace.lake.sweep() + workspace.mirror.sweep()
        rotten = [result for result in results if not result.intact]
        yield dg.MaterializeResult(
            metadata={
                "files": len(results),
                "bytes": sum(result.bytes for result in results),
                "abandoned_files_removed": swept,
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=not rotten,
                    check_name=SCRUB_CHECK,
                    metadata={"rotten": "\n".join(str(result.problem) for result in rotten) or "none"},
                )
            ],
        )

    return mirror_scrub
