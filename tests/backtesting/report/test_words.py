"""Figures as people read them."""

from __future__ import annotations

import pytest

from supreme_system_v5.backtesting.report import words
from supreme_system_v5.backtesting.report.build import histogram
from supreme_system_v5.backtesting.report.returns import DAY_NS, HOUR_NS, MINUTE_NS, NS

E8 = 10**8


@pytest.mark.parametrize(
    ("value_e8", "places", "is_signed", "text"),
    [
        (123_456_789 * 10**5, None, False, "123,456.79"),
        (-(10**7), None, False, "-0.1000"),
        (5 * E8, 2, True, "+5.00"),
        (0, 2, True, "0.00"),
        (-1, 2, True, "0.00"),
        (10**24, 2, True, "+10,000,000,000,000,000.00"),
        (None, 2, True, "n/a"),
    ],
)
def test_money(value_e8: int | None, places: int | None, is_signed: bool, text: str) -> None:
    assert words.money(value_e8, places, is_signed) == text


def test_prices_keep_their_digits() -> None:
    assert [words.price(value) for value in (3_245 * E8, 15 * 10**7, 1_234)] == ["3,245.00", "1.5000", "0.00001234"]


def test_ratios() -> None:
    assert [words.percent(value, True) for value in (0.0123, -0.5, 0.0, -0.0, None)] == [
        "+1.23 %",
        "-50.00 %",
        "0.00 %",
        "0.00 %",
        "n/a",
    ]
    assert words.percent(1e9) == "1e+11 %"
    assert (words.ratio(-0.001), words.ratio(1234.5), words.bps(-3.14)) == ("0.00", "1,234.50", "-3.1 bps")


def test_times_and_durations() -> None:
    assert words.utc(1_722_003_360 * NS) == "2024-07-26 14:16:00"
    spans = (0, 45 * NS, 15 * MINUTE_NS, 90 * NS, 2 * HOUR_NS + 5 * MINUTE_NS, 3 * DAY_NS, 42 * DAY_NS + 5 * HOUR_NS)
    assert [words.duration(span) for span in spans] == [
        "0 s",
        "45 s",
        "15 min",
        "1 min 30 s",
        "2 h 5 min",
        "3 d",
        "42 d 5 h",
    ]


def test_counts_and_assets() -> None:
    assert (words.count(1, "trade"), words.count(3_000, "trade")) == ("1 trade", "3,000 trades")
    assert (words.base_of("ETH-USDT"), words.quote_of("ETH-USDT")) == ("ETH", "USDT")


@pytest.mark.parametrize(
    "values",
    [
        [5.0],
        [0.0] * 9,
        [-110.0] * 50 + [60.0] * 30,
        [float(n) for n in range(-500, 500)],
        [1.0] * 999 + [1e9],
        [1e-9, 2e-9],
    ],
)
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    bins = histogram(values)
    assert sum(item.count for item in bins) == len(values)
    assert len(bins) <= 44
    for item in bins:
        low, high = item.low_bps, item.high_bps
        inside = [v for v in values if (low is None or v >= low) and (high is None or v < high)]
        assert len(inside) == item.count
    assert histogram([]) == ()
