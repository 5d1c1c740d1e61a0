"""Closing an account's paper position without its daemon: on the journal, by the records the engine itself writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState
from supreme_system_v5.commands.fresh_book import FreshBook, fetch_book
from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import DecisionRecord, Effect, FillRecord, OrderRecord, TradeRecord
from supreme_system_v5.core.domain.errors import BooksError, SupremeError
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.instrument import SPOT, eth_usdt
from supreme_system_v5.core.domain.money import E8, format_e8, multiply_e8, plain_e8
from supreme_system_v5.core.domain.order import (
    CANCELED,
    FILLED,
    GTC,
    MARKET,
    PARTIALLY_FILLED,
    ROLE_EXIT,
    Order,
    client_order_id,
)
from supreme_system_v5.core.matching.fees import fill_fee

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

REASON: Final = "emergency_stop"
PAPER_MODES: Final = ("paper", "demo")  # nothing of them is at a real venue
TAKER_FEE_SPOT_E8: Final = 100_000  # 0.10 %
TAKER_FEE_USDM_E8: Final = 50_000  # 0.05 %


@dataclass(frozen=True)
class Closed:
    """What was done to one account."""

    key: AccountKey
    canceled_orders: int
    quantity_e8: int  # signed position that was closed; 0 when only orders were cancelled
    exit_price_e8: int
    net_e8: int
    is_forced_mark: bool
    why_forced: str

    def fields(self) -> dict[str, object]:
        """For JSON."""
        return {
            "account": self.key.id,
            "source_class": self.key.source_class,
            "market": self.key.market,
            "symbol": self.key.symbol,
            "canceled_orders": self.canceled_orders,
            "quantity": plain_e8(self.quantity_e8),
            "exit_price": plain_e8(self.exit_price_e8),
            "net": plain_e8(self.net_e8),
            "forced_mark": self.is_forced_mark,
        }

    def line(self) -> str:
        """For people."""
        text = f"{self.key.label}: {self.canceled_orders} open order(s) canceled"
        if self.quantity_e8 == 0:
            return text
        side = "LONG" if self.quantity_e8 > 0 else "SHORT"
        text += (
            f"; {side} {plain_e8(abs(self.quantity_e8))} closed at {format_e8(self.exit_price_e8, 2)}, "
            f"net {format_e8(self.net_e8, 4)}"
        )
        if self.is_forced_mark:
            text += f"; forced_mark=true: the last journalled price, no fresh book was reachable ({self.why_forced})"
        return text


def close_all(settings: Settings, reader: JournalReader) -> Iterator[Closed | SupremeError]:
    """Cancel and close in every paper account of a home, one after another. Call it with the home's lock held.

    An account that cannot be closed yields its error (JournalFault, BooksError) and does not keep the others open.
    """
    for key in reader.accounts():
        try:
            # Opening the journal also books what a failing daemon had to spill: a position may be closed already.
            journal = Journal.open(reader.path, key, is_backed_up=False)
            try:
                closed = close_account(settings, journal)
            finally:
                journal.close()
        except SupremeError as error:
            yield error
            continue
        if closed is not None:
            yield closed


def close_account(settings: Settings, journal: Journal) -> Closed | None:
    """Cancel the open orders and close the position of one paper account; None when there was nothing to do."""
    key = journal.account
    saved = journal.load()
    ledger = saved.ledger
    held_e8 = 0 if ledger is None else ledger.position_e8
    if held_e8 == 0 and not saved.open_orders:
        return None
    if key.mode not in PAPER_MODES:
        raise BooksError(f"NOT FLAT: {key.label} is not a paper account", "close it at the venue by hand")
    book: FreshBook | str = ""
    if held_e8 != 0:
        book = fetch_book(settings, key, saved, -1 if held_e8 > 0 else 1)
    time_ns = _time_of(key, saved, book)
    records: list[Effect] = []
    for order in saved.open_orders:
        order.reason = REASON
        order.move_to(CANCELED)
        records.append(OrderRecord(order, time_ns))
    if held_e8 == 0 or ledger is None:
        records.append(DecisionRecord(time_ns, "mode", REASON, "orders canceled on the journal"))
        journal.commit_sync(records)
        return Closed(key, len(saved.open_orders), 0, 0, 0, False, "")
    closer = _Closer(key, saved, ledger, settings.strategy, time_ns)
    closer.fill(book)
    records += closer.records
    detail = f"closed on the journal{' at a forced mark' if closer.is_forced_mark else ''}"
    records.append(DecisionRecord(time_ns, "mode", REASON, detail))
    journal.commit_sync(records)
    return Closed(
        key,
        len(saved.open_orders),
        held_e8,
        closer.exit_price_e8(),
        closer.net_e8,
        closer.is_forced_mark,
        book if isinstance(book, str) else "its book was too thin",
    )


def _time_of(key: AccountKey, saved: JournalState, book: FreshBook | str) -> int:
    """Engine time of the close: the book's; without one the wall clock, or where the simulated market stood."""
    if isinstance(book, FreshBook):
        return max(book.time_ns, saved.last_time_ns)
    return saved.last_time_ns if key.is_simulated else max(time.time_ns(), saved.last_time_ns)


