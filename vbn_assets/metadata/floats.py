"""Decimal text to floats, rounded as AllenSDK's pandas rounds it.

AllenSDK reads its CSVs with pandas 1.5, whose parser keeps 17 digits, leading zeros among them, and rounds after
every one. A third of the numbers in units.csv come out otherwise than the nearest double, which is what pandas 3 and
Arrow give. Reading the CSV itself belongs to `csv_tables`.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NUMBER = re.compile(r"([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?")
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_KEPT_DIGITS = 17
_POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(309)])
_INTEGER_POWERS_OF_TEN = 10 ** np.arange(_KEPT_DIGITS + 1)


def parse_floats(text: pa.StringArray) -> pa.DoubleArray:
    """float64 of a string array, null where it is null; bit for bit what pandas 1.5's `read_csv` makes of it.

    Raises `ValueError` where a value is no number.
    """
    characters, bounds = _characters(text)
    negative = characters[bounds[:-1]] == ord("-")
    point = pc.fill_null(pc.find_substring(text, "."), -1).to_numpy().astype(np.int64)
    others = np.add.reduceat((characters - np.uint8(ord("0")) > 9).view(np.uint8), bounds, dtype=np.uint16)[:-1]
    plain = (point > negative) & (point < _KEPT_DIGITS) & (others == 1 + negative)
    values = np.zeros(len(text))
    values[plain] = _parse_plain(characters, bounds[:-1][plain], np.diff(bounds)[plain], point[plain], negative[plain])
    null = pc.is_null(text).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(~plain & ~null):
        values[row] = _parse_one(text[row].as_py())
    return pa.array(values, mask=null)


def _characters(text: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All characters in one, padded so that eight can be read anywhere, and where each text begins; last, the end."""
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    characters = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    return np.concatenate([characters, np.zeros(16, np.uint8)]), bounds - bounds[0]


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


def _parse_plain(
    characters: NDArray[np.uint8],
    begin: NDArray[np.int64],
    length: NDArray[np.int64],
    point: NDArray[np.int64],
    negative: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Numbers like -12.5, all at once: `length` characters from `begin` on, the `point` among the first 17."""
    whole = point - negative
    fraction = np.minimum(length - negative - 1, _KEPT_DIGITS) - whole
    digits = _integers(characters, begin + negative, whole) * _INTEGER_POWERS_OF_TEN[fraction]
    digits += _integers(characters, begin + point + 1, fraction)
    number = _rounded_digit_by_digit(digits) / _POWERS_OF_TEN[fraction]
    signed: NDArray[np.float64] = np.where(negative, -number, number)
    return signed


def _integers(characters: NDArray[np.uint8], begin: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers that `count` (0 to 16) digits from `begin` on spell."""
    words = np.ndarray(len(characters) - 7, "<u8", characters, strides=(1,))
    if count.max(initial=0) <= 8:
        return _up_to_eight(words[begin], count)
    lead = np.maximum(count - 8, 0)
    return _up_to_eight(words[begin], lead) * 10**8 + _up_to_eight(words[begin + lead], count - lead)


def _up_to_eight(word: NDArray[np.uint64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number that the first `count` of eight characters spell, the eight lying in one 64-bit word each.

    Neighbours are joined to pairs, pairs to fours, fours to the number: three multiplications instead of eight.
    """
    word = word << (8 * (8 - count)).astype(np.uint64)
    word = (word & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(1 + (10 << 8)) >> np.uint64(8)
    word = (word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(1 + (100 << 16)) >> np.uint64(16)
    word = (word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(1 + (10000 << 32)) >> np.uint64(32)
    return word.astype(np.int64)


def _rounded_digit_by_digit(digits: NDArray[np.int64]) -> NDArray[np.float64]:
    """The number, each digit added in floating point: of 17, only the last two can round."""
    tens = digits // 10
    head = tens // 10
    rounded: NDArray[np.float64] = (head * 10.0 + (tens - head * 10)) * 10.0 + (digits - tens * 10)
    return rounded
