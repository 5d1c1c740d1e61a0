"""The plain loop over columns: rows of history become events for the pump, one at a time, without an object a row.

It is compiled in one group with the engine, which is what makes it fast: the same engine called from an interpreted
loop is four times slower (`make bench-backtest` shows where the time goes). One Trade (one ClosedBar) is sent again and
again with other numbers in it; the engine copies what it keeps. The digest is that of fresh objects by `EventPump`.
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import DecisionRecord, Effect
from supreme_system_v5.core.domain.events import ClosedBar, Event, Trade
from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.engine.pump import EventPump


@mypyc_attr(allow_interpreted_subclasses=True)
class Driver:
    """Performs what the engine wants done. ``answers`` are events that follow at once.

    ``hears_decisions`` False: effects that are nothing but decisions are not given to ``perform``, which is interpreted
    (most signals are refused; of the 6 us of such a one it was 1).
    """

    def __init__(self, pump: EventPump, sampler: Sampler) -> None:
        self.pump = pump
        self.sampler = sampler
        self.answers: list[Event] = []
        self.hears_decisions = True

    def perform(self, effects: list[Effect]) -> None:
        """Perform effects in order."""
        raise NotImplementedError

    def take(self, event: Event) -> None:
        """One event, whatever its kind, and all that it brings about."""
        self.settle(self.pump.process(event))
        self.sampler.look()

    def settle(self, effects: list[Effect]) -> None:
        """Perform, resume, and give the answers, until nothing is left."""
        pump = self.pump
        while True:
            while len(effects) > 0 or pump.is_busy:
                if self.hears_decisions or not _are_decisions(effects):
                    self.perform(effects)
                effects = pump.resume()
            if len(self.answers) == 0:
                return
            effects = pump.process(self.answers.pop(0))


def _are_decisions(effects: list[Effect]) -> bool:
    return all(isinstance(effect, DecisionRecord) for effect in effects)


def _int64(column: bytes, start: i64) -> i64:
    """The little-endian int64 whose first byte is at ``start``.

    Each byte becomes an i64 before anything is done with it: 2.5 ns, where Python integers cost 8.4 and a list of them
    35 (made by `memoryview.tolist`).
    """
    b0: i64 = column[start]
    b1: i64 = column[start + 1]
    b2: i64 = column[start + 2]
    b3: i64 = column[start + 3]
    b4: i64 = column[start + 4]
    b5: i64 = column[start + 5]
    b6: i64 = column[start + 6]
    b7: i64 = column[start + 7]
    if b7 >= 0x80:
        b7 -= 0x100  # the sign; a shift beyond 63 bits would differ between compiled and pure
    return b0 | b1 << 8 | b2 << 16 | b3 << 24 | b4 << 32 | b5 << 40 | b6 << 48 | b7 << 56


@mypyc_attr(allow_interpreted_subclasses=True)
class TradeLoop:
    """Feeds trades. Engine time is the trade's exchange time; data without ids is numbered from 1 on."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.rows: i64 = 0
        self.number: i64 = 0  # the last one given
        self.trade = Trade(0, 0, 0, 0, 1, 1, False)

    def check(
        self, rows: i64, time_ms: bytes, trade_id: bytes, price_e8: bytes, quantity_e8: bytes, is_buyer_maker: bytes
    ) -> None:
        """Raises ValueError when a column is shorter than the rows."""
        if min(len(time_ms), len(trade_id), len(price_e8), len(quantity_e8)) < rows * 8 or len(is_buyer_maker) < rows:
            raise ValueError(f"a column is shorter than {rows} rows")

    def run(
        self, rows: i64, time_ms: bytes, trade_id: bytes, price_e8: bytes, quantity_e8: bytes, is_buyer_maker: bytes
    ) -> None:
        """Every row of a chunk of `history.columns`. Raises ValueError when a column is shorter than the rows."""
        self.check(rows, time_ms, trade_id, price_e8, quantity_e8, is_buyer_maker)
        driver = self.driver
        pump = driver.pump
        sampler = driver.sampler
        chart = pump.engine.chart
        trade = self.trade
        committed = chart.committed
        row: i64 = 0
        at: i64 = 0
        while row < rows:
            moment_ms = _int64(time_ms, at)
            number = _int64(trade_id, at)
            price = _int64(price_e8, at)
            quantity = _int64(quantity_e8, at)
            if number < 0:
                self.number += 1
                number = self.number
            trade.time_ns = moment_ms * NS_PER_MS
            trade.event_time_ms = moment_ms
            trade.trade_time_ms = moment_ms
            trade.trade_id = number
            trade.price_e8 = price
            trade.quantity_e8 = quantity
            trade.is_buyer_maker = is_buyer_maker[row] != 0
            trade.price = float(price) / 1e8
            trade.quantity = float(quantity) / 1e8
            effects = pump.process_trade(trade)
            if len(effects) > 0:  # a pump that wants nothing done is not busy
                driver.settle(effects)
            if chart.committed != committed:
                committed = chart.committed
                sampler.look()
            row += 1
            at += 8
        self.rows += rows


class BarLoop:
    """Feeds closed bars of ``bar_ms``. Engine time is the bar's end."""

    def __init__(self, driver: Driver, bar_ms: i64) -> None:
        self.driver = driver
        self.bar_ms: i64 = bar_ms
        self.rows: i64 = 0
        self._bar = ClosedBar(0, 0, 1, 1, 1, 1, 0)

    def run(
        self,
        rows: i64,
        open_ms: bytes,
        open_e8: bytes,
        high_e8: bytes,
        low_e8: bytes,
        close_e8: bytes,
        volume_e8: bytes,
    ) -> None:
        """Every row of a chunk of `history.columns`. Raises ValueError when a column is shorter than the rows."""
        if min(len(column) for column in (open_ms, open_e8, high_e8, low_e8, close_e8, volume_e8)) < rows * 8:
            raise ValueError(f"a column is shorter than {rows} rows")
        driver = self.driver
        pump = driver.pump
        sampler = driver.sampler
        bar = self._bar
        at: i64 = 0
        while at < rows * 8:
            bar.open_ms = _int64(open_ms, at)
            bar.time_ns = (bar.open_ms + self.bar_ms) * NS_PER_MS
            bar.open_e8 = _int64(open_e8, at)
            bar.high_e8 = _int64(high_e8, at)
            bar.low_e8 = _int64(low_e8, at)
            bar.close_e8 = _int64(close_e8, at)
            bar.volume_e8 = _int64(volume_e8, at)
            effects = pump.process_bar(bar)
            if len(effects) > 0:  # a pump that wants nothing done is not busy
                driver.settle(effects)
            sampler.look()
            at += 8
        self.rows += rows
