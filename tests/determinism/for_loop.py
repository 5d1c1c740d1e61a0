"""A market through a fresh account in the plain loop, with everything a test wants to look at."""

from __future__ import annotations

from collections.abc import Callable

from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, OutFrame, SimMarket
from supreme_system_v5.backtesting.frames_plain import OrdersOnly, PlainLoop
from supreme_system_v5.backtesting.frames_venue import instrument_of
from supreme_system_v5.config import Settings
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.recovery import SavedState
from supreme_system_v5.core.engine.status import SessionStart, engine_status
from supreme_system_v5.trading import Trading, account_key, make_parameters, restore_trading


def digest_of(engine: Engine) -> str:
    """The digest as `status` says it."""
    return str(engine_status(engine, SessionStart(engine))["digest"])


def fresh_trading(settings: Settings, instrument: Instrument) -> Trading:
    """Engine, venue and pump of a simulated account that has just been opened."""
    trading = Trading(make_parameters(settings, account_key(settings, True, False)), instrument)
    saved = SavedState(new_ledger(trading.parameters.initial_balance_e8), 1)
    OrdersOnly(trading.gateway).perform(restore_trading(trading, saved))
    return trading


class ForLoop(PlainLoop):
    """``run()`` plays the market to its end (or ``end_ns``); then look at ``trading`` and the counts."""

    def __init__(
        self,
        market: SimMarket,
        settings: Settings,
        end_ns: int = NEVER,
        on_event: Callable[[Event], None] | None = None,
        alter: Callable[[OutFrame], OutFrame] | None = None,
    ) -> None:
        self.trading = fresh_trading(settings, instrument_of(market))
        performer = OrdersOnly(self.trading.gateway)
        super().__init__(market, self.trading.pump, settings.bar_seconds, performer, end_ns, on_event, alter)

    def run(self) -> ForLoop:
        super().run()
        return self

    @property
    def digest(self) -> str:
        return digest_of(self.trading.engine)

    @property
    def asked(self) -> list[str]:
        return self.venue.asked
