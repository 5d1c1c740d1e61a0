"""What the engine wants done. It performs nothing itself; whoever drives it performs these, in list order.

Records (everything with ``is_record``) are journalled; ``is_durable`` ones must be on disk before any later effect
of the list is performed and before the next event is taken.
"""

from __future__ import annotations

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.order import Order


class Effect:
    """Base of all effects."""

    is_record = False
    is_durable = False


class SubmitOrder(Effect):
    """Send this order; its intent (an OrderRecord earlier in the list) is already durable."""

    def __init__(self, order: Order, time_ns: int) -> None:
        self.order = order
        self.time_ns = time_ns  # engine time at which it leaves us


class CancelOrder(Effect):
    """Cancel an order. Never throttled, gated or refused."""

    def __init__(self, client_order_id: str, time_ns: int, reason: str) -> None:
        self.client_order_id = client_order_id
        self.time_ns = time_ns
        self.reason = reason


class PlaceProtection(Effect):
    """Put (or replace) the resting stop and target of the open position, both reduce-only, sized to it.

    Used where the venue does not hold them any more: after a restart, or when an order was lost.
    """

    def __init__(self, stop: Order, target: Order, time_ns: int) -> None:
        self.stop = stop
        self.target = target
        self.time_ns = time_ns


class RequestBook(Effect):
    """Fetch a REST depth snapshot; the answer comes as a BookSnapshot event."""

    def __init__(self, time_ns: int, reason: str) -> None:
        self.time_ns = time_ns
        self.reason = reason


class RequestBars(Effect):
    """Fetch the closed klines [from_ms, to_ms) by open time; the answer comes as a Bars event."""

    def __init__(self, time_ns: int, from_ms: int, to_ms: int, purpose: str) -> None:
        self.time_ns = time_ns
        self.from_ms = from_ms
        self.to_ms = to_ms
        self.purpose = purpose


class RequestTrades(Effect):
    """Fetch the aggTrades from an id on, at most ``count_max``; the answer comes as a Trades event."""

    def __init__(self, time_ns: int, from_id: int, count_max: int) -> None:
        self.time_ns = time_ns
        self.from_id = from_id
        self.count_max = count_max


class Resync(Effect):
    """Measure the venue's clock again; with ``reconnect`` also drop and rebuild the market-data connections."""

    def __init__(self, time_ns: int, reason: str, reconnect: bool) -> None:
        self.time_ns = time_ns
        self.reason = reason
        self.reconnect = reconnect


