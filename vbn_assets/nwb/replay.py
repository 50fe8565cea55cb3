"""What presentations have from trials: whether they are task or replay, in which trial, and which change was a sham.

Files before 0.4.0 lack these columns and AllenSDK derives them on reading, as is done here. A passive block that
shows the images of an active one in the same order is its replay, and has its trials and sham changes. The first files
of Visual Behavior Ophys have no blocks either: all they have is the task.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbn_assets.nwb.trials import NO_NUMBER

_BLOCK = "stimulus_block"


def active(presentations: pa.Table, trials: pa.Table) -> pa.BooleanArray:
    """Whether each presentation is in a block in which an image was shown during the trials."""
    start = presentations["start_time"].to_numpy()
    during = _has_image(presentations) & (start < _end(trials))
    during &= start > trials["start_time"].to_numpy().min(initial=np.inf)
    if _BLOCK not in presentations.column_names:
        return pa.array(during)
    block = presentations[_BLOCK].to_numpy()
    return pa.array(np.isin(block, block[during]))


def trials_id(presentations: pa.Table, trials: pa.Table) -> pa.Int64Array:
    """The last trial that had begun before each image, -99 where there is none; replays as what they repeat."""
    start = presentations["start_time"].to_numpy()
    ids = np.append(trials["trials_id"].to_numpy(), NO_NUMBER)
    # The last row that began before: row n is not the last if a later one, whatever their order, began before too.
    begins = np.minimum.accumulate(trials["start_time"].to_numpy()[::-1])[::-1]
    found = ids[np.searchsorted(begins, start, side="left") - 1]
    image_in_trials = _has_image(presentations) & (start < _end(trials))
    return pa.array(_repeated(np.where(image_in_trials, found, NO_NUMBER), presentations))


def is_sham_change(presentations: pa.Table, trials: pa.Table) -> pa.BooleanArray:
    """Whether each presentation starts on the frame of a catch trial's sham change; replays as what they repeat."""
    shown = pc.is_in(trials["trials_id"], presentations["trials_id"].combine_chunks())
    catch = trials.filter(pc.and_(trials["catch"], shown))
    sham = np.isin(presentations["start_frame"].to_numpy(), catch["change_frame"].to_numpy())
    return pa.array(_repeated(sham, presentations))


def _repeated(values: NDArray[Any], presentations: pa.Table) -> NDArray[Any]:
    """`values` with those of every active block copied to the passive blocks that show the same images."""
    if _BLOCK not in presentations.column_names:
        return values
    block = presentations[_BLOCK].to_numpy()
    in_task = presentations["active"].to_numpy()
    images = {number: _images(presentations, block == number) for number in np.unique(block[_has_image(presentations)])}
    passive = np.unique(block[~in_task & _has_image(presentations)])
    for task in np.unique(block[in_task]):
        for other in passive:
            if images.get(task) is not None and images[task] == images[other]:
                values[block == other] = values[block == task]
    return values


def _images(presentations: pa.Table, rows: NDArray[np.bool_]) -> list[str] | None:
    """The names of the images of a block, None if any is null: AllenSDK takes no such block for a replay."""
    names = presentations["image_name"].filter(pa.array(rows))
    return None if names.null_count else names.to_pylist()


def _has_image(presentations: pa.Table) -> NDArray[np.bool_]:
    """Whether there is an image name; an omitted flash has an empty one."""
    if "image_name" not in presentations.column_names:
        return np.zeros(presentations.num_rows, bool)
    named: NDArray[np.bool_] = presentations["image_name"].is_valid().to_numpy()
    return named


def _end(trials: pa.Table) -> float:
    return float(trials["stop_time"].to_numpy().max(initial=-np.inf))
