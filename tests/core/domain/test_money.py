"""Exact money: text in and out, and every rounding against fractions."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.money import (
    E8,
    divide_half_even,
    divide_up,
    format_e8,
    funding_amount_e8,
    multiply_e8,
    parse_e8,
    plain_e8,
)

AMOUNT = st.integers(-(10**24), 10**24)


@given(AMOUNT)
def test_text_round_trip(value: int) -> None:
    assert parse_e8(format_e8(value)) == value
    assert parse_e8(plain_e8(value)) == value


@given(AMOUNT, st.integers(0, 8))
def test_format_rounds_half_away_from_zero(value: int, places: int) -> None:
    shown = Fraction(format_e8(value, places))
    exact = Fraction(value, E8)
    assert abs(shown - exact) <= Fraction(1, 2 * 10**places)
    assert not format_e8(value, places).startswith("-0") or shown != 0
    if abs(shown - exact) == Fraction(1, 2 * 10**places):
        assert abs(shown) > abs(exact)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2371.25", 237_125_000_000), ("0.00000001", 1), ("-0.5", -50_000_000), ("1e-8", 1), ("7", 700_000_000)],
)
def test_parse(text: str, value: int) -> None:
    assert parse_e8(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "nan",
        "sNaN",
        "Infinity",
        "-inf",
        "0.000000001",
        "1e-9",
        "1e400",
        "1e999999",
        "-1e999999",
        "1e-999999",
        "123456789012345678901.000000001",
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890.1",
    ],
)
def test_what_is_no_exact_amount_is_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError):
        parse_e8(text)
    assert time.perf_counter() - start < 1.0


@given(AMOUNT, st.integers(1, 10**20))
def test_divisions(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide_half_even(numerator, denominator) == round(exact)  # Fraction rounds half to even
    assert 0 <= divide_up(numerator, denominator) - exact < 1


@given(AMOUNT, AMOUNT)
def test_product(a: int, b: int) -> None:
    assert multiply_e8(a, b) == round(Fraction(a * b, E8))


def test_longs_pay_a_positive_rate_and_shorts_receive_it() -> None:
    assert funding_amount_e8(2 * E8, 2_000 * E8, 10_000) == -40_000_000  # 2 x 2000 x 0.01 %
    assert funding_amount_e8(-2 * E8, 2_000 * E8, 10_000) == 40_000_000
    assert funding_amount_e8(2 * E8, 2_000 * E8, -10_000) == 40_000_000
    assert funding_amount_e8(0, 2_000 * E8, 10_000) == 0


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**14), st.integers(-(10**6), 10**6))
def test_funding_is_rounded_against_us_by_less_than_a_unit(position: int, mark_e8: int, rate: int) -> None:
    exact = Fraction(-position * mark_e8 * rate, E8 * E8)
    assert 0 <= exact - funding_amount_e8(position, mark_e8, rate) < 1