class SetDepthStream(Effect):
    """Subscribe to or drop the depth stream (CPU ladder)."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on


class Announce(Effect):
    """A line for the person watching, whatever LOG_LEVEL is. ``kind``: trade | mode | warning."""

    def __init__(self, time_ns: int, kind: str, text: str) -> None:
        self.time_ns = time_ns
        self.kind = kind
        self.text = text


class Shutdown(Effect):
    """End the process in an orderly way; everything the engine wanted done before has been said."""

    def __init__(self, exit_code: int, reason: str) -> None:
        self.exit_code = exit_code
        self.reason = reason


class Record(Effect):
    """Base of what goes to the journal."""

    is_record = True


class OrderRecord(Record):
    """The order as it is now (a copy taken when the effect was made). The first one of an order is its intent."""

    is_durable = True

    def __init__(self, order: Order, time_ns: int) -> None:
        self.time_ns = time_ns
        self.client_order_id = order.client_order_id
        self.role = order.role
        self.side = order.side
        self.order_type = order.order_type
        self.time_in_force = order.time_in_force
        self.quantity_e8 = order.quantity_e8
        self.price_e8 = order.price_e8
        self.trigger_e8 = order.trigger_e8
        self.is_reduce_only = order.is_reduce_only
        self.created_ns = order.created_ns
        self.reason = order.reason
        self.state = order.state
        self.filled_e8 = order.filled_e8
        self.stop_order_id = order.stop_order_id
        self.stop_trigger_e8 = order.stop_trigger_e8
        self.target_order_id = order.target_order_id
        self.target_trigger_e8 = order.target_trigger_e8


class FillRecord(Record):
    """A fill, in one transaction with the order, the ledger and the position after it."""

    is_durable = True

    def __init__(
        self,
        report: ExecutionReport,
        order: OrderRecord,
        ledger: Ledger,
        position: dict[str, object],
        is_simulated: bool,
    ) -> None:
        self.time_ns = int(report.time_ns)
        self.report = report
        self.order = order
        self.ledger = ledger  # after the fill
        self.position = position  # after the fill; {} when flat
        self.is_simulated = is_simulated


class BooksRecord(Record):
    """Ledger and position after something that is neither a fill nor a payment: a remainder moved to the dust line,
    or a position's running costs. In one transaction with the records beside it.
    """

    is_durable = True

    def __init__(self, time_ns: int, ledger: Ledger, position: dict[str, object], reason: str) -> None:
        self.time_ns = time_ns
        self.ledger = ledger
        self.position = position  # as in FillRecord; {} when flat
        self.reason = reason


class FundingRecord(Record):
    """A funding payment, in one transaction with the ledger after it. Unique by funding_time_ms."""

    is_durable = True

    def __init__(
        self, time_ns: int, funding_time_ms: int, amount_e8: int, rate_e8: int, mark_e8: int, ledger: Ledger
    ) -> None:
        self.time_ns = time_ns
        self.funding_time_ms = funding_time_ms
        self.amount_e8 = amount_e8
        self.rate_e8 = rate_e8
        self.mark_e8 = mark_e8
        self.ledger = ledger


class TradeRecord(Record):
    """A closed round trip: entry to flat. Results in 1e-8 quote units; gross - fees + funding = net."""

    is_durable = True

    def __init__(
        self,
        entry_order_id: str,
        side: int,
        opened_ns: int,
        closed_ns: int,
        quantity_e8: int,
        entry_price_e8: int,
        exit_price_e8: int,
        gross_e8: int,
        fees_e8: int,
        funding_e8: int,
        net_e8: int,
        exit_reason: str,
        strategy: str,
        is_simulated: bool,
        is_while_down: bool,
        is_forced_mark: bool,
    ) -> None:
        self.time_ns = closed_ns
        self.entry_order_id = entry_order_id
        self.side = side
        self.opened_ns = opened_ns
        self.closed_ns = closed_ns
        self.quantity_e8 = quantity_e8
        self.entry_price_e8 = entry_price_e8
        self.exit_price_e8 = exit_price_e8
        self.gross_e8 = gross_e8
        self.fees_e8 = fees_e8
        self.funding_e8 = funding_e8
        self.net_e8 = net_e8
        self.exit_reason = exit_reason
        self.strategy = strategy
        self.is_simulated = is_simulated
        self.is_while_down = is_while_down
        self.is_forced_mark = is_forced_mark


class DecisionRecord(Record):
    """A decision and why: kind is signal | approved | refused | breaker | mode. ``detail`` is for people."""

    def __init__(self, time_ns: int, kind: str, reason: str, detail: str) -> None:
        self.time_ns = time_ns
        self.kind = kind
        self.reason = reason
        self.detail = detail


class EquityRecord(Record):
    """Equity once a minute of engine time."""

    def __init__(self, time_ns: int, equity_e8: int, wallet_e8: int, position_e8: int, mark_e8: int) -> None:
        self.time_ns = time_ns
        self.equity_e8 = equity_e8
        self.wallet_e8 = wallet_e8
        self.position_e8 = position_e8
        self.mark_e8 = mark_e8


class StateRecord(Record):
    """A named piece of engine state that must survive a restart (day, breakers, position levels), as JSON text."""

    is_durable = True

    def __init__(self, time_ns: int, key: str, value_json: str) -> None:
        self.time_ns = time_ns
        self.key = key
        self.value_json = value_json
