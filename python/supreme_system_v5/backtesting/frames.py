"""A backtest on recorded frames: the events that a daemon gets from the exchange that plays the same recording.

`open_frames` looks at the recording (market, instrument, what cannot be known); `run_frames` plays it into an engine's
pump. The fast path cuts and decodes lines straight into the pump (frames_cut.py, frames_loop.py, both compiled);
``is_plain`` goes through the exchange's own market object instead (frames_plain.py). Both give the daemon's digest.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.market.recording import RecordedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER
from supreme_system_v5.adapters.feeds.merge import TICK_NS, order_of
from supreme_system_v5.backtesting.frames_cut import FrameCutter
from supreme_system_v5.backtesting.frames_file import LineBlocks
from supreme_system_v5.backtesting.frames_loop import FrameLoop
from supreme_system_v5.backtesting.frames_market import FrameMarket, unknown_of
from supreme_system_v5.backtesting.frames_odd import OddLines
from supreme_system_v5.backtesting.frames_plain import FIRST_ANSWER, Performer, PlainLoop, sockets_of
from supreme_system_v5.backtesting.frames_venue import WARM_BARS, RecordedVenue, instrument_of
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import STREAM_TRADE
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.wire.binance_decode import FrameDecoder

_STEPS: Final = 20_000  # events between two looks at the progress
_ROWS_MAX: Final = 20_000  # folded trades that may wait until somebody asks for klines

OnProgress = Callable[[float], None]  # the share of the data that is done, 0 to 1


class FrameCounts(NamedTuple):
    """What a run on frames counted."""

    lines: dict[Path, int]  # lines of each file
    frames: int  # given out by the market, folded trades as one
    processed: int  # events from the start of the feeds on, as the daemon counts them
    late: int
    rejected: dict[str, int]
    asked: list[str]  # what the engine asked the venue for
    reconnects: int
    from_ns: int
    to_ns: int
    first_mark_e8: int  # the first price of the market
    elapsed_seconds: float  # from the first frame to the last, reading and decoding included; without the warm-up


class FrameData(NamedTuple):
    """A recording that can be played: one market's files, in order."""

    paths: tuple[Path, ...]
    bars_dir: Path | None
    venue: RecordedMarket
    instrument: Instrument
    unknown: list[str]
    klines_note: str

    @property
    def market(self) -> str:
        return self.venue.market


def open_frames(paths: Sequence[Path], bars_dir: Path | None = None) -> FrameData:
    """Look at a recording; several files are one. The warm-up's klines come from ``bars_dir``, by default the folder
    ``bars_1m`` beside the recording's own. Raises ConfigError for files that are missing or no recording.
    """
    venue = FrameMarket(paths, bars_dir)
    return FrameData(tuple(paths), bars_dir, venue, instrument_of(venue), unknown_of(venue), venue.klines_note)


def run_frames(
    data: FrameData,
    pump: EventPump,
    bar_seconds: int,
    performer: Performer,
    on_progress: OnProgress | None = None,
    end_ns: int = NEVER,
    on_event: Callable[[Event], None] | None = None,
    is_plain: bool = False,
    sampler: Sampler | None = None,
    warm_bars: int = WARM_BARS,
) -> FrameCounts:
    """Play the recording into the pump, up to ``end_ns``. ``warm_bars``: closed klines before the start, as a daemon
    asks for them (at most 1,000). Raises ConfigError for a line that is not a frame.
    """
    if is_plain:
        market = RecordedMarket(data.paths, data.bars_dir)
        loop = PlainLoop(market, pump, bar_seconds, performer, end_ns, on_event, warm_bars=warm_bars)
        loop.sampler = sampler
        return _run_plain(loop)
    run = _FastRun(data, pump, bar_seconds, performer, end_ns, warm_bars)
    run.loop.on_event = on_event
    run.loop.sampler = sampler
    return run.run(on_progress)


def _run_plain(loop: PlainLoop) -> FrameCounts:
    started = time.perf_counter()
    loop.run()
    seconds = time.perf_counter() - started
    return FrameCounts(
        {},
        loop.frames,
        loop.processed,
        loop.late,
        loop.rejected,
        loop.venue.asked,
        loop.venue.reconnects,
        loop.market.start_ns,
        loop.last_ns,
        loop.first_mark_e8,
        seconds,
    )


class _FastRun:
    """One run: the compiled loop with everything it needs around it."""

    def __init__(
        self,
        data: FrameData,
        pump: EventPump,
        bar_seconds: int,
        performer: Performer,
        end_ns: int,
        warm_bars: int,
    ) -> None:
        market = data.venue if isinstance(data.venue, FrameMarket) and not data.venue.is_used else None
        self.market = market or FrameMarket(data.paths, data.bars_dir)
        self.market.is_used = True
        self.venue = RecordedVenue(self.market, bar_seconds, self._play_until, self._answer, warm_bars)
        symbol = self.venue.api.venue_symbol
        decoder = FrameDecoder(self.market.market, symbol)
        sockets = sockets_of(self.market.market)
        self.blocks = LineBlocks(data.paths)
        self.odd = OddLines(self.market, symbol, frozenset(sockets), decoder, self.blocks.place_of)
        self.cutter = FrameCutter(
            decoder,
            symbol,
            self.market.trades.next_agg_id,
            self.blocks.next_block,
            self.odd.read,
            self.odd.close,
        )
        self.cutter.has_agg_trades = bool(self.market.session)
        self._performer = performer
        self._pump = pump
        self.loop = FrameLoop(
            self.cutter, pump, self._perform, order_of, TICK_NS, end_ns, sockets[STREAM_TRADE], FIRST_ANSWER
        )

    def run(self, on_progress: OnProgress | None) -> FrameCounts:
        # Frames make no cycles, and the collector would look again and again at every event that has been read ahead.
        was_collecting = gc.isenabled()
        gc.disable()
        try:
            return self._run(on_progress)
        finally:
            self.blocks.close()
            if was_collecting:
                gc.enable()

    def _run(self, on_progress: OnProgress | None) -> FrameCounts:
        loop, market = self.loop, self.market
        before, ups = self.venue.start_events()
        for event in before:
            loop.take(event)
        started = time.perf_counter()
        loop.start(market.start_ns)
        for event in ups:
            loop.deliver(event)
        state = self._pump.engine.state
        while state.mark_e8() == 0 and loop.play(1):
            pass
        first_mark_e8 = int(state.mark_e8())
        while loop.play(_STEPS):
            if self.cutter.rows_waiting > _ROWS_MAX:
                market.take_trades(self.cutter.taken_rows())
                gc.collect(1)
            if on_progress is not None:
                on_progress(min(1.0, self.blocks.bytes_read / max(1, self.blocks.bytes_all)))
        seconds = time.perf_counter() - started
        if on_progress is not None:
            on_progress(1.0)
        return FrameCounts(
            dict(self.blocks.lines),
            loop.frames,
            loop.processed,
            loop.late,
            self.odd.rejected,
            self.venue.asked,
            self.venue.reconnects,
            market.start_ns,
            loop.last_ns,
            first_mark_e8,
            seconds,
        )

    def _perform(self, effects: list[Effect]) -> None:
        self._performer.perform(effects)
        self.venue.take(effects)

    def _play_until(self, time_ns: int) -> None:
        self.loop.play_until(time_ns)
        self.market.take_trades(self.cutter.taken_rows())
        self.market.played_ns = self.loop.market_ns

    def _answer(self, event: Event) -> None:
        self.loop.answer(event)
