"""What it costs to find that nothing is new: a refresh, and a look of each sensor, at VBN's 4,298 files.

    python benchmarks/refresh.py

Five releases with the same files are published by a local S3; the files of 153 sessions and the metadata are held.
"""

from __future__ import annotations

import io
import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import dagster as dg
from comparison import Row, Run, call, show
from comparison.peers import announce
from comparison.vbn_sized import BEHAVIOR_FILES, LFP_FILES, SESSIONS, SIZES, VERSION, SizedLake, hash_of, metadata_rows

from vbn_assets.definitions import build_definitions
from vbn_assets.pipeline import Workspace, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.sample.server import LocalS3
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Lake
from vbn_assets.warehouse.publish import publish

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.4.0", VERSION)
ROUNDS = 5


def publish_releases(s3: LocalS3) -> None:
    """Manifests and metadata CSVs as the bucket has them; the data files themselves are never asked for."""
    client = s3.client()
    client.create_bucket(
        Bucket=VBN.bucket, ACL="public-read", CreateBucketConfiguration={"LocationConstraint": VBN.region}
    )
    client.put_bucket_versioning(Bucket=VBN.bucket, VersioningConfiguration={"Status": "Enabled"})
    metadata, rows = {}, metadata_rows(sizes=replace(SIZES, units=20, channels=4, spikes=20))
    for name, frame in rows.items():
        text = io.BytesIO()
        frame.to_csv(text, index=False)
        metadata[name] = _entry(f"project_metadata/{name}.csv", blake2b(text.getvalue()).hexdigest())
        stored = client.put_object(
            Bucket=VBN.bucket, Key=_key(f"project_metadata/{name}.csv"), Body=text.getvalue(), ACL="public-read"
        )
        metadata[name]["version_id"] = stored["VersionId"]
    ids = rows["ecephys_sessions"].ecephys_session_id.tolist()
    names = [f"behavior_ecephys_sessions/{id}/ecephys_session_{id}.nwb" for id in ids]
    names += [f"behavior_only_sessions/{id}/behavior_session_{id}.nwb" for id in range(1, BEHAVIOR_FILES + 1)]
    names += [f"behavior_ecephys_sessions/{ids[n % SESSIONS]}/probe_probe{n}_lfp.nwb" for n in range(LFP_FILES)]
    hashes = [hash_of("ecephys_session" + str(id)) for id in ids] + [hash_of(name) for name in names[len(ids) :]]
    data = {str(number): _entry(name, hashes[number]) for number, name in enumerate(names)}
    for version in VERSIONS:
        manifest = {
            "project_name": VBN.s3_name,
            "manifest_version": version,
            "data_pipeline": [{"name": "AllenSDK", "version": "2.16.2", "comment": "generated"}],
            "metadata_file_id_column_name": "file_id",
            "metadata_files": metadata,
            "data_files": data,
        }
        key = VBN.manifest_prefix() + VBN.manifest_name(version)
        client.put_object(Bucket=VBN.bucket, Key=key, Body=json.dumps(manifest).encode(), ACL="public-read")


def _key(name: str) -> str:
    return f"{VBN.s3_name}/{name}"


def _entry(name: str, hashed: str) -> dict[str, str]:
    url = f"https://{VBN.bucket}.s3.{VBN.region}.amazonaws.com/{_key(name)}"
    return {"url": url, "version_id": "1", "file_hash": hashed}


def looks(settings: Settings) -> dict[str, Callable[[], object]]:
    """One tick of each of the project's sensors, as the daemon calls it."""
    definitions = build_definitions(settings)
    repository, instance = definitions.get_repository_def(), dg.DagsterInstance.ephemeral()

    def look(name: str) -> object:
        sensor = repository.get_sensor_def(name)
        context = dg.build_sensor_context(
            instance=instance, definitions=definitions, resources=definitions.resources or {}
        )
        with context:
            return sensor(context)

    return {
        name: lambda name=name: look(name) for name in ("vbn_release_sensor", "vbn_hold_sensor", "vbn_publish_sensor")
    }


def settled(work: Callable[[], object]) -> Run:
    """The median of some calls after a first one."""
    work()
    runs = [call(work) for _ in range(ROUNDS)]
    return Run(statistics.median(run.seconds for run in runs), statistics.median(run.processor or 0 for run in runs))


def main() -> None:
    announce(1, 1)
    with tempfile.TemporaryDirectory() as folder:
        s3 = LocalS3()
        publish_releases(s3)
        settings = Settings(data_dir=Path(folder), projects=("vbn",), endpoint_url=s3.endpoint)
        workspace = Workspace(settings, VBN)
        for version in VERSIONS:
            refresh_release(workspace, version)
        SizedLake(Lake(settings.lake_dir, VBN.name)).add_sessions(range(SESSIONS))
        publish(settings)

        def refresh() -> None:
            refresh_release(Workspace(settings, VBN), VERSION)
            publish(settings)

        rows = [Row("refresh and publish, nothing new", "-", None, settled(refresh), "<= 1.5 s")]
        rows += [Row(f"look of {name}", "-", None, settled(look), "<= 0.3 s") for name, look in looks(settings).items()]
        show(rows)
        s3.stop()


if __name__ == "__main__":
    main()
