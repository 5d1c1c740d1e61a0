"""A backtest on frames from beginning to end: the paper account of a daemon on the exchange, and what came of it."""

from __future__ import annotations

from supreme_system_v5.adapters.exchange.market.sim_market import NEVER
from supreme_system_v5.backtesting.collector import Collector
from supreme_system_v5.backtesting.frames import FrameCounts, FrameData, OnProgress, run_frames
from supreme_system_v5.backtesting.frames_plain import OrdersOnly
from supreme_system_v5.backtesting.frames_venue import WARM_BARS
from supreme_system_v5.backtesting.models import FUNDING_UNKNOWN
from supreme_system_v5.backtesting.results import FRAMES, BacktestResult
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.engine.recovery import SavedState, restore
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.strategies.base import Strategy


class FrameBacktester:
    """One run over a recording. ``parameters`` of the simulated source class give a daemon's digest on the exchange
    that plays it; those of another account differ from it in the order ids.
    """

    def __init__(self, parameters: Parameters, data: FrameData, strategy: Strategy) -> None:
        self.parameters = parameters
        self.data = data
        view = MarketView(data.instrument)
        self.engine = Engine(parameters, data.instrument, view, strategy)
        self.venue = PaperVenue(
            data.instrument,
            view,
            parameters.paper_latency_ms,
            parameters.taker_fee_e8,
            parameters.maker_fee_e8,
            round(parameters.stale_after_seconds * 1000),
        )
        self.pump = EventPump(self.engine, self.venue)
        self.sampler = Sampler(self.engine)
        self.collector = Collector(self.engine, self.sampler)
        self.performer = _Performer(self.venue, self.collector)
        self.performer.perform(restore(self.engine, SavedState(new_ledger(parameters.initial_balance_e8), 1)))
        self.counts: FrameCounts | None = None

    def run(
        self,
        on_progress: OnProgress | None = None,
        end_ns: int = NEVER,
        warm_bars: int = WARM_BARS,
        is_plain: bool = False,
    ) -> FrameCounts:
        """Play it, once. Raises ConfigError for a line that is not a frame."""
        counts = run_frames(
            self.data,
            self.pump,
            self.parameters.bar_seconds,
            self.performer,
            on_progress,
            end_ns,
            is_plain=is_plain,
            sampler=self.sampler,
            warm_bars=warm_bars,
        )
        self.counts = counts
        return counts

    def result(self) -> BacktestResult:
        """What came of the run; call once, after it. Sources and settings are the caller's to add."""
        assert self.counts is not None, "run() comes first"
        self.collector.first_mark_e8 = self.counts.first_mark_e8
        result = self.collector.result(FRAMES, self.counts.from_ns)
        result.elapsed_seconds = self.counts.elapsed_seconds
        result.model = self._words()
        result.unknown = list(self.data.unknown)
        if not result.is_funding_known:
            result.unknown.append(FUNDING_UNKNOWN)
        if self.counts.reconnects:
            result.unknown.append(
                f"The recording was silent {self.counts.reconnects} time(s) for so long that a daemon would have"
                " reconnected: here that took no time."
            )
        if self.counts.rejected:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.counts.rejected.items()))
            result.unknown.append(f"Recorded frames that could not be used: {reasons}.")
        return result

    def _words(self) -> dict[str, str]:
        parameters = self.parameters
        taker, maker = (format_e8(rate * 100, 4) for rate in (parameters.taker_fee_e8, parameters.maker_fee_e8))
        return {
            "quotes": "as recorded",
            "depth": "the recorded book: takers walk it as it stands when the order arrives",
            "latency": f"{parameters.paper_latency_ms} ms",
            "fees": f"taker {taker} %, maker {maker} %",
            "queue": "a resting order stands behind the recorded quantity at its price",
            "stops": "trigger on the trade that crosses them, fill at the book as it stands",
            "klines": self.data.klines_note,
        }


class _Performer(OrdersOnly):
    """The collector sees every effect before it is performed."""

    def __init__(self, venue: PaperVenue, collector: Collector) -> None:
        super().__init__(venue)
        self.collector = collector

    def perform(self, effects: list[Effect]) -> None:
        self.collector.see(effects)
        super().perform(effects)
