"""The natural movie that was shown after the task in Visual Behavior Ophys: its frames, and what the mouse saw of them.

No manifest names its file; AllenSDK has its place, version and hash in its code.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vbn_assets.client import monitor
from vbn_assets.client.folder import CacheWorkspace
from vbn_assets.errors import VbnError
from vbn_assets.progress import shown_progress, shown_work
from vbn_assets.releases.manifest import ReleaseFile

MOVIE = ReleaseFile(
    release="resources",
    kind="resource",
    id="natural_movie_one",
    file_id="",
    bucket="visual-behavior-ophys-data",
    key="visual-behavior-ophys/resources/Movie_TOE1.npy",
    version_id="Czht4ouDiTvs4CC_s8hsaE7VtVt_E9rO",
    file_hash="7e44cba154b29e1511ab8e5453b7aa5070f1ae456724b5b2541c97c052fbd80a"
    "ebf159e5f933ab319bda8fdab7b863a096cdb44f129abd20a8c4cc791af4bc41",
)


def read_natural_movie(workspace: CacheWorkspace) -> NDArray[np.uint8]:
    """The movie (frame, row, column), fetched and verified if it is not held. Raises the errors of `Mirror.fetch`."""
    with shown_progress() as progress:
        path = workspace.mirror.fetch(MOVIE, progress).path
    try:
        movie: NDArray[np.uint8] = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise VbnError(f"is no movie: {error}", file=path.name, expected="an array") from error
    return movie


def movie_template(frames: Iterable[NDArray[np.uint8]], workers: int | None = None) -> pd.DataFrame:
    """Every frame (row, column) of a movie as the mouse saw it and as the monitor showed it, by `movie_frame_index`."""
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool, shown_work("putting the movie on the monitor"):
        shown = list(pool.map(_shown, frames))
    index = pd.RangeIndex(len(shown), name="movie_frame_index").astype("int64")
    columns = zip(("unwarped", "warped"), zip(*shown, strict=True), strict=True)
    return pd.DataFrame({name: pd.Series(images, index, dtype=object) for name, images in columns})


def _shown(frame: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    screen = monitor.on_screen(frame)
    return monitor.unwarped(screen), monitor.warped(screen)
