"""Putting a session together: source, clock, journal, engine, venue. Nothing trades before all of it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.feeds.failover import SourceChoice, choose_source
from supreme_system_v5.adapters.feeds.feed_set import FeedSet
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.errors import ConfigError, FrameError, SupremeError, VenueError
from supreme_system_v5.core.domain.instrument import Instrument, eth_usdt
from supreme_system_v5.core.domain.market import NS_PER_SECOND, SOURCE_COINGECKO
from supreme_system_v5.core.domain.money import E8, format_e8
from supreme_system_v5.core.engine.recovery import SavedState
from supreme_system_v5.orchestrator.clock import EngineClock
from supreme_system_v5.trading import account_key

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.server import ExchangeServer
    from supreme_system_v5.config import Settings

# State of an account: since when (ns) nobody has watched the market for its open position; 0 = it is watched.
UNWATCHED_SINCE = "unwatched_since"
PROFILE_DEMO = "demo"  # of the embedded exchange
QUEUE_EVENTS_ULTRA = 20_000  # events that may wait between socket and engine before reading pauses
QUEUE_EVENTS = 200_000


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
