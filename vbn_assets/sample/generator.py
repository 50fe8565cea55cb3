"""Make release histories of any size from the packaged sample: for benchmarks, and for tests that need many sessions.

python -m vbn_assets.sample.generator OUT --sessions 10 --units 500 --spikes 1000000
python -m vbn_assets.sample.generator OUT --true-size

`server` can publish what is written to OUT. What sessions hold is planned in `plan`, their NWB files are written by
`session_file`; here they become releases.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semver import Version

from vbn_assets.errors import VbnError
from vbn_assets.projects import VBN
from vbn_assets.sample.history import StoredObject, StoredRelease, file_hash, write_history
from vbn_assets.sample.plan import TRUE_SIZE, SessionPlan, Sizes, plan_session
from vbn_assets.sample.session_file import write_session

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Maker:
    """Where and after what numbers a history is made."""

    out: Path
    sizes: Sizes
    seed: int

    def session(self, index: int, corrections: int, version: str) -> tuple[SessionPlan, StoredObject]:
        """Plan and NWB file of one session, its amplitudes halved by each correction."""
        plan = plan_session(index, self.sizes, self.seed, amplitude_scale=0.5**corrections)
        name = f"ecephys_session_{plan.session_id}.nwb"
        path = self.out / VBN.bucket / f"v{version}" / name
        write_session(path, plan, self.sizes, self.seed)
        key = f"{VBN.s3_name}/behavior_ecephys_sessions/{plan.session_id}/{name}"
        return plan, StoredObject(key, file_hash(path), path)

    def table(self, table: str, rows: pd.DataFrame, version: str, before: StoredObject | None) -> StoredObject:
        """A metadata CSV; that of the release before if nothing changed."""
        path = self.out / VBN.bucket / f"v{version}" / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False)
        stored = StoredObject(f"{VBN.s3_name}/project_metadata/{table}.csv", file_hash(path), path)
        if before and before.file_hash == stored.file_hash:
            path.unlink()
            return before
        return stored


def generate(
    out: Path,
    sizes: Sizes,
    *,
    sessions: int = 1,
    seed: int = 0,
    releases: Sequence[str] = ("0.5.0",),
    each: Callable[[StoredObject], None] | None = None,
) -> tuple[StoredRelease, ...]:
    """Write a VBN history below `out` and return its releases.

    The first release has all sessions; each later one corrects the amplitudes of one more session (its NWB file and
    units.csv change), and leaves the others alone. The same arguments give the same bytes. `each` is called with every
    session file as soon as it is written, and may take it away: twenty of true size are 48 GB. `VbnError` for releases
    that are not in order.
    """
    import pandas as pd

    if sessions < 1:
        raise VbnError("a history needs at least one session", found=sessions)
    _check_order(releases)
    make = _Maker(out, sizes, seed)
    made: dict[int, tuple[SessionPlan, StoredObject]] = {}
    history: list[StoredRelease] = []
    for number, version in enumerate(releases):
        changed = range(sessions) if number == 0 else [(number - 1) % sessions]
        for index in changed:
            began = time.perf_counter()
            corrections = 0 if number == 0 else 1 + (number - 1) // sessions
            made[index] = make.session(index, corrections, version)
            _report(made[index][1], version, time.perf_counter() - began)
            if each:
                each(made[index][1])
        plans = [made[index][0] for index in range(sessions)]
        metadata = {
            table: make.table(
                table,
                pd.concat([plan.rows[table] for plan in plans], ignore_index=True),
                version,
                history[-1].metadata[table] if history else None,
            )
            for table in VBN.metadata_tables
        }
        data = {str(index): made[index][1] for index in range(sessions)}
        history.append(_release(version, metadata, data))
    write_history(out, VBN.bucket, history)
    return tuple(history)


def _check_order(releases: Sequence[str]) -> None:
    valid = all(Version.is_valid(version) for version in releases)
    if not releases or not valid or sorted(set(releases), key=Version.parse) != list(releases):
        raise VbnError(
            "these are no releases in order",
            expected="versions as 0.5.0, oldest first",
            found=" ".join(releases) or "none",
        )


def _release(version: str, metadata: Mapping[str, StoredObject], data: Mapping[str, StoredObject]) -> StoredRelease:
    manifest = {
        "project_name": VBN.s3_name,
        "manifest_version": version,
        "data_pipeline": [{"name": "AllenSDK", "version": "2.16.2", "comment": "generated"}],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": {table: _entry(stored) for table, stored in metadata.items()},
        "data_files": {file_id: _entry(stored) for file_id, stored in data.items()},
    }
    key = VBN.manifest_prefix() + VBN.manifest_name(version)
    return StoredRelease(version, key, manifest, metadata, data)


def _entry(stored: StoredObject) -> dict[str, Any]:
    url = f"https://{VBN.bucket}.s3.{VBN.region}.amazonaws.com/{stored.key}"
    return {"url": url, "version_id": None, "file_hash": stored.file_hash}


def _report(stored: StoredObject, version: str, seconds: float) -> None:
    size = stored.path.stat().st_size / 1e6
    _log.info("%s  %s  %s MB  %.1f s", version, stored.path.name, f"{size:,.1f}", seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m vbn_assets.sample.generator`."""
    parser = argparse.ArgumentParser(
        prog="python -m vbn_assets.sample.generator", description="Make a release history of any size."
    )
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--sessions", type=int, default=1)
    numbers = [field.name for field in fields(Sizes) if field.name != "image_shape"]
    for name in numbers:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"default: {getattr(Sizes(), name):,}")
    parser.add_argument("--true-size", action="store_true", help="sizes of a published session, 2.4 GB each")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other values")
    parser.add_argument("--releases", nargs="+", default=["0.5.0"], metavar="VERSION", help="oldest first")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asked = {name: getattr(given, name) for name in numbers if getattr(given, name) is not None}
    try:
        sizes = replace(TRUE_SIZE if given.true_size else Sizes(), **asked)
        generate(given.out, sizes, sessions=given.sessions, seed=given.seed, releases=given.releases)
    except VbnError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
