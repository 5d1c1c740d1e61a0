"""Putting a session together: source, clock, journal, engine, venue. Nothing trades before all of it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.execution.paper import PaperGateway
from supreme_system_v5.adapters.feeds.failover import SourceChoice, choose_source
from supreme_system_v5.adapters.feeds.feed_set import FeedSet
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.errors import ConfigError, FrameError, SupremeError, VenueError
from supreme_system_v5.core.domain.instrument import SPOT, Instrument, eth_usdt
from supreme_system_v5.core.domain.market import NS_PER_SECOND, SOURCE_COINGECKO
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

# State of an account: since when (ns) nobody has watched the market for its open position; 0 = it is watched.
UNWATCHED_SINCE = "unwatched_since"
PROFILE_DEMO = "demo"  # of the embedded exchange
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
            instrument,
            self.view,
            parameters.paper_latency_ms,
            parameters.taker_fee_e8,
            parameters.maker_fee_e8,
            round(parameters.stale_after_seconds * 1000),
        )
        self.pump = EventPump(self.engine, self.venue)
        self.gateway = PaperGateway(self.venue)

    def set_position(self) -> None:
        """Tell the venue what is held, so that reduce-only orders know."""
        self.venue.set_position(self.engine.state.ledger.position_e8)

    def protect(self, time_ns: int) -> None:
        """Rest the restored position's stop and target at the venue again."""
        state = self.engine.state
        position = state.position
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

    def __init__(self, settings: Settings, clock: EngineClock, profile: str, journal_path: Path) -> None:
        self.settings = settings
        self.clock = clock
        self.profile = profile  # of the embedded exchange's generator
        self.journal_path = journal_path
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
            key = account_key(settings, True, self.profile == PROFILE_DEMO)
            self.exchange = await start_embedded(settings, self.profile, last_time_ns(self.journal_path, key))
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


async def start_embedded(settings: Settings, profile: str, not_before_ns: int) -> ExchangeServer:
    """The simulated exchange inside this process, going on from the market it left in state/.

    ``not_before_ns``: the last time the journal knows. A market that ran faster than the clock and was killed has
    saved an earlier one; its time never goes back all the same.
    """
    from supreme_system_v5.adapters.exchange import embedded
    from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket

    try:
        if settings.sim_recording or not_before_ns <= time.time_ns():
            return await embedded.start_embedded_exchange(settings, profile)
        seed = settings.sim_seed if settings.sim_seed is not None else 0
        start_ns = not_before_ns + NS_PER_SECOND
        path = None
        if profile == PROFILE_DEMO:
            market = GeneratedMarket(settings.market, seed, start_ns, "scripted", float(settings.bar_seconds))
        else:
            path = settings.home / "state" / f"sim_market_{settings.market}.json"
            market = GeneratedMarket.resume(path, settings.market, seed, start_ns)
        server = embedded.EmbeddedExchange([market], settings.sim_speed, path)
        await server.start()
        return server
    except OSError as error:
        raise ConfigError(
            f"the simulated exchange cannot listen on 127.0.0.1: {error.strerror or error}",
            "check the system's limits on ports and open files",
        ) from None


def last_time_ns(journal_path: Path, key: AccountKey) -> int:
    """The last engine time that the journal has of an account; 0 when it has none or cannot be read (said later)."""
    if not journal_path.exists():
        return 0
    try:
        with JournalReader(journal_path, is_checked=False) as reader:
            return int(reader.load(key).last_time_ns)
    except SupremeError:
        return 0


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
    if saved.position:
        # Kept with every fill; payments since the last one are in the funding table only.
        saved.position["funding_e8"] = loaded.position_funding_e8
    saved.open_orders = loaded.open_orders
    saved.state = loaded.state
    saved.results_e8 = [trade.net_e8 for trade in loaded.recent_trades]
    saved.trades_closed = loaded.trades_closed
    saved.last_funding_ms = loaded.last_funding_ms
    saved.last_price_e8 = loaded.last_price_e8
    saved.last_time_ns = loaded.last_time_ns
    return saved, notes


def unwatched_since(saved: SavedState) -> int:
    """From which engine time on (ns) the market has to be looked at for the open position; 0 when flat.

    The last journalled time; where an earlier start came to an end before it had looked, what that one began with.
    """
    if not saved.position:
        return 0
    kept_ns = int(saved.state.get(UNWATCHED_SINCE, "0"))
    opened_ns = int(str(saved.position.get("opened_ns", 0)))
    return kept_ns if kept_ns >= opened_ns > 0 else max(1, int(saved.last_time_ns))


def account_key(settings: Settings, is_simulated: bool, is_demo: bool) -> AccountKey:
    """The account of this mode, source class, market and symbol. The scripted demo has an account of its own."""
    mode = "demo" if is_demo else settings.execution_mode
    return AccountKey(mode, "simulated" if is_simulated else "real", settings.market, settings.symbols[0])


def restore_trading(trading: Trading, saved: SavedState) -> list[Effect]:
    """Give the engine its past; the records that settle orders left unanswered."""
    return restore(trading.engine, saved)
