"""The images that a session showed, as AllenSDK's frame of two-dimensional arrays."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.client.frames import read_rows
from vbn_assets.client.source import SessionSource
from vbn_assets.warehouse.lake import Lake, TableFile

_FORMS = ("unwarped", "warped")


def read_stimulus_templates(source: SessionSource) -> pd.DataFrame | None:
    """Each image of a session, by `image_name`; None where its file has none."""
    images = read_rows(source, "session_images")
    if not images.num_rows:
        return None
    pixels = dict(_read_pixels(source.lake, file) for file in source.record.shared if file.table == "stimulus_images")
    index = pd.Index(images["image_name"].to_pylist(), dtype=object, name="image_name")
    shown = [pixels[image_hash] for image_hash in images["image_hash"].to_pylist()]
    return pd.DataFrame({form: pd.Series([image[form] for image in shown], index, dtype=object) for form in _FORMS})


def _read_pixels(lake: Lake, file: TableFile) -> tuple[str, dict[str, NDArray[Any]]]:
    """The hash of one image, and both its forms, rows by columns, read-only."""
    image = lake.read(file)
    return image["image_hash"][0].as_py(), {form: _pixels(image[form].combine_chunks()) for form in _FORMS}


def _pixels(image: pa.ListArray) -> NDArray[Any]:
    lines = image.flatten()
    pixels: NDArray[Any] = lines.flatten().to_numpy(zero_copy_only=False)
    return pixels.reshape(len(lines), -1)
