"""The monitor in front of the mouse: how a movie's frames were put on it, and what of it the mouse saw.

The monitor was flat and near, so what was shown was bent as if it were a sphere around the eye. This is the geometry of
AllenSDK's `BrainObservatoryMonitor`, with the arithmetic of the libraries it uses: Pillow's bilinear enlargement in
fixed point, and SciPy's cubic spline.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_ROWS, _COLUMNS = 1200, 1920
_MOVIE_ROWS = 1080
"""A movie fills the width; above and below it the screen stays gray."""
_GRAY = 127
_DIAGONAL_CM, _DISTANCE_CM = 61.214, 15.0
_NOMINAL_CM = (51.0, 32.5)
"""Width and height with which AllenSDK says what is seen; for bending it takes them from the diagonal."""
_FIXED_POINT_BITS = 22
_POLE = np.sqrt(3.0) - 2.0
"""Of the cubic spline's filter."""

_Pixels = NDArray[np.uint8]
_Values = NDArray[np.float64]


def on_screen(frame: _Pixels) -> _Pixels:
    """A movie's frame in the middle of the screen, (1200, 1920)."""
    screen = np.full((_ROWS, _COLUMNS), _GRAY, np.uint8)
    top = (_ROWS - _MOVIE_ROWS) // 2
    wide = _enlarged(frame, _COLUMNS)
    screen[top : top + _MOVIE_ROWS] = _enlarged(wide.T, _MOVIE_ROWS).T
    return screen


def warped(screen: _Pixels) -> _Pixels:
    """What the monitor showed of a screen that was to be seen: bent, by cubic spline; 0 beyond the edges."""
    rows, columns = _bent()
    coefficients = _spline_filtered(_spline_filtered(screen.astype(np.float64)).T).T
    values = np.zeros(rows.shape)
    for row, by_row in _taps(rows, _ROWS):
        for column, by_column in _taps(columns, _COLUMNS):
            values += by_row * by_column * coefficients[row, column]
    inside = (rows >= 0) & (rows <= _ROWS - 1) & (columns >= 0) & (columns <= _COLUMNS - 1)
    return np.where(inside, np.clip(values + 0.5, 0, 255), 0).astype(np.uint8)


def unwarped(screen: _Pixels) -> _Values:
    """What the mouse saw of a screen: gray levels, NaN where bending leaves a pixel out."""
    return np.where(_seen(), screen.astype(np.float64), np.nan)


@cache
def _bent() -> tuple[_Values, _Values]:
    """Row and column of the screen that each pixel of the monitor showed."""
    height = np.sqrt(_DIAGONAL_CM**2 / (1 + (_COLUMNS / _ROWS) ** 2))
    size = (height * (_COLUMNS / _ROWS), height)
    # AllenSDK gives rows first to what expects columns first. The pixels are square, so nothing comes of it.
    row, column = np.meshgrid(np.arange(_ROWS) - _ROWS / 2, np.arange(_COLUMNS) - _COLUMNS / 2, indexing="ij")
    rows, columns = _on_sphere(row, column, size)
    return rows + _ROWS / 2, columns + _COLUMNS / 2


@cache
def _seen() -> NDArray[np.bool_]:
    column, row = np.meshgrid(np.arange(_COLUMNS) - _COLUMNS / 2, np.arange(_ROWS) - _ROWS / 2, indexing="ij")
    columns, rows = _on_sphere(column, row, _NOMINAL_CM)
    seen = np.zeros((_ROWS, _COLUMNS), bool)
    seen[rows.astype(int) + _ROWS // 2, columns.astype(int) + _COLUMNS // 2] = True
    return seen


def _on_sphere(first: _Values, second: _Values, size_cm: tuple[float, float]) -> tuple[_Values, _Values]:
    """Pixels from the middle to pixels from the middle: as far along the sphere as they were on the plane."""
    pixels = (_COLUMNS, _ROWS)
    x, y = (
        (values / count + 0.5) * size - 0.5 * size
        for values, count, size in zip((first, second), pixels, size_cm, strict=True)
    )
    distance = np.sqrt(np.square(x) + np.square(y) + np.square(_DISTANCE_CM))
    azimuth, altitude = np.arctan(x / _DISTANCE_CM), np.arcsin(y / distance)
    for angle in (azimuth, altitude):
        angle[angle == 0] = np.finfo(np.float32).eps
    arc = np.arccos(np.cos(altitude) * np.cos(np.abs(azimuth))) * _DISTANCE_CM
    across, along = (_DISTANCE_CM * (1 + values / distance) - _DISTANCE_CM for values in (x, y))
    direction = np.arctan2(along, across)
    return arc * np.cos(direction) / size_cm[0] * pixels[0], arc * np.sin(direction) / size_cm[1] * pixels[1]


def _enlarged(image: _Pixels, columns: int) -> _Pixels:
    """The image with more columns, each between two of its own, in Pillow's fixed point."""
    scale = image.shape[1] / columns
    centre = (np.arange(columns) + 0.5) * scale
    left = np.maximum((centre - 0.5).astype(int), 0)
    right = np.minimum((centre + 0.5).astype(int), image.shape[1] - 1)
    weights = np.stack([np.maximum(1 - np.abs(near + 0.5 - centre), 0) for near in (left, right)])
    weights[1][left == right] = 0
    fixed = np.floor(weights / weights.sum(axis=0) * (1 << _FIXED_POINT_BITS) + 0.5).astype(np.int64)
    total: NDArray[np.int64] = image[:, left] * fixed[0] + image[:, right] * fixed[1] + (1 << (_FIXED_POINT_BITS - 1))
    return (total >> _FIXED_POINT_BITS).astype(np.uint8)


def _spline_filtered(values: _Values) -> _Values:
    """Coefficients of the cubic spline through the values of each column, mirrored at its ends."""
    filtered: _Values = values * (1 - _POLE) * (1 - 1 / _POLE)
    count = len(filtered)
    powers = _POLE ** np.arange(count)
    mirrored = powers[1:-1, None] * (filtered[1:-1] + powers[-1] * filtered[-2:0:-1])
    first = filtered[0] + powers[-1] * filtered[-1] + mirrored.sum(axis=0)
    filtered[0] = first / (1 - powers[-1] ** 2)
    for row in range(1, count):
        filtered[row] += _POLE * filtered[row - 1]
    filtered[-1] = (_POLE * filtered[-2] + filtered[-1]) * _POLE / (_POLE * _POLE - 1)
    for row in range(count - 2, -1, -1):
        filtered[row] = _POLE * (filtered[row + 1] - filtered[row])
    return filtered


def _taps(places: _Values, count: int) -> list[tuple[NDArray[np.intp], _Values]]:
    """The four coefficients that make the spline's value at each place, and their weights."""
    whole = np.floor(places)
    after = places - whole
    before = 1 - after
    weights = [
        before * before * before / 6,
        (after * after * (after - 2) * 3 + 4) / 6,
        (before * before * (before - 2) * 3 + 4) / 6,
    ]
    weights.append(1 - weights[0] - weights[1] - weights[2])
    rows = [whole.astype(np.intp) + shift for shift in (-1, 0, 1, 2)]
    last = count - 1
    return [
        (np.clip(last - np.abs(last - np.abs(row)), 0, last), weight) for row, weight in zip(rows, weights, strict=True)
    ]
