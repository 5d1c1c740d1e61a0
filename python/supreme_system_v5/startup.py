"""Putting a session together: source, clock, journal, engine, venue. Nothing trades before all of it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.execution.paper import PaperGateway
from supreme_system_v5.adapters.feeds.failover import SourceChoice, choose_source
from supreme_system_v5.adapters.feeds.feed_set import FeedSet
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.errors import ConfigError, FrameError, VenueError
from supreme_system_v5.core.domain.instrument import SPOT, Instrument, eth_usdt
from supreme_system_v5.core.domain.market import SOURCE_COINGECKO
from supreme_system_v5.core.domain.money import E8, format_e8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.engine.recovery import SavedState, restore
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.orchestrator.clock import EngineClock

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.server import ExchangeServer
    from supreme_system_v5.config import Settings

QUEUE_EVENTS_ULTRA = 20_000  # events that may wait between socket and engine before reading pauses
QUEUE_EVENTS = 200_000
SPOT_FEES_E8 = (100_000, 100_000)  # taker, maker: 0.10 %
USDM_FEES_E8 = (50_000, 20_000)  # 0.05 %, 0.02 %


class Trading:
    """The pure side of a session: engine, venue and pump, with what the journal gave back."""

    def __init__(self, parameters: Parameters, instrument: Instrument) -> None:
        self.parameters = parameters
        self.view = MarketView(instrument)
        self.engine = Engine(parameters, instrument, self.view, make_strategy(parameters))
        self.venue = PaperVenue(
            instrument, self.view, parameters.paper_latency_ms, parameters.taker_fee_e8, parameters.maker_fee_e8
        )
        self.pump = EventPump(self.engine, self.venue)
        self.gateway = PaperGateway(self.venue)

    def protect(self, time_ns: int) -> None:
        """Rest the restored position's stop and target at the venue again."""
        state = self.engine.state
        position = state.position
        self.venue.set_position(state.ledger.position_e8)
        if position is None:
            return
        stop = state.orders.get(position.stop_order_id)
        target = state.orders.get(position.target_order_id)
        if stop is not None and target is not None:
            self.gateway.place_protection(stop, target, time_ns)


def make_parameters(settings: Settings, key: AccountKey) -> Parameters:
    """The trading parameters from the settings, in exact units."""
    taker_e8, maker_e8 = SPOT_FEES_E8 if settings.market == SPOT else USDM_FEES_E8
    return Parameters(
        market=settings.market,
        symbol=settings.symbols[0],
        strategy=settings.strategy,
        account=key.id,
        mode=key.mode,
        is_simulated=key.is_simulated,
        initial_balance_e8=round(settings.initial_balance * E8),
        bar_seconds=settings.bar_seconds,
        buffer_size=settings.buffer_size_limit,
        scalping_interval_min_seconds=settings.scalping_interval_min,
        scalping_interval_max_seconds=settings.scalping_interval_max,
        scalping_confirm_bars=settings.scalping_confirm_bars,
        min_price_change_pct=settings.min_price_change_pct,
        volume_threshold=settings.volume_threshold,
        gate_target_skip=settings.gate_target_skip or 0.0,
        stale_after_seconds=settings.stale_after_seconds,
        position_size_pct=settings.position_size_pct,
        stop_mode=settings.stop_mode,
        stop_loss_pct=settings.stop_loss_pct,
        atr_stop_mult=settings.atr_stop_mult,
        take_profit_pct=settings.take_profit_pct,
        position_timeout_minutes=settings.position_timeout_minutes,
        max_daily_drawdown_pct=settings.max_daily_drawdown_pct,
        max_exposure_pct=settings.max_exposure_pct,
        max_order_notional_e8=round(settings.max_order_notional * E8),
        max_orders_per_minute=settings.max_orders_per_minute,
        max_spread_bps=settings.max_spread_bps,
        max_consecutive_losses=settings.max_consecutive_losses,
        breaker_cooldown_minutes=settings.breaker_cooldown_minutes,
        kelly_stop=settings.kelly_stop,
        entry_slippage_bps=settings.entry_slippage_bps,
        paper_latency_ms=settings.paper_latency_ms,
        taker_fee_e8=taker_e8,
        maker_fee_e8=maker_e8,
        on_stop=settings.on_stop,
        seed=settings.seed,
    )


