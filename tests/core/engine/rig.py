"""An engine on the paper venue, driven by hand: every effect is performed as the orchestrator would, in memory."""

from __future__ import annotations

from supreme_system_v5.core.domain.effects import (
    Announce,
    CancelOrder,
    Effect,
    FillRecord,
    OrderRecord,
    PlaceProtection,
    RequestBars,
    RequestBook,
    RequestTrades,
    Shutdown,
    SubmitOrder,
    TradeRecord,
)
from supreme_system_v5.core.domain.events import (
    BARS_WARMUP,
    Bars,
    Command,
    Event,
    FeedStatus,
    MarkPrice,
    Quote,
    Tick,
    Trade,
    Trades,
)
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.optimized.analyzer import Snapshot

START_MS = 1_800_000_000_000 - 1_800_000_000_000 % 86_400_000  # a UTC midnight
SECOND = 1_000_000_000
HEARTBEAT_SECONDS = 4.0  # something is heard at least this often while the rig waits


class PuppetStrategy(Strategy):
    """Gives the signal a test has put in ``wanted``, once."""

    name = "puppet"

    def __init__(self) -> None:
        self.wanted: Signal | None = None
        self.bars = 0
        self.closes: list[float] = []

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        self.bars += 1
        self.closes.append(snapshot.price)

    def evaluate(self, snapshot: Snapshot, time_ns: int, cooldown_ns: int) -> Signal | None:
        signal = self.wanted
        self.wanted = None
        return signal

    def unmet(self, snapshot: Snapshot) -> str:
        return "the puppet wants nothing"

    def state(self) -> list[float]:
        return []


