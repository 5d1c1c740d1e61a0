"""Every key of the configuration, in one table.

A key is a field of `Settings`; its environment name is the field's name in capitals. `.env` is overridden by the
environment, where SUPREME_<KEY> wins over <KEY>.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from supreme_system_v5 import config_values as k
from supreme_system_v5.config_values import Kind
from supreme_system_v5.core.domain.money import parse_e8

HOME_KEY = "SUPREME_HOME"
I64_MAX = 2**63 - 1


def _key(default: str, kind: Kind, about: str, is_profile: bool = False) -> Any:
    """A field that is a key: its default as text, its kind, a line for people, and whether the profile sets it."""
    return field(metadata={"default": default, "kind": kind, "about": about, "is_profile": is_profile})


@dataclass(frozen=True)
class Settings:
    """One attribute a key, lower case. Fractions are fractions (0.02 = 2 %), times carry their unit."""

    # --- profile
    ultra_constrained: bool = _key("1", k.boolean(), "small-VPS profile: one symbol, optional parts off", True)
    optimized_mode: bool = _key("true", k.boolean(), "compiled core; false forces the pure one", True)
    # --- market
    symbols: tuple[str, ...] = _key("ETH-USDT", k.symbols(), "what is traded", True)
    execution_mode: str = _key("paper", k.choice("paper", "live"), "live is not there yet and is refused", True)
    market: str = _key("usdm", k.choice("usdm", "spot"), "usdm (leverage 1, can short) or spot", True)
    data_sources: tuple[str, ...] = _key(
        "binance,coingecko,simulated",
        k.choices("binance", "coingecko", "simulated"),
        "tried in this order at start",
        True,
    )
    strategy: str = _key("scalping", k.word("a strategy of the catalogue"), "which strategy trades", True)
    initial_balance: Decimal = _key(
        "10000", k.money("1", "1000000000"), "opens a new paper account only, in quote units", True
    )
    # --- budget
    max_ram_mb: int = _key("450", k.integer(16, 1_048_576), "80 % sheds, 90 % no entries, 100 % stops", True)
    max_cpu_percent: float = _key("85", k.positive(100), "CPU budget of the process, % of a core", True)
    loop_lag_ms_max: float = _key("100", k.positive(60_000), "event-loop lag p99 that is pressure")
    buffer_size_limit: int = _key("200", k.integer(20, 100_000), "the longest buffer of an indicator, bars", True)
    # --- bars and gate
    bar_seconds: int = _key("60", k.integer(1, 86_400), "length of a bar")
    scalping_interval_min: float = _key("30", k.positive(86_400), "shortest scalping interval, s", True)
    scalping_interval_max: float = _key("60", k.positive(86_400), "longest scalping interval, s", True)
    scalping_confirm_bars: int = _key("10", k.integer(0, 1_000), "bars an RSI extreme is remembered; 0 = literal")
    min_price_change_pct: float = _key(
        "0.002", k.positive(1), "price move that passes the gate (a fraction: 0.01 = 1 %)", True
    )
    volume_threshold: float = _key("1.5", k.positive(1_000), "times the mean volume of 20 trades", True)
    gate_target_skip: float = _key("0.70", k.number(0, 0.99, empty=0.0), "held skip ratio; empty = literal rule")
    stale_after_seconds: float = _key("5", k.positive(3_600), "a silent stream blocks entries after this")
    # --- risk
    position_size_pct: float = _key(
        "0.02", k.positive(1), "largest share of equity in a position (a fraction: 0.01 = 1 %)", True
    )
    stop_mode: str = _key("pct", k.choice("pct", "atr"), "stop distance by STOP_LOSS_PCT or by ATR_STOP_MULT")
    stop_loss_pct: float = _key("0.01", k.positive(0.9), "stop distance (a fraction: 0.01 = 1 %)", True)
    atr_stop_mult: float = _key("2", k.positive(100), "stop distance in ATR")
    take_profit_pct: float = _key("0.02", k.positive(0.9), "target distance (a fraction: 0.01 = 1 %)", True)
    position_timeout_minutes: float = _key("15", k.positive(10_080), "a position is closed after this")
    max_daily_drawdown_pct: float = _key(
        "0.05", k.positive(1), "day's loss that ends the day (a fraction: 0.01 = 1 %)", True
    )
    max_exposure_pct: float = _key(
        "0.10", k.positive(1), "largest share of equity at risk at once (a fraction: 0.01 = 1 %)", True
    )
    max_order_notional: Decimal = _key("1000", k.money("1", "1000000000"), "largest order, quote units")
    max_orders_per_minute: int = _key("10", k.integer(1, 10_000), "orders a minute")
    max_spread_bps: float = _key("10", k.positive(10_000), "widest spread for an entry")
    max_consecutive_losses: int = _key("5", k.integer(1, 1_000), "losses in a row that open a breaker")
    breaker_cooldown_minutes: float = _key("15", k.positive(10_080), "a breaker's cool-down")
    kelly_stop: bool = _key("false", k.boolean(), "stop entries when the record shows no edge")
    # --- execution
    entry_slippage_bps: float = _key("5", k.number(0, 1_000), "how far an entry may reach beyond the best price")
    paper_latency_ms: int = _key("50", k.integer(0, 60_000), "a paper order's way to the venue")
    on_stop: str = _key("keep", k.choice("keep", "close"), "an orderly stop keeps or closes the position")
    # --- records
    journal_days: int = _key("90", k.integer(1, 36_500), "decisions and equity are kept this long")
    log_level: str = _key(
        "WARNING",
        k.choice("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"),
        "what stderr shows; the log file holds at least INFO",
        True,
    )
    log_to_file: bool = _key("true", k.boolean(), "log into the session's folder", True)
    metrics_port: int = _key("9108", k.integer(0, 65_535), "Prometheus on 127.0.0.1; 0 = any free port", True)
    record: bool = _key("false", k.boolean(), "record every input of the engine, for `make replay`")
    record_max_mb: int = _key(
        "2000", k.integer(16, 1_000_000), "all recordings of this home together, MB; the oldest are dropped first"
    )
    # --- simulation
    seed: int = _key("42", k.integer(0, I64_MAX), "seed of the gate's intervals")
    sim_seed: int = _key("", k.optional(k.integer(0, I64_MAX)), "seed of the simulated market; empty = SEED")
    sim_speed: float = _key("1", k.number(0, 1_000_000), "market seconds a second; 0 = as fast as it goes")
    sim_recording: str = _key("", k.path(), "recording that the simulated exchange replays; empty = generated")
    # --- backtest: how fills are made of data without quotes (docs/backtest.md)
    backtest_spread_ticks: int = _key("1", k.integer(1, 100_000), "spread around the last trade or bar, ticks")
    backtest_depth: Decimal = _key("1", k.money("0.00000001", "1000000000"), "offered at every tick, base units")
    backtest_slippage_bps: float = _key("1", k.number(0, 1_000), "slippage of fills inside bars")
    backtest_fills: str = _key(
        "model", k.choice("model", "simplest"), "simplest (bars): at the signal bar's close, no cost, no latency"
    )
    # --- places
    binance_spot_rest_url: str = _key("https://api.binance.com", k.url("https", "http"), "Binance spot REST")
    binance_spot_ws_url: str = _key("wss://stream.binance.com:9443", k.url("wss", "ws"), "Binance spot streams")
    binance_usdm_rest_url: str = _key("https://fapi.binance.com", k.url("https", "http"), "Binance USD-M REST")
    binance_usdm_ws_url: str = _key("wss://fstream.binance.com", k.url("wss", "ws"), "Binance USD-M streams")
    binance_archive_url: str = _key(
        "https://data.binance.vision", k.url("https", "http"), "Binance's public archives (make download)"
    )
    coingecko_url: str = _key("https://api.coingecko.com/api/v3", k.url("https", "http"), "CoinGecko REST")
    supreme_home: str = _key("", k.path(), "where state/ and run_artifacts/ are; empty = the clone")

    # What the keys came to.
    home: Path = field(default=Path())
    env_file: Path = field(default=Path())
    texts: Mapping[str, str] = field(default_factory=dict)  # KEY -> text as given
    origins: Mapping[str, str] = field(default_factory=dict)  # KEY -> default | .env | environment NAME

    @property
    def symbol(self) -> str:
        return self.symbols[0]

    @property
    def initial_balance_e8(self) -> int:
        return parse_e8(str(self.initial_balance))

    @property
    def max_order_notional_e8(self) -> int:
        return parse_e8(str(self.max_order_notional))


@dataclass(frozen=True)
class Key:
    """One line of the table."""

    name: str
    attribute: str
    default: str
    kind: Kind
    about: str
    is_profile: bool

    @property
    def environment_names(self) -> tuple[str, ...]:
        """The names read from the environment, the winning one first."""
        return (self.name,) if self.name == HOME_KEY else (f"SUPREME_{self.name}", self.name)


KEYS: tuple[Key, ...] = tuple(
    Key(item.name.upper(), item.name, **item.metadata) for item in dataclasses.fields(Settings) if item.metadata
)
KEYS_BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}
