"""The one row of a metadata table that an id means, and what to say to somebody who mistyped it."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.client.exceptions import UnknownId

_SHOWN_IDS = 3


def row_of(table: pa.Table, index: str, id: object, name: str) -> dict[str, Any]:
    """The row whose `index` is `id`. Raises `UnknownId` with AllenSDK's sentence; `name` is its name for the table."""
    number = _whole_number(id)
    rows = table.filter(pc.equal(table[index], number)) if number is not None else table.slice(0, 0)
    if not rows.num_rows:
        raise UnknownId(
            f"The {name} should have 1 and only 1 entry for a given {index}. No indexed rows found for id={id}",
            remedy=_suggestion(table[index].to_pylist(), number),
        )
    row: dict[str, Any] = rows.to_pylist()[0]
    return row


def _whole_number(id: object) -> int | None:
    """An id as pandas would find it, e.g. numpy's integers and 1.0; None for what no id can be."""
    if isinstance(id, float) and id.is_integer():
        id = int(id)
    try:
        number = operator.index(id)  # type: ignore[arg-type]
    except TypeError:
        return None
    return number if abs(number) < 2**63 else None


def _suggestion(ids: Sequence[int], wrong: int | None) -> str:
    if not ids:
        return "The table is empty."
    if wrong is None:
        return f"Ids are whole numbers such as {ids[0]}."
    alike = difflib.get_close_matches(str(wrong), [str(id) for id in ids], _SHOWN_IDS)
    near = alike or [str(id) for id in sorted(ids, key=lambda id: abs(id - wrong))[:_SHOWN_IDS]]
    return f"The nearest of {len(ids)} ids: {', '.join(near)}."
