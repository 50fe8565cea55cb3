"""A picture of an imaging plane, as AllenSDK's `Image` is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Image(NamedTuple):
    """Pixels (row, column), the size of one in both directions, and its unit; numpy takes it for the pixels."""

    data: NDArray[Any]
    spacing: tuple[float, float]
    unit: str = "mm"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return np.array_equal(self.data, other.data) and (self.spacing, self.unit) == (other.spacing, other.unit)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.data, dtype=dtype, copy=True if copy is None else copy)
