"""Effects to adapters, in the engine's order: a durable record is on disk before anything after it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from supreme_system_v5.core.domain.effects import (
    Announce,
    CancelOrder,
    Effect,
    PlaceProtection,
    Shutdown,
    SubmitOrder,
)
from supreme_system_v5.core.domain.errors import JournalFault
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.order import REJECTED, ROLE_ENTRY, Order


class Gateway(Protocol):
    """Where orders go."""

    def submit(self, order: Order, time_ns: int) -> None: ...

    def cancel(self, client_order_id: str, time_ns: int) -> None: ...

    def place_protection(self, stop: Order, target: Order, time_ns: int) -> None: ...


class JournalPort(Protocol):
    """Where records go."""

    async def commit(self, records: list[Effect]) -> str: ...

    def commit_later(self, records: list[Effect]) -> None: ...

    def spill(self, records: list[Effect]) -> bool: ...


class Dispatcher:
    """Performs what the engine wants done. ``fetch`` takes the requests and stream changes (the feeds)."""

    def __init__(
        self,
        journal: JournalPort,
        gateway: Gateway,
        fetch: Callable[[Effect], None],
        announce: Callable[[Announce], None],
        shutdown: Callable[[Shutdown], None],
    ) -> None:
        self._journal = journal
        self._gateway = gateway
        self._fetch = fetch
        self._announce = announce
        self._shutdown = shutdown
        self.refused: list[ExecutionReport] = []  # entries not sent because their intent could not be stored
        self.on_fault: Callable[[JournalFault], None] = lambda _fault: None
        self.on_unsent: Callable[[str], None] = lambda _client_order_id: None
        self.fault: JournalFault | None = None

    def perform_now(self, effects: list[Effect]) -> bool:
        """Perform everything if nothing of it must be awaited; False = nothing was done, await ``perform``."""
        for effect in effects:
            if effect.is_durable:
                return False
        records = [effect for effect in effects if effect.is_record]
        if records:
            self._store_later(records)
        for effect in effects:
            if not effect.is_record:
                self._do(effect)
        return True

    async def perform(self, effects: list[Effect]) -> None:
        """Perform in order. One transaction for each run of records before an action."""
        records: list[Effect] = []
        for effect in effects:
            if effect.is_record:
                records.append(effect)
                continue
            if records and isinstance(effect, (SubmitOrder, CancelOrder, PlaceProtection, Shutdown)):
                await self._store(records)
                records = []
            self._do(effect)
        if records:
            await self._store(records)

    async def _store(self, records: list[Effect]) -> None:
        if self.fault is None:
            try:
                await self._journal.commit(records)
                return
            except JournalFault as fault:
                self._fail(fault)
        self._journal.spill(records)

    def _store_later(self, records: list[Effect]) -> None:
        if self.fault is None:
            self._journal.commit_later(records)

    def _fail(self, fault: JournalFault) -> None:
        if self.fault is None:
            self.fault = fault
            self.on_fault(fault)

    def report_fault(self, fault: JournalFault) -> None:
        """The journal failed outside of an awaited commit."""
        self._fail(fault)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, SubmitOrder):
            order = effect.order
            if self.fault is not None and order.role == ROLE_ENTRY:
                # No intent on disk, no order: exits and cancels go out all the same.
                self.on_unsent(order.client_order_id)
                self.refused.append(
                    ExecutionReport(
                        effect.time_ns, order.client_order_id, REJECTED, 0, 0, 0, 0, False, "", "journal_fault"
                    )
                )
                return
            self._gateway.submit(order, effect.time_ns)
        elif isinstance(effect, CancelOrder):
            self._gateway.cancel(effect.client_order_id, effect.time_ns)
        elif isinstance(effect, PlaceProtection):
            self._gateway.place_protection(effect.stop, effect.target, effect.time_ns)
        elif isinstance(effect, Announce):
            self._announce(effect)
        elif isinstance(effect, Shutdown):
            self._shutdown(effect)
        else:
            self._fetch(effect)
