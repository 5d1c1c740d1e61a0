"""A run over bars or trades: the engine, its venue, the loop that feeds them and the collector that writes it down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from supreme_system_v5.backtesting import loop as loop_module
from supreme_system_v5.backtesting.collector import Collector
from supreme_system_v5.backtesting.loop import BarLoop, Driver, TradeLoop
from supreme_system_v5.backtesting.models import (
    BARS_UNKNOWN,
    FUNDING_UNKNOWN,
    TRADES_UNKNOWN,
    FillModel,
    bars_words,
    history_parameters,
    make_bars_venue,
    make_trades_venue,
    trades_words,
)
from supreme_system_v5.backtesting.pure_loop import PureTradeLoop
from supreme_system_v5.backtesting.results import BARS, TRADES, BacktestResult
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import (
    CancelOrder,
    Effect,
    PlaceProtection,
    RequestBars,
    RequestTrades,
    SubmitOrder,
)
from supreme_system_v5.core.domain.events import Bars, Event, Tick, Trades
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.bar_venue import BarVenue
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.strategies.base import Strategy
from supreme_system_v5.history.columns import BarChunk, TradeChunk

IS_COMPILED = not str(loop_module.__file__).endswith(".py")
Watcher = Callable[[int], None]


class HistoryDriver(Driver):
    """Orders go to the venue; what history cannot answer is answered so: there is nothing more to be had."""

    def __init__(self, pump: EventPump, venue: PaperVenue | BarVenue, sampler: Sampler, collector: Collector) -> None:
        super().__init__(pump, sampler)
        self.venue = venue
        self.collector = collector
        self.hears_decisions = False

    def perform(self, effects: list[Effect]) -> None:
        """Perform effects in order."""
        self.collector.see(effects)
        for effect in effects:
            if effect.is_record:  # for a journal, which there is not
                continue
            if isinstance(effect, SubmitOrder):
                self.venue.submit(effect.order, effect.time_ns)
            elif isinstance(effect, CancelOrder):
                self.venue.cancel(effect.client_order_id, effect.time_ns)
            elif isinstance(effect, PlaceProtection):
                self.venue.place_protection(effect.stop, effect.target, effect.time_ns)
            elif isinstance(effect, RequestBars):
                self.answers.append(Bars(effect.time_ns, effect.purpose, [], True))
            elif isinstance(effect, RequestTrades):
                self.answers.append(Trades(effect.time_ns, effect.from_id, [], True))


class Backtester:
    """One run. Feed it chunks of one kind (``run_trades`` or ``run_bars``), then ask for the ``result``.

    ``bar_ms`` 0 = trades; else the bars' length, which must be the parameters' bar_seconds.
    """

    def __init__(
        self, parameters: Parameters, instrument: Instrument, strategy: Strategy, model: FillModel, bar_ms: int = 0
    ) -> None:
        """Raises ValueError for bars of another length."""
        if bar_ms not in (0, parameters.bar_seconds * 1000):
            raise ValueError(f"bars of {bar_ms} ms, bar_seconds {parameters.bar_seconds}")
        self.parameters = history_parameters(parameters, model, bar_ms > 0)
        self.instrument = instrument
        self.model = model
        self.bar_ms = bar_ms
        self.view = MarketView(instrument)
        self.engine = Engine(self.parameters, instrument, self.view, strategy)
        self.venue: PaperVenue | BarVenue
        if bar_ms:
            self.venue = make_bars_venue(self.parameters, instrument, self.view, model)
        else:
            self.venue = make_trades_venue(self.parameters, instrument, self.view, model)
        self.pump = EventPump(self.engine, self.venue)
        self.sampler = Sampler(self.engine)
        self.collector = Collector(self.engine, self.sampler)
        self.driver = HistoryDriver(self.pump, self.venue, self.sampler, self.collector)
        self.elapsed_seconds = 0.0  # inside the loop: without reading and decoding
        self.from_ns = 0
        self.rows = 0

    def run_trades(self, chunks: Iterable[TradeChunk], watch: Watcher | None = None) -> None:
        """Play trades; ``watch`` is told the rows so far after every chunk."""
        loop = TradeLoop(self.driver) if IS_COMPILED else PureTradeLoop(self.driver)
        for chunk in chunks:
            columns = [bytes(column) for column in chunk[1:]]
            self._begin(columns[0], columns[2])
            start = time.perf_counter()
            loop.run(chunk.rows, *columns)
            self._count(start, chunk.rows, watch)

    def run_bars(self, chunks: Iterable[BarChunk], watch: Watcher | None = None) -> None:
        """Play closed bars."""
        loop = BarLoop(self.driver, self.bar_ms)
        for chunk in chunks:
            columns = [bytes(column) for column in chunk[1:]]
            self._begin(columns[0], columns[1])
            start = time.perf_counter()
            loop.run(chunk.rows, *columns)
            self._count(start, chunk.rows, watch)

    def take(self, event: Event) -> None:
        """One event of any kind."""
        self.driver.take(event)

    def result(self) -> BacktestResult:
        """What came of it; call once, at the end."""
        if self.engine.state.now_ns > 0:
            self.take(Tick(self.engine.state.now_ns))  # what is on its way has arrived
        result = self.collector.result(BARS if self.bar_ms else TRADES, self.from_ns)
        words = bars_words if self.bar_ms else trades_words
        result.model = words(self.parameters, self.instrument, self.model)
        result.unknown = list(BARS_UNKNOWN if self.bar_ms else TRADES_UNKNOWN)
        if not result.is_funding_known:
            result.unknown.append(FUNDING_UNKNOWN)
        result.elapsed_seconds = self.elapsed_seconds
        return result

    def _begin(self, times_ms: bytes, prices_e8: bytes) -> None:
        if self.rows == 0 and times_ms:
            self.from_ns = int.from_bytes(times_ms[:8], "little", signed=True) * 1_000_000
            self.collector.first_mark_e8 = int.from_bytes(prices_e8[:8], "little", signed=True)

    def _count(self, start: float, rows: int, watch: Watcher | None) -> None:
        self.elapsed_seconds += time.perf_counter() - start
        self.rows += rows
        if watch is not None:
            watch(self.rows)