class _Closer:
    """Fills one reduce-only market order over the book and keeps the books as the engine does."""

    def __init__(self, key: AccountKey, saved: JournalState, ledger: Ledger, strategy: str, time_ns: int) -> None:
        self.key = key
        self.records: list[Effect] = []
        self.is_forced_mark = False
        self.net_e8 = 0
        self._saved = saved
        self._before = ledger
        self._ledger = ledger
        self._strategy = strategy
        self._time_ns = time_ns
        self._side = -1 if ledger.position_e8 > 0 else 1
        self._notional_e8 = 0
        step_e8 = eth_usdt(key.market).step_e8 if key.symbol == "ETH-USDT" else 1
        quantity_e8 = abs(ledger.position_e8)
        quantity_e8 = quantity_e8 - quantity_e8 % step_e8 or quantity_e8
        self._order = Order(
            client_order_id(key.id, saved.next_sequence),
            ROLE_EXIT,
            self._side,
            MARKET,
            GTC,
            quantity_e8,
            0,
            0,
            True,
            time_ns,
            REASON,
        )

    def fill(self, book: FreshBook | str) -> None:
        """Take the book level by level; what it does not hold goes at the last journalled price."""
        for price_e8, shown_e8 in book.levels if isinstance(book, FreshBook) else []:
            quantity_e8 = min(shown_e8, self._order.remaining_e8)
            if quantity_e8 > 0:
                self._fill_one(quantity_e8, price_e8, False)
        if self._order.remaining_e8 > 0:
            price_e8 = self._saved.last_price_e8 or self._before.entry_price_e8()
            self._fill_one(self._order.remaining_e8, price_e8, True)
        if self._saved.position:
            self._add_trade()

    def exit_price_e8(self) -> int:
        """Average price of the close."""
        return self._notional_e8 * E8 // max(self._order.filled_e8, 1)

    def _fill_one(self, quantity_e8: int, price_e8: int, is_forced_mark: bool) -> None:
        order = self._order
        is_spot = self.key.market == SPOT
        rate_e8 = TAKER_FEE_SPOT_E8 if is_spot else TAKER_FEE_USDM_E8
        fee_quote_e8, fee_base_e8 = fill_fee(self._side, quantity_e8, price_e8, rate_e8, is_spot)
        ledger = self._ledger.after_fill(self._side, quantity_e8, price_e8, fee_quote_e8, fee_base_e8)
        order.filled_e8 += quantity_e8
        is_last = order.remaining_e8 == 0
        order.move_to(FILLED if is_last else PARTIALLY_FILLED)
        if is_last and ledger.position_e8 != 0:
            ledger = ledger.with_dust()
        if ledger.identity_gap_e8() != 0:
            raise BooksError(
                f"the ledger of {self.key.label} does not add up", "nothing was booked; look at the journal"
            )
        self._ledger = ledger
        self._notional_e8 += multiply_e8(quantity_e8, price_e8)
        self.is_forced_mark = self.is_forced_mark or is_forced_mark
        execution_id = f"{order.client_order_id}-{len(self.records) + 1}"
        report = ExecutionReport(
            self._time_ns,
            order.client_order_id,
            order.state,
            quantity_e8,
            price_e8,
            fee_quote_e8,
            fee_base_e8,
            False,
            execution_id,
            REASON,
        )
        report.is_forced_mark = is_forced_mark
        position = {} if ledger.position_e8 == 0 else {**self._saved.position, "quantity_e8": abs(ledger.position_e8)}
        intent = OrderRecord(order, self._time_ns)
        self.records.append(FillRecord(report, intent, ledger, position, self.key.is_simulated))

    def _number(self, name: str) -> int:
        return int(str(self._saved.position.get(name, 0)))

    def _add_trade(self) -> None:
        """The round trip this close ends: what the position had booked so far, and the close."""
        gross_e8 = self._number("realized_e8") + self._ledger.realized_e8 - self._before.realized_e8
        fees_e8 = self._number("fees_e8") + self._ledger.fees_e8 - self._before.fees_e8
        funding_e8 = self._saved.position_funding_e8
        exited_e8 = self._number("exit_quantity_e8") + self._order.filled_e8
        exit_notional_e8 = self._number("exit_notional_e8") + self._notional_e8
        self.net_e8 = gross_e8 - fees_e8 + funding_e8
        self.records.append(
            TradeRecord(
                str(self._saved.position.get("entry_order_id", "")),
                -self._side,
                self._number("opened_ns"),
                self._time_ns,
                self._number("entry_quantity_e8") or exited_e8,
                self._before.entry_price_e8(),
                exit_notional_e8 * E8 // max(exited_e8, 1),
                gross_e8,
                fees_e8,
                funding_e8,
                self.net_e8,
                REASON,
                self._strategy,
                self.key.is_simulated,
                False,
                self.is_forced_mark,
            )
        )
