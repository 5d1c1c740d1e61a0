"""All that is mutable in the engine and shared by its parts, and what each event wants done."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.account import Ledger, new_ledger
from supreme_system_v5.core.domain.effects import Announce, DecisionRecord, Effect, RequestBook
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from supreme_system_v5.core.domain.order import Order, client_order_id
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.digest import Digest
from supreme_system_v5.core.engine.schedule import Schedule
from supreme_system_v5.core.market.view import MarketView

NO_EFFECTS: Final[list[Effect]] = []
MARK_FRESH_NS: Final = 10 * NS_PER_SECOND  # the mark price comes once a second

RUNNING: Final = "active"
WARMING: Final = "warming"
REDUCE_ONLY: Final = "reduce_only"
STOPPING: Final = "stopping"


class Position:
    """The open position beyond what the ledger holds: its protection, its timeout, its costs so far."""

    def __init__(self, side: int, entry_order_id: str, opened_ns: int, timeout_ns: int) -> None:
        self.side = side
        self.entry_order_id = entry_order_id
        self.opened_ns = opened_ns
        self.timeout_ns = timeout_ns
        self.stop_order_id = ""
        self.stop_trigger_e8 = 0
        self.target_order_id = ""
        self.target_trigger_e8 = 0
        self.entry_quantity_e8 = 0
        self.entry_notional_e8 = 0
        self.exit_quantity_e8 = 0
        self.exit_notional_e8 = 0
        self.fees_e8 = 0
        self.funding_e8 = 0
        self.realized_e8 = 0
        self.protected_e8 = 0  # quantity covered by the resting stop
        self.unprotected_since_ns = 0  # 0 = protected
        self.is_forced_mark = False
        self.is_while_down = False

    def copy(self) -> Position:
        new = Position(self.side, self.entry_order_id, self.opened_ns, self.timeout_ns)
        new.stop_order_id = self.stop_order_id
        new.stop_trigger_e8 = self.stop_trigger_e8
        new.target_order_id = self.target_order_id
        new.target_trigger_e8 = self.target_trigger_e8
        new.entry_quantity_e8 = self.entry_quantity_e8
        new.entry_notional_e8 = self.entry_notional_e8
        new.exit_quantity_e8 = self.exit_quantity_e8
        new.exit_notional_e8 = self.exit_notional_e8
        new.fees_e8 = self.fees_e8
        new.funding_e8 = self.funding_e8
        new.realized_e8 = self.realized_e8
        new.protected_e8 = self.protected_e8
        new.unprotected_since_ns = self.unprotected_since_ns
        new.is_forced_mark = self.is_forced_mark
        new.is_while_down = self.is_while_down
        return new

    def fields(self, ledger: Ledger) -> dict[str, object]:
        """What the journal keeps of an open position, beside the ledger."""
        return {
            "side": self.side,
            "quantity_e8": abs(ledger.position_e8),
            "entry_price_e8": ledger.entry_price_e8(),
            "opened_ns": self.opened_ns,
            "entry_order_id": self.entry_order_id,
            "stop_order_id": self.stop_order_id,
            "stop_trigger_e8": self.stop_trigger_e8,
            "target_order_id": self.target_order_id,
            "target_trigger_e8": self.target_trigger_e8,
            "timeout_ns": self.timeout_ns,
            "fees_e8": self.fees_e8,
            "funding_e8": self.funding_e8,
            "realized_e8": self.realized_e8,
            "entry_quantity_e8": self.entry_quantity_e8,
            "entry_notional_e8": self.entry_notional_e8,
            "exit_quantity_e8": self.exit_quantity_e8,
            "exit_notional_e8": self.exit_notional_e8,
        }


class EngineState:
    """One session's state. Parts of the engine read and change it; nobody outside does."""

    def __init__(self, parameters: Parameters, instrument: Instrument, view: MarketView) -> None:
        self.parameters = parameters
        self.instrument = instrument
        self.view = view
        self.schedule = Schedule()
        self.digest = Digest()
        self.now_ns: i64 = 0
        self.started_ns: i64 = 0
        self.ledger: Ledger = new_ledger(parameters.initial_balance_e8)
        self.position: Position | None = None
        self.orders: dict[str, Order] = {}  # open orders only
        self.next_sequence = 1
        self.out: list[Effect] = NO_EFFECTS
        # What the world told us.
        self.venue_offset_ns: i64 = 0
        self.lag_ns: i64 = 0
        self.stream_quote_ns: i64 = 0  # last quote of the stream: a REST book also sets the view's quote_ns
        self.book_asked_ns: i64 = 0  # last RequestBook
        self.last_known_e8 = 0  # the journal's last price: what equity is measured at until the market speaks
        self.cpu_level = 0
        self.memory_level = 0
        self.source = ""
        self.is_fallback = False
        self.is_clock_blocked = False
        self.is_stopping = False
        self.is_closing = False  # stopping, and the position must be flat first
        self.is_journal_broken = False
        self.stop_exit_code = 0
        self.stop_reason = ""
        self.is_shutdown_sent = False
        # Counters a person or a metric wants; all deterministic.
        self.refusals: dict[str, int] = {}
        self.refusals_today: dict[str, int] = {}
        self.rejected_frames: dict[str, int] = {}
        self.signals_long = 0
        self.signals_short = 0
        self.order_states: dict[str, int] = {}
        self.trades_closed = 0
        self.trades_session = 0
        self.clock_faults = 0
        self.events: i64 = 0
        self.is_venue_behind = False  # the books moved dust out of the position: the venue must be told
        self.passed = False  # the last trade passed the gate (latency is measured on those)

    def emit(self, effect: Effect) -> None:
        """Add to what the current event wants done."""
        if len(self.out) == 0:
            self.out = [effect]
        else:
            self.out.append(effect)

    def take_effects(self) -> list[Effect]:
        """The effects since the last call; the shared empty list when there are none."""
        out = self.out
        if len(out) > 0:
            self.out = NO_EFFECTS
        return out

    def allocate_order_id(self) -> str:
        order_id = client_order_id(self.parameters.account, self.next_sequence)
        self.next_sequence += 1
        return order_id

    def decide(self, kind: str, reason: str, detail: str) -> None:
        """Journal a decision and hash it."""
        self.digest.add(f"{self.now_ns} {kind} {reason} {detail}")
        self.emit(DecisionRecord(int(self.now_ns), kind, reason, detail))

    def announce(self, kind: str, text: str) -> None:
        self.emit(Announce(int(self.now_ns), kind, text))

    def refuse(self, reason: str, detail: str) -> None:
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        self.refusals_today[reason] = self.refusals_today.get(reason, 0) + 1
        self.decide("refused", reason, detail)

    def fingerprint(self) -> str:
        """The digest of all decisions and bars so far, and of the market data taken since the last bar."""
        return self.digest.hexdigest_with(f"market {self.view.checksum}")

    def reject_frame(self, reason: str) -> None:
        self.rejected_frames[reason] = self.rejected_frames.get(reason, 0) + 1

    def request_book(self, reason: str) -> None:
        self.book_asked_ns = self.now_ns
        self.emit(RequestBook(int(self.now_ns), reason))

    def mark_e8(self) -> int:
        """The price the position is valued at: a fresh mark price, else the middle of the quote, else the newest of
        the last trade and the old mark, else the last journalled price; 0 when nothing was ever known.
        """
        view = self.view
        if view.mark_e8 > 0 and self.now_ns - view.mark_ns <= MARK_FRESH_NS:
            return int(view.mark_e8)
        mid_e8 = int(view.mid_e8())
        if mid_e8 > 0:
            return mid_e8
        if view.last_trade_e8 > 0 and view.trade_ns >= view.mark_ns:
            return int(view.last_trade_e8)
        return int(view.mark_e8) if view.mark_e8 > 0 else self.last_known_e8

    def equity_e8(self) -> int:
        """Wallet plus the unrealised result at ``mark_e8``; at cost when no price was ever known."""
        mark_e8 = self.mark_e8()
        if mark_e8 <= 0:
            mark_e8 = self.ledger.entry_price_e8()
        return self.ledger.equity_e8(mark_e8)
