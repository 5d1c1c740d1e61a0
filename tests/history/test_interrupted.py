"""Interrupted at any point, by a network that goes or by kill -9, and started again: the same files, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.http import NetworkError
from supreme_system_v5.history.kinds import parse_range
from supreme_system_v5.history.pages import Pages
from tests.history.files import some_trades, trade_chunk, trade_rows
from tests.history.venue import FROM, TO, Venue, Wire, day_files, download
from tests.source_tree import ROOT

MARKET = {"archive": "usdm", "rest": "spot"}  # spot's limit has room for what a test asks in a minute
DAY = parse_range(FROM, FROM)
_whole: dict[str, dict[str, bytes]] = {}
_bytes: dict[str, int] = {}


def whole(venue: Venue, folder: Path, way: str) -> dict[str, bytes]:
    """The files of a download that nothing interrupts, and how many bytes it takes."""
    if way not in _whole:
        wire = Wire(port_of(venue), 1 << 40)
        assert not download(folder / way, wire.url, MARKET[way], span=DAY).failures
        _whole[way] = day_files(folder / way)
        _bytes[way] = (1 << 40) - wire.left
        wire.close()
    return _whole[way]


def port_of(venue: Venue) -> int:
    return int(venue.url.rpartition(":")[2])


@pytest.mark.parametrize("way", ["archive", "rest"])
def test_a_network_that_goes_at_any_byte(venue: Venue, tmp_path_factory: pytest.TempPathFactory, way: str) -> None:
    folder = tmp_path_factory.mktemp("whole")
    if way == "rest":
        venue.fault("archive_missing", seconds=1e6)
    files = whole(venue, folder, way)
    assert len(files) == 2

    @settings(max_examples=12)
    @example(cuts=[0.001, 0.002, 0.004])  # within the headers of the first answers
    @given(cuts=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3))
    def run(cuts: list[float]) -> None:
        home = tmp_path_factory.mktemp("home")
        for share in cuts:
            wire = Wire(port_of(venue), max(1, int(_bytes[way] * share)))
            try:
                download(home, wire.url, MARKET[way], span=DAY)
            except NetworkError:
                assert wire.is_cut
            assert day_files(home).items() <= files.items()  # whatever is stored is whole
            wire.close()
        download(home, venue.url, MARKET[way], span=DAY)
        assert day_files(home) == files

    run()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["archive", "rest"])
def test_kill_9_and_again(venue: Venue, tmp_path: Path, way: str) -> None:
    """The process is killed when so many bytes have come, over and over on one home, until a run comes through."""
    if way == "rest":
        venue.fault("archive_missing", seconds=1e6)
    files = whole(venue, tmp_path, way)
    home = tmp_path / "home"
    home.mkdir()
    kills = 0
    for share in (0.02, 0.2, 0.35, 0.5, 0.3, 0.9):
        children: list[subprocess.Popen[bytes]] = []
        wire = Wire(port_of(venue), int(_bytes[way] * share), partial(kill, children))
        env = environment(home, wire.url)
        child = subprocess.Popen(command("--market", MARKET[way]), env=env, stderr=subprocess.PIPE)
        children.append(child)
        _, said = child.communicate(timeout=60)
        wire.close()
        assert child.returncode in (-signal.SIGKILL, 0), said.decode()
        kills += child.returncode != 0
        assert day_files(home / "data").items() <= files.items()
    done = run_command(environment(home, venue.url), "--market", MARKET[way])
    assert done.returncode == 0, done.stderr
    assert kills >= 3
    assert day_files(home / "data") == files


def test_ctrl_c_says_that_nothing_is_lost(venue: Venue, tmp_path: Path) -> None:
    venue.fault("slow_rest", path="/data/*", delay_ms=60_000, seconds=1e6)
    env = environment(tmp_path, venue.url)
    with subprocess.Popen(
        command(),
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - takes no lock
    ) as child:
        try:
            while not venue.hits():
                assert child.poll() is None
                time.sleep(0.05)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 130
    assert "interrupted: what is stored stays, and the same command goes on" in said and "Traceback" not in said


def hear_interrupts() -> None:
    """As from a terminal: a shell that started the tests in the background has told everybody to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kill(children: list[subprocess.Popen[bytes]]) -> None:
    children[0].kill()


