"""Orderly stops of the real daemon: by whom, how long, with what exit code, and what stays open."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import independent
from tests.system.independent import Books
from tests.system.world import FAST, FAST_EXCHANGE, Daemon, World, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def fast() -> Iterator[World]:
    """A home on a fast separate exchange."""
    with World(FAST) as world:
        world.start_exchange(*FAST_EXCHANGE)
        yield world


def books_of(world: World) -> Books:
    books = independent.read(world.home.journal_path, world.root / "scratch")
    assert books is not None
    independent.check(books)
    return books


def ended(daemon: Daemon, seconds_max: float = 5.0) -> tuple[int, str, float]:
    """Exit code, words and time of an end that was just asked for."""
    started = time.monotonic()
    code = daemon.wait(20)
    took = time.monotonic() - started
    said = daemon.said()
    assert took < seconds_max, f"took {took:.1f} s\n{said}"
    assert "Traceback" not in said
    return code, said, took


@pytest.mark.parametrize(
    "how",
    [pytest.param("SIGINT", marks=pytest.mark.long), "SIGTERM", pytest.param("make stop", marks=pytest.mark.long)],
)
def test_a_stop_keeps_the_position_and_the_restart_goes_on_with_it(fast: World, how: str) -> None:
    daemon = fast.start("run")
    daemon.wait_position()
    if how == "make stop":
        started = time.monotonic()
        code, said = fast.run("stop")
        assert code == 0 and time.monotonic() - started < 5.0, said
        assert "LEFT OPEN" in said or "position     flat" in said
    else:
        daemon.signal(signal.Signals[how])
    code, said, _ = ended(daemon)
    assert code == 0, said
    assert f"ended: {'Ctrl-C' if how == 'SIGINT' else how}" in said
    books = books_of(fast)
    assert not books.pending
    if not books.position:
        return  # it was closed in the moment before the stop arrived
    assert "LEFT OPEN" in said and "to close now: make emergency-stop" in " ".join(said.split())
    stop = books.orders[books.position["stop_order_id"]]
    assert stop["state"] == "OPEN" and stop["quantity_e8"] == books.position["quantity_e8"]
    summary = json.loads(next(fast.home.artifacts_dir.glob("*/summary.json")).read_text())
    assert summary["schema_version"] == 1
    again = fast.start("run", "--duration", "1")
    code, said, _ = ended(again, 8.0)
    assert code == 0 and "with an open position: it" in said
    after = books_of(fast)
    kept = after.position.get("stop_order_id") == books.position["stop_order_id"]
    assert kept or len(after.trades) > len(books.trades), "the position is neither there nor closed"


def test_on_stop_close_ends_flat(fast: World) -> None:
    daemon = fast.start("run", ON_STOP="close")
    daemon.wait_position()
    daemon.signal(signal.SIGTERM)
    code, said, _ = ended(daemon)
    assert code == 0 and "LEFT OPEN" not in said, said
    assert not books_of(fast).position


@pytest.mark.long
def test_duration_is_a_stop_in_order(fast: World) -> None:
    code, said, took = ended(fast.start("run", "--duration", "2"), 9.0)
    assert code == 0 and "DURATION=2 is over" in said and took >= 2.0


def test_a_second_ctrl_c_ends_at_once_with_130(fast: World) -> None:
    daemon = fast.start("run", ON_STOP="close")
    daemon.wait_position()
    blocker = sqlite3.connect(fast.home.journal_path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # the disk stalls: the exit's intent cannot be stored, the stop cannot be quick
    try:
        daemon.signal(signal.SIGINT)
        time.sleep(0.1)
        daemon.signal(signal.SIGINT)
        code, said, _ = ended(daemon, 1.0)
        assert code == 130 and "interrupted twice" in said, said
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    books_of(fast)
    code, said = fast.run("run", "--duration", "1")
    assert code == 0, said


@pytest.mark.parametrize(
    "delay_ms", [20, 300, *(pytest.param(ms, marks=pytest.mark.long) for ms in (150, 450, 600, 800))]
)
def test_a_stop_during_the_start_is_in_order_too(fast: World, delay_ms: int) -> None:
    daemon = fast.start("run")
    wait_until(
        lambda: fast.home.lock_path.exists() and f'"pid": {daemon.pid},' in fast.home.lock_path.read_text(),
        "the lock is taken",
        said=daemon.said,
    )
    time.sleep(delay_ms / 1000)
    daemon.signal(signal.SIGTERM)
    code, said, _ = ended(daemon)
    assert code == 0, said
    assert "stopped during the start" in said or "stopped before anything" in said or "Session summary" in said
    assert fast.home.lock_path.read_text() == "", "the lock was not given back"
    books = independent.read(fast.home.journal_path, fast.root / "scratch")
    if books is not None:  # a first start that was stopped early has none yet
        independent.check(books)


def test_a_second_start_names_the_pid_and_leaves_nothing(fast: World) -> None:
    daemon = fast.start("run")
    daemon.wait_active()
    sessions = set(fast.home.artifacts_dir.iterdir())
    code, said = fast.run("run")
    assert code == 5 and f"pid {daemon.pid}" in said and len(said.splitlines()) == 2, said
    assert set(fast.home.artifacts_dir.iterdir()) == sessions
    daemon.signal(signal.SIGINT)
    assert ended(daemon)[0] == 0


def test_a_stop_while_the_journal_stalls_says_so_and_ends_in_time(fast: World) -> None:
    daemon = fast.start("run")
    daemon.wait_position()
    blocker = sqlite3.connect(fast.home.journal_path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        daemon.signal(signal.SIGTERM)
        code, said, _ = ended(daemon)
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    # Either nothing had to be written any more, or the fault was met, said, and what was decided is in the spill file.
    assert code == 0 or ("JOURNAL FAULT" in said or "took too long" in said), said
    again_code, again = fast.run("run", "--duration", "1")
    assert again_code == 0, again
    books_of(fast)


@pytest.mark.long
def test_silence_of_the_venue_does_not_delay_the_stop(fast: World) -> None:
    fast.fault("silence", seconds=200)
    daemon = fast.start("run")
    try:
        wait_until(lambda: bool(daemon.status()), "the control socket answers", said=daemon.said)
        time.sleep(0.5)
        daemon.signal(signal.SIGTERM)
        code, said, _ = ended(daemon)
        assert code == 0, said
    finally:
        wait_until(lambda: fast.ask_exchange("/x/status")["started"], "the exchange answers")
        time.sleep(200 / 20)  # until the silence is over


def test_the_log_has_what_was_announced_and_no_secrets_or_ticks(fast: World) -> None:
    daemon = fast.start("run")
    # Not any position: one that an earlier session left open was announced by that one.
    wait_until(lambda: "SIMULATED ENTRY" in daemon.said(), "an entry is announced", 60, daemon.said, daemon.process)
    daemon.signal(signal.SIGTERM)
    ended(daemon)
    session = max(path for path in fast.home.artifacts_dir.iterdir() if path.is_dir())
    log = [json.loads(line) for line in (session / "daemon.jsonl").read_text().splitlines()]
    assert any("ENTRY" in line["message"] and "SIMULATED" in line["message"] for line in log)
    assert len(log) < 200, "a line a tick"
    assert (session / "summary.json").exists() and (session / "summary.txt").exists()


def test_no_venue_at_all_is_one_sentence(tmp_path: Path) -> None:
    with World({"DATA_SOURCES": "binance,coingecko"}, tmp_path) as world:
        started = time.monotonic()
        code, said = world.run("run")
        assert code == 2 and "no source of market data" in said and "Traceback" not in said, said
        assert time.monotonic() - started < 10


@pytest.mark.long
def test_a_venue_that_hangs_is_given_up_in_time_and_a_stop_need_not_wait_for_it(tmp_path: Path) -> None:
    with World(FAST, tmp_path / "h") as world:
        exchange = world.start_exchange(*FAST_EXCHANGE)
        exchange.signal(signal.SIGSTOP)
        try:
            daemon = world.start("run")
            time.sleep(1.5)
            daemon.signal(signal.SIGTERM)
            code, said, _ = ended(daemon)
            assert code == 0 and "stopped during the start" in said, said
            started = time.monotonic()
            code, said = world.run("run")
            assert code == 2 and "no source of market data" in said and "Traceback" not in said, said
            assert time.monotonic() - started < 10.0
        finally:
            exchange.signal(signal.SIGCONT)
