"""One recording, three ways to the engine: sockets at any speed, a plain loop, compiled and pure. One digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5 import build_info
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER
from tests.determinism.daemon import BUSY, RecordingRun, settings_of
from tests.determinism.for_loop import ForLoop
from tests.determinism.recordings import MARKETS, SECOND, long_test, names, recording

SHORT_BARS = {"BAR_SECONDS": "2"}  # in a slice of seconds, bars that close


def compare(
    data_dir: Path, folder: Path, market: str, speed: float, seconds: float = 0, is_pure: bool = False, **keys: str
) -> None:
    """The loop here, the daemon there; ``seconds`` of market time (0 = all of it)."""
    settings = settings_of(market, folder, **keys)
    source = recording(data_dir, market)
    end_ns = source.start_ns + int(seconds * SECOND) if seconds else NEVER
    loop = ForLoop(source, settings, end_ns).run()
    options = ["--market-seconds", str(seconds)] if seconds else []
    wall_seconds = (source.last_ns - source.start_ns) / SECOND / speed if speed else 40.0
    env = {"OPTIMIZED_MODE": "false"} if is_pure else {}
    with RecordingRun(settings, folder, names(data_dir, market), speed, **keys) as run:
        status = run.play(source.last_ns, wall_seconds + 20.0, options, env)
        assert status, run.said("daemon")
    print(
        f"{market} at {speed:g}x, {seconds or 'all'} s: loop ({build_info.core()}) {loop.digest[:16]},"
        f" daemon ({status['core']}) {status['digest'][:16]}, {loop.processed} events, {loop.frames} frames"
    )
    assert status["core"] == ("pure" if is_pure else build_info.core())
    assert facts(status) == {
        "time_ns": source.last_ns,
        "processed": loop.processed,
        "committed": loop.trading.engine.chart.committed,
        "late": 0,
        "rejected": {},
        "gaps": 0,
        "reconnects": 0,
    }
    assert status["digest"] == loop.digest
    state = loop.trading.engine.state
    assert (status["trades_closed"], status["orders"]) == (state.trades_closed, state.order_states)
    if keys == BUSY:
        assert state.trades_closed >= 2
    assert run.exit_code == 0
    assert loop.late == 0 and loop.trading.engine.view.local_book.gaps == 0


def facts(status: dict[str, Any]) -> dict[str, Any]:
    """What must be equal besides the digest; it says more when something is not."""
    return {
        "time_ns": status["time_ns"],
        "processed": status["frames"]["processed"],
        "committed": status["bars"]["committed"],
        "late": status["feeds"]["queue"]["late"],
        "rejected": status["frames"]["rejected"],
        "gaps": sum(status["gaps"].values()),
        "reconnects": sum(status["reconnects"].values()),
    }


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_the_whole_recording_without_a_pace(data_dir: Path, tmp_path: Path, market: str) -> None:
    compare(data_dir, tmp_path, market, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_a_part_at_20x(data_dir: Path, tmp_path: Path, market: str) -> None:
    compare(data_dir, tmp_path, market, 20.0, 70.0)


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_whole_trades_with_their_commits(data_dir: Path, tmp_path: Path, market: str) -> None:
    """Orders and fills, each waiting for the disk in the daemon and for nothing in the loop."""
    compare(data_dir, tmp_path, market, 0.0, **BUSY)


@pytest.mark.slow
def test_a_part_at_recorded_speed(data_dir: Path, tmp_path: Path) -> None:
    compare(data_dir, tmp_path, "usdm", 1.0, 7.0, **SHORT_BARS)


@pytest.mark.slow
def test_a_pure_daemon_agrees_with_the_compiled_loop(data_dir: Path, tmp_path: Path) -> None:
    if build_info.core() != "compiled":
        pytest.skip("core: pure here, and it is compared with itself above")
    compare(data_dir, tmp_path, "usdm", 0.0, is_pure=True)


@long_test
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("keys", [{}, BUSY], ids=["default", "busy"])
@pytest.mark.parametrize("is_pure", [False, True], ids=["built", "pure"])
@pytest.mark.parametrize("market", MARKETS)
def test_the_whole_recording_at_20x(
    data_dir: Path, tmp_path: Path, market: str, is_pure: bool, keys: dict[str, str]
) -> None:
    compare(data_dir, tmp_path, market, 20.0, is_pure=is_pure or build_info.core() == "pure", **keys)


@long_test
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("market", MARKETS)
def test_the_whole_recording_at_recorded_speed(data_dir: Path, tmp_path: Path, market: str) -> None:
    compare(data_dir, tmp_path, market, 1.0)
