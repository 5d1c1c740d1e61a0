"""Decimal text to integers, and the memory of numbers met before."""

from __future__ import annotations

from decimal import Decimal

import pytest

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.wire import numbers
from supreme_system_v5.core.wire.numbers import decimal_price_e8, optional_e8, price_e8, quantity_e8, rate_e8


@pytest.mark.parametrize(
    ("text", "value_e8"),
    [
        ("0", 0),
        ("0.00000001", 1),
        ("2683.8", 268_380_000_000),
        ("2683.80000000", 268_380_000_000),
        ("2683.8000000000000", 268_380_000_000),
        ("0000000000007.5", 750_000_000),
        ("9999999999.99999999", 10**18 - 1),
    ],
)
def test_exact(text: str, value_e8: int) -> None:
    assert quantity_e8(text) == value_e8
    assert quantity_e8(text) == value_e8  # and when remembered


def test_a_refused_number_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(FrameError):
            quantity_e8("nan")


def test_a_price_is_not_zero_though_a_quantity_may_be() -> None:
    assert quantity_e8("0.00") == 0
    with pytest.raises(FrameError) as caught:
        price_e8("0.00")
    assert caught.value.reason == "out_of_range"


def test_rates_are_signed_and_bounded() -> None:
    assert (rate_e8("-0.03750000"), rate_e8("0.0001"), rate_e8("")) == (-3_750_000, 10_000, 0)
    for text in ("1.00000001", "-2", "--1", "nan", "-"):
        with pytest.raises(FrameError):
            rate_e8(text)
    assert optional_e8("") == 0


def test_json_numbers_are_rounded_to_the_nearest_unit() -> None:
    assert decimal_price_e8(Decimal("2371.25")) == 237_125_000_000
    assert decimal_price_e8(Decimal("0.123456785")) == 12_345_678
    assert decimal_price_e8(Decimal("1.2e-05")) == 1_200
    for text in ("0", "-1", "1e-9", "1e10", "1e400", "NaN", "Infinity"):
        with pytest.raises(FrameError):
            decimal_price_e8(Decimal(text))


def test_the_memory_is_bounded() -> None:
    for number in range(numbers.KNOWN_MAX * 2 + 10):
        quantity_e8(f"{number}.5")
    quantity_e8("1." + "0" * 1000)
    assert len(numbers._known) <= numbers.KNOWN_MAX
    assert max(map(len, numbers._known)) <= numbers.KNOWN_TEXT_MAX
