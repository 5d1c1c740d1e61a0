"""emergency-stop and the real daemon: healthy, hung, dead, never started, with a journal nobody can read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.lock import process_identity
from tests.system import independent
from tests.system.world import FAST, FAST_EXCHANGE, Daemon, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(FAST, tmp_path / "h") as one:
        one.start_exchange(*FAST_EXCHANGE)
        yield one


def trading(world: World) -> Daemon:
    daemon = world.start("run")
    daemon.wait_position()
    return daemon


def stop_now(world: World, *arguments: str) -> tuple[int, str]:
    started = time.monotonic()
    code, said = world.run("emergency-stop", *arguments)
    assert time.monotonic() - started < 15.0, said
    assert "Traceback" not in said, said
    return code, said


def assert_flat_and_latched(world: World) -> None:
    books = independent.read(world.home.journal_path, world.root / "scratch")
    assert books is not None
    independent.check(books)
    assert not books.position and not books.pending
    assert not [order for order in books.orders.values() if order["state"] not in independent.FINAL]
    assert_latched(world)


def assert_latched(world: World) -> None:
    said = json.loads(world.home.halted_path.read_text())
    assert said["reason"] == "emergency-stop" and said["time_ns"] > 0
    sessions = sorted(world.home.artifacts_dir.glob("*"))
    for verb in ("run", "demo"):
        code, words = world.run(verb)
        assert code == 4 and "clear-halt" in words and "Traceback" not in words, words
    assert sorted(world.home.artifacts_dir.glob("*")) == sessions, "a refused start left a session behind"


def assert_starts_after_clear_halt(world: World) -> None:
    code, said = world.run("clear-halt")
    assert code == 0 and "lifted" in said, said
    code, said = world.run("run", "--duration", "1", ON_STOP="close")
    assert code == 0, said


def spoil(world: World) -> None:
    """Rubbish over the database and its WAL, in place: a daemon that has them open reads it too."""
    for name in ("journal.db", "journal.db-wal"):
        path = world.home.state_dir / name
        if path.exists():
            with path.open("r+b") as file:
                file.write(b"rubbish!" * (path.stat().st_size // 8 + 1))


def test_healthy(world: World) -> None:
    daemon = trading(world)
    code, said = stop_now(world)
    assert code == 0 and "is healthy" in said and "FLAT" in said, said
    assert daemon.wait(5) == 4
    assert_flat_and_latched(world)
    assert_starts_after_clear_halt(world)


def test_hung_it_is_ended_by_its_pid_and_closed_at_a_fresh_book(world: World) -> None:
    daemon = trading(world)
    daemon.signal(signal.SIGSTOP)
    code, said = stop_now(world)
    assert code == 0 and "is hung" in said and f"pid {daemon.pid} killed" in said and "FLAT" in said, said
    assert daemon.wait(5) == -signal.SIGKILL
    assert "forced_mark" not in said, "the exchange lives: its book was to be had"
    assert_flat_and_latched(world)
    assert_starts_after_clear_halt(world)


@pytest.mark.long
def test_dead(world: World) -> None:
    daemon = trading(world)
    daemon.kill()
    code, said = stop_now(world)
    assert code == 0 and "the daemon is dead" in said and "is gone" in said and "FLAT" in said, said
    assert_flat_and_latched(world)
    assert_starts_after_clear_halt(world)


def test_never_started(world: World) -> None:
    code, said = stop_now(world)
    assert code == 0 and "no daemon was ever started" in said and "FLAT" in said, said
    assert_latched(world)


@pytest.mark.long
def test_during_the_start(world: World) -> None:
    world.fault("slow_rest", seconds=400, delay_ms=40_000)  # 2 s a reply: the start hangs in the venue
    daemon = world.start("run")
    time.sleep(1.0)
    code, said = stop_now(world)
    assert code == 0 and "FLAT" in said, said
    daemon.wait(5)
    assert_latched(world)


@pytest.mark.long
def test_an_embedded_market_dies_with_its_daemon_the_last_price_is_forced(tmp_path: Path) -> None:
    with World({**FAST, "SIM_SPEED": "20"}, tmp_path / "h") as world:
        daemon = world.start("demo")
        daemon.wait_position()
        daemon.signal(signal.SIGSTOP)
        code, said = stop_now(world, "--json")
        told = json.loads(said[said.index("{") :])
        assert code == 0 and told["case"] == "hung" and told["is_flat"] and told["closed"][0]["forced_mark"], said
        assert_flat_and_latched(world)


def test_an_unreadable_journal_with_a_living_daemon_it_closes_from_memory(world: World) -> None:
    daemon = trading(world)
    spoil(world)
    code, said = stop_now(world)
    assert "is healthy" in said and "closed from memory" in said and "says that it is flat" in said, said
    assert code == 0 and "POSITION UNKNOWN" not in said
    assert daemon.wait(5) in (2, 4)
    assert_latched(world)
    code, said = world.run("clear-halt")
    assert code == 1 and "journal.db" in said, "the books cannot be read: the latch stays"


def test_an_unreadable_journal_with_a_dead_daemon_the_position_is_unknown(world: World) -> None:
    trading(world).kill()
    spoil(world)
    code, said = stop_now(world)
    assert code == 1 and "POSITION UNKNOWN" in said and "journal.db" in said and "backup" in said, said
    assert_latched(world)


def test_a_stale_pid_of_a_living_stranger_is_never_touched(world: World) -> None:
    trading(world).kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        try:
            owner = json.loads(world.home.lock_path.read_text())
            owner["pid"] = stranger.pid
            world.home.lock_path.write_text(json.dumps(owner))
            assert process_identity(stranger.pid) != owner["identity"]
            code, said = stop_now(world)
            assert code == 0 and "left alone" in said and "FLAT" in said, said
            assert stranger.poll() is None, "an innocent process was ended"
            code, said = world.run("stop")
            assert code == 0 and "not running" in said and stranger.poll() is None
        finally:
            stranger.kill()
    assert_flat_and_latched(world)


@pytest.mark.long
def test_an_old_lock_does_not_keep_a_start_away(world: World) -> None:
    trading(world).kill()
    code, said = world.run("run", "--duration", "1", ON_STOP="close")
    assert code == 0, said
