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
_SCIENTIFIC = r"^(?P<mantissa>-?[0-9]+\.[0-9]*)[eE]\+?(?P<exponent>-?[0-9]{1,2})$"
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_KEPT_DIGITS = 17
_WORD = 8
"""Characters that are looked at together, as one 64-bit number."""
_POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(309)])
_INTEGER_POWERS_OF_TEN = 10 ** np.arange(_KEPT_DIGITS + 1)


def parse_floats(text: pa.StringArray) -> pa.DoubleArray:
    """float64 of a string array, null where it is null; bit for bit what pandas 1.5's `read_csv` makes of it.

    Raises `ValueError` where a value is no number.
    """
    null = pc.is_null(text).to_numpy(zero_copy_only=False)
    values, read = _parse_together(text, np.zeros(len(text), np.int64))
    others = np.flatnonzero(~(read | null))
    values[others], read[others] = _parse_together(*_mantissas_and_exponents(text.take(pa.array(others))))
    for row in np.flatnonzero(~(read | null)):
        values[row] = _parse_one(text[row].as_py())
    return pa.array(values, mask=null)


def _parse_together(text: pa.StringArray, exponent: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers like -12.5, times ten to `exponent`, and which of the texts are of that form."""
    characters, bounds = _characters(text)
    negative = characters[bounds[:-1]] == ord("-")
    begin, length = bounds[:-1] + negative, np.diff(bounds) - negative
    whole = _digits_before_point(_words(characters)[begin])
    pointed = (whole > 0) & (whole < length) & (whole < _WORD)
    plain = pointed & _without_others(characters, bounds, 1 + negative, pointed)
    number, fraction = _parse_plain(characters, begin[plain], length[plain], whole[plain])
    values = np.zeros(len(text))
    values[plain] = _scaled_together(np.where(negative[plain], -number, number), exponent[plain] - fraction)
    return values, plain


def _mantissas_and_exponents(text: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """1.5e-05 in two; null and 0 where a text has no exponent of this form."""
    parts = pc.extract_regex(text, _SCIENTIFIC)
    exponents = pc.struct_field(parts, "exponent").cast(pa.int64()).fill_null(0)
    return pc.struct_field(parts, "mantissa"), exponents.to_numpy(zero_copy_only=False)


def _characters(text: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All characters in one, padded so that eight can be read anywhere, and where each text begins; last, the end."""
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    characters = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    return np.concatenate([characters, np.zeros(16, np.uint8)]), bounds - bounds[0]


def _words(characters: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The eight characters from each place on as one number."""
    return np.ndarray(len(characters) - _WORD + 1, "<u8", characters, strides=(1,))


def _digits_before_point(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many characters of a word come before its first point; eight if it has none.

    Eight at a time: a byte that is no point keeps its high bit clear, and the lowest one set leads to the place.
    """
    others = words ^ np.uint64(0x2E2E2E2E2E2E2E2E)
    points = (others - np.uint64(0x0101010101010101)) & ~others & np.uint64(0x8080808080808080)
    first = (points & (~points + np.uint64(1))) >> np.uint64(7)
    places = (first * np.uint64(0x0001020304050607)) >> np.uint64(56)
    return np.where(points == 0, _WORD, places.astype(np.int64))


def _without_others(
    characters: NDArray[np.uint8], bounds: NDArray[np.int64], expected: NDArray[np.int64], pointed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which texts have only as many characters beside digits as `expected`: their sign and point.

    Where all that are not empty have these and all together have no more, they need not be counted one by one.
    """
    odd = characters - np.uint8(ord("0")) > 9
    empty = bounds[:-1] == bounds[1:]
    if (pointed | empty).all() and np.count_nonzero(odd[: bounds[-1]]) == expected[~empty].sum():
        return pointed
    counted: NDArray[np.bool_] = np.add.reduceat(odd.view(np.uint8), bounds, dtype=np.uint16)[:-1] == expected
    return counted


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


def _scaled_together(number: NDArray[np.float64], power: NDArray[np.int64]) -> NDArray[np.float64]:
    """As `_scaled`, for powers that a double has."""
    scaled: NDArray[np.float64] = number / _POWERS_OF_TEN[np.maximum(-power, 0)]
    large = power > 0
    scaled[large] = number[large] * _POWERS_OF_TEN[power[large]]
    return scaled


def _parse_plain(
    characters: NDArray[np.uint8],
    begin: NDArray[np.int64],
    length: NDArray[np.int64],
    whole: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The digits of numbers like 12.5 as one number each, and how many of them come after the point.

    A number is `length` characters from `begin` on, `whole` of them before the point.
    """
    fraction = np.minimum(length - 1, _KEPT_DIGITS) - whole
    digits = _integers(characters, begin, whole) * _INTEGER_POWERS_OF_TEN[fraction]
    digits += _integers(characters, begin + whole + 1, fraction)
    return _rounded_digit_by_digit(digits), fraction


def _integers(characters: NDArray[np.uint8], begin: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers that `count` (0 to 16) digits from `begin` on spell."""
    words = _words(characters)
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
