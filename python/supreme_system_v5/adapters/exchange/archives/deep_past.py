"""What a generated market did in the days before the past that it keeps: made on demand, from its seed alone.

Bars come first, trades are made to fold into them, so bars and trades of a day agree to the last digit. The market's
own past follows without a seam: prices end where its first kept bar begins, aggTrade ids where its first kept trade
does. A minute has 10 aggTrades (the venue has hundreds): enough to be downloaded, checked and backtested, and a day is
made in a quarter of a second. The past goes back to where the ids would reach 0, more than two months.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS
from supreme_system_v5.core.domain.money import E8

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
    from supreme_system_v5.adapters.exchange.market.raw_trades import AggRow

DAY_MS: Final = 1_440 * MINUTE_MS
TRADES_A_MINUTE: Final = 10
SINGLES_A_TRADE: Final = 3
_TICK_E8: Final = 1_000_000
_DAY_SPREAD: Final = 0.05  # the prices of midnights lie so far around where the market began
_MINUTE_MOVE: Final = 0.0006  # standard deviation of a minute, as a fraction
_VOLUME_MIN: Final = 40.0  # a minute's, in units of the base asset
_VOLUME_SPREAD: Final = 900.0

Row = list[int]


class DeepPast:
    """Kline rows and aggTrades of one generated market before its first kept trade; made when the market is new."""

    def __init__(self, market: GeneratedMarket) -> None:
        self._end_id, self._end_trade_id, first_ms = _first_kept(market)
        self.end_ms = first_ms - first_ms % MINUTE_MS  # the minute of the first kept trade: from here on it is kept
        self._seed = f"{market.seed}:{market.market}"
        self._step = market.quantity_unit
        rows = [market.minutes.row(index) for index in range(len(market.minutes))]
        self._kept = {row[0]: row for row in rows if row[0] < self.end_ms}
        self._kept_ms = min(self._kept, default=self.end_ms)
        self._kept_open = rows[0][1] // _TICK_E8 if rows else int(market.path.fair)
        self._day_rows = lru_cache(maxsize=4)(self._make_day_rows)
        minutes = min((self._end_id - 1) // TRADES_A_MINUTE, (self._end_trade_id - 1) // (10 * SINGLES_A_TRADE))
        begin_ms = self.end_ms - minutes * MINUTE_MS
        self.start_ms = begin_ms + -begin_ms % DAY_MS  # the first whole day
        self.first_id = self._id_of(self.start_ms)

    def _id_of(self, open_ms: int) -> int:
        """The id of a minute's first aggTrade."""
        return self._end_id - (self.end_ms - open_ms) // MINUTE_MS * TRADES_A_MINUTE

    # Bars --------------------------------------------------------------------------------------------------------

    def rows(self, from_ms: int, to_ms: int) -> list[Row]:
        """The 1-minute kline rows that open from ``from_ms`` up to, not including, ``to_ms``."""
        first_ms = max(from_ms + -from_ms % MINUTE_MS, self.start_ms)
        last_ms = min(to_ms, self.end_ms)
        found: list[Row] = []
        for day_ms in range(first_ms - first_ms % DAY_MS, last_ms, DAY_MS):
            found += [row for row in self._day_rows(day_ms) if first_ms <= row[0] < last_ms]
        return found

    def _make_day_rows(self, day_ms: int) -> list[Row]:
        made_to_ms = min(day_ms + DAY_MS, self._kept_ms)
        rows = self._bridge(day_ms, made_to_ms) if made_to_ms > day_ms else []
        later = range(max(day_ms, made_to_ms), min(day_ms + DAY_MS, self.end_ms), MINUTE_MS)
        return rows + [self._kept[open_ms] for open_ms in later]

    def _midnight(self, day_ms: int) -> int:
        """The price at a midnight, in ticks."""
        return int(self._kept_open * (1.0 + _DAY_SPREAD * (2.0 * Random(f"{self._seed}:{day_ms}").random() - 1.0)))

    def _bridge(self, from_ms: int, to_ms: int) -> list[Row]:
        """Rows whose prices wander from the price at ``from_ms`` to the one at ``to_ms``."""
        rng = Random(f"{self._seed}:bars:{from_ms}")
        minutes = (to_ms - from_ms) // MINUTE_MS
        begin = self._midnight(from_ms)
        end = self._kept_open if to_ms == self._kept_ms else self._midnight(to_ms)
        walk = [0.0]
        for _ in range(minutes):
            # Three uniform draws: near enough to a normal one, and the same on every machine.
            walk.append(walk[-1] + (rng.random() + rng.random() + rng.random() - 1.5) * 2.0 * _MINUTE_MOVE * begin)
        rows: list[Row] = []
        opened = begin
        for n in range(1, minutes + 1):
            closed = int(begin + (end - begin) * n / minutes + walk[n] - walk[minutes] * n / minutes)
            reach = 1 + int(rng.random() * _MINUTE_MOVE * begin)
            high, low = max(opened, closed) + reach, min(opened, closed) - 1 - int(rng.random() * reach)
            volume = int((_VOLUME_MIN + _VOLUME_SPREAD * rng.random() ** 3) * E8) // self._step * self._step
            prices = [tick * _TICK_E8 for tick in (opened, high, low, closed)]
            rows.append([from_ms + (n - 1) * MINUTE_MS, *prices, volume, 0, TRADES_A_MINUTE * SINGLES_A_TRADE, 0, 0])
            opened = closed
        return [self._settled(row) for row in rows]

    def _settled(self, row: Row) -> Row:
        """A row with the turnover and the takers' part of its trades."""
        trades = self._minute_trades(row)
        row[6] = sum(price * quantity // E8 for _, price, quantity, _, _, _, _ in trades)
        bought = [(price, quantity) for _, price, quantity, _, _, _, is_buyer_maker in trades if not is_buyer_maker]
        row[8] = sum(quantity for _, quantity in bought)
        row[9] = sum(price * quantity // E8 for price, quantity in bought)
        return row

    # Trades ------------------------------------------------------------------------------------------------------

    def trades(self, from_ms: int, to_ms: int) -> list[AggRow]:
        """The aggTrades of the minutes that open from ``from_ms`` up to, not including, ``to_ms``."""
        return [trade for row in self.rows(from_ms, to_ms) for trade in self._minute_trades(row)]

    def trades_from_id(self, from_id: int, limit: int) -> list[AggRow]:
        """At most ``limit`` aggTrades from an id on; none where the id is not of this past."""
        if not self.first_id <= from_id < self._end_id:
            return []
        first_ms = self.start_ms + (from_id - self.first_id) // TRADES_A_MINUTE * MINUTE_MS
        found = self.trades(first_ms, first_ms + (limit // TRADES_A_MINUTE + 2) * MINUTE_MS)
        return [trade for trade in found if trade[0] >= from_id][:limit]

    def trades_in_time(self, start_ms: int, end_ms: int, limit: int) -> list[AggRow]:
        """At most ``limit`` aggTrades with start_ms <= T <= end_ms."""
        first_ms = max(start_ms - start_ms % MINUTE_MS, self.start_ms)
        last_ms = min(end_ms + 1, first_ms + (limit // TRADES_A_MINUTE + 2) * MINUTE_MS)
        return [trade for trade in self.trades(first_ms, last_ms) if start_ms <= trade[5] <= end_ms][:limit]

    def _minute_trades(self, row: Row) -> list[AggRow]:
        """Trades that fold into exactly this row: its open, high, low, close, and its volume in parts."""
        open_ms, opened, high, low, closed, volume = row[:6]
        rng = Random(f"{self._seed}:trades:{open_ms}")
        count = TRADES_A_MINUTE
        prices = [low + int(rng.random() * ((high - low) // _TICK_E8 + 1)) * _TICK_E8 for _ in range(count)]
        at_high = 1 + int(rng.random() * (count - 2))
        at_low = 1 + (at_high + int(rng.random() * (count - 3))) % (count - 2)
        prices[at_high], prices[at_low], prices[0], prices[-1] = high, low, opened, closed
        steps = max(count, volume // self._step)
        cuts = sorted(int(rng.random() * (steps - count + 1)) for _ in range(count - 1))
        parts = [b - a + 1 for a, b in zip([0, *cuts], [*cuts, steps - count], strict=True)]
        times = sorted(int(rng.random() * MINUTE_MS) for _ in range(count))
        first_id = self._id_of(open_ms)
        trade_id = self._end_trade_id - (self._end_id - first_id) * SINGLES_A_TRADE
        found: list[AggRow] = []
        for n in range(count):
            first = trade_id + n * SINGLES_A_TRADE
            last = first + SINGLES_A_TRADE - 1
            quantity = parts[n] * self._step
            found.append((first_id + n, prices[n], quantity, first, last, open_ms + times[n], rng.random() < 0.5))
        return found

    def before(self, kept: list[Row], start_ms: int) -> list[Row]:
        """The rows from ``start_ms`` on that come before those that the market still keeps."""
        until_ms = kept[0][0] if kept else self.end_ms
        return self.rows(start_ms, until_ms) if start_ms < until_ms else []


def _first_kept(market: GeneratedMarket) -> tuple[int, int, int]:
    """(aggTrade id, trade id, ms) of the first trade that the market keeps, or will keep."""
    if not len(market.trades.times):
        return market.trades.next_agg_id, market.next_trade_id, market.exchange_ms(market.start_ns)
    row = market.trades.row(0)
    return row[0], row[3], row[5]