def run_command(env: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*more), env=env, capture_output=True, text=True, timeout=60, check=False)


def command(*more: str) -> list[str]:
    return [sys.executable, str(ROOT / "main.py"), "download", "--symbol", "ETH-USDT", "--from", FROM, *more]


def environment(home: Path, url: str) -> dict[str, str]:
    names = ("SUPREME_HOME", "BINANCE_ARCHIVE_URL", "BINANCE_USDM_REST_URL", "BINANCE_SPOT_REST_URL")
    return {**os.environ, **dict(zip(names, (str(home), url, url, url), strict=True)), "OPTIMIZED_MODE": "false"}


def test_the_command_says_what_it_did_and_what_it_could_not(venue: Venue, tmp_path: Path) -> None:
    env = environment(tmp_path, venue.url)
    done = run_command(env, "--to", TO, "--json")
    assert done.returncode == 0 and '"stored_days": 4' in done.stdout and not done.stderr
    again = run_command(env, "--to", TO)
    assert "0 days stored, 4 were there already" in again.stdout
    assert (
        "SIMULATED bars of usdm ETHUSDT: 2,880 bars, 2025-11-17 00:00 to 2025-11-18 23:59 UTC: no fault found"
        in again.stdout
    )
    alone = environment(tmp_path, "http://127.0.0.1:9")
    lost = run_command(alone, "--to", "2025-11-19")
    assert lost.returncode == 1 and "Traceback" not in lost.stderr
    assert "main.py: cannot reach 127.0.0.1:9: Connection refused" in lost.stderr
    assert "is there a network?" in lost.stderr
    venue.fault("archive_checksum", path="/data/futures/um/daily/klines/*", seconds=1e6)
    wrong = run_command(env, "--to", "2025-11-19", "--kind", "bars")
    assert wrong.returncode == 1
    assert "NOT STORED: bars of usdm ETHUSDT 2025-11-19" in wrong.stderr and "checksum" in wrong.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--kind", "ticks"], "KIND=ticks is not known"),
        (["--market", "coinm"], "MARKET=coinm is not known"),
        (["--to", "yesterday"], "TO=yesterday is not a day"),
        (["--to", "2025-11-01"], "FROM=2025-11-17 is not before TO=2025-11-01"),
    ],
)
def test_a_persons_mistake(tmp_path: Path, more: list[str], words: str) -> None:
    done = run_command(environment(tmp_path, "http://127.0.0.1:9"), *more)
    assert done.returncode == ConfigError.exit_code and words in done.stderr and "Traceback" not in done.stderr


# Pages of trades ---------------------------------------------------------------------------------------------------


@given(data=st.data())
def test_pages_survive_a_torn_end(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("pages") / "day.pages"
    rows = some_trades(30)
    pages = Pages(path)
    ends = [0]
    for start in range(0, 30, 10):
        pages.add(trade_chunk(rows[start : start + 10]))
        ends.append(path.stat().st_size)
    assert trade_rows(Pages(path).chunks()) == rows
    assert (pages.rows, pages.last_id, pages.last_ms) == (30, rows[-1][1], rows[-1][0])
    size = data.draw(st.integers(0, ends[-1]))
    content = bytearray(path.read_bytes()[:size])
    if data.draw(st.booleans()) and content:
        content[-1] ^= 1  # the last byte was never really written
        size -= 1
    path.write_bytes(bytes(content))
    kept = max(n for n, end in enumerate(ends) if end <= size) * 10
    torn = Pages(path)
    assert trade_rows(torn.chunks()) == rows[:kept] and torn.rows == kept
    torn.add(trade_chunk(rows[kept : kept + 1] or rows[:1]))
    assert trade_rows(Pages(path).chunks()) == rows[:kept] + (rows[kept : kept + 1] or rows[:1])
