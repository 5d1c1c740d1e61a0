"""Nothing happens before it is durable, nothing is taken meanwhile, and a fault closes instead of going on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.core.domain.effects import FillRecord, OrderRecord
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.order import ROLE_ENTRY, ROLE_EXIT
from supreme_system_v5.orchestrator.master import SessionError
from tests.orchestrator.scene import KEY, Scene, play

STOPS = ("commit begins", "commit ended")


def test_no_order_leaves_before_its_intent_is_on_disk(tmp_path: Path) -> None:
    async def course(scene: Scene) -> None:
        await scene.buy()
        scene.want(-1)  # the opposite signal closes
        await scene.settle()
        scene.quote("2000", "2000.01", after=0.1)
        await scene.settle()
        assert scene.held_quantity() == 0

    scene = play(tmp_path, course)
    sent = [entry for entry in scene.log if entry[0] == "submit"]
    assert [order.role for order in scene.gateway.sent] == [ROLE_ENTRY, ROLE_EXIT]
    for entry in sent:
        assert entry[2] is True, "the intent was not in the database when the order was sent"
        before = scene.log[: scene.log.index(entry)]
        returned = [one for one in before if one[0] == "commit returned" and entry[1] in one[1]]  # type: ignore[operator]
        assert returned, "the commit of the intent had not returned"


def test_nothing_is_taken_while_a_commit_is_awaited(tmp_path: Path) -> None:
    async def course(scene: Scene) -> None:
        scene.want(1)
        for _ in range(20):  # they arrive while the intent is being committed
            scene.quote("2000", "2000.01", after=0.02)
        assert scene.merge.queued() == 20
        await scene.settle()

    scene = play(tmp_path, course)
    for entry, following in pairwise(scene.log):
        if entry[0] in STOPS:
            assert following[0] in ("commit ended", "commit returned"), f"{following} came within a commit"
    times = [entry[1] for entry in scene.log if entry[0] == "event"]
    assert len(times) == 21 and times == sorted(times)  # type: ignore[type-var]
    assert scene.held_quantity() > 0


def test_a_fill_reaches_the_engine_only_after_its_commit(tmp_path: Path) -> None:
    scene = play(tmp_path, lambda scene: scene.buy())
    fills = [entry for entry in scene.log if len(entry) == 4 and entry[2]]
    assert [entry[0] for entry in fills[:3]] == ["commit begins", "commit ended", "commit returned"]
    assert [entry[3] for entry in fills[:3]] == [0, 0, 0], "the engine knew of the fill before it was durable"
    assert scene.held_quantity() > 0
    journal = Journal.open(scene.path, KEY)
    try:
        loaded = journal.load()
        assert loaded.ledger is not None and loaded.ledger.position_e8 == scene.held_quantity()
        assert loaded.position
    finally:
        journal.close()


def test_an_entry_whose_intent_cannot_be_stored_is_never_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def course(scene: Scene) -> None:
        scene.break_disk()
        scene.want(1)
        await scene.settle()

    scene = play(tmp_path, course)
    assert scene.gateway.sent == []
    assert scene.held_quantity() == 0 and not scene.engine.state.orders
    assert scene.engine.state.is_journal_broken
    assert scene.master is not None and scene.master.shutdown is not None
    assert scene.master.shutdown.exit_code == 2
    assert any("journal fault" in text for text in scene.announced)
    assert "JOURNAL SPILL kept" in capsys.readouterr().err


def test_with_a_dead_disk_the_position_is_closed_and_the_exit_is_kept(tmp_path: Path) -> None:
    async def course(scene: Scene) -> None:
        await scene.buy()
        scene.break_disk()
        scene.want(-1)
        await scene.settle()
        scene.quote("2000", "2000.01", after=0.1)
        await scene.settle()

    scene = play(tmp_path, course)
    assert [order.role for order in scene.gateway.sent] == [ROLE_ENTRY, ROLE_EXIT]
    assert scene.held_quantity() == 0
    assert scene.master is not None and scene.master.shutdown is not None
    assert scene.master.shutdown.exit_code == 2
    exit_id = scene.gateway.sent[-1].client_order_id
    spilled = scene.journal.spilled
    assert any(isinstance(record, OrderRecord) and record.client_order_id == exit_id for record in spilled)
    assert any(isinstance(record, FillRecord) and record.order.client_order_id == exit_id for record in spilled)
    again = Journal.open(scene.path, KEY)  # the next start books what was kept
    try:
        loaded = again.load()
        assert loaded.ledger is not None and loaded.ledger.position_e8 == 0 and not loaded.position
        assert loaded.ledger.identity_gap_e8() == 0
        assert again.drained_count > 0
    finally:
        again.close()


def test_a_fault_nobody_waited_for_ends_the_session_too(tmp_path: Path) -> None:
    async def course(scene: Scene) -> None:
        scene.break_disk()
        scene.wait(61)  # the equity record of the minute goes to the disk by itself
        await scene.settle()
        for _ in range(600):
            if scene.dispatcher.fault is not None:
                break
            await asyncio.sleep(0.01)
        await scene.settle()

    scene = play(tmp_path, course)
    assert scene.journal.later
    assert scene.master is not None and scene.master.shutdown is not None
    assert scene.master.shutdown.exit_code == 2


def test_an_exception_in_the_engine_ends_the_session_and_says_where(tmp_path: Path) -> None:
    async def course(scene: Scene) -> None:
        scene.puppet.wanted = "no signal at all"  # type: ignore[assignment]
        scene.trade("2000", "500")
        taken = len(scene.log)
        assert scene.master is not None and scene.master.is_finished.is_set()
        scene.quote("2000", "2000.01")
        assert len(scene.log) == taken + 1 and scene.master.processed == 0

    scene = play(tmp_path, course)
    assert scene.master is not None
    failure = scene.master.failure
    assert isinstance(failure, SessionError) and failure.exit_code != 0
    assert "mistake of its own" in str(failure) and "report" in failure.remedy
    assert failure.__cause__ is not None
    assert scene.gateway.sent == []


def test_a_readable_error_stays_what_it_is(tmp_path: Path) -> None:
    async def course(scene: Scene) -> None:
        assert scene.master is not None
        scene.master.fail(BooksError("the ledger does not add up"))
        scene.master.fail(ValueError("a later one"))

    scene = play(tmp_path, course)
    assert scene.master is not None
    assert isinstance(scene.master.failure, BooksError)


BROKEN = """
import sys
from pathlib import Path
from supreme_system_v5 import trading
from supreme_system_v5.core.strategies.base import Strategy

