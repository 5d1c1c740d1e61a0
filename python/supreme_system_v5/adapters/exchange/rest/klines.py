"""REST answers in bars: klines, uiKlines and the USD-M kline families (continuous, index, mark, premium).

Bars are folded from the market's 1-minute rows (1-second rows for intervals of seconds). Days, weeks (from Monday) and
months begin at midnight UTC, or of ``timeZone`` where one is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.market.history import extend_row
from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS, SimMarket
from supreme_system_v5.adapters.exchange.rest.request import limit_of, time_ms_of
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.refusal import Refusal

DAY_MS: Final = 1_440 * MINUTE_MS
WEEK_MS: Final = 7 * DAY_MS
_FIRST_MONDAY_MS: Final = 4 * DAY_MS  # 1970-01-05
_MINUTES: Final = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360}
_MINUTES_LONG: Final = {"8h": 480, "12h": 720, "1d": 1440, "3d": 4320}
INTERVALS: Final = ("1s", *_MINUTES, *_MINUTES_LONG, "1w", "1M")
CONTRACTS: Final = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL")
_ZONE: Final = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?", re.ASCII)
_ZONE_MIN: Final = -720
_ZONE_MAX: Final = 840

Row = list[int]


class Interval:
    """A kline interval with where its bars begin. ``period_ms`` 0 = a calendar month. Raises Refusal -1120."""

    def __init__(self, name: str, zone_minutes: int = 0) -> None:
        self.name = name
        self.period_ms = _period_of(name)
        self._shift_ms = zone_minutes * MINUTE_MS
        if self.period_ms == WEEK_MS:
            self._shift_ms -= _FIRST_MONDAY_MS

    @property
    def base_ms(self) -> int:
        """The period of the rows it is folded from."""
        return 1_000 if self.period_ms % MINUTE_MS else MINUTE_MS

    def open_of(self, time_ms: int) -> int:
        """When the bar that a time lies in begins."""
        local_ms = time_ms + self._shift_ms
        if self.period_ms:
            return local_ms - local_ms % self.period_ms - self._shift_ms
        month = datetime.fromtimestamp(local_ms / 1_000, timezone.utc)
        return int(month.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000 - self._shift_ms

    def next_of(self, open_ms: int) -> int:
        """When the bar after the one that begins at ``open_ms`` begins."""
        return open_ms + self.period_ms if self.period_ms else self.open_of(open_ms + 32 * DAY_MS)

    def fold(self, rows: list[Row]) -> list[Row]:
        """Rows of the base period folded into bars."""
        if self.period_ms == self.base_ms and self._shift_ms % self.period_ms == 0:
            return rows
        folded: list[Row] = []
        next_ms = 0
        for row in rows:
            if row[0] >= next_ms:
                open_ms = self.open_of(row[0])
                next_ms = self.next_of(open_ms)
                folded.append([open_ms, *row[1:]])
                continue
            extend_row(folded[-1], row)
        return folded


def _period_of(name: str) -> int:
    """Milliseconds. Besides the venue's, any ``<n>s`` is served (short bars)."""
    minutes = _MINUTES.get(name) or _MINUTES_LONG.get(name)
    if minutes:
        return minutes * MINUTE_MS
    if name == "1w":
        return WEEK_MS
    if name == "1M":
        return 0
    if name.endswith("s") and name[:-1].isascii() and name[:-1].isdigit() and len(name) <= 6:
        seconds = int(name[:-1])
        if 0 < seconds <= 86_400:
            return seconds * 1_000
    raise Refusal(-1120, "Invalid interval.")


def zone_minutes(text: str) -> int:
    """Minutes east of UTC for ``-1:00``, ``05:45`` or ``8``. Raises Refusal -1130 outside -12:00 to +14:00."""
    found = _ZONE.fullmatch(text)
    if found is not None:
        sign, hours, minutes = found.groups()
        offset = int(hours) * 60 + int(minutes or "0")
        offset = -offset if sign == "-" else offset
        if int(minutes or "0") < 60 and _ZONE_MIN <= offset <= _ZONE_MAX:
            return offset
    raise Refusal(-1130, "Data sent for parameter 'timeZone' is not valid.")


