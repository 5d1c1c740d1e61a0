"""Daemons that record, on the separate exchange; ended, killed, started again; and their recordings replayed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5 import build_info
from supreme_system_v5.adapters.storage.recording.keeping import recordings, segments
from tests.backtesting.test_export_frames import recorded
from tests.system.world import FAST, FAST_EXCHANGE, ROOT, World, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home whose sessions are recorded, on a fast market."""
    with World({**FAST, "RECORD": "true"}, tmp_path / "h") as one:
        yield one


def replayed(world: World, *options: str, **env: str) -> tuple[int, dict[str, Any]]:
    """Exit code and what `replay --json` says."""
    code, said = world.run("replay", "--json", *options, timeout_seconds=120.0, **env)
    start = said.index("{")
    return code, json.loads(said[start:])


def summary_of(world: World) -> dict[str, Any]:
    """The newest session's last status."""
    (path,) = recordings(world.home.artifacts_dir)[-1].parent.glob("summary.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_recorded_session_ends_and_replays(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    code, said = world.run("run", "--duration", "6")
    assert code == 0, said
    assert "recorded in" in " ".join(said.split())
    code, found = replayed(world)
    summary = summary_of(world)
    assert code == 0
    assert (found["differences"], found["is_ended"], found["damage"]) == (0, True, "")
    assert found["digest"] == summary["digest"]
    assert summary["trades_closed"] >= 1
    assert summary["recording"]["state"] == "on"
    code, text = world.run("replay")
    assert code == 0
    assert f"0 differences; digest {summary['digest']}" in text


def test_make_record_is_the_recorded_run(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    code, said = world.run("record", "--duration", "2", RECORD="false")
    assert code == 0, said
    assert replayed(world)[1]["differences"] == 0


def test_a_run_without_record_leaves_none(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    code, said = world.run("run", "--duration", "1", RECORD="false")
    assert code == 0, said
    assert recordings(world.home.artifacts_dir) == []
    code, said = world.run("replay")
    assert code == 2
    assert "there is no recording" in said


def kill_and_go_on(world: World, kills: int) -> dict[str, Any]:
    """Sessions killed with a position open, then one that is stopped; the chain of them all, replayed."""
    for turn in range(kills):
        daemon = world.start("run")
        daemon.wait_active()
        daemon.wait_position()
        time.sleep(0.05 + 0.13 * (turn % 5))
        daemon.kill()
    code, said = world.run("run", "--duration", "3")
    assert code == 0, said
    code, chain = replayed(world, "--session", "chain")
    bad = [one for one in chain["sessions"] if one["differences"] or one.get("link_differences") or one["damage"]]
    assert code == 0, bad
    assert chain["is_good"]
    sessions: list[dict[str, Any]] = chain["sessions"]
    assert len(sessions) == kills + 1
    assert [one["is_ended"] for one in sessions] == [False] * kills + [True]
    assert sessions[-1]["digest"] == summary_of(world)["digest"]
    return chain


def test_killed_and_restarted_sessions_are_one_chain(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    kill_and_go_on(world, 2)
    began = [
        json.loads((folder / "header.json").read_text())["saved"] for folder in recordings(world.home.artifacts_dir)
    ]
    assert began[0]["position"] == {}
    assert any(saved["position"] for saved in began[1:])  # a start had a downtime to settle


@pytest.mark.long
def test_a_long_chain_of_kills(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    kill_and_go_on(world, 20)


def test_a_chain_that_was_tampered_with_is_broken(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    for _ in range(2):
        assert world.run("run", "--duration", "2")[0] == 0
    path = recordings(world.home.artifacts_dir)[1] / "header.json"
    header = json.loads(path.read_text())
    header["saved"]["ledger"]["wallet_e8"] += 1
    header["saved"]["ledger"]["initial_e8"] += 1
    path.write_text(json.dumps(header))
    code, text = world.run("replay", "--session", "chain")
    assert code == 1
    assert "did not begin with what" in text
    assert "ledger" in text
    assert "BROKEN" in text.splitlines()[-1]


@pytest.mark.skipif(build_info.core() != build_info.COMPILED, reason="the compiled core is not built here")
@pytest.mark.parametrize("recorded", ["true", "false"], ids=["compiled", "pure"])
def test_the_other_core_replays_the_same(world: World, recorded: str) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    assert world.run("run", "--duration", "4", OPTIMIZED_MODE=recorded)[0] == 0
    digests = set()
    for core in ("true", "false"):
        code, found = replayed(world, OPTIMIZED_MODE=core)
        assert (code, found["differences"]) == (0, 0)
        assert found["core"] == ("compiled" if core == "true" else "pure")
        assert found["recorded_core"] == ("compiled" if recorded == "true" else "pure")
        digests.add(found["digest"])
    assert len(digests) == 1


ALTERED = {
    "the strategy, seen before it decides": (
        "from supreme_system_v5.core.strategies import scalping\n"
        "scalping.RSI_OVERSOLD, scalping.RSI_OVERBOUGHT = 0.5, 99.5\n",
        ("first difference: the state after event", "strategy["),
    ),
    "the risk manager, seen when it decides": (
        "from supreme_system_v5.core.risk.manager import RiskManager\n"
        "decide = RiskManager.decide\n"
        "def altered(self, *words):\n"
        "    verdict = decide(self, *words)\n"
        "    verdict.stop_e8 += 1_000_000\n"
        "    return verdict\n"
        "RiskManager.decide = altered\n",
        ("first difference: the decision after event", "* SubmitOrder", "  * OrderRecord", "frame of socket"),
    ),
}


@pytest.mark.parametrize("name", sorted(ALTERED))
def test_altered_code_is_found_and_named(world: World, name: str) -> None:
    """The replaying process has other code: the first event it treats differently ends the replay."""
    world.start_exchange(*FAST_EXCHANGE)
    assert world.run("run", "--duration", "5", OPTIMIZED_MODE="false")[0] == 0
    change, words = ALTERED[name]
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from supreme_system_v5 import pure_import\n"
        "pure_import.install()\n"
        f"{change}"
        "from supreme_system_v5.cli import main\n"
        "sys.exit(main(['replay'], Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-c", code, str(world.root)]
    env = {**world.env, "OPTIMIZED_MODE": "false"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    for word in (*words, "recorded", "replayed", "the state that differs"):
        assert word in done.stdout, (word, done.stdout)
    assert "Traceback" not in done.stderr


@pytest.mark.long
@pytest.mark.skipif(build_info.core() != build_info.COMPILED, reason="the compiled core is not built here")
@pytest.mark.parametrize("recorded", ["true", "false"], ids=["compiled", "pure"])
def test_the_other_core_goes_on_from_any_segment(world: World, recorded: str) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    assert world.run("run", "--duration", "20", OPTIMIZED_MODE=recorded, RECORD_MAX_MB="16")[0] == 0
    folder = recordings(world.home.artifacts_dir)[-1]
    found = segments(folder)
    assert len(found) >= 3
    for path in found[:-1]:
        path.unlink()
        for core in ("true", "false"):
            code, said = replayed(world, OPTIMIZED_MODE=core)
            assert (code, said["differences"]) == (0, 0)
            assert said["events_dropped"] > 0


# -- the real clock ------------------------------------------------------------------------------------------------


def on_the_real_clock(world: World, seconds: int) -> tuple[int, dict[str, Any]]:
    """A session that does not know that its venue is simulated: the receive stamp is the time, arrival is the order."""
    world.start_exchange("--profile", "scripted", "--bar-seconds", "2", "--market-seed", "7")
    ready = world.root / "passage.json"
    command = [
        sys.executable,
        "-m",
        "tests.system.real_clock",
        "--target",
        world.exchange_url,
        "--ready-file",
        str(ready),
    ]
    passage = subprocess.Popen(command, cwd=ROOT, env=world.env)
    try:
        wait_until(ready.exists, "the passage is ready")
        url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
        world.env |= {"BINANCE_USDM_REST_URL": url, "BINANCE_USDM_WS_URL": url.replace("http", "ws")}
        code, said = world.run("run", "--duration", str(seconds), timeout_seconds=seconds + 60.0)
        assert code == 0, said
    finally:
        passage.kill()
        passage.wait()
    return replayed(world)


def test_a_session_on_the_real_clock_replays(world: World) -> None:
    code, found = on_the_real_clock(world, 6)
    summary = summary_of(world)
    assert summary["source_class"] == "real"
    assert summary["frames"]["received"] > 200
    assert (code, found["differences"]) == (0, 0)
    assert found["digest"] == summary["digest"]


@pytest.mark.long
def test_a_session_on_the_real_clock_with_trades_replays(world: World) -> None:
    code, found = on_the_real_clock(world, 120)
    summary = summary_of(world)
    assert summary["trades_closed"] >= 1
    assert (code, found["differences"]) == (0, 0)
    assert found["digest"] == summary["digest"]


# -- the budget ----------------------------------------------------------------------------------------------------


def test_memory_pressure_sheds_the_recording_first(world: World) -> None:
    world.start_exchange(*FAST_EXCHANGE)
    daemon = world.start("run", RECORD="false")
    rss_mb = daemon.wait_active()["resources"]["rss_bytes"] / 1024 / 1024
    daemon.kill()
    code, said = world.run("run", "--duration", "6", MAX_RAM_MB=str(round(rss_mb / 0.86)))
    words = " ".join(said.split())
    assert code in (0, 3), said  # 3: above the limit itself, because a recording is memory too
    assert "recording ended: memory pressure" in words
    assert summary_of(world)["recording"]["state"] == "ended"
    code, found = replayed(world)
    assert (code, found["differences"], found["reason"]) == (0, 0, "memory pressure")
    assert found["is_ended"] and found["is_early"]
    assert world.run("run", "--duration", "1")[0] == 0
    code, text = world.run("replay", "--session", "chain")
    assert code == 0, text
    assert "not compared, because that recording ended before its session" in text


# -- as data -------------------------------------------------------------------------------------------------------


def test_a_recorded_session_is_played_by_the_exchange_and_by_a_backtest(world: World) -> None:
    """Recorded on the separate exchange, exported, played by another exchange to a daemon that records it again."""
    pytest.importorskip("pyarrow", reason="pyarrow reads the data (requirements-research.txt)")
    world.start_exchange(*FAST_EXCHANGE)
    assert world.run("run", "--duration", "5")[0] == 0
    (first,) = recordings(world.home.artifacts_dir)
    path = world.root / "out" / "frames.jsonl.gz"
    path.parent.mkdir()
    code, said = world.run("export-frames", "--file", str(path))
    assert code == 0, said
    assert "SIMULATED market" in said
    code, said = world.run("backtest", "--data", str(path))
    assert code == 0, said
    assert "SIMULATED" in said
    world.start_exchange("--recording", str(path), "--speed", "20", "--wait")
    daemon = world.start("run", "--duration", "4")
    wait_until(
        lambda: len([names for names in world.ask_exchange("/x/status")["subscriptions"] if names]) == 2,
        "the daemon listens to both categories",
        said=daemon.said,
    )
    world.ask_exchange("/x/start", {})
    assert daemon.wait(60.0) == 0, daemon.said()
    second = recordings(world.home.artifacts_dir)[-1]
    assert second != first
    known, again = recorded(first, "usdm"), recorded(second, "usdm")
    assert len(again.trades) > 200
    at = known.trades.index(again.trades[0])
    assert again.trades == known.trades[at : at + len(again.trades)]
    assert at == 0
