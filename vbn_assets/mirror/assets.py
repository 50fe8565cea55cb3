"""The asset of a session's NWB file in the mirror."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from vbn_assets.automation import HELD_AND_CHANGED
from vbn_assets.errors import WrongHash
from vbn_assets.metadata.assets import RETRIES
from vbn_assets.partitions import sessions_of
from vbn_assets.projects import Project
from vbn_assets.report import OWNERS, asset_key, failures, group
from vbn_assets.resources import VisualBehavior

HASH_CHECK = "hash_matches_manifest"


def session_file_asset(project: Project) -> dg.AssetsDefinition:
    key = asset_key(project, "session_nwb")

    @dg.asset(
        key=key,
        deps=[asset_key(project, "published_session")],
        partitions_def=sessions_of(project),
        group_name=group(project, "mirror"),
        kinds={"s3", "hdf5"},
        owners=OWNERS,
        automation_condition=HELD_AND_CHANGED,
        retry_policy=RETRIES,
        check_specs=[
            dg.AssetCheckSpec(
                HASH_CHECK, asset=key, blocking=True, description="BLAKE2b of the bytes is the one the release names"
            )
        ],
        description="A session's NWB file on disk: downloaded in parallel parts, verified, then named.",
    )
    def session_nwb(
        context: dg.AssetExecutionContext, visual_behavior: VisualBehavior
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            file = workspace.session_file(context.partition_key)
            try:
                fetched = workspace.mirror.fetch(file)
            except WrongHash as error:
                yield dg.AssetCheckResult(passed=False, check_name=HASH_CHECK, description=str(error))
                raise
        yield dg.AssetCheckResult(passed=True, check_name=HASH_CHECK, metadata={"file_hash": file.file_hash})
        yield dg.MaterializeResult(
            metadata={
                "release": file.release,
                "bytes": fetched.bytes,
                "seconds": round(fetched.seconds, 3),
                "how": str(fetched.how),
                "path": dg.MetadataValue.path(fetched.path),
                "s3_key": file.key,
                "s3_version_id": file.version_id,
            },
            data_version=dg.DataVersion(file.file_hash),
        )

    return session_nwb
