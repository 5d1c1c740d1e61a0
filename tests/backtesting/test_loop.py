"""The loop over columns does what single events through the pump do: the same digest, the same trades."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from supreme_system_v5.backtesting.backtester import Backtester
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.backtesting.results import BacktestResult
from supreme_system_v5.core.domain.events import ClosedBar, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.catalogue import make_strategy
from tests.backtesting.series import (
    BarRow,
    TradeRow,
    bar_chunks,
    generated_trades,
    recorded_bars,
    recorded_trades,
    trade_chunks,
)

DEFAULT = Parameters()
# Short bars, tight levels: many trades, exits of every kind.
BUSY = Parameters(
    bar_seconds=5,
    stop_loss_pct=0.0015,
    take_profit_pct=0.002,
    position_timeout_minutes=0.5,
    scalping_interval_min_seconds=1.0,
    scalping_interval_max_seconds=2.0,
    max_consecutive_losses=1_000,
    max_daily_drawdown_pct=0.9,
)


def backtester(parameters: Parameters, model: FillModel, bar_ms: int) -> Backtester:
    return Backtester(parameters, eth_usdt(parameters.market), make_strategy(parameters), model, bar_ms)


def by_loop(rows: list[TradeRow], parameters: Parameters, size: int = 65_536) -> BacktestResult:
    run = backtester(parameters, FillModel(), 0)
    run.run_trades(trade_chunks(rows, size))
    return run.result()


def by_events(rows: Iterable[TradeRow], parameters: Parameters) -> BacktestResult:
    run = backtester(parameters, FillModel(), 0)
    for number, (time_ms, trade_id, price_e8, quantity_e8, is_buyer_maker) in enumerate(rows, 1):
        known_id = trade_id if trade_id >= 0 else number
        run.take(Trade(time_ms * 1_000_000, time_ms, time_ms, known_id, price_e8, quantity_e8, is_buyer_maker))
    return run.result()


def bars_by_loop(rows: list[BarRow], parameters: Parameters, model: FillModel) -> BacktestResult:
    run = backtester(parameters, model, parameters.bar_seconds * 1000)
    run.run_bars(bar_chunks(rows, 10_000))
    return run.result()


def bars_by_events(rows: list[BarRow], parameters: Parameters, model: FillModel) -> BacktestResult:
    bar_ms = parameters.bar_seconds * 1000
    run = backtester(parameters, model, bar_ms)
    for open_ms, *prices in rows:
        run.take(ClosedBar((open_ms + bar_ms) * 1_000_000, open_ms, *prices))
    return run.result()


def check_same(one: BacktestResult, other: BacktestResult) -> None:
    assert one.digest == other.digest
    assert one.trades == other.trades
    assert (one.events, one.signals, one.refusals) == (other.events, other.signals, other.refusals)
    assert (one.equity, one.candles) == (other.equity, other.candles)
    assert one.final_equity_e8 == other.final_equity_e8


@pytest.mark.parametrize("name", ["usdm_ethusdt_20240808", "spot_ethusdt_20240808"])
@pytest.mark.parametrize("parameters", [DEFAULT, BUSY], ids=["default", "busy"])
def test_recorded_trades(data_dir: Path, name: str, parameters: Parameters) -> None:
    rows = recorded_trades(data_dir / "frames" / f"{name}_trades.csv.gz")
    parameters = replace(parameters, market=name[:4])
    looped = by_loop(rows, parameters)
    check_same(looped, by_events(rows, parameters))
    assert looped.events > 14_000
    assert len(looped.candles) > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("has_ids", [True, False], ids=["ids", "no ids"])
def test_generated_trades(seed: int, has_ids: bool) -> None:
    rows = generated_trades(30_000, seed, has_ids=has_ids)
    looped = by_loop(rows, BUSY, 1_000)
    check_same(looped, by_events(rows, BUSY))
    assert looped.trades and {"stop", "target", "timeout"} & {trade.exit_reason for trade in looped.trades}


def test_a_hole_and_a_repetition_in_the_ids() -> None:
    """What the engine keeps of a trade whose forerunners are missing is its own copy."""
    rows = generated_trades(20_000, 9)
    rows = rows[:8_000] + rows[7_990:9_000] + rows[9_040:]
    looped = by_loop(rows, BUSY)
    check_same(looped, by_events(rows, BUSY))
    assert looped.digest != by_loop(generated_trades(20_000, 9), BUSY).digest


def test_a_changed_quantity_changes_the_digest() -> None:
    rows = generated_trades(5_000, 3)
    before = by_loop(rows, DEFAULT).digest
    time_ms, trade_id, price_e8, quantity_e8, side = rows[4_990]
    rows[4_990] = (time_ms, trade_id, price_e8, quantity_e8 + 1, side)
    assert by_loop(rows, DEFAULT).digest != before


BAR_FILES = [
    "spot_BTCUSDT_20240726_20240825",
    "spot_ETHUSDT_20210420_20210520",
    "spot_ETHUSDT_20240726_20240825",
    "usdm_ETHUSDT_20230703_20230817",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", BAR_FILES)
@pytest.mark.parametrize("fills", ["model", "simplest"])
def test_recorded_bars(data_dir: Path, name: str, fills: str) -> None:
    rows = recorded_bars(data_dir / "bars_1m" / f"{name}.csv.gz")
    parameters = replace(DEFAULT, max_consecutive_losses=1_000)
    looped = bars_by_loop(rows, parameters, FillModel(fills=fills))
    check_same(looped, bars_by_events(rows, parameters, FillModel(fills=fills)))
    assert len(looped.trades) > 25
    assert len(looped.equity) <= 4_098 and len(looped.candles) <= 4_096


def test_a_column_that_is_too_short() -> None:
    run = backtester(DEFAULT, FillModel(), 0)
    (chunk,) = trade_chunks(generated_trades(100, 1))
    with pytest.raises(ValueError, match="shorter"):
        run.run_trades([chunk._replace(rows=101)])
