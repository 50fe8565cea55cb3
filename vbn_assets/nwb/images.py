"""Stimulus images: which ones a file holds, and their pixels.

An image is known by its content, since files of many sessions bring the same ones, 20 MB each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables import Table, conform
from vbn_assets.tables.images import SESSION_IMAGES, STIMULUS_IMAGES

_TEMPLATES = "stimulus/templates"
_MOVIE = "movie"
"""In the name of what AllenSDK takes for no set of images."""
_HASH_BYTES = 16


def read_session_images(file: SessionFile) -> pa.Table:
    """Table `session_images`; reads every pixel, one image at a time."""
    rows = [
        {"image_name": name, "image_set": image_set, "image_index": index, "image_hash": _hash(file, image_set, index)}
        for image_set in _image_sets(file)
        for index, name in enumerate(file.dataset(f"{_TEMPLATES}/{image_set}/control_description").asstr()[:])
    ]
    schema = pa.schema([field for field in SESSION_IMAGES.file_schema if field.name.startswith("image_")])
    return pa.Table.from_pylist(rows, schema)


@dataclass(frozen=True)
class ImageReading:
    """One image of a file, as a row of `stimulus_images`."""

    NAMED_BY: ClassVar[tuple[str, ...]] = ("image_set", "image_index", "image_hash")
    """The columns of `session_images` by which an image is found."""

    file: SessionFile
    image_set: str
    image_index: int
    image_hash: str

    @property
    def table(self) -> Table:
        return STIMULUS_IMAGES

    @property
    def content_hash(self) -> str:
        return self.image_hash

    def pieces(self) -> Iterator[pa.Table]:
        unwarped, warped = _pixels(self.file, self.image_set, self.image_index)
        row = {"image_hash": [self.image_hash], "unwarped": _nested(unwarped), "warped": _nested(warped)}
        image = conform(pa.table(row), self.table, file=self.file.path.name, release=self.file.release or None)
        yield image.cast(self.table.schema)


def _image_sets(file: SessionFile) -> list[str]:
    if _TEMPLATES not in file.h5:
        return []
    return [name for name in file.group(_TEMPLATES) if _MOVIE not in name.lower()]


def _pixels(file: SessionFile, image_set: str, index: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Both forms of an image: unwarped and warped, rows by columns."""
    group = f"{_TEMPLATES}/{image_set}"
    return file.dataset(f"{group}/unwarped")[index], file.dataset(f"{group}/data")[index]


def _hash(file: SessionFile, image_set: str, index: int) -> str:
    digest = blake2b(digest_size=_HASH_BYTES)
    for pixels in _pixels(file, image_set, index):
        digest.update(f"{pixels.dtype.str} {pixels.shape}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _nested(pixels: NDArray[np.generic]) -> pa.ListArray:
    """An image as one list of rows, each a list of pixels."""
    rows, columns = pixels.shape
    lines = pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * columns, pixels.ravel())
    return pa.ListArray.from_arrays(np.array([0, rows], np.int32), lines)
