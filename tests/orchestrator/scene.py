"""Engine, venue, dispatcher, master and a real journal, fed through the real merge: only the sockets are missing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from supreme_system_v5.adapters.execution.paper import PaperGateway
from supreme_system_v5.adapters.feeds.merge import Merge
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.core.domain.effects import Announce, Effect, FillRecord, OrderRecord
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.core.domain.order import Order
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Signal
from supreme_system_v5.orchestrator.clock import EngineClock
from supreme_system_v5.orchestrator.dispatch import Dispatcher
from supreme_system_v5.orchestrator.master import MasterOrchestrator
from tests.core.engine.rig import Rig

KEY = AccountKey("paper", "simulated", "usdm", "ETH-USDT")


class SlowJournal:
    """The real journal, with a delay before and after each commit, and everything written down."""

    def __init__(self, scene: Scene, journal: Journal, delay_seconds: float) -> None:
        self._scene = scene
        self.journal = journal
        self.delay_seconds = delay_seconds
        self.later: list[Effect] = []
        self.spilled: list[Effect] = []

    async def commit(self, records: list[Effect]) -> str:
        scene = self._scene
        ids = [record.client_order_id for record in records if isinstance(record, OrderRecord)]
        fills = [record for record in records if isinstance(record, FillRecord)]
        scene.log.append(("commit begins", tuple(ids), len(fills), scene.held_quantity()))
        await asyncio.sleep(self.delay_seconds)
        try:
            result = await self.journal.commit(records)
        finally:
            scene.log.append(("commit ended", tuple(ids), len(fills), scene.held_quantity()))
        await asyncio.sleep(self.delay_seconds)
        scene.log.append(("commit returned", tuple(ids), len(fills), scene.held_quantity()))
        return result

    def commit_later(self, records: list[Effect]) -> None:
        self.later += records
        self.journal.commit_later(records)

    def spill(self, records: list[Effect]) -> bool:
        self.spilled += records
        return self.journal.spill(records)


class WatchedGateway(PaperGateway):
    """The paper gateway; at each order it looks on the disk for the order's intent."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene.venue)
        self._scene = scene
        self.sent: list[Order] = []

    def submit(self, order: Order, time_ns: int) -> None:
        self._scene.log.append(("submit", order.client_order_id, self._scene.is_on_disk(order.client_order_id)))
        self.sent.append(order)
        super().submit(order, time_ns)


class Scene(Rig):
    """A rig whose events go, once ``master`` is there, through merge and master as the daemon's do."""

    def __init__(self, folder: Path, delay_seconds: float) -> None:
        self.log: list[tuple[object, ...]] = []
        self.master: MasterOrchestrator | None = None
        super().__init__(Parameters(account=KEY.id))
        self.begin()
        self.path = folder / "journal.db"
        self.announced: list[str] = []
        real = Journal.open(self.path, KEY)
        real.open_account(self.engine.state.ledger, self.time_ns)
        self.journal = SlowJournal(self, real, delay_seconds)
        self.gateway = WatchedGateway(self)
        self.dispatcher = Dispatcher(self.journal, self.gateway, self._fetch, self._announce, self._shut)
        self.merge = Merge(self._sink, EngineClock(), 1)
        self.merge.socket_up(0, [])
        self.master = MasterOrchestrator(self.pump, self.dispatcher, self.merge.hold, self.merge.release)
        real.on_fault = self.dispatcher.report_fault
        self.blocker: sqlite3.Connection | None = None

    # -- the ways in and out

    def send(self, event: Event) -> list[Effect]:
        if self.master is None:
            return super().send(event)
        self.merge.push(0, event)
        return []

    def _sink(self, event: Event) -> None:
        assert self.master is not None
        self.log.append(("event", int(event.time_ns)))
        self.master.on_event(event)

    def _fetch(self, effect: Effect) -> None:
        self.log.append(("fetch", type(effect).__name__))

    def _announce(self, effect: Announce) -> None:
        self.announced.append(effect.text)

    def _shut(self, effect: object) -> None:
        assert self.master is not None
        self.master.on_shutdown(effect)  # type: ignore[arg-type]

    # -- what a test asks

    def held_quantity(self) -> int:
        """What the engine believes to hold."""
        return int(self.engine.state.ledger.position_e8)

    def is_on_disk(self, order_id: str) -> bool:
        """Is the order in the database file, seen through a connection of its own?"""
        with JournalReader(self.path, is_checked=False) as reader:
            return order_id in [order.client_order_id for order in reader.load(KEY).open_orders]

    def want(self, side: int) -> None:
        """The strategy signals at its next look; a loud trade makes it look."""
        self.puppet.wanted = Signal(side, 0.9, ["test"])
        self.trade("2000", "500")

    async def settle(self) -> None:
        """Until nothing is under way."""
        assert self.master is not None
        for _ in range(400):
            await asyncio.sleep(0.005)
            if not self.master.is_busy and (self.merge.queued() == 0 or self.master.is_finished.is_set()):
                return
        raise AssertionError("it does not come to rest")

    async def buy(self) -> None:
        """A whole entry: signal, order, fill."""
        self.want(1)
        await self.settle()
        self.quote("2000", "2000.01", after=0.1)
        await self.settle()
        assert self.held_quantity() > 0

    def break_disk(self) -> None:
        """Somebody else holds the database: no commit gets through from now on."""
        self.blocker = sqlite3.connect(self.path, isolation_level=None)
        self.blocker.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        if self.blocker is not None:
            self.blocker.execute("ROLLBACK")
            self.blocker.close()
        self.journal.journal.close()


def play(folder: Path, scene: Callable[[Scene], Awaitable[None]], delay_seconds: float = 0.01) -> Scene:
    """Run a scene; the journal is closed afterwards."""

    async def run() -> Scene:
        made = Scene(folder, delay_seconds)
        try:
            await scene(made)
        finally:
            made.close()
        return made

    return asyncio.run(run())
