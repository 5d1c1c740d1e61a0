"""The trading parameters: what the engine, the strategy and the risk manager are told. Read once from settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameters:
    """Fractions are fractions (0.02 = 2 %), times carry their unit. Defaults are those of the settings."""

    market: str = "usdm"
    symbol: str = "ETH-USDT"
    strategy: str = "scalping"
    account: str = "0000"
    mode: str = "paper"
    is_simulated: bool = False
    initial_balance_e8: int = 10_000 * 100_000_000
    bar_seconds: int = 60
    buffer_size: int = 200
    scalping_interval_min_seconds: float = 30.0
    scalping_interval_max_seconds: float = 60.0
    scalping_confirm_bars: int = 10
    min_price_change_pct: float = 0.002
    volume_threshold: float = 1.5
    gate_target_skip: float = 0.70  # 0 = literal
    stale_after_seconds: float = 5.0
    position_size_pct: float = 0.02
    stop_mode: str = "pct"  # pct | atr
    stop_loss_pct: float = 0.01
    atr_stop_mult: float = 2.0
    take_profit_pct: float = 0.02
    position_timeout_minutes: float = 15.0
    max_daily_drawdown_pct: float = 0.05
    max_exposure_pct: float = 0.10
    max_order_notional_e8: int = 1_000 * 100_000_000
    max_orders_per_minute: int = 10
    max_spread_bps: float = 10.0
    max_consecutive_losses: int = 5
    breaker_cooldown_minutes: float = 15.0
    kelly_stop: bool = False
    entry_slippage_bps: float = 5.0
    paper_latency_ms: int = 50
    taker_fee_e8: int = 50_000  # 0.05 %
    maker_fee_e8: int = 20_000  # 0.02 %
    on_stop: str = "keep"  # keep | close
    seed: int = 42
    # The defaults are the daemon's; history has no streams to watch, no journal, and need not hash every bar's state.
    is_stream_watched: bool = True  # False: the data is all there is, and a silence in it is the market's
    equity_record_seconds: int = 60  # 0 = no equity records
    digest_bars: int = 1  # the engine's state enters the digest with every n-th committed bar
