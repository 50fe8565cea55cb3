"""A release of Visual Behavior Ophys with many behavior-only files, each the packaged one with an id of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from vbn_assets.projects import VBO
from vbn_assets.sample.history import PACKAGED, StoredObject, StoredRelease, file_hash, unpack, write_history

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = 1100009011
FIRST = 1_400_000_001
"""The generated sessions have consecutive ids from here."""


def write_behavior_release(out: Path, files: int) -> str:
    """Write a history of one release below `out`; its version. Of other kinds it has no files."""
    *_, packaged = unpack(PACKAGED, VBO.bucket, out)
    template = next(stored for stored in packaged.data.values() if str(TEMPLATE) in stored.key)
    data = {str(number): _copy(template, FIRST + number, out) for number in range(files)}
    tables = {name: _table(name, stored, files) for name, stored in packaged.metadata.items()}
    objects = {"metadata_files": tables, "data_files": data}
    manifest = {**packaged.manifest, **{part: _entries(named) for part, named in objects.items()}}
    release = StoredRelease(packaged.version, packaged.manifest_key, json.loads(json.dumps(manifest)), tables, data)
    write_history(out, VBO.bucket, [release])
    return release.version


def _copy(template: StoredObject, id: int, out: Path) -> StoredObject:
    path = out / VBO.bucket / "made" / f"behavior_session_{id}.nwb"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(template.path, path)
    with h5py.File(path, "r+") as nwb:
        del nwb["identifier"]
        nwb["identifier"] = str(id)
        nwb["general/metadata"].attrs["behavior_session_id"] = id
    return StoredObject(f"{VBO.s3_name}/behavior_sessions/{path.name}", file_hash(path), path)


def _table(name: str, stored: StoredObject, files: int) -> StoredObject:
    """The packaged CSV, with a row for each file and no file of another kind."""
    import pandas as pd

    rows = pd.read_csv(stored.path, dtype=str, keep_default_na=False)
    if name == "behavior_session_table":
        rows = _sessions(rows, files)
    elif "file_id" in rows:
        rows["file_id"] = "-999"
    rows.to_csv(stored.path, index=False)
    return replace(stored, file_hash=file_hash(stored.path))


def _sessions(rows: pd.DataFrame, files: int) -> pd.DataFrame:
    import pandas as pd

    template = rows[rows["behavior_session_id"] == str(TEMPLATE)]
    made = pd.concat([template] * files, ignore_index=True)
    made["behavior_session_id"] = [str(FIRST + number) for number in range(files)]
    made["file_id"] = [str(number) for number in range(files)]
    others = rows[rows["behavior_session_id"] != str(TEMPLATE)].assign(file_id="-999")
    return pd.concat([made, others], ignore_index=True)


def _entries(objects: dict[str, StoredObject]) -> dict[str, dict[str, str | None]]:
    return {
        name: {
            "url": f"https://{VBO.bucket}.s3.{VBO.region}.amazonaws.com/{stored.key}",
            "version_id": None,
            "file_hash": stored.file_hash,
        }
        for name, stored in objects.items()
    }
