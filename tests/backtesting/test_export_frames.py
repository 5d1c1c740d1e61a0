"""A recorded session as data: its frames exported, heard again by the backtest and by the exchange."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.build import recorded_markets
from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.recording import RecordedMarket
from supreme_system_v5.adapters.feeds.recorded import read_frames
from supreme_system_v5.adapters.storage.recording import layout, writer
from supreme_system_v5.adapters.storage.recording.keeping import segments
from supreme_system_v5.adapters.storage.recording.reader import DamageError, Recording
from supreme_system_v5.backtesting import export_frames as module
from supreme_system_v5.backtesting.export_frames import Exported, export_frames
from supreme_system_v5.backtesting.frames import open_frames
from supreme_system_v5.backtesting.frames_venue import RecordedVenue
from supreme_system_v5.commands.export_frames import restored_book
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.events import Bars, Event, Trade
from supreme_system_v5.core.market.bars import BarBuilder
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from tests.backtesting.frames_world import Played, same
from tests.backtesting.recorded_session import SECOND, START_NS, blocks_of, entries_of, folder_of, record
from tests.determinism.in_process import InProcess
from tests.system.world import FAST

pytestmark = pytest.mark.slow

Row = tuple[object, ...]
FILE = "frames.jsonl.gz"


class Heard:
    """What an engine was told of the market: trades as it took them, and bars folded from them here."""

    def __init__(self, bar_seconds: int = 2) -> None:
        self.trades: list[Row] = []
        self.bars: dict[int, Row] = {}
        self._builder = BarBuilder(bar_seconds)

    def take(self, event: Event) -> None:
        if not isinstance(event, Trade):
            return
        numbers = (event.time_ns, event.trade_id, event.trade_time_ms, event.price_e8, event.quantity_e8)
        self.trades.append((*numbers, event.is_buyer_maker))
        self._builder.on_trade(event)
        for bar in self._builder.closed:
            self.bars[bar.open_ms] = (bar.open_e8, bar.high_e8, bar.low_e8, bar.close_e8, bar.volume_e8)


def recorded(folder: Path, market: str) -> Heard:
    """The recording read without the exporter: every trade that the engine took."""
    heard = Heard()
    decoder = FrameDecoder(market, "ETHUSDT")
    for kind, _, body in entries_of(folder):
        if kind in layout.FRAMES and b"@aggTrade" in body:
            full_ns = layout.FULL_TIMES.unpack_from(body)[0] if kind == layout.FRAME_FULL else 0
            event = decoder.decode(body[layout.FULL_TIMES.size :] if full_ns else body, 0)
            event.time_ns = full_ns or event.time_ns
            heard.take(event)
    return heard


def export(folder: Path, path: Path) -> Exported:
    return export_frames([Recording(folder)], path, restored_book)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def trades_of(played: Played) -> list[Row]:
    """As the engine of a backtest heard them: (time, id, T, price, quantity, maker)."""
    found = []
    for name, time_ns, *fields in played.heard:
        if name == "Trade":
            _, trade_ms, trade_id, price_e8, quantity_e8, is_maker = fields[:6]
            found.append((time_ns, trade_id, trade_ms, price_e8, quantity_e8, is_maker))
    return found


@pytest.fixture(scope="module", params=["usdm", "spot"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, InProcess]:
    market: str = request.param
    return market, record(tmp_path_factory.mktemp("session"), 7, 60, market=market)


def test_a_backtest_hears_the_trades_that_the_session_heard(session: tuple[str, InProcess], tmp_path: Path) -> None:
    market, run = session
    told = export(folder_of(run), tmp_path / FILE)
    assert told.frames > 5_000 and told.books == 1 and told.source_class == "simulated"
    played = same([tmp_path / FILE], market, tmp_path, **FAST)
    known = recorded(folder_of(run), market)
    assert trades_of(played) == known.trades
    assert len(known.trades) > 500 and len(known.bars) >= 25
    assert played.counts.rejected == {} and played.counts.late == 0
    assert played.counts.asked.count("RequestBook") == 1  # that of the start: book and updates fit together
    assert played.trading.engine.view.local_book.is_synced
    assert played.trading.engine.view.last_trade_e8 == run.trading.engine.view.last_trade_e8
    assert played.trading.engine.view.bid_e8 == run.trading.engine.view.bid_e8
    mine, theirs = played.trading.engine.view.local_book, run.trading.engine.view.local_book
    assert mine.last_update_id == theirs.last_update_id
    assert mine.book.levels(1, 50) == theirs.book.levels(1, 50) and mine.book.levels(-1, 50) == theirs.book.levels(
        -1, 50
    )
    data = open_frames([tmp_path / FILE])
    assert data.venue.is_simulated
    assert not any("mark price" in said for said in data.unknown)


def test_the_exchange_plays_it_to_a_daemon(session: tuple[str, InProcess], tmp_path: Path) -> None:
    """Over sockets, from the same file: what a second session records is what the first one did."""
    market, run = session
    export(folder_of(run), tmp_path / FILE)
    (source,) = recorded_markets(str(tmp_path / FILE))
    bars: dict[int, Row] = {}

    def look(run: InProcess, _event: Event) -> None:
        bar = run.trading.engine.chart.last_bar
        if bar is not None:
            bars[int(bar.open_ms)] = (bar.open_e8, bar.high_e8, bar.low_e8, bar.close_e8, bar.volume_e8)

    again = InProcess(source, tmp_path / "home", 1 << 62, 0.0, [], look, record=True, **FAST).run(60.0)
    first, second = recorded(folder_of(run), market), recorded(folder_of(again), market)
    assert second.trades == first.trades
    assert second.bars == first.bars
    folded = {open_ms: bar for open_ms, bar in list(first.bars.items())[2:] if open_ms in bars}
    assert len(folded) >= 20
    assert folded == {open_ms: bars[open_ms] for open_ms in folded}


def test_the_file_is_the_documented_one(session: tuple[str, InProcess], tmp_path: Path) -> None:
    market, run = session
    told = export(folder_of(run), tmp_path / FILE)
    assert export(folder_of(run), tmp_path / "again.jsonl.gz").frames == told.frames
    assert (tmp_path / FILE).read_bytes() == (tmp_path / "again.jsonl.gz").read_bytes()
    lines = lines_of(tmp_path / FILE)
    assert lines[0]["frame"]["stream"] == "x@session"
    assert lines[0]["frame"]["data"]["source_class"] == "simulated"
    assert "lastUpdateId" in lines[1]["frame"]
    times = [line["recv_ns"] for line in lines]
    assert times == sorted(times)
    assert times[0] == told.from_ns
    assert all(set(line["frame"]) == {"stream", "data"} for line in lines[2:])
    frames = [body for kind, _, body in entries_of(folder_of(run)) if kind in layout.FRAMES]
    assert len(frames) == told.frames == len(lines) - 2
    assert len(list(read_frames([tmp_path / FILE]))) == len(lines)
    streams = {line["frame"]["stream"] for line in lines[2:]}
    assert ("ethusdt@markPrice@1s" in streams) is (market == "usdm")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def minute_session(folder: Path) -> InProcess:
    start_ns = START_NS + 17 * SECOND
    source = GeneratedMarket("usdm", 7, start_ns, "calibrated", 1.0)
    return InProcess(source, folder, start_ns + 190 * SECOND, 0.0, [], record=True).run(90.0)


def test_the_warm_up_is_the_recorded_one(tmp_path: Path) -> None:
    run = minute_session(tmp_path / "h")
    told = export(folder_of(run), tmp_path / FILE)
    assert told.bars >= 500
    assert Path(told.bars_path).parent == tmp_path / "bars_1m"
    warm = next(
        words
        for words in (json.loads(body) for kind, _, body in entries_of(folder_of(run)) if kind == layout.EVENT)
        if words["is"] == "Bars"
    )
    played = same([tmp_path / FILE], "usdm", tmp_path)
    names = ("open_ms", "open_e8", "high_e8", "low_e8", "close_e8", "volume_e8")
    venue = RecordedVenue(RecordedMarket([tmp_path / FILE]), 60, lambda _time_ns: None, lambda _event: None)
    bars = venue.start_events()[0][1]
    assert isinstance(bars, Bars)
    assert [[getattr(bar, name) for name in names] for bar in bars.bars] == [
        [bar[name] for name in names] for bar in warm["bars"]
    ]
    chart, own = played.trading.engine.chart, run.trading.engine.chart
    assert chart.last_bar is not None and own.last_bar is not None
    assert [getattr(chart.last_bar, name) for name in names] == [getattr(own.last_bar, name) for name in names]
    assert int(chart.committed) == int(own.committed)


# -- recordings that are not whole -----------------------------------------------------------------------------------


def entry(kind: str, at_seconds: float, **args: object) -> dict[str, Any]:
    return {"kind": kind, "args": args, "at_seconds": at_seconds}


def test_after_a_hole_in_the_depth_the_book_is_right_again(tmp_path: Path) -> None:
    plan = [
        entry("gap", 6, stream="depth", count=4),
        entry("gap", 12, stream="trade", count=5),
        entry("disconnect", 18),
    ]
    run = record(tmp_path / "h", 5, 30, plan)
    told = export(folder_of(run), tmp_path / FILE)
    assert told.books >= 2
    assert told.without_book == 0
    played = same([tmp_path / FILE], "usdm", tmp_path, **FAST)
    assert played.counts.asked.count("RequestBook") >= 2
    mine, theirs = played.trading.engine.view.local_book, run.trading.engine.view.local_book
    assert mine.is_synced and theirs.is_synced
    assert mine.last_update_id == theirs.last_update_id
    assert mine.book.levels(1, 50) == theirs.book.levels(1, 50) and mine.book.levels(-1, 50) == theirs.book.levels(
        -1, 50
    )


def test_depth_without_a_book_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_MAX", 3)
    run = record(tmp_path / "h", 5, 20)
    told = export(folder_of(run), tmp_path / FILE)
    assert told.books == 1
    played = same([tmp_path / FILE], "usdm", tmp_path, **FAST)
    assert trades_of(played) == recorded(folder_of(run), "usdm").trades
    assert played.trading.engine.view.local_book.is_synced


def test_a_session_without_its_beginning_starts_with_the_engines_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SEGMENT_BYTES_MAX", 60_000)
    monkeypatch.setattr(writer, "TAKE_BYTES", 30_000)
    run = record(tmp_path / "h", 7, 60)
    folder = folder_of(run)
    found = segments(folder)
    assert len(found) >= 4
    for path in found[:2]:
        path.unlink()
    told = export(folder, tmp_path / FILE)
    assert "dropped by RECORD_MAX_MB" in " ".join(told.notes)
    played = same([tmp_path / FILE], "usdm", tmp_path, **FAST)
    assert trades_of(played) == recorded(folder, "usdm").trades
    mine, theirs = played.trading.engine.view.local_book, run.trading.engine.view.local_book
    assert mine.is_synced and mine.last_update_id == theirs.last_update_id
    assert mine.book.levels(1, 20) == theirs.book.levels(1, 20)


def test_a_torn_tail_is_left_out_and_damage_leaves_no_file(tmp_path: Path) -> None:
    run = record(tmp_path / "h", 7, 30)
    folder = folder_of(run)
    (path,) = segments(folder)
    data, blocks = path.read_bytes(), blocks_of(path)
    path.write_bytes(data[: blocks[-1].end - 5])
    told = export(folder, tmp_path / FILE)
    assert "unfinished block" in " ".join(told.notes)
    assert len(lines_of(tmp_path / FILE)) == told.frames + 2
    before = (tmp_path / FILE).read_bytes()
    altered = bytearray(data)
    altered[blocks[1].end - 5] ^= 4
    path.write_bytes(altered)
    with pytest.raises(DamageError, match="block 2"):
        export(folder, tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [FILE, "h"]


# -- several ---------------------------------------------------------------------------------------------------------


def test_sessions_that_follow_each_other_are_one_recording(tmp_path: Path) -> None:
    folders = []
    for number in range(2):
        source = GeneratedMarket("usdm", 7 + number, START_NS + number * 60 * SECOND, "scripted", 2.0)
        end_ns = START_NS + (number * 60 + 20) * SECOND
        run = InProcess(source, tmp_path / f"h{number}", end_ns, 0.0, [], record=True, **FAST).run(60.0)
        folders.append(folder_of(run))
    path = tmp_path / FILE
    told = export_frames([Recording(folder) for folder in folders], path, restored_book)
    assert told.books == 2 and len(told.sessions) == 2
    played = same([path], "usdm", tmp_path, **FAST)
    assert played.trading.engine.view.local_book.is_synced
    both = [row[0] for folder in folders for row in recorded(folder, "usdm").trades]
    assert len(both) > 200
    assert {row[0] for row in trades_of(played)} <= set(both)
    with pytest.raises(ConfigError, match="before the one before it ended"):
        export_frames([Recording(folder) for folder in folders[::-1]], path, restored_book)


def test_a_recording_of_the_old_kind_says_nothing_of_itself(data_dir: Path) -> None:
    market = RecordedMarket([data_dir / "frames" / "spot_ethusdt_20240808.jsonl.gz"])
    assert market.session == {} and not market.is_simulated
