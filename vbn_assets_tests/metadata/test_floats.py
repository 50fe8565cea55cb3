"""Decimal text becomes the floats that AllenSDK's pandas makes of it."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from vbn_assets.metadata.floats import parse_floats

PANDAS_1_5_3 = [
    ("0.1", "0x1.999999999999ap-4"),
    ("-0.0", "-0x0.0p+0"),
    ("8445.0", "0x1.07e8000000000p+13"),
    ("29999.9413517142", "0x1.d4bfc3f1b42a1p+14"),
    ("-1.3848511726329666", "-0x1.62859b40492cfp+0"),
    ("123456789012345678.0", "0x1.b69b4ba630f35p+56"),
    ("12345678901234567890", "0x1.56a95319d63e1p+63"),
    ("1.7976931348623157e+308", "0x1.fffffffffffffp+1023"),
    ("2.5e-310", "0x0.02e055c9a3f6cp-1022"),
    ("4.9e-324", "0x0.0000000000001p-1022"),
    ("+1.5", "0x1.8000000000000p+0"),
    (".5", "0x1.0000000000000p-1"),
    ("5.", "0x1.4000000000000p+2"),
    ("1E5", "0x1.86a0000000000p+16"),
    ("2.5e+10", "0x1.74876e8000000p+34"),
    ("-2.5E10", "-0x1.74876e8000000p+34"),
    ("-inf", "-inf"),
    (" -1.5 ", "-0x1.8000000000000p+0"),
]
"""What pandas 1.5.3 reads, as `float.hex`."""

NOT_NEAREST = [
    ("0.0001771451229810461", "0x1.73801050af76fp-13"),
    ("2.9253646775633118e-05", "0x1.eacb74c8df82dp-16"),
    ("0.30000000000000004", "0x1.3333333333333p-2"),
    ("99999999999999999999e-2", "0x1.bc16d674ec801p+59"),
    ("0.0009536743164062501", "0x1.f3ffffffffe33p-11"),
    ("0.00000000000000000123", "0x0.0p+0"),
]
"""Where that is not the double nearest to the text."""


def read(*texts: str | None) -> list[float | None]:
    return parse_floats(pa.array(texts, pa.string())).to_pylist()


@pytest.mark.parametrize(("text", "expected"), PANDAS_1_5_3 + NOT_NEAREST)
def test_a_number_is_what_pandas_1_5_reads(text: str, expected: str) -> None:
    (value,) = read(text)
    assert value is not None
    assert value.hex() == float.fromhex(expected).hex()


@pytest.mark.parametrize(("text", "expected"), NOT_NEAREST)
def test_the_cases_tell_the_parsers_apart(text: str, expected: str) -> None:
    assert float(text) != float.fromhex(expected)


def test_numbers_are_read_together_as_alone() -> None:
    texts = [text for text, _ in PANDAS_1_5_3 + NOT_NEAREST]
    assert read(*texts) == [value for text in texts for value in read(text)]


def hard_texts() -> list[str]:
    """Doubles of many magnitudes, digits that nearly make another hundred, zeros and signs in front, long tails."""
    rng = random.Random(0)
    texts = [repr(rng.gauss(0, 10.0**power)) for power in range(-99, 20) for _ in range(20)]
    for _ in range(2_000):
        sign, zeros = rng.choice(["", "-", "+"]), rng.choice(["", "", "0", "0000"])
        digits = "".join(rng.choices("0123456789", k=rng.randint(1, 15))) + rng.choice(["00", "49", "50", "51", "99"])
        point, tail = rng.randint(0, len(digits)), rng.choice(["", "", "9999", "e-07", "E-23", "e-3", "e5"])
        texts.append(f"{sign}{zeros}{digits[:point]}.{digits[point:]}{tail}")
    return texts


def test_together_each_digit_is_added_as_alone() -> None:
    """Where one has a blank in front, all are read one by one, digit by digit."""
    texts = hard_texts()
    alone = read(" 0.0", *texts)[1:]
    assert [value.hex() for value in read(*texts) if value is not None] == [
        value.hex() for value in alone if value is not None
    ]


def test_a_slice_of_an_array_is_read_as_a_whole_one() -> None:
    texts = pa.array(["1.5", "-2.25", None, "3e-07", "4.125"])
    assert parse_floats(texts.slice(1, 3)).to_pylist() == [-2.25, None, 3e-07]


def test_null_stays_null() -> None:
    assert read(None, "1.5", None) == [None, 1.5, None]
    assert read() == []


@pytest.mark.parametrize("text", ["abc", "1.2.3", "1.5x", "-", ".", "1.5e", "--1.0", "0x1.8", "1e999", "1,5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no number|too large"):
        read("1.5", text, "2.5")
