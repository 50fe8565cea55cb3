"""Decimal text to floats, rounded as AllenSDK's pandas rounds it.

AllenSDK reads its CSVs with pandas 1.5, whose parser keeps 17 digits, leading zeros among them, and rounds after
every one. A third of the numbers in units.csv come out otherwise than the nearest double, which is what pandas 3 and
Arrow give. Reading the CSV itself belongs to `csv_tables`.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_NUMBER = re.compile(r"\s*([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?\s*", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_KEPT_DIGITS = 17
_NEAREST_CHARACTERS = 16
"""So many are 15 digits and a point at most, of which nothing is rounded but the value: it is the nearest double."""
_POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(309)])


def parse_floats(text: pa.StringArray) -> pa.DoubleArray:
    """float64 of a string array, null where it is null; bit for bit what pandas 1.5's `read_csv` makes of it.

    Raises `ValueError` where a value is no number.
    """
    try:
        nearest = text.cast(pa.float64())
    except pa.ArrowInvalid:  # one of them is no number, or one that only pandas reads: with blanks around it
        return pa.array([None if one is None else _parse_one(one) for one in text.to_pylist()], pa.float64())
    characters, bounds = _characters(text)
    end, exponent = _mantissas(characters, bounds)
    other = (np.diff(bounds) > _NEAREST_CHARACTERS) | (end < bounds[1:])
    if not other.any():
        return nearest
    values = nearest.to_numpy(zero_copy_only=False)
    rounded, read = _rounded(values, characters, bounds[:-1], end, exponent)
    values = np.where(other, rounded, values)
    for row in np.flatnonzero(other & ~read):
        values[row] = _parse_one(text[row].as_py())
    return pa.array(values, from_pandas=True)


def _characters(text: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All characters in one, and where each text begins; last, the end."""
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    return np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]


def _mantissas(characters: NDArray[np.uint8], bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the digits of each number end, and what stands after them: 5 for e-05, 0 for nothing.

    A text with letters in another form has no digits here.
    """
    letters = np.flatnonzero(characters > ord("9"))
    rows = np.searchsorted(bounds, letters, "right") - 1
    end, exponent = bounds[1:].copy(), np.zeros(len(bounds) - 1, np.int64)
    e, minus, tens, ones = (_at(characters, letters + place) for place in range(4))
    scientific = (e | 32 == ord("e")) & (minus == ord("-")) & (letters + 4 == end[rows])
    end[rows] = np.where(scientific, letters, bounds[rows])
    exponent[rows] = (tens - 48) * 10 + (ones - 48)
    return end, exponent


def _rounded(
    nearest: NDArray[np.float64],
    characters: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    exponent: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers like -12.345 and -1.2345e-05, each digit added in floating point; and which are of this form.

    Of 17 digits only the last two can round, and only these are read. Those before them are the nearest double too:
    times the power of ten that makes the digits a whole number, it is less than 43 off, and half a hundred decides.
    """
    size = np.abs(nearest)
    whole = np.log10(np.fmin(np.fmax(size, 1), 1e16)).astype(np.int64) + 1
    begin = begin + (_at(characters, begin) < ord("."))
    kept = np.minimum(end - begin - 1, _KEPT_DIGITS)
    fraction = kept - whole
    read = (_at(characters, begin + whole) == ord(".")) & (fraction >= 2)
    scale = _POWERS_OF_TEN[fraction + exponent]
    tens, ones = (_at(characters, begin + kept - behind) - 48.0 for behind in (1, 0))
    with np.errstate(all="ignore"):  # those of other forms come to nothing
        head = np.rint((size * scale - (tens * 10 + ones)) / 100)
        return np.copysign(((head * 10 + tens) * 10 + ones) / scale, nearest), read


def _at(characters: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The characters at these places; any character at one that is out of bounds."""
    return characters.take(places, mode="clip")


def _parse_one(text: str) -> float:
    """One number of any form, digit by digit as pandas does it."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        if _INFINITY.fullmatch(text):
            return float(text)
        raise ValueError(f"{text!r} is no number")
    sign, whole, fraction, exponent = match.groups()
    kept = (whole + fraction)[:_KEPT_DIGITS]
    number = 0.0
    for digit in kept:
        number = number * 10.0 + int(digit)
    power = int(exponent or 0) + len(whole) - len(kept)
    return _scaled(-number if sign == "-" else number, power, text)


def _scaled(number: float, power: int, text: str) -> float:
    """`number` times ten to `power`, in two steps where a double has no such power of ten."""
    if power > 308:
        raise ValueError(f"{text!r} is too large")
    if power > 0:
        return float(number * _POWERS_OF_TEN[power])
    if power < -616:
        return 0.0
    return float(number / _POWERS_OF_TEN[max(-308 - power, 0)] / _POWERS_OF_TEN[min(-power, 308)])
