"""The bias checks on bars and trades: columns cut, altered, and shown as history."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator
from typing import Final

from supreme_system_v5.backtesting.backtester import Backtester
from supreme_system_v5.backtesting.bias import WARM_BARS, DecisionLog, Played
from supreme_system_v5.backtesting.collector import Collector
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.events import BARS_WARMUP, Bars
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_MS, Bar
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.strategies.base import Strategy
from supreme_system_v5.history.columns import BarChunk, Column, TradeChunk

STRETCH_BARS: Final = 3_000  # played after a warm-up: what it left behind shows early or never
STARTS: Final = (0.4, 0.65, 0.9)  # of the signals, where there are any
_LONG_HISTORY: Final = 4 * WARM_BARS
_UNIT: Final = 1_024

Chunk = BarChunk | TradeChunk
Chunks = Callable[[], Iterator[Chunk]]


class ColumnsRunner:
    """Plays bars (``bar_ms`` > 0) or trades. ``make`` makes a strategy for a run; it is handed what the run will be
    fed, which an honest strategy has no use for.
    """

    def __init__(
        self,
        parameters: Parameters,
        instrument: Instrument,
        model: FillModel,
        bar_ms: int,
        chunks: Chunks,
        make: Callable[[Chunks], Strategy],
    ) -> None:
        self._parameters = parameters
        self._instrument = instrument
        self._model = model
        self._bar_ms = bar_ms
        self._chunks = chunks
        self._make = make
        self._first_ms = 0
        self._last_ms = 0

    # -- the runs

    def whole(self) -> Played:
        """The data as it is."""
        return self._play(self._noting_times)

    def cut_at(self, share: float) -> int:
        """By time."""
        return (self._first_ms + int((self._last_ms - self._first_ms) * share)) * NS_PER_MS

    def cut(self, at_ns: int) -> Played:
        """Without the rows after ``at_ns`` (of bars: those that end later)."""
        return self._play(lambda: self._between(0, at_ns // NS_PER_MS))

    def altered(self, at_ns: int, seed: int) -> Played:
        """The rows after ``at_ns`` turned upside down around the price there, with other quantities."""
        return self._play(lambda: self._changed(at_ns // NS_PER_MS, seed))

    def starts(self, whole: Played) -> tuple[list[int], int, str]:
        """One bar before signals: there the indicators matter at once."""
        period_ms = self._parameters.bar_seconds * 1000
        span = (self._last_ms - self._first_ms) // period_ms
        if span < 2 * WARM_BARS:
            return [], 0, f"the data holds {span} bars; {2 * WARM_BARS} are needed, half of them as history"
        wanted = min(_LONG_HISTORY, span // 2)
        earliest_ms = self._first_ms + wanted * period_ms
        signals = [one.time_ns // NS_PER_MS for one in whole.decisions if one.text.startswith("signal")]
        signals = [time_ms for time_ms in signals if time_ms > earliest_ms + period_ms]
        rest_ms = self._last_ms - earliest_ms
        chosen = [
            signals[int(len(signals) * share)] if signals else earliest_ms + int(rest_ms * share) for share in STARTS
        ]
        starts = sorted({(time_ms - period_ms) // period_ms * period_ms for time_ms in chosen})
        return [start_ms * NS_PER_MS for start_ms in starts], wanted, ""

    def warmed(self, at_ns: int, bars: int) -> Played:
        """From a bar's beginning on, after so many bars of warm-up, as a daemon takes them from klines."""
        start_ms = at_ns // NS_PER_MS
        period_ms = self._parameters.bar_seconds * 1000
        before = self._bars_between(start_ms - bars * period_ms, start_ms)
        end_ms = start_ms + STRETCH_BARS * period_ms
        return self._play(lambda: self._between(start_ms + 1, end_ms), Bars(at_ns, BARS_WARMUP, before, False))

    def _play(self, chunks: Chunks, warm_up: Bars | None = None) -> Played:
        run = Backtester(self._parameters, self._instrument, self._make(chunks), self._model, self._bar_ms)
        log = _Log(run.engine, run.sampler, run.pump)
        run.driver.collector = log
        run.driver.hears_decisions = True
        if warm_up is not None:
            run.take(warm_up)
        if self._bar_ms:
            run.run_bars(chunk for chunk in chunks() if isinstance(chunk, BarChunk))
        else:
            run.run_trades(chunk for chunk in chunks() if isinstance(chunk, TradeChunk))
        return Played(log.log.decisions, int(run.engine.state.now_ns))

    # -- the data

    def _noting_times(self) -> Iterator[Chunk]:
        is_first = True
        for chunk in self._chunks():
            times = self._times(chunk)
            if is_first:
                self._first_ms = times[0]
                is_first = False
            self._last_ms = times[-1]
            yield chunk

    def _times(self, chunk: Chunk) -> array[int]:
        """When each row is known, ms: a trade's time, a bar's end."""
        times = _ints(chunk[1])
        return array("q", [time_ms + self._bar_ms for time_ms in times]) if self._bar_ms else times

    def _between(self, from_ms: int, to_ms: int) -> Iterator[Chunk]:
        """The rows known at a time from ``from_ms`` up to and including ``to_ms``."""
        for chunk in self._chunks():
            times = self._times(chunk)
            low = 0 if times[0] >= from_ms else _count_below(times, from_ms)
            high = chunk.rows if times[-1] <= to_ms else _count_below(times, to_ms + 1)
            if low < high:
                yield _rows(chunk, low, high)
            if high < chunk.rows:
                return

    def _changed(self, after_ms: int, seed: int) -> Iterator[Chunk]:
        chance = random.Random(seed)
        base_e8 = 0
        for chunk in self._chunks():
            known = _count_below(self._times(chunk), after_ms + 1)
            prices = _ints(chunk.close_e8 if isinstance(chunk, BarChunk) else chunk.price_e8)
            if known:
                base_e8 = prices[known - 1]
            if known == chunk.rows:
                yield chunk
                continue
            base_e8 = base_e8 or prices[0]
            yield _turned(chunk, known, base_e8, int(self._instrument.tick_e8), chance)

    def _bars_between(self, from_ms: int, to_ms: int) -> list[Bar]:
        """The closed bars that open in [from_ms, to_ms); folded from trades where the data has those."""
        bars: list[Bar] = []
        if self._bar_ms:
            for chunk in self._between(from_ms + self._bar_ms, to_ms):
                assert isinstance(chunk, BarChunk)
                rows = zip(*(_ints(column) for column in chunk[1:]), strict=True)
                bars += [Bar(o_ms, o, h, low, c, volume, 1) for o_ms, o, h, low, c, volume in rows]
            return bars
        period_ms = self._parameters.bar_seconds * 1000
        for chunk in self._between(from_ms, to_ms - 1):
            assert isinstance(chunk, TradeChunk)
            trades = zip(_ints(chunk.time_ms), _ints(chunk.price_e8), _ints(chunk.quantity_e8), strict=True)
            for time_ms, price_e8, quantity_e8 in trades:
                _fold(bars, time_ms - time_ms % period_ms, period_ms, price_e8, quantity_e8)
        return bars


