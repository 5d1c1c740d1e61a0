"""What happened to a position while nobody was watching, at a restart: from klines or aggTrades of the downtime.

Only what the data shows is booked, always on the careful side:

- Of one bar the stop is looked at before the target, because a bar does not tell which came first.
- A stop fills at the worse of its trigger and the bar's open (or the crossing trade), a target at its trigger
  even where the bar opened beyond it, a timeout at the open of the first bar at or after it. All are market
  orders: slippage is added against us and the taker fee is paid.
- The bar in which the position was opened may have moved before the entry: in it a stop counts, a target does not.
- Funding is settled for every announced time up to the end of the position, or of the data.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import Event, ExecutionReport, FundingPayment, Trade
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_MS, Bar
from supreme_system_v5.core.domain.money import divide_up, funding_amount_e8
from supreme_system_v5.core.domain.order import BUY, CANCELED, FILLED
from supreme_system_v5.core.matching.fees import fill_fee

_BPS: Final = 10_000

_OPEN: Final = 0
_STOP: Final = 1
_TARGET: Final = 2
_TIMEOUT: Final = 3


class FundingRate:
    """A settled funding time with its rate and the mark it used."""

    def __init__(self, funding_time_ms: int, rate_e8: int, mark_e8: int) -> None:
        self.funding_time_ms = funding_time_ms
        self.rate_e8 = rate_e8
        self.mark_e8 = mark_e8


class DownPosition:
    """The position as the journal left it. ``side`` +1 long, -1 short; a trigger or timeout of 0 is not there.

    ``exit_order_id`` names the order that a timeout fills; the caller takes it from its sequence.
    """

    def __init__(
        self,
        side: int,
        quantity_e8: int,
        opened_ns: int,
        stop_order_id: str,
        stop_trigger_e8: int,
        target_order_id: str,
        target_trigger_e8: int,
        timeout_ns: int,
        exit_order_id: str,
    ) -> None:
        if side not in (1, -1) or quantity_e8 <= 0:
            raise ValueError(f"not an open position: side {side}, quantity_e8 {quantity_e8}")
        self.side: i64 = side
        self.quantity_e8 = quantity_e8
        self.opened_ns: i64 = opened_ns
        self.stop_order_id = stop_order_id
        self.stop_trigger_e8: i64 = stop_trigger_e8
        self.target_order_id = target_order_id
        self.target_trigger_e8: i64 = target_trigger_e8
        self.timeout_ns: i64 = timeout_ns
        self.exit_order_id = exit_order_id

    def is_stopped_by(self, price_e8: i64) -> bool:
        return self.stop_trigger_e8 > 0 and (price_e8 - self.stop_trigger_e8) * self.side <= 0

    def is_target_of(self, price_e8: i64) -> bool:
        return self.target_trigger_e8 > 0 and (price_e8 - self.target_trigger_e8) * self.side >= 0

    def is_overdue(self, time_ns: i64) -> bool:
        return self.timeout_ns > 0 and time_ns >= self.timeout_ns

    def worse_e8(self, a_e8: i64, b_e8: i64) -> i64:
        """Of two prices the one at which closing brings less."""
        return min(a_e8, b_e8) if self.side > 0 else max(a_e8, b_e8)


class DownTerms:
    """On what terms the downtime is settled: from when on, and what a fill costs."""

    def __init__(self, instrument: Instrument, from_ns: int, taker_fee_e8: int, slippage_bps: int) -> None:
        self.instrument = instrument
        self.from_ns: i64 = from_ns  # the last journalled engine time: nothing is booked before it
        self.taker_fee_e8 = taker_fee_e8
        self.slippage_bps = slippage_bps


class _Exit:
    """How and when the position ended; ``kind`` _OPEN when it did not."""

    def __init__(self, kind: int, time_ns: i64, price_e8: i64) -> None:
        self.kind = kind
        self.time_ns: i64 = time_ns
        self.price_e8: i64 = price_e8  # before slippage


def settle_from_bars(
    position: DownPosition, bars: list[Bar], bar_seconds: int, funding: list[FundingRate], terms: DownTerms
) -> list[Event]:
    """The FundingPayments and ExecutionReports of the downtime, in order, from its klines (oldest first).

    The bar that was open when the daemon went down belongs to them. Reports carry ``is_while_down``. When the
    position is still open at the end of the data, there are no reports.
    """
    end_ns = terms.from_ns
    for bar in bars:
        bar_end_ns = (bar.open_ms + bar_seconds * 1000) * NS_PER_MS
        if bar_end_ns <= terms.from_ns:
            continue
        done = _exit_in_bar(position, bar, terms.from_ns)
        if done.kind != _OPEN:
            return _settle(position, done, funding, terms)
        end_ns = bar_end_ns
    return _settle(position, _Exit(_OPEN, end_ns, 0), funding, terms)


def settle_from_trades(
    position: DownPosition, trades: list[Trade], funding: list[FundingRate], terms: DownTerms
) -> list[Event]:
    """The same from the aggTrades that follow the last one the engine saw (oldest first): the crossing is exact."""
    end_ns = terms.from_ns
    for trade in trades:
        time_ns = max(terms.from_ns, trade.trade_time_ms * NS_PER_MS)
        price_e8 = trade.price_e8
        end_ns = max(end_ns, time_ns)
        if position.is_stopped_by(price_e8):
            done = _Exit(_STOP, time_ns, position.worse_e8(position.stop_trigger_e8, price_e8))
        elif position.is_overdue(time_ns):
            done = _Exit(_TIMEOUT, time_ns, price_e8)
        elif position.is_target_of(price_e8):
            done = _Exit(_TARGET, time_ns, position.target_trigger_e8)
        else:
            continue
        return _settle(position, done, funding, terms)
    return _settle(position, _Exit(_OPEN, end_ns, 0), funding, terms)


def _exit_in_bar(position: DownPosition, bar: Bar, from_ns: i64) -> _Exit:
    open_ns = bar.open_ms * NS_PER_MS
    time_ns = max(from_ns, open_ns)
    against_e8 = bar.low_e8 if position.side > 0 else bar.high_e8
    favourable_e8 = bar.high_e8 if position.side > 0 else bar.low_e8
    is_overdue = position.is_overdue(open_ns) and open_ns >= from_ns
    # What was due at the open comes before anything that happened later in the bar.
    if is_overdue and not position.is_stopped_by(bar.open_e8):
        return _Exit(_TIMEOUT, time_ns, bar.open_e8)
    if position.is_stopped_by(against_e8):
        open_e8 = bar.open_e8 if open_ns >= from_ns else position.stop_trigger_e8
        return _Exit(_STOP, time_ns, position.worse_e8(position.stop_trigger_e8, open_e8))
    if position.is_target_of(favourable_e8) and position.opened_ns <= open_ns:
        return _Exit(_TARGET, time_ns, position.target_trigger_e8)
    return _Exit(_OPEN, time_ns, 0)


def _settle(position: DownPosition, done: _Exit, funding: list[FundingRate], terms: DownTerms) -> list[Event]:
    events: list[Event] = []
    signed_e8 = int(position.side) * position.quantity_e8
    for rate in sorted(funding, key=_funding_time_ms):
        due_ns = rate.funding_time_ms * NS_PER_MS
        if terms.from_ns < due_ns <= done.time_ns and rate.mark_e8 > 0 and signed_e8 != 0:
            amount_e8 = funding_amount_e8(signed_e8, rate.mark_e8, rate.rate_e8)
            events.append(FundingPayment(due_ns, rate.funding_time_ms, amount_e8, rate.rate_e8, rate.mark_e8))
    if done.kind == _OPEN:
        return events
    events.extend(_closing_reports(position, done, terms))
    return events


def _funding_time_ms(rate: FundingRate) -> int:
    return rate.funding_time_ms


def _closing_reports(position: DownPosition, done: _Exit, terms: DownTerms) -> list[ExecutionReport]:
    order_id = position.exit_order_id
    reason = "timeout"
    if done.kind == _STOP:
        order_id, reason = position.stop_order_id, "stop"
    elif done.kind == _TARGET:
        order_id, reason = position.target_order_id, "target"
    price_e8 = slipped_price_e8(terms.instrument, int(-position.side), int(done.price_e8), terms.slippage_bps)
    fill = closing_fill(terms.instrument, position, price_e8, int(done.time_ns), terms.taker_fee_e8, order_id, reason)
    fill.is_while_down = True
    reports = [fill]
    for other_id in (position.stop_order_id, position.target_order_id):
        if other_id not in ("", order_id):
            report = ExecutionReport(done.time_ns, other_id, CANCELED, 0, 0, 0, 0, False, "", "position_closed")
            report.is_while_down = True
            reports.append(report)
    return reports


def slipped_price_e8(instrument: Instrument, side: int, price_e8: int, slippage_bps: int) -> int:
    """A price made worse for an order of ``side`` by ``slippage_bps``, rounded against it to the tick."""
    if side == BUY:
        return instrument.price_up(divide_up(price_e8 * (_BPS + slippage_bps), _BPS))
    return max(instrument.tick_e8, instrument.price_down(price_e8 * (_BPS - slippage_bps) // _BPS))


def closing_fill(
    instrument: Instrument,
    position: DownPosition,
    price_e8: int,
    time_ns: int,
    taker_fee_e8: int,
    client_order_id: str,
    reason: str,
) -> ExecutionReport:
    """The fill that closes the whole position (to the step) at a given price: for what no market event can fill.

    Used for the downtime and for the forced mark of an emergency stop; the caller sets the flag that says which.
    """
    quantity_e8 = instrument.quantity_down(position.quantity_e8)
    side = int(-position.side)
    fee_quote_e8, fee_base_e8 = fill_fee(side, quantity_e8, price_e8, taker_fee_e8, instrument.is_spot)
    return ExecutionReport(
        time_ns,
        client_order_id,
        FILLED,
        quantity_e8,
        price_e8,
        fee_quote_e8,
        fee_base_e8,
        False,
        f"{client_order_id}-closed",
        reason,
    )
