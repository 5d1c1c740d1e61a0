"""Records for the journal's tests: a small account that buys and sells, with books that add up."""

from __future__ import annotations

from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.core.domain.account import Ledger, new_ledger
from supreme_system_v5.core.domain.effects import Effect, FillRecord, OrderRecord, TradeRecord
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.money import E8, multiply_e8
from supreme_system_v5.core.domain.order import (
    BUY,
    FILLED,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    ROLE_ENTRY,
    ROLE_EXIT,
    ROLE_STOP,
    SELL,
    STOP_MARKET,
    Order,
    client_order_id,
)

KEY = AccountKey("paper", "simulated", "usdm", "ETH-USDT")
REAL_KEY = AccountKey("paper", "real", "usdm", "ETH-USDT")
START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000


class Books:
    """Makes the records of whole trades; keeps the ledger and the sequence as the engine would."""

    def __init__(self, key: AccountKey = KEY, ledger: Ledger | None = None, sequence: int = 1) -> None:
        self.key = key
        self.ledger = ledger or new_ledger(10_000 * E8)
        self.sequence = sequence
        self.time_ns = START_NS + sequence * SECOND_NS
        self.entry: Order | None = None
        self.stop: Order | None = None
        self.before = self.ledger

    def next_id(self) -> str:
        name = client_order_id(self.key.id, self.sequence)
        self.sequence += 1
        self.time_ns += SECOND_NS
        return name

    def intent(self, price_e8: int = 2_000 * E8, quantity_e8: int = E8 // 10) -> list[Effect]:
        """The intent of an entry, with a stop that will rest beside it."""
        entry = Order(
            self.next_id(), ROLE_ENTRY, BUY, LIMIT, IOC, quantity_e8, price_e8, 0, False, self.time_ns, "signal"
        )
        entry.stop_order_id = self.next_id()
        entry.stop_trigger_e8 = price_e8 * 99 // 100
        self.entry = entry
        return [OrderRecord(entry, self.time_ns)]

    def _fill(self, order: Order, price_e8: int, position: dict[str, object], is_forced: bool = False) -> FillRecord:
        self.time_ns += SECOND_NS
        fee_e8 = multiply_e8(multiply_e8(order.quantity_e8, price_e8), 50_000)
        order.state, order.filled_e8 = FILLED, order.quantity_e8
        self.ledger = self.ledger.after_fill(order.side, order.quantity_e8, price_e8, fee_e8, 0)
        report = ExecutionReport(
            self.time_ns,
            order.client_order_id,
            FILLED,
            order.quantity_e8,
            price_e8,
            fee_e8,
            0,
            False,
            f"{order.client_order_id}-1",
            "",
        )
        report.is_forced_mark = is_forced
        return FillRecord(report, OrderRecord(order, self.time_ns), self.ledger, position, self.key.is_simulated)

    def entry_fill(self, price_e8: int = 2_000 * E8) -> list[Effect]:
        """The fill of the entry, and the stop that now rests."""
        entry = self.entry
        assert entry is not None
        self.before = self.ledger
        position: dict[str, object] = {
            "side": 1,
            "quantity_e8": entry.quantity_e8,
            "entry_price_e8": price_e8,
            "opened_ns": self.time_ns + SECOND_NS,
            "entry_order_id": entry.client_order_id,
            "stop_order_id": entry.stop_order_id,
            "stop_trigger_e8": entry.stop_trigger_e8,
            "target_order_id": "",
            "target_trigger_e8": 0,
            "timeout_ns": self.time_ns + 900 * SECOND_NS,
            "fees_e8": multiply_e8(multiply_e8(entry.quantity_e8, price_e8), 50_000),
            "funding_e8": 0,
            "realized_e8": 0,
        }
        stop = Order(
            entry.stop_order_id,
            ROLE_STOP,
            SELL,
            STOP_MARKET,
            GTC,
            entry.quantity_e8,
            0,
            entry.stop_trigger_e8,
            True,
            self.time_ns,
            "stop",
        )
        stop.state = OPEN
        self.stop = stop
        return [self._fill(entry, price_e8, position), OrderRecord(stop, self.time_ns)]

    def exit_fill(self, price_e8: int = 2_010 * E8) -> list[Effect]:
        """Intent, fill and trade of an exit at market, in one transaction; the stop is cancelled."""
        entry, stop = self.entry, self.stop
        assert entry is not None and stop is not None
        stop.move_to("CANCELED")
        cancelled = OrderRecord(stop, self.time_ns)
        order = Order(self.next_id(), ROLE_EXIT, SELL, MARKET, GTC, entry.quantity_e8, 0, 0, True, self.time_ns, "exit")
        intent = OrderRecord(order, self.time_ns)
        fill = self._fill(order, price_e8, {})
        gross_e8 = self.ledger.realized_e8 - self.before.realized_e8
        fees_e8 = self.ledger.fees_e8 - self.before.fees_e8
        trade = TradeRecord(
            entry.client_order_id,
            1,
            entry.created_ns,
            self.time_ns,
            entry.quantity_e8,
            2_000 * E8,
            price_e8,
            gross_e8,
            fees_e8,
            0,
            gross_e8 - fees_e8,
            "exit",
            "scalping",
            self.key.is_simulated,
            False,
            False,
        )
        return [cancelled, intent, fill, trade]
