"""A backtest on frames: the fast path against the plain loop, event by event, and recordings of every shape."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from supreme_system_v5.backtesting.frames import open_frames
from supreme_system_v5.backtesting.frames_backtest import FrameBacktester
from supreme_system_v5.backtesting.frames_cut import _stamp_by_bytes, _stamp_by_slices, stamp_of
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.trading import account_key, make_parameters
from tests.backtesting.frames_world import START_NS, Line, Played, generated_lines, same, write_lines
from tests.determinism.daemon import BUSY, settings_of
from tests.determinism.for_loop import ForLoop
from tests.determinism.recordings import FILES, MARKETS, SECOND, recording

QUICK = {"BAR_SECONDS": "1"}
Bend = Callable[[list[Line]], None]


def files(data_dir: Path, market: str) -> list[Path]:
    return [data_dir / "frames" / name for name in FILES[market]]


@pytest.mark.slow
@pytest.mark.parametrize("keys", [{}, BUSY], ids=["default", "busy"])
@pytest.mark.parametrize("market", MARKETS)
def test_the_fast_path_is_the_plain_loop(data_dir: Path, tmp_path: Path, market: str, keys: dict[str, str]) -> None:
    fast = same(files(data_dir, market), market, tmp_path, **keys)
    assert sum(fast.counts.lines.values()) == {"spot": 79_744, "usdm": 74_655}[market]
    assert fast.counts.rejected == {} and fast.counts.late == 0
    if keys:
        assert len(fast.ledger.trades) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_it_ends_where_it_is_told_to(data_dir: Path, tmp_path: Path, market: str) -> None:
    chance = random.Random(11)
    start_ns = open_frames(files(data_dir, market)).venue.start_ns
    for _ in range(4):
        same(files(data_dir, market), market, tmp_path, start_ns + chance.randrange(1, 90 * SECOND), **QUICK)


# Recordings of other shapes: made here, bent, and played by both.


@pytest.fixture(scope="module", params=MARKETS)
def made(request: pytest.FixtureRequest) -> tuple[str, list[Line]]:
    market: str = request.param
    return market, generated_lines(market, 12.0)


def copy_of(lines: list[Line]) -> list[Line]:
    copies = [Line(line.time_ns, line.stream, dict(line.data)) for line in lines]
    assert sum(line.kind == "raw_trade" for line in copies) > 50
    return copies


def spaced(lines: list[Line]) -> None:
    """Half of the lines with other white space than the recorder's, which only the exchange's own reader takes."""
    for line in lines[::2]:
        line.raw = line.text() + b" \t"


def other_stamps(lines: list[Line]) -> None:
    """Times of fewer digits: a recorder whose clock began at 0."""
    for line in lines:
        line.time_ns -= START_NS - 10 * SECOND


def short_prices(lines: list[Line]) -> None:
    """Prices without their closing zeros on every other trade: equal prices, unequal texts."""
    for line in [line for line in lines if line.kind == "raw_trade"][::2]:
        line.data["p"] = line.data["p"].rstrip("0")


def nothing_traded(lines: list[Line]) -> None:
    """Trades of price and quantity 0, as USD-M has them (order type NA): a daemon rejects their aggTrade."""
    trades = [line for line in lines if line.kind == "raw_trade"]
    for line in trades[5:40:7]:
        line.data |= {"p": "0", "q": "0"}


def strangers(lines: list[Line]) -> None:
    """Streams that no daemon subscribes to, one of them the last frame of all, and one with a silence before it."""
    for line in lines[10:200:20]:
        line.stream, line.data = "ethusdt@kline_1m", {"e": "kline", "k": {"t": 1}}
    lines.append(Line(lines[-1].time_ns + 700_000_000, "ethusdt@forceOrder", {"e": "forceOrder"}))


def broken(lines: list[Line]) -> None:
    """Frames that are no good: no symbol, a word for a number, a crossed quote, another symbol."""
    for number, line in enumerate(lines[20:220:10]):
        if line.kind == "quote":
            line.data |= [{"b": "x"}, {"s": "BTCUSDT"}, {"b": line.data["a"]}, {"B": "-1"}][number % 4]
        elif line.kind == "depth":
            line.data |= [{"u": None}, {"b": [["1"]]}, {"s": 5}, {"U": "7"}][number % 4]


def equal_times(lines: list[Line]) -> None:
    """Bursts with one receive time, in which quotes, depth and trades stand in any order."""
    chance = random.Random(3)
    for at in range(20, len(lines) - 20, 40):
        for line in lines[at : at + chance.randrange(2, 12)]:
            line.time_ns = lines[at].time_ns


def steps_back(lines: list[Line]) -> None:
    """A clock that was set back now and then."""
    chance = random.Random(4)
    for at in range(50, len(lines) - 50, 60):
        lines[at].time_ns -= chance.randrange(1, 400_000_000)


def a_hole_in_the_depth(lines: list[Line]) -> None:
    """Diffs are missing: the book is asked for in the middle of the recording."""
    places = [number for number, line in enumerate(lines) if line.kind == "depth"]
    del lines[places[40]]
    del lines[places[70] - 1]


def a_hole_in_the_trades(lines: list[Line]) -> None:
    """Nothing is missing by the exchange's counting (it numbers what it has), but there is silence."""
    at = len(lines) // 2
    middle = lines[at].time_ns
    end = middle + 3 * SECOND
    lines[:] = [line for line in lines if not (line.kind == "raw_trade" and middle <= line.time_ns < end)]


