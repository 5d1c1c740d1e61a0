"""Everything that can change a decision. Each event carries its own engine time; the core never asks the time.

``time_ns`` is engine time, ns UTC (the receive stamp, or `x_time_ns` on a simulated exchange). Exchange times are
data. ``received_ns`` is the host's monotonic stamp of the bytes, for latency figures only; no decision reads it.
Prices and quantities are integers in 1e-8 units.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.market import Bar

# Kinds, for dispatch without isinstance. Also the source rank of events of equal time: lower goes first.
KIND_REPORT: Final = 0
KIND_SNAPSHOT: Final = 1
KIND_DEPTH: Final = 2
KIND_QUOTE: Final = 3
KIND_TRADE: Final = 4
KIND_MARK: Final = 5
KIND_BARS: Final = 6
KIND_TRADES: Final = 7
KIND_FALLBACK: Final = 8
KIND_FEED: Final = 9
KIND_CLOCK: Final = 10
KIND_PRESSURE: Final = 11
KIND_COMMAND: Final = 12
KIND_TICK: Final = 13
KIND_FUNDING: Final = 14
KIND_CLOSED_BAR: Final = 15
KIND_COUNT: Final = 16

KIND_NAMES: Final = (
    "report",
    "snapshot",
    "depth",
    "quote",
    "trade",
    "mark",
    "bars",
    "trades",
    "fallback",
    "feed",
    "clock",
    "pressure",
    "command",
    "tick",
    "funding",
    "closed_bar",
)


class Event:
    """What every event has."""

    def __init__(self, kind: i64, time_ns: i64) -> None:
        self.kind: i64 = kind
        self.time_ns: i64 = time_ns
        self.received_ns: i64 = 0


class Tick(Event):
    """Time has passed and nothing else happened (heartbeats, the loop's own wake-up)."""

    def __init__(self, time_ns: i64) -> None:
        self.kind = KIND_TICK
        self.time_ns = time_ns
        self.received_ns = 0


class Trade(Event):
    """One aggTrade. ``price`` and ``quantity`` are the same numbers as floats, for indicators."""

    def __init__(
        self,
        time_ns: i64,
        event_time_ms: i64,
        trade_time_ms: i64,
        trade_id: i64,
        price_e8: i64,
        quantity_e8: i64,
        is_buyer_maker: bool,
    ) -> None:
        self.kind = KIND_TRADE
        self.time_ns = time_ns
        self.received_ns = 0
        self.event_time_ms: i64 = event_time_ms
        self.trade_time_ms: i64 = trade_time_ms
        self.trade_id: i64 = trade_id
        self.price_e8: i64 = price_e8
        self.quantity_e8: i64 = quantity_e8
        self.is_buyer_maker = is_buyer_maker
        # Float by float: pure and compiled round an integer quotient differently beyond 2**53.
        self.price: float = float(price_e8) / 1e8
        self.quantity: float = float(quantity_e8) / 1e8

    def copy(self) -> Trade:
        """For those who keep a trade: a loop over history sends one object again and again."""
        return Trade(
            self.time_ns,
            self.event_time_ms,
            self.trade_time_ms,
            self.trade_id,
            self.price_e8,
            self.quantity_e8,
            self.is_buyer_maker,
        )


class Quote(Event):
    """Best bid and ask. ``event_time_ms`` is 0 where the venue sends none (spot bookTicker)."""

    def __init__(
        self,
        time_ns: i64,
        event_time_ms: i64,
        update_id: i64,
        bid_e8: i64,
        bid_quantity_e8: i64,
        ask_e8: i64,
        ask_quantity_e8: i64,
    ) -> None:
        self.kind = KIND_QUOTE
        self.time_ns = time_ns
        self.received_ns = 0
        self.event_time_ms: i64 = event_time_ms
        self.update_id: i64 = update_id
        self.bid_e8: i64 = bid_e8
        self.bid_quantity_e8: i64 = bid_quantity_e8
        self.ask_e8: i64 = ask_e8
        self.ask_quantity_e8: i64 = ask_quantity_e8


class Depth(Event):
    """A diff-depth update. ``bids`` and ``asks`` are flat: price, quantity, price, quantity, ... in 1e-8 units.

    ``previous_final_id`` is -1 on spot, where the venue sends none.
    """

    def __init__(
        self,
        time_ns: i64,
        event_time_ms: i64,
        first_update_id: i64,
        final_update_id: i64,
        previous_final_id: i64,
        bids: list[i64],
        asks: list[i64],
    ) -> None:
        self.kind = KIND_DEPTH
        self.time_ns = time_ns
        self.received_ns = 0
        self.event_time_ms: i64 = event_time_ms
        self.first_update_id: i64 = first_update_id
        self.final_update_id: i64 = final_update_id
        self.previous_final_id: i64 = previous_final_id
        self.bids = bids
        self.asks = asks


class BookSnapshot(Event):
    """The REST depth snapshot; flat sides as in Depth."""

    def __init__(self, time_ns: i64, last_update_id: i64, bids: list[i64], asks: list[i64]) -> None:
        self.kind = KIND_SNAPSHOT
        self.time_ns = time_ns
        self.received_ns = 0
        self.last_update_id: i64 = last_update_id
        self.bids = bids
        self.asks = asks


class MarkPrice(Event):
    """USD-M mark price, index and the announced funding (signed rate in 1e-8, time in ms)."""

    def __init__(
        self, time_ns: i64, event_time_ms: i64, mark_e8: i64, index_e8: i64, funding_rate_e8: i64, next_funding_ms: i64
    ) -> None:
        self.kind = KIND_MARK
        self.time_ns = time_ns
        self.received_ns = 0
        self.event_time_ms: i64 = event_time_ms
        self.mark_e8: i64 = mark_e8
        self.index_e8: i64 = index_e8
        self.funding_rate_e8: i64 = funding_rate_e8
        self.next_funding_ms: i64 = next_funding_ms


BARS_WARMUP: Final = "warmup"  # before the first market event
BARS_COMMIT: Final = "commit"  # the klines that replace provisional bars


class Bars(Event):
    """Closed klines from REST, oldest first, consecutive. ``purpose`` is one of the BARS_ words.

    An empty list is an answer too (the venue had none, or could not be asked: ``is_failed``).
    """

    def __init__(self, time_ns: i64, purpose: str, bars: list[Bar], is_failed: bool) -> None:
        self.kind = KIND_BARS
        self.time_ns = time_ns
        self.received_ns = 0
        self.purpose = purpose
        self.bars = bars
        self.is_failed = is_failed


class Trades(Event):
    """aggTrades fetched by id after a reconnect, oldest first, as answer to RequestTrades."""

    def __init__(self, time_ns: i64, from_id: i64, trades: list[Trade], is_failed: bool) -> None:
        self.kind = KIND_TRADES
        self.time_ns = time_ns
        self.received_ns = 0
        self.from_id: i64 = from_id
        self.trades = trades
        self.is_failed = is_failed


class FallbackPrice(Event):
    """A CoinGecko poll: a mark for risk, never an executable price. ``updated_ms`` is the source's own stamp."""

    def __init__(self, time_ns: i64, price_e8: i64, updated_ms: i64) -> None:
        self.kind = KIND_FALLBACK
        self.time_ns = time_ns
        self.received_ns = 0
        self.price_e8: i64 = price_e8
        self.updated_ms: i64 = updated_ms


FEED_UP: Final = "up"  # connected and subscribed
FEED_DOWN: Final = "down"  # lost; a reconnect is under way
FEED_GAP: Final = "gap"  # connected all along, but events are missing (overflow, malformed sequence)
FEED_SERVER_TIME: Final = "server_time"  # value = the venue's clock minus engine time, ns


class FeedStatus(Event):
    """A source or one of its connections changed. ``source`` is a SOURCE_ word, ``stream`` a STREAM_ word or ""."""

    def __init__(self, time_ns: i64, source: str, stream: str, state: str, value: i64) -> None:
        self.kind = KIND_FEED
        self.time_ns = time_ns
        self.received_ns = 0
        self.source = source
        self.stream = stream
        self.state = state
        self.value: i64 = value


class ClockFault(Event):
    """Wall and monotonic clock diverged, or the loop stood still (suspend). ``magnitude_ns`` says by how much."""

    def __init__(self, time_ns: i64, reason: str, magnitude_ns: i64) -> None:
        self.kind = KIND_CLOCK
        self.time_ns = time_ns
        self.received_ns = 0
        self.reason = reason  # "clock_step" | "suspend"
        self.magnitude_ns: i64 = magnitude_ns


class Pressure(Event):
    """The resource monitor's verdict: the two ladders' steps. cpu 0..4, memory 0..3."""

    def __init__(self, time_ns: i64, cpu_level: i64, memory_level: i64) -> None:
        self.kind = KIND_PRESSURE
        self.time_ns = time_ns
        self.received_ns = 0
        self.cpu_level: i64 = cpu_level
        self.memory_level: i64 = memory_level


COMMAND_STOP: Final = "stop"
COMMAND_EMERGENCY_STOP: Final = "emergency_stop"
COMMAND_CLOSE_BREAKER: Final = "close_breaker"
COMMAND_JOURNAL_FAULT: Final = "journal_fault"


class Command(Event):
    """An operator's word (or the host's: journal_fault). ``argument`` depends on ``name``."""

    def __init__(self, time_ns: i64, name: str, argument: str) -> None:
        self.kind = KIND_COMMAND
        self.time_ns = time_ns
        self.received_ns = 0
        self.name = name
        self.argument = argument


class ExecutionReport(Event):
    """What a venue says about an order. A fill has ``last_quantity_e8`` > 0; exactly one fee field may be non-zero.

    ``order_state`` is the state after the report; ``time_ns`` the (engine) time it happened.
    """

    def __init__(
        self,
        time_ns: i64,
        client_order_id: str,
        order_state: str,
        last_quantity_e8: i64,
        last_price_e8: i64,
        fee_quote_e8: i64,
        fee_base_e8: i64,
        is_maker: bool,
        execution_id: str,
        reason: str,
    ) -> None:
        self.kind = KIND_REPORT
        self.time_ns = time_ns
        self.received_ns = 0
        self.client_order_id = client_order_id
        self.order_state = order_state
        self.last_quantity_e8: i64 = last_quantity_e8
        self.last_price_e8: i64 = last_price_e8
        self.fee_quote_e8: i64 = fee_quote_e8
        self.fee_base_e8: i64 = fee_base_e8
        self.is_maker = is_maker
        self.execution_id = execution_id  # unique per fill and account; a repeated one is not booked twice
        self.reason = reason
        # Protection the venue placed with an entry's fill: the resting quantity of stop and target after it.
        self.protected_quantity_e8: i64 = 0
        # True for what a restart found to have happened meanwhile, and for a close at the last known price.
        self.is_while_down = False
        self.is_forced_mark = False


class ClosedBar(Event):
    """One closed bar of history, where bars are all there is. ``time_ns`` is its end; ``open_ms`` its beginning.

    A driver may send one object again and again with other numbers in it: nobody keeps it.
    """

    def __init__(
        self,
        time_ns: i64,
        open_ms: i64,
        open_e8: i64,
        high_e8: i64,
        low_e8: i64,
        close_e8: i64,
        volume_e8: i64,
    ) -> None:
        self.kind = KIND_CLOSED_BAR
        self.time_ns = time_ns
        self.received_ns = 0
        self.open_ms: i64 = open_ms
        self.open_e8: i64 = open_e8
        self.high_e8: i64 = high_e8
        self.low_e8: i64 = low_e8
        self.close_e8: i64 = close_e8
        self.volume_e8: i64 = volume_e8

    def copied_to(self, bar: Bar) -> Bar:
        """The bar, with these numbers in it."""
        bar.open_ms = self.open_ms
        bar.open_e8 = self.open_e8
        bar.high_e8 = self.high_e8
        bar.low_e8 = self.low_e8
        bar.close_e8 = self.close_e8
        bar.volume_e8 = self.volume_e8
        return bar

    def is_sound(self) -> bool:
        """True when the prices are positive and in order, and the volume is not negative."""
        return (
            0 < self.low_e8 <= self.open_e8 <= self.high_e8
            and self.low_e8 <= self.close_e8 <= self.high_e8
            and self.volume_e8 >= 0
        )


class FundingPayment(Event):
    """Funding settled on an open position at the announced time (positive = received)."""

    def __init__(self, time_ns: i64, funding_time_ms: i64, amount_e8: i64, rate_e8: i64, mark_e8: i64) -> None:
        self.kind = KIND_FUNDING
        self.time_ns = time_ns
        self.received_ns = 0
        self.funding_time_ms: i64 = funding_time_ms
        self.amount_e8: i64 = amount_e8
        self.rate_e8: i64 = rate_e8
        self.mark_e8: i64 = mark_e8