class Market:
    """Where prices come from: the choice made at start, the embedded exchange if there is one, the feeds."""

    def __init__(self, settings: Settings, clock: EngineClock, profile: str) -> None:
        self.settings = settings
        self.clock = clock
        self.profile = profile  # of the embedded exchange's generator
        self.choice = SourceChoice("", False)
        self.exchange: ExchangeServer | None = None
        self.feeds: FeedSet | None = None
        self.is_simulated = False
        self.on_fault: Callable[[Exception], None] | None = None  # gets what the sink raised: ours, not the world's

    async def open(self) -> FeedSet:
        """Choose the source and reach it. Raises ConfigError when no source can be used."""
        settings = self.settings
        symbol = settings.symbols[0]
        self.choice = await choose_source(settings, settings.market, symbol)
        if not self.choice.source:
            raise ConfigError(
                "no source of market data can be used:\n  " + "\n  ".join(self.choice.failures),
                "check the network, or add `simulated` to DATA_SOURCES to run on the simulated exchange",
            )
        self.is_simulated = self.choice.is_simulated
        rest_url = ws_url = ""
        if self.choice.source == "simulated":
            self.exchange = await start_embedded(settings, self.profile)
            rest_url, ws_url = self.exchange.urls(settings.market)
        queue_events_max = QUEUE_EVENTS_ULTRA if settings.ultra_constrained else QUEUE_EVENTS
        self.feeds = FeedSet(
            settings,
            settings.market,
            symbol,
            self.clock,
            self.choice,
            rest_url,
            ws_url,
            queue_events_max=queue_events_max,
            on_fault=self.on_fault,
        )
        return self.feeds

    async def instrument(self) -> Instrument:
        """The venue's filters; the shipped ones when only the fallback answers (it opens nothing)."""
        assert self.feeds is not None
        try:
            return await self.feeds.fetch_instrument()
        except (VenueError, FrameError) as error:
            if self.choice.source == SOURCE_COINGECKO:
                return eth_usdt(self.settings.market)
            raise ConfigError(
                f"the exchange does not tell the filters of {self.settings.symbols[0]}: {error}",
                "check SYMBOLS and MARKET, or try again",
            ) from None

    async def close(self) -> None:
        if self.feeds is not None:
            await self.feeds.stop()
        if self.exchange is not None:
            await self.exchange.stop()


async def start_embedded(settings: Settings, profile: str) -> ExchangeServer:
    """The simulated exchange inside this process, going on from the market it left in state/."""
    from supreme_system_v5.adapters.exchange.embedded import start_embedded_exchange

    return await start_embedded_exchange(settings, profile)


def saved_state(journal: Journal, settings: Settings, now_ns: int) -> tuple[SavedState, list[str]]:
    """What the journal has of this account; a new account gets its opening balance. Also notes for the banner."""
    loaded: JournalState = journal.load()
    notes: list[str] = []
    initial_e8 = round(settings.initial_balance * E8)
    ledger = loaded.ledger
    if ledger is None:
        ledger = new_ledger(initial_e8)
        journal.open_account(ledger, now_ns)
    elif ledger.initial_e8 != initial_e8:
        notes.append(
            f"INITIAL_BALANCE={format_e8(initial_e8, 2)} has no effect: this account opened with"
            f" {format_e8(ledger.initial_e8, 2)}; `make reset` opens a new one"
        )
    saved = SavedState(ledger, loaded.next_sequence)
    saved.position = loaded.position
    saved.open_orders = loaded.open_orders
    saved.state = loaded.state
    saved.results_e8 = [trade.net_e8 for trade in loaded.recent_trades]
    saved.trades_closed = loaded.trades_closed
    saved.last_funding_ms = loaded.last_funding_ms
    saved.last_price_e8 = loaded.last_price_e8
    saved.last_time_ns = loaded.last_time_ns
    return saved, notes


def account_key(settings: Settings, is_simulated: bool, is_demo: bool) -> AccountKey:
    """The account of this mode, source class, market and symbol. The scripted demo has an account of its own."""
    mode = "demo" if is_demo else settings.execution_mode
    return AccountKey(mode, "simulated" if is_simulated else "real", settings.market, settings.symbols[0])


def restore_trading(trading: Trading, saved: SavedState) -> list[Effect]:
    """Give the engine its past; the records that settle orders left unanswered."""
    return restore(trading.engine, saved)
