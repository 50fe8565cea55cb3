"""Changes of the image shown, computed from the images themselves.

AllenSDK takes them from the file for an ecephys session, and computes them for a behavior session: that is why its
`get_ecephys_session` and `get_behavior_session` differ on the same file. Here are the computed ones.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_OMITTED = "omitted"
"""Image name by which some files say that a flash was left out."""


def is_change(presentations: pa.Table) -> NDArray[np.bool_]:
    """Whether each presentation shows another image than the flash before it, leaving omitted ones aside.

    Gabors and whatever else cannot be omitted are no flashes; the first flash is no change.
    """
    flashes = np.flatnonzero(_truths(presentations, "omitted", unknown=True) == 0)
    names = _names(presentations)[flashes]
    changes = np.zeros(presentations.num_rows, bool)
    if len(flashes):
        changes[flashes[1:]] = [now is None or now != before for before, now in pairwise(names)]
    return changes


def flashes_since_change(presentations: pa.Table, changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many presentations there were since the last change; those omitted are not counted."""
    held = _truths(presentations, "omitted", unknown=False) | (_names(presentations) == _OMITTED)
    restart = (changes | (np.arange(len(changes)) == 0)) & ~held
    counted = np.cumsum(~held & ~restart)
    rows = np.maximum.accumulate(np.where(restart, np.arange(len(changes)), -1))
    return counted - np.where(rows >= 0, counted[rows], 0)


def _truths(presentations: pa.Table, name: str, *, unknown: bool) -> NDArray[np.bool_]:
    if name not in presentations.column_names:
        return np.full(presentations.num_rows, unknown)
    truths: NDArray[np.bool_] = presentations[name].cast(pa.bool_()).fill_null(unknown).to_numpy()
    return truths


def _names(presentations: pa.Table) -> NDArray[np.object_]:
    if "image_name" not in presentations.column_names:
        return np.full(presentations.num_rows, None, object)
    return np.array(presentations["image_name"].to_pylist(), object)
