"""The recordings, whole: every frame decodes, the book never breaks, the trades rebuild the venue's own bars."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from supreme_system_v5.adapters.feeds.recorded import read_frames
from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import KIND_DEPTH, KIND_NAMES, Event, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.market.bars import BarBuilder
from supreme_system_v5.core.market.local_book import STALE
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from supreme_system_v5.core.wire.binance_rest import parse_depth
from tests.core.wire.frames import words

FILES = {
    "spot": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),  # one continuous recording
    "usdm": ("usdm_ethusdt_20240808.jsonl.gz",),
}
SCAN_EVERY = 97  # the byte loop is slow when interpreted: a sample of the frames


class Pass:
    """One pass over a market's recording, everything counted."""

    def __init__(self, market: str, folder: Path) -> None:
        self.kinds: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.stale: Counter[str] = Counter()
        self.crossed = 0
        self.unsynced_at: list[int] = []
        self.not_scanned = 0
        self.scan_differs = 0
        self.bars: list[Bar] = []
        self.frames = 0
        self.view = MarketView(eth_usdt(market))
        builder = BarBuilder(60)
        decoder = FrameDecoder(market, "ETHUSDT")
        for frame in read_frames(folder / name for name in FILES[market]):
            self.frames += 1
            try:
                event: Event = (
                    decoder.decode(frame.raw, frame.recv_ns)
                    if frame.stream
                    else parse_depth(frame.payload, frame.recv_ns)
                )
            except FrameError as error:
                self.rejected[error.reason] += 1
                continue
            if frame.stream and self.frames % SCAN_EVERY == 0:
                scanned = decoder.scan(frame.raw, frame.recv_ns)
                self.not_scanned += scanned is None
                self.scan_differs += words(scanned) != words(event)
            self.look(event, builder)

    def look(self, event: Event, builder: BarBuilder) -> None:
        self.kinds[KIND_NAMES[event.kind]] += 1
        if self.view.apply(event) == STALE:
            self.stale[KIND_NAMES[event.kind]] += 1
        if event.kind == KIND_DEPTH:
            if self.view.local_book.is_synced:
                self.crossed += self.view.local_book.book.is_crossed()
            else:
                self.unsynced_at.append(self.frames)
        elif isinstance(event, Trade):
            builder.on_trade(event)
            self.bars += builder.closed


@pytest.fixture(scope="module")
def spot(data_dir: Path) -> Pass:
    return Pass("spot", data_dir / "frames")


@pytest.fixture(scope="module")
def usdm(data_dir: Path) -> Pass:
    return Pass("usdm", data_dir / "frames")


def test_every_spot_frame_decodes(spot: Pass) -> None:
    assert spot.rejected == {}
    assert spot.kinds == {"quote": 58_758, "depth": 6_470, "trade": 14_515, "snapshot": 1}
    assert sum(spot.kinds.values()) == spot.frames == 79_744


def test_every_usdm_frame_decodes(usdm: Pass) -> None:
    assert usdm.rejected == {}
    assert usdm.kinds == {"quote": 53_992, "depth": 6_586, "trade": 14_076, "snapshot": 1}
    assert sum(usdm.kinds.values()) == usdm.frames == 74_655


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_the_book_follows_without_a_gap_and_never_crosses(market: str, request: pytest.FixtureRequest) -> None:
    passed: Pass = request.getfixturevalue(market)
    assert passed.view.local_book.gaps == 0
    assert passed.crossed == 0
    assert passed.view.local_book.is_synced
    assert passed.unsynced_at and max(passed.unsynced_at) < 100  # only before the snapshot
    assert passed.stale == {}  # no quote, trade or diff comes twice or late


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_the_hand_parser_reads_the_recorded_frames_itself(market: str, request: pytest.FixtureRequest) -> None:
    passed: Pass = request.getfixturevalue(market)
    assert (passed.not_scanned, passed.scan_differs) == (0, 0)


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_the_book_ends_at_the_last_quote(market: str, request: pytest.FixtureRequest) -> None:
    """Depth and quotes are two streams of one book: at the end they agree to within a tick or two."""
    view = request.getfixturevalue(market).view
    assert abs(view.local_book.book.best_bid_e8() - view.bid_e8) <= 100 * view.instrument.tick_e8


def test_folded_trades_are_the_venues_bars(spot: Pass, data_dir: Path) -> None:
    with gzip.open(data_dir / "bars_1m" / "spot_ETHUSDT_20240726_20240825.csv.gz", "rt") as lines:
        wanted = {
            int(row["open_ms"]): tuple(parse_e8(row[name]) for name in ("open", "high", "low", "close", "volume"))
            for row in csv.DictReader(lines)
        }
    assert spot.bars[0].is_provisional
    full = spot.bars[1:]  # the first minute was joined midway
    assert [bar.key()[1:] for bar in full] == [wanted[int(bar.open_ms)] for bar in full]
    assert len(full) == 10
    assert not any(bar.is_provisional for bar in full)
