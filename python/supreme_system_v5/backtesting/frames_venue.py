"""What a run on frames asks a venue for (klines, a book, missing trades, its clock), answered by the recorded market.

The answers are the exchange's own: the same views over the same market, read by the same client code as the daemon's,
as of the time asked for plus the exchange's fixed latency.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from supreme_system_v5.adapters.exchange.market.sim_market import NS_PER_MS, SimMarket
from supreme_system_v5.adapters.exchange.rest.gate import SIM_REST_LATENCY_MS
from supreme_system_v5.adapters.feeds.binance import LAYOUT
from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.adapters.feeds.rest import Reply
from supreme_system_v5.core.domain.effects import Effect, RequestBars, RequestBook, RequestTrades, Resync
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import (
    BARS_WARMUP,
    FEED_DOWN,
    FEED_SERVER_TIME,
    FEED_UP,
    Bars,
    Event,
    FeedStatus,
    Trades,
)
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import SOURCE_SIMULATED

WARM_BARS: Final = 500
SYMBOL: Final = "ETH-USDT"  # the one that recordings are played of

T = TypeVar("T")


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise AssertionError("the coroutine waits for something")


class MarketRest:
    """In the place of the REST client: the market itself answers, once it has been played to the answer's time."""

    def __init__(self, market: SimMarket, play_until: Callable[[int], None]) -> None:
        self._market = market
        self._play_until = play_until
        self.requests = 0

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        weight: int = 1,  # noqa: ARG002 - the client's words, as RestClient.get has them
        is_protected: bool = False,  # noqa: ARG002
        sim_time_ns: int = 0,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002
        timeout_seconds: float = 0.0,  # noqa: ARG002
    ) -> Reply:
        """As RestClient.get, without a limit or a wait. Raises VenueError for a refusal."""
        as_of_ns = self._market.start_ns  # a request without a time is made before the market's clock runs
        if sim_time_ns:
            as_of_ns = sim_time_ns + SIM_REST_LATENCY_MS * NS_PER_MS
            self._play_until(as_of_ns)
        self.requests += 1
        texts = {name: str(value) for name, value in (params or {}).items()}
        status, body, _ = self._market.rest(path, texts, as_of_ns)
        if status != 200:
            raise VenueError(status, 0, body.decode(), 0.0)
        return Reply(body, as_of_ns, 0, 0)


class RecordedVenue:
    """The venue's side of one run, but for the frames: ``play_until`` lets the market happen up to a time,
    ``answer`` queues an event that answers a request.
    """

    def __init__(
        self,
        market: SimMarket,
        bar_seconds: int,
        play_until: Callable[[int], None],
        answer: Callable[[Event], None],
        warm_bars: int = WARM_BARS,
    ) -> None:
        self.market = market
        self.api = BinanceApi(market.market, SYMBOL, "")
        self.rest = MarketRest(market, play_until)
        self.api.rest = self.rest  # type: ignore[assignment]
        self.asked: list[str] = []
        self.reconnects = 0
        self.failed = 0
        self._bar_seconds = bar_seconds
        self._answer = answer
        self._warm_bars = warm_bars
        self._book_due_ns = 0
        self.streams = [stream for _, streams in LAYOUT[market.market] for stream in streams]

    def start_events(self) -> tuple[list[Event], list[Event]]:
        """What the engine hears before the feeds start (clock, warm-up), and then that they are up."""
        start_ns = self.market.start_ns
        first: list[Event] = [self._server_time(0)]
        bars, _ = run_now(self.api.latest_bars(self._bar_seconds, self._warm_bars, start_ns // NS_PER_MS))
        first.append(Bars(start_ns, BARS_WARMUP, bars, False))
        return first, [self._status(start_ns, stream, FEED_UP) for stream in ("", *self.streams)]

    def take(self, effects: list[Effect]) -> None:
        """Answer the requests among the effects; the others are somebody else's."""
        for effect in effects:
            if isinstance(effect, (RequestBook, RequestBars, RequestTrades, Resync)):
                self._ask(effect)

    def _ask(self, effect: RequestBook | RequestBars | RequestTrades | Resync) -> None:
        self.asked.append(type(effect).__name__)
        try:
            self._answer_to(effect)
        except (VenueError, FrameError):
            # A daemon asks again by its own clock and then says the same; a book it goes on asking for.
            self.failed += 1
            at_ns = effect.time_ns + SIM_REST_LATENCY_MS * NS_PER_MS
            if isinstance(effect, RequestBars):
                self._answer(Bars(at_ns, effect.purpose, [], True))
            elif isinstance(effect, RequestTrades):
                self._answer(Trades(at_ns, effect.from_id, [], True))

    def _answer_to(self, effect: RequestBook | RequestBars | RequestTrades | Resync) -> None:
        time_ns = effect.time_ns
        if isinstance(effect, RequestBook):
            if time_ns >= self._book_due_ns:
                snapshot = run_now(self.api.book(0, time_ns))
                self._book_due_ns = int(snapshot.time_ns)
                self._answer(snapshot)
        elif isinstance(effect, RequestBars):
            bars, at_ns = run_now(self.api.bars(self._bar_seconds, effect.from_ms, effect.to_ms, 0, time_ns))
            self._answer(Bars(at_ns, effect.purpose, bars, False))
        elif isinstance(effect, RequestTrades):
            trades, at_ns = run_now(self.api.trades(effect.from_id, effect.count_max, 0, time_ns))
            self._answer(Trades(at_ns, effect.from_id, trades, False))
        else:
            server_time = self._server_time(time_ns)
            if effect.reconnect:
                self._reconnect(int(server_time.time_ns))
            self._answer(server_time)

    def _reconnect(self, time_ns: int) -> None:
        """All streams go down and come back at once: how long a daemon's sockets would take is not recorded."""
        self.reconnects += 1
        for stream in self.streams:
            self._answer(self._status(time_ns, stream, FEED_DOWN))
            self._answer(self._status(time_ns + 1, stream, FEED_UP))

    def _server_time(self, sim_time_ns: int) -> FeedStatus:
        server_ms, reply = run_now(self.api.server_time(0.0, sim_time_ns))
        offset_ns = server_ms * NS_PER_MS - reply.time_ns
        return FeedStatus(reply.time_ns, SOURCE_SIMULATED, "", FEED_SERVER_TIME, offset_ns)

    @staticmethod
    def _status(time_ns: int, stream: str, state: str) -> FeedStatus:
        return FeedStatus(time_ns, SOURCE_SIMULATED, stream, state, 0)


def instrument_of(market: SimMarket) -> Instrument:
    """The symbol's filters, as the exchange states them for this market."""
    api = BinanceApi(market.market, SYMBOL, "")
    api.rest = MarketRest(market, lambda _time_ns: None)  # type: ignore[assignment]
    return run_now(api.instrument())