def klines(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/klines and /uiKlines"""
    params.symbol()
    return _answer(market, params, as_of_ns, _trade_rows, True)


def continuous_klines(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/continuousKlines: the perpetual contract is the only one here; others have no bars."""
    _pair(market, params)
    contract = params.require("contractType")
    if contract not in CONTRACTS:
        raise Refusal(-4026, "INVALID_CONTRACT_TYPE")
    return _answer(market, params, as_of_ns, _trade_rows if contract == CONTRACTS[0] else _no_rows, True)


def index_klines(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/indexPriceKlines"""
    _pair(market, params)
    return _answer(market, params, as_of_ns, _index_rows, False)


def mark_klines(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/markPriceKlines"""
    params.symbol()
    return _answer(market, params, as_of_ns, _mark_rows, False)


def premium_klines(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/premiumIndexKlines"""
    params.symbol()
    return _answer(market, params, as_of_ns, _premium_rows, False)


def _pair(market: SimMarket, params: Params) -> None:
    if params.require("pair") != market.symbol:
        raise Refusal(-1121, "Invalid pair.")


def _answer(
    market: SimMarket,
    params: Params,
    as_of_ns: int,
    source: Callable[[SimMarket, int, int], list[Row]],
    is_traded: bool,
) -> bytes:
    name = params.require("interval")
    zone = params.text("timeZone") if market.market == SPOT else ""
    interval = Interval(name, zone_minutes(zone) if zone else 0)
    limit = limit_of(params, 500, 1_000 if market.market == SPOT else 1_500)
    start_ms, end_ms = time_ms_of(params, "startTime"), time_ms_of(params, "endTime")
    params.done()
    base = source(market, interval.base_ms, as_of_ns)
    if (
        market.deep_past is not None
        and start_ms is not None
        and source is _trade_rows
        and interval.base_ms == MINUTE_MS
    ):
        before = market.deep_past.before(base, interval.open_of(start_ms))
        base = before[: limit * max(1, interval.period_ms // MINUTE_MS) + 1] + base if before else base
    rows = interval.fold(base)
    if start_ms is not None:
        rows = [row for row in rows if row[0] >= start_ms]
    if end_ms is not None:
        rows = [row for row in rows if row[0] <= end_ms]
    rows = rows[:limit] if start_ms is not None else rows[-limit:]
    closes = [interval.next_of(row[0]) for row in rows]
    unit = 1_000 if params.is_micro else 1
    times = [(row[0] * unit, close_ms * unit - 1) for row, close_ms in zip(rows, closes, strict=True)]
    return market.encoder.bars_body(rows, times, is_traded)


# Where the rows come from ----------------------------------------------------------------------------------------


def _trade_rows(market: SimMarket, base_ms: int, as_of_ns: int) -> list[Row]:
    return market.rows_as_of(base_ms, as_of_ns)


def _no_rows(_market: SimMarket, _base_ms: int, _as_of_ns: int) -> list[Row]:
    return []


def _mark_rows(market: SimMarket, base_ms: int, as_of_ns: int) -> list[Row]:
    return _marked(market, base_ms, as_of_ns, lambda mark_e8, _index_e8: mark_e8)


def _index_rows(market: SimMarket, base_ms: int, as_of_ns: int) -> list[Row]:
    return _marked(market, base_ms, as_of_ns, lambda _mark_e8, index_e8: index_e8)


def _premium_rows(market: SimMarket, base_ms: int, as_of_ns: int) -> list[Row]:
    return _marked(market, base_ms, as_of_ns, lambda mark_e8, index_e8: (mark_e8 - index_e8) * E8 // index_e8)


def _marked(market: SimMarket, base_ms: int, as_of_ns: int, value: Callable[[int, int], int]) -> list[Row]:
    """Bars of a value of the mark and index prices: of the announced ones, once a second, where they are kept; before
    that of the trade prices, with the index where the generator puts it (1/5000 below). Column 7 counts the values.
    """
    if not market.marks:
        raise Refusal(-1000, "The mark price is not part of this recording.")
    rows: dict[int, Row] = {}
    first_ms = market.exchange_ms(market.marks[0][0])
    for row in market.rows_as_of(base_ms, as_of_ns):
        if row[0] < first_ms:
            prices = sorted(value(price, price - price // 5_000) for price in row[1:5])
            ends = [value(price, price - price // 5_000) for price in (row[1], row[4])]
            rows[row[0]] = [row[0], ends[0], prices[-1], prices[0], ends[1], 0, 0, max(1, base_ms // 1_000), 0, 0]
    for time_ns, mark_e8, index_e8, _, _ in market.marks:
        if time_ns > as_of_ns:
            break
        time_ms = market.exchange_ms(time_ns)
        open_ms = time_ms - time_ms % base_ms
        number = value(mark_e8, index_e8)
        bar = rows.get(open_ms)
        if bar is None or (open_ms >= first_ms and bar[7] == 0):
            rows[open_ms] = [open_ms, number, number, number, number, 0, 0, 1, 0, 0]
        else:
            bar[2], bar[3], bar[4] = max(bar[2], number), min(bar[3], number), number
            bar[7] = min(bar[7] + 1, base_ms // 1_000)
    return [rows[open_ms] for open_ms in sorted(rows)]
