"""What AllenSDK 2.16.2 returns for the packaged sample, written by the `make_*golden.py` in this folder.

`<version>/tables/<accessor>` and `<version>/<kind>/<id>/<attribute>`, kind being a project's kind of file; of the
versions here 1.1.0 is Visual Behavior Ophys'. `.parquet` (index as first column) with `.dtypes.json` (AllenSDK's pandas
dtypes), `.npz` (arrays by unit, image, …), `.json` (non-finite floats as {"__float__": …}).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent


def golden(version: str, name: str, session: int | None = None, kind: str = "ecephys_session") -> Any:
    """One golden: of a session if given, else of the release's tables.

    A `pyarrow.Table` for a frame, {name or unit id: array} for arrays, a dict for `metadata` and other dicts.
    """
    stem = golden_path(version, name, session, kind)
    if stem.with_suffix(".parquet").exists():
        return pq.read_table(stem.with_suffix(".parquet")).replace_schema_metadata(None)
    if stem.with_suffix(".npz").exists():
        with np.load(stem.with_suffix(".npz")) as arrays:
            return {int(name) if name.isdigit() else name: arrays[name] for name in arrays.files}
    return json.loads(stem.with_suffix(".json").read_text(), object_hook=_special)


def golden_dtypes(version: str, name: str, session: int | None = None, kind: str = "ecephys_session") -> dict[str, Any]:
    """`index_name`, `index_dtype`, `columns` (name, dtype), `shape` and `null_kinds` of a golden frame."""
    path = golden_path(version, name, session, kind).with_suffix(".dtypes.json")
    dtypes: dict[str, Any] = json.loads(path.read_text())
    return dtypes


def golden_path(version: str, name: str, session: int | None = None, kind: str = "ecephys_session") -> Path:
    """Path of a golden without its suffix."""
    if session is None:
        return FOLDER / version / "tables" / name
    return FOLDER / version / kind / str(session) / name


def _special(value: dict[str, Any]) -> Any:
    if value.keys() == {"__float__"}:
        return float(value["__float__"])
    if value.keys() == {"__datetime__"}:
        return value["__datetime__"]
    return value
