"""Figures as text for people: thousands separated, signed where a sign matters, times in UTC, "n/a" for none."""

from __future__ import annotations

import time
from typing import Final

from supreme_system_v5.backtesting.report.returns import DAY_NS, HOUR_NS, MINUTE_NS, NS
from supreme_system_v5.core.domain.money import E8, format_e8

NOTHING: Final = "n/a"
HUGE_RATIO: Final = 1e6  # beyond it a ratio is written with an exponent


def quote_of(symbol: str) -> str:
    """The asset that prices and money are in: USDT of ETH-USDT."""
    return symbol.rpartition("-")[2]


def base_of(symbol: str) -> str:
    """The asset that is traded: ETH of ETH-USDT."""
    return symbol.partition("-")[0]


def money(value_e8: int | None, places: int | None = None, is_signed: bool = False) -> str:
    """1e-8 units with separators: 2 places, 4 below one unit (a fee, an expectancy)."""
    if value_e8 is None:
        return NOTHING
    if places is None:
        places = 4 if 0 < abs(value_e8) < E8 else 2
    whole, dot, rest = format_e8(abs(value_e8), places).partition(".")
    text = f"{int(whole):,}{dot}{rest}"
    is_zero = not text.strip("0.,")
    sign = "" if is_zero else "-" if value_e8 < 0 else "+" if is_signed else ""
    return sign + text


def price(value_e8: int) -> str:
    """A price with 2 places, or as many as a small one needs."""
    return money(value_e8, 2 if abs(value_e8) >= 10 * E8 else 4 if abs(value_e8) >= E8 // 10 else 8)


def percent(ratio: float | None, is_signed: bool = False, places: int = 2) -> str:
    """0.0123 -> "1.23 %"."""
    return NOTHING if ratio is None else f"{_number(ratio * 100.0, places, is_signed)} %"


def bps(value: float | None, is_signed: bool = True) -> str:
    """Hundredths of a percent."""
    return NOTHING if value is None else f"{_number(value, 1, is_signed)} bps"


def ratio(value: float | None) -> str:
    """A figure without a unit."""
    return NOTHING if value is None else _number(value, 2, False)


def _number(value: float, places: int, is_signed: bool) -> str:
    if abs(value) >= HUGE_RATIO:
        return f"{value:+.3g}" if is_signed else f"{value:.3g}"
    text = f"{value:+,.{places}f}" if is_signed else f"{value:,.{places}f}"
    return text if text.strip("+-0.,") else text.lstrip("+-")  # no "-0.00"


def count(number: int, one: str, many: str = "") -> str:
    """ "1 trade", "3,000 trades"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(span_ns: int | None) -> str:
    """The two largest units: "3 d 4 h", "2 h 5 min", "45 s"."""
    if span_ns is None:
        return NOTHING
    if span_ns < MINUTE_NS:
        return f"{span_ns / NS:.0f} s"
    for unit_ns, name, small_ns, small in ((DAY_NS, "d", HOUR_NS, "h"), (HOUR_NS, "h", MINUTE_NS, "min")):
        if span_ns >= unit_ns:
            rest = span_ns % unit_ns // small_ns
            return f"{span_ns // unit_ns:,} {name}" + (f" {rest} {small}" if rest else "")
    seconds = span_ns % MINUTE_NS // NS
    return f"{span_ns // MINUTE_NS} min" + (f" {seconds} s" if seconds else "")


def utc(time_ns: int) -> str:
    """ "2024-07-26 14:16:00", UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_ns // NS))


def utc_minute(time_ns: int) -> str:
    """ "2024-07-26 14:16", UTC."""
    return utc(time_ns)[:-3]


def side(sign: int) -> str:
    """Of a position or a round trip."""
    return "LONG" if sign > 0 else "SHORT"
