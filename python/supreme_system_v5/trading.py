"""The pure side of a run, whatever feeds it: engine, paper venue and pump, and their parameters from the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.execution.paper import PaperGateway
from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.adapters.storage.recording.layout import ACT_POSITION, ACT_PROTECT, ACT_RESTORE
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.instrument import SPOT, Instrument
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.engine.recovery import SavedState, restore
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.strategies.catalogue import make_strategy

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

SPOT_FEES_E8 = (100_000, 100_000)  # taker, maker: 0.10 %
USDM_FEES_E8 = (50_000, 20_000)  # 0.05 %, 0.02 %


class Trading:
    """Engine, venue and pump, with what the journal gave back. ``on_act`` hears of each ACT_ before it is done."""

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
        self.on_act: Callable[..., None] = _unheard

    def roots(self) -> dict[str, object]:
        """The objects that all the others of this side hang on."""
        return {"engine": self.engine, "venue": self.venue, "pump": self.pump}

    def set_position(self) -> None:
        """Tell the venue what is held, so that reduce-only orders know."""
        self.on_act(ACT_POSITION)
        self.venue.set_position(self.engine.state.ledger.position_e8)

    def protect(self, time_ns: int) -> None:
        """Rest the restored position's stop and target at the venue again."""
        self.on_act(ACT_PROTECT, time_ns)
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


def account_key(settings: Settings, is_simulated: bool, is_demo: bool) -> AccountKey:
    """The account of this mode, source class, market and symbol. The scripted demo has an account of its own."""
    mode = "demo" if is_demo else settings.execution_mode
    return AccountKey(mode, "simulated" if is_simulated else "real", settings.market, settings.symbols[0])


def _unheard(*_words: object) -> None:
    return None


def restore_trading(trading: Trading, saved: SavedState) -> list[Effect]:
    """Give the engine its past; the records that settle orders left unanswered."""
    trading.on_act(ACT_RESTORE)
    return restore(trading.engine, saved)