class Rig:
    """``time_ns`` moves with the events sent. Prices and quantities are decimal text."""

    def __init__(self, parameters: Parameters | None = None, is_warm: bool = True) -> None:
        self.parameters = parameters or Parameters()
        self.instrument = eth_usdt(self.parameters.market)
        self.view = MarketView(self.instrument)
        self.puppet = PuppetStrategy()
        self.engine = Engine(self.parameters, self.instrument, self.view, self.puppet)
        p = self.parameters
        self.venue = PaperVenue(self.instrument, self.view, p.paper_latency_ms, p.taker_fee_e8, p.maker_fee_e8)
        self.pump = EventPump(self.engine, self.venue)
        self.effects: list[Effect] = []
        self.time_ns = START_MS * 1_000_000
        self.trade_id = 0
        self.quote_id = 0
        self.are_bars_answered = True  # RequestBars is answered at once, with flat klines at the last price
        if is_warm:
            self.warm()

    # -- what happens

    def send(self, event: Event) -> list[Effect]:
        """Process an event and everything it brings about; the effects, in order."""
        done: list[Effect] = []
        effects = self.pump.process(event)
        while effects or self.pump.is_busy:
            for effect in effects:
                done.append(effect)
                if isinstance(effect, SubmitOrder):
                    self.venue.submit(effect.order, effect.time_ns)
                elif isinstance(effect, CancelOrder):
                    self.venue.cancel(effect.client_order_id, effect.time_ns)
                elif isinstance(effect, PlaceProtection):
                    self.venue.place_protection(effect.stop, effect.target, effect.time_ns)
            assert self.engine.state.ledger.identity_gap_e8() == 0
            effects = self.pump.resume()
        self.effects += done
        if self.are_bars_answered and any(isinstance(effect, RequestBars) for effect in done):
            done += self.answer_bars()
        return done

    def warm(self, price: str = "2000", count: int = 60) -> None:
        """Closed bars before the start."""
        price_e8 = parse_e8(price)
        bar_ms = self.parameters.bar_seconds * 1000
        bars = []
        for i in range(count):
            high_e8 = price_e8 + (i % 5 + 1) * 10_000_000
            bar = Bar(START_MS - (count - i) * bar_ms, price_e8, high_e8, price_e8 - 10_000_000, price_e8, 10**8, 1)
            bar.is_backfilled = True
            bars.append(bar)
        self.send(Bars(self.time_ns, BARS_WARMUP, bars, False))

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass with nothing but heartbeats."""
        done: list[Effect] = []
        end_ns = self.time_ns + round(seconds * SECOND)
        while self.time_ns < end_ns:
            self.time_ns = min(end_ns, self.time_ns + round(HEARTBEAT_SECONDS * SECOND))
            done += self.send(Tick(self.time_ns))
        return done

    def jump(self, seconds: float) -> list[Effect]:
        """Nothing at all is heard for so long: the process stood still."""
        self.time_ns += round(seconds * SECOND)
        return self.send(Tick(self.time_ns))

    def _pass(self, seconds: float) -> None:
        if seconds > HEARTBEAT_SECONDS:
            self.wait(seconds)
        else:
            self.time_ns += round(seconds * SECOND)

    def quote(self, bid: str, ask: str, quantity: str = "50", after: float = 0.01) -> list[Effect]:
        self._pass(after)
        self.quote_id += 1
        ms = self.time_ns // 1_000_000
        amount_e8 = parse_e8(quantity)
        return self.send(Quote(self.time_ns, ms, self.quote_id, parse_e8(bid), amount_e8, parse_e8(ask), amount_e8))

    def trade(self, price: str, quantity: str = "1", after: float = 0.01) -> list[Effect]:
        self._pass(after)
        self.trade_id += 1
        ms = self.time_ns // 1_000_000
        return self.send(self.trade_event(self.trade_id, price, quantity, ms))

    def trade_event(self, trade_id: int, price: str, quantity: str, time_ms: int) -> Trade:
        """A trade of the exchange's time ``time_ms``, received now."""
        return Trade(self.time_ns, time_ms, time_ms, trade_id, parse_e8(price), parse_e8(quantity), False)

    def mark(self, price: str, rate_e8: int, next_ms: int) -> list[Effect]:
        ms = self.time_ns // 1_000_000
        return self.send(MarkPrice(self.time_ns, ms, parse_e8(price), parse_e8(price), rate_e8, next_ms))

    def feed(self, stream: str, state: str, source: str = "binance", value: int = 0) -> list[Effect]:
        return self.send(FeedStatus(self.time_ns, source, stream, state, value))

    def answer_trades(self, trades: list[Trade], is_failed: bool = False) -> list[Effect]:
        return self.send(Trades(self.time_ns, 0, trades, is_failed))

    @property
    def ms(self) -> int:
        """Exchange time, ms."""
        return self.time_ns // 1_000_000

    def command(self, name: str, argument: str = "") -> list[Effect]:
        return self.send(Command(self.time_ns, name, argument))

    # -- shortcuts

    def begin(self, price: str = "2000") -> None:
        """Market data flows and the second bar, which is whole, has begun: entries are possible."""
        ask = str(float(price) + 0.01)
        for _ in range(self.parameters.bar_seconds // 3 + 2):
            self.quote(price, ask)
            self.trade(price, after=2.99)
        self.quote(price, ask)
        for _ in range(25):  # the gate compares a volume with the mean of 20
            self.trade(price)

    def answer_bars(self) -> list[Effect]:
        """Answer the last RequestBars with flat klines, as far as they have closed."""
        if not self.engine.chart.is_awaiting_bars:
            return []
        request = [effect for effect in self.effects if isinstance(effect, RequestBars)][-1]
        close_e8 = int(self.view.last_trade_e8) or parse_e8("2000")
        return self.klines([(ms, close_e8) for ms in range(request.from_ms, request.to_ms, self.bar_ms)])

    def klines(self, closes: list[tuple[int, int]], is_failed: bool = False) -> list[Effect]:
        """An answer of flat klines, given by their opening time and close, as far as they have closed."""
        bars = [
            Bar(ms, close_e8, close_e8, close_e8, close_e8, 10**8, 1)
            for ms, close_e8 in closes
            if ms + self.bar_ms <= self.ms
        ]
        return self.send(Bars(self.time_ns, "commit", bars, is_failed))

    @property
    def bar_ms(self) -> int:
        return self.parameters.bar_seconds * 1000

    def signal(self, side: int, price: str = "2000") -> list[Effect]:
        """A signal now: a trade large enough to pass the gate carries it."""
        self.puppet.wanted = Signal(side, 1.0, ["a test wants it"])
        return self.trade(price, "1000")

    def enter(self, side: int, price: str = "2000") -> None:
        """A filled entry at (about) a price."""
        self.quote(price, str(float(price) + 0.01))
        self.signal(side, price)
        self.wait(0.1)
        assert self.engine.state.position is not None, self.engine.state.refusals

    def of(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if type(effect) is kind]

    @property
    def fills(self) -> list[FillRecord]:
        return [effect for effect in self.effects if isinstance(effect, FillRecord)]

    @property
    def trades(self) -> list[TradeRecord]:
        return [effect for effect in self.effects if isinstance(effect, TradeRecord)]

    @property
    def lines(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, Announce)]


__all__ = ["START_MS", "OrderRecord", "RequestBook", "RequestTrades", "Rig", "Shutdown"]