class _Log(Collector):
    """A collector that also takes the decisions down."""

    def __init__(self, engine: Engine, sampler: Sampler, pump: EventPump) -> None:
        super().__init__(engine, sampler)
        self.log = DecisionLog(pump)

    def see(self, effects: list[Effect]) -> None:
        self.log.see(effects)
        super().see(effects)


def _ints(column: Column) -> array[int]:
    values = array("q")
    values.frombytes(bytes(column))
    return values


def _count_below(times: array[int], time_ms: int) -> int:
    """How many of the times, which may not go back, are earlier."""
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _rows(chunk: Chunk, low: int, high: int) -> Chunk:
    columns = [bytes(column) for column in chunk[1:]]
    sides = [] if isinstance(chunk, BarChunk) else [columns.pop()[low:high]]
    return type(chunk)(high - low, *(column[8 * low : 8 * high] for column in columns), *sides)


def _turned(chunk: Chunk, known: int, base_e8: int, tick_e8: int, chance: random.Random) -> Chunk:
    """The rows from ``known`` on with prices mirrored at the base, and quantities between a half and twice theirs."""

    def mirrored(column: Column) -> bytes:
        values = _ints(column)
        for row in range(known, len(values)):
            values[row] = max(tick_e8, base_e8 * base_e8 // values[row] // tick_e8 * tick_e8)
        return values.tobytes()

    def scaled(column: Column) -> bytes:
        values = _ints(column)
        for row in range(known, len(values)):
            values[row] = values[row] * chance.randrange(_UNIT // 2, 2 * _UNIT) // _UNIT
        return values.tobytes()

    if isinstance(chunk, BarChunk):
        high, low = (
            _mixed(chunk.high_e8, mirrored(chunk.low_e8), known),
            _mixed(chunk.low_e8, mirrored(chunk.high_e8), known),
        )
        return chunk._replace(
            open_e8=mirrored(chunk.open_e8),
            high_e8=high,
            low_e8=low,
            close_e8=mirrored(chunk.close_e8),
            volume_e8=scaled(chunk.volume_e8),
        )
    sides = bytearray(bytes(chunk.is_buyer_maker))
    for row in range(known, chunk.rows):
        sides[row] ^= chance.randrange(2)
    return chunk._replace(
        price_e8=mirrored(chunk.price_e8),
        quantity_e8=bytes(_at_least_one(scaled(chunk.quantity_e8))),
        is_buyer_maker=bytes(sides),
    )


def _mixed(known_column: Column, turned: bytes, known: int) -> bytes:
    """The first rows of one column, the others of another: a mirrored high is a low."""
    return bytes(known_column)[: 8 * known] + turned[8 * known :]


def _at_least_one(column: bytes) -> bytes:
    """A trade of nothing is no trade."""
    return array("q", [max(1, value) for value in _ints(column)]).tobytes()


def _fold(bars: list[Bar], open_ms: int, period_ms: int, price_e8: int, quantity_e8: int) -> None:
    """A trade into its bar; bars without one repeat the close, as klines do."""
    while bars and bars[-1].open_ms < open_ms - period_ms:
        close_e8 = bars[-1].close_e8
        bars.append(Bar(bars[-1].open_ms + period_ms, close_e8, close_e8, close_e8, close_e8, 0, 0))
    if not bars or bars[-1].open_ms != open_ms:
        bars.append(Bar(open_ms, price_e8, price_e8, price_e8, price_e8, 0, 0))
    bar = bars[-1]
    bar.high_e8 = max(bar.high_e8, price_e8)
    bar.low_e8 = min(bar.low_e8, price_e8)
    bar.close_e8 = price_e8
    bar.volume_e8 += quantity_e8
    bar.trades += 1