def silence(lines: list[Line]) -> None:
    """Twelve seconds in which nothing at all was received, twice."""
    third = len(lines) // 3
    for line in lines[third:]:
        line.time_ns += 12 * SECOND
    for line in lines[2 * third :]:
        line.time_ns += 12 * SECOND


def agg_trades_too(lines: list[Line]) -> None:
    """Somebody also recorded aggTrades, under ids of their own."""
    trades = [(number, line) for number, line in enumerate(lines) if line.kind == "raw_trade"]
    for number, line in reversed(trades[10:60:10]):
        own = {key: value for key, value in line.data.items() if key not in {"t", "X"}}
        own |= {"e": "aggTrade", "a": 10**9 + number, "f": line.data["t"], "l": line.data["t"]}
        lines.insert(number + 1, Line(line.time_ns + 3, "ethusdt@aggTrade", own))


def two_snapshots(lines: list[Line]) -> None:
    """The same snapshot once more, later."""
    first = next(line for line in lines if not line.stream)
    lines.insert(90, Line(lines[89].time_ns + 1, "", first.data))
    a_hole_in_the_depth(lines)


BENDS: list[Bend] = [
    spaced,
    other_stamps,
    short_prices,
    nothing_traded,
    strangers,
    broken,
    equal_times,
    steps_back,
    a_hole_in_the_depth,
    a_hole_in_the_trades,
    silence,
    agg_trades_too,
    two_snapshots,
]


@pytest.mark.parametrize("bend", BENDS, ids=lambda bend: bend.__name__)
def test_a_bent_recording_is_played_alike(made: tuple[str, list[Line]], tmp_path: Path, bend: Bend) -> None:
    market, lines = made[0], copy_of(made[1])
    bend(lines)
    fast = same([write_lines(tmp_path / "bent.jsonl", lines)], market, tmp_path, **QUICK)
    said = fast.counts
    if bend in (nothing_traded, broken):
        assert sum(said.rejected.values()) > 3
    if bend is steps_back:
        assert said.late > 0
    if bend in (a_hole_in_the_depth, two_snapshots):
        assert said.asked.count("RequestBook") > 1
    if bend is silence:
        assert "Resync" in said.asked and said.reconnects > 0


def test_files_of_every_packing_are_one_recording(made: tuple[str, list[Line]], tmp_path: Path) -> None:
    market, lines = made[0], copy_of(made[1])
    whole = same([write_lines(tmp_path / "whole.jsonl", lines)], market, tmp_path, **QUICK)
    first = write_lines(tmp_path / "first.jsonl.gz", lines[:400], b"\r\n")
    second = tmp_path / "second.jsonl.gz"  # members, as a recorder makes them that was started again
    texts = [line.text() + b"\n" for line in lines[400:]]
    second.write_bytes(gzip.compress(b"".join(texts[:99])) + gzip.compress(b"".join(texts[99:])[:-1]) + bytes(512))
    parts = same([first, second], market, tmp_path, **QUICK)
    assert parts.digest == whole.digest and parts.heard == whole.heard
    assert parts.counts.lines == {first: 400, second: len(lines) - 400}