class Broken(Strategy):
    name = "scalping"
    def on_bar(self, snapshot, is_live):
        if is_live:
            raise ZeroDivisionError("a mistake for the test")
    def evaluate(self, snapshot, time_ns, cooldown_ns): return None
    def unmet(self, snapshot): return ""
    def state(self): return []

trading.make_strategy = lambda parameters: Broken()
from supreme_system_v5.cli import main
sys.exit(main(["run", "--duration", "20"], Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_the_process_says_it_and_exits_non_zero(tmp_path: Path) -> None:
    keys = {"DATA_SOURCES": "simulated", "METRICS_PORT": "0", "OPTIMIZED_MODE": "false", "BAR_SECONDS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path)],
        env={**os.environ, **{f"SUPREME_{key}": value for key, value in keys.items()}, "SUPREME_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stderr.strip().splitlines()
    assert "main.py: the session ended by a mistake of its own: ZeroDivisionError: a mistake for the test" in said[-2]
    logs = "".join(path.read_text() for path in (tmp_path / "run_artifacts").glob("*/daemon.jsonl"))
    assert "ZeroDivisionError" in logs and "on_bar" in logs  # the traceback, for whoever mends it


def test_events_are_seen_by_the_sink_in_the_order_of_the_feed(tmp_path: Path) -> None:
    seen: list[int] = []

    async def course(scene: Scene) -> None:
        for _ in range(5):
            scene.quote("2000", "2000.01")
        seen.extend(int(entry[1]) for entry in scene.log if entry[0] == "event")  # type: ignore[call-overload]

    play(tmp_path, course)
    assert len(seen) == 5 and seen == sorted(seen)
