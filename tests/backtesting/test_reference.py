"""The engine over bars with the simplest fills against the independent numpy reference: every trade, to the bar.

The breaker and the daily drawdown limit are out of the way: they are the account's protection, not the rule.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="numpy is the reference's arithmetic")

import numpy as np

from supreme_system_v5.backtesting.backtester import Backtester
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.backtesting.results import BacktestResult
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.catalogue import make_strategy
from tests.backtesting.made_bars import MINUTE_MS, generated_bars
from tests.backtesting.reference_numpy import Bars, Trip, Venue, read_bars, rule, trips
from tests.backtesting.series import BarRow, bar_chunks, recorded_bars

RULE_ONLY = Parameters(max_consecutive_losses=1_000_000, max_daily_drawdown_pct=0.99)
FILES = {
    "spot_BTCUSDT_20240726_20240825": 247,
    "spot_ETHUSDT_20210420_20210520": 277,
    "spot_ETHUSDT_20240726_20240825": 244,
    "usdm_ETHUSDT_20230703_20230817": 690,
}


def by_engine(rows: list[BarRow], parameters: Parameters) -> BacktestResult:
    instrument = eth_usdt(parameters.market)
    run = Backtester(parameters, instrument, make_strategy(parameters), FillModel(fills="simplest"), MINUTE_MS)
    run.run_bars(bar_chunks(rows))
    return run.result()


def by_reference(bars: Bars, parameters: Parameters) -> list[Trip]:
    instrument = eth_usdt(parameters.market)
    filters = (int(instrument.tick_e8), int(instrument.step_e8), int(instrument.min_notional_e8))
    return trips(bars, Venue(*filters, has_shorts=parameters.market == "usdm"), parameters.initial_balance_e8)


def facts(result: BacktestResult, bars: Bars) -> list[tuple[int, ...]]:
    """Side, bars, quantity and prices of each trade."""
    at = {(int(open_ms) + MINUTE_MS) * 1_000_000: number for number, open_ms in enumerate(bars.open_ms)}
    return [
        (one.side, at[one.opened_ns], at[one.closed_ns], one.quantity_e8, one.entry_price_e8, one.exit_price_e8)
        for one in result.trades
    ]


def check(result: BacktestResult, bars: Bars, parameters: Parameters) -> list[Trip]:
    wanted = by_reference(bars, parameters)
    assert facts(result, bars) == [tuple(trip[:6]) for trip in wanted]
    assert result.signals == np.count_nonzero(rule(bars).signal)
    for mine, theirs in zip(result.trades, wanted, strict=True):
        assert abs(mine.net_e8 / 1e8 - theirs.net_e8 / 1e8) <= 1e-9
        assert mine.fees_e8 == 0
    net_e8 = sum(trip.net_e8 for trip in wanted)
    if result.open_position_e8 == 0:
        assert abs((result.final_equity_e8 - result.initial_e8 - net_e8) / 1e8) <= 1e-9
    return wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_recorded_bars(data_dir: Path, name: str) -> None:
    path = data_dir / "bars_1m" / f"{name}.csv.gz"
    parameters = replace(RULE_ONLY, market=name[:4])
    bars = read_bars(path)
    wanted = check(by_engine(recorded_bars(path), parameters), bars, parameters)
    assert len(wanted) == FILES[name]
    reasons = {trip.reason for trip in wanted}
    assert reasons >= ({"stop", "timeout", "signal"} if name.startswith("usdm") else {"stop", "timeout"})


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_generated_bars(seed: int) -> None:
    rows = generated_bars(4_000, seed)
    columns = np.array([row[:5] for row in rows], dtype=np.int64).T
    bars = Bars(*columns)
    wanted = check(by_engine(rows, RULE_ONLY), bars, RULE_ONLY)
    assert {trip.side for trip in wanted} == {1, -1}
    assert {"stop", "target"} <= {trip.reason for trip in wanted}


def test_another_rule_is_seen() -> None:
    """The comparison can fail: nine bars of confirmation instead of ten are another rule."""
    rows = generated_bars(4_000, 21)
    bars = Bars(*np.array([row[:5] for row in rows], dtype=np.int64).T)
    altered = by_engine(rows, replace(RULE_ONLY, scalping_confirm_bars=9))
    assert facts(altered, bars) != [tuple(trip[:6]) for trip in by_reference(bars, RULE_ONLY)]
