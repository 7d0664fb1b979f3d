"""A number is read as people write it: with a decimal comma or a decimal point."""

import math

import pytest

from audiotag.errors import AudiotagError
from audiotag.ui.widgets.number_field import number_text, parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2,5", 2.5),
        ("2.5", 2.5),
        (" −2,5 ", -2.5),
        (",5", 0.5),
        ("3,", 3.0),
        ("1e-3", 1e-3),
        ("2,5E1", 25.0),
        ("", None),
    ],
)
def test_decimal_comma_and_decimal_point_give_the_same_number(text: str, value: float | None) -> None:
    assert parse_number(text, "x") == value


@pytest.mark.parametrize("text", ["1.234,5", "1,2,3", "2 5", "nan", "inf", "1e999", "two", "0x10", "1_0", "--1"])
def test_text_that_is_not_one_number_is_refused_and_named(text: str) -> None:
    with pytest.raises(AudiotagError, match="Seed must be"):
        parse_number(text, "Seed")


def test_range_and_whole_numbers_are_held() -> None:
    assert parse_number("0", "x", low=0) == 0
    for text, options in (("-0,1", {"low": 0}), ("1,5", {"high": 1}), ("2,5", {"whole": True})):
        with pytest.raises(AudiotagError, match="x must be"):
            parse_number(text, "x", **options)
    assert parse_number("12", "x", whole=True) == 12


@pytest.mark.parametrize("value", [0.1, 1 / 3, -20.0, 1e-7, 2**31 - 1, math.pi])
def test_text_of_a_number_is_read_back_exactly(value: float) -> None:
    assert parse_number(number_text(value), "x") == value