def test_what_is_no_frame_is_named_with_its_line(made: tuple[str, list[Line]], tmp_path: Path) -> None:
    market, lines = made[0], copy_of(made[1])
    good = write_lines(tmp_path / "good.jsonl", lines[:400])
    for wrong in (b"", b"{}", b'{"recv_ns":1,"frame":7}', b'{"recv_ns":1723161255088156767,"frame":{"a":1}}'):
        lines[450].raw = wrong or b" "
        path = write_lines(tmp_path / "bad.jsonl.gz", lines[400:])
        with pytest.raises(ConfigError, match=r"bad\.jsonl\.gz: line 51 "):
            Played([good, path], market, tmp_path, False)
    lines[450].raw = b""
    path = write_lines(tmp_path / "bad.jsonl.gz", lines[400:])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ConfigError, match=r"bad\.jsonl\.gz cannot be read after line \d+: it ends in the middle"):
        Played([good, path], market, tmp_path, False)


def test_the_last_trades_fold_at_the_end(tmp_path: Path) -> None:
    """A recording that ends within a run of like trades, and one with a run over everything else."""
    lines = copy_of(generated_lines("spot", 6.0))
    trades = [line for line in lines if line.kind == "raw_trade"]
    for line in trades[-20:]:
        line.data |= {key: trades[-20].data[key] for key in ("T", "p", "m")}
    played = same([write_lines(tmp_path / "run.jsonl", lines)], "spot", tmp_path, **QUICK)
    last = [heard for heard in played.heard if heard[0] == "Trade"][-1]
    assert last[1] == trades[-1].time_ns


def test_the_warm_up_comes_from_the_bars_beside_the_recording(data_dir: Path, tmp_path: Path) -> None:
    for market in MARKETS:
        data = open_frames(files(data_dir, market))
        assert "spot_ETHUSDT_20240726_20240825" in data.klines_note
    lines = copy_of(generated_lines("usdm", 3.0))
    alone = open_frames([write_lines(tmp_path / "alone.jsonl", lines)])
    assert "no bars_1m file" in alone.klines_note
    assert any("No warm-up" in said for said in alone.unknown)
    assert any("funding" in said for said in alone.unknown)


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_a_whole_backtest_is_the_loop_with_a_result(data_dir: Path, tmp_path: Path, market: str) -> None:
    settings = settings_of(market, tmp_path, **BUSY)
    parameters = make_parameters(settings, account_key(settings, True, False))
    loop = ForLoop(recording(data_dir, market), settings).run()
    shares: list[float] = []
    results = []
    for is_plain in (False, True):
        run = FrameBacktester(parameters, open_frames(files(data_dir, market)), make_strategy(parameters))
        run.run(shares.append, is_plain=is_plain)
        results.append(run.result())
    fast, plain = results
    assert fast.digest == plain.digest == loop.digest
    assert fast.trades == plain.trades and len(fast.trades) >= 2
    assert (fast.equity, fast.candles) == (plain.equity, plain.candles)
    assert fast.events == loop.trading.engine.state.events
    assert fast.final_equity_e8 == plain.final_equity_e8 == loop.trading.engine.state.equity_e8()
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert any("own orders" in said for said in fast.unknown)
    assert fast.model["klines"].startswith("1-minute bars of spot_ETHUSDT_20240726")
    assert fast.first_mark_e8 > 0 and fast.from_ns < fast.to_ns


def test_both_ways_to_read_a_stamp_agree() -> None:
    """Byte by byte (compiled) and by slices (pure): a line either has the usual shape for both or for none."""
    good = b'{"recv_ns":1723161254024619568,"frame":{"stream":"ethusdt@bookTicker","data":{"u":1}}}'
    lines = [good, good[:-1], good + b" ", b" " + good, good.replace(b"1723161254024619568", b"9723161254024619568")]
    chance = random.Random(1)
    for _ in range(3_000):
        bent = bytearray(good)
        bent[chance.randrange(len(bent))] = chance.choice(b'0123456789{}":,x')
        lines.append(bytes(bent))
    for line in lines:
        assert stamp_of(line) == _stamp_by_slices(line) == _stamp_by_bytes(line)
    assert stamp_of(good) == 1_723_161_254_024_619_568 and stamp_of(lines[1]) == 0
