"""The strategies to copy: they trade, are the same run by run, and one of them sees what the gate does not let pass."""

from __future__ import annotations

import pytest

from supreme_system_v5.backtesting.results import BacktestResult
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.catalogue import STRATEGY_NAMES, make_strategy
from supreme_system_v5.optimized.analyzer import Snapshot
from tests.backtesting.series import generated_trades
from tests.backtesting.test_loop import by_events, by_loop, check_same


def ran(name: str) -> tuple[BacktestResult, BacktestResult]:
    parameters = Parameters(strategy=name, bar_seconds=5, stop_loss_pct=0.003, position_timeout_minutes=0.5)
    rows = generated_trades(25_000, 11)
    return by_loop(rows, parameters), by_events(rows, parameters)


@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_every_strategy_says_why_it_waits_and_what_decides_it(name: str) -> None:
    strategy = make_strategy(Parameters(strategy=name))
    assert strategy.name == name
    snapshot = Snapshot()
    assert strategy.unmet(snapshot).startswith("warming up")
    assert strategy.evaluate(snapshot, 0, 0) is None
    assert all(isinstance(value, float) for value in strategy.state())


@pytest.mark.parametrize("name", ["template", "trade_window"])
def test_it_trades_and_gives_the_digest_of_single_events(name: str) -> None:
    looped, single = ran(name)
    check_same(looped, single)
    assert looped.signals > 3
    assert looped.trades


def test_a_look_at_every_trade_is_not_held_back_by_the_gate() -> None:
    result, _ = ran("trade_window")
    strategy = make_strategy(Parameters(strategy="trade_window"))
    assert strategy.sees_trades and not make_strategy(Parameters(strategy="template")).sees_trades
    assert result.skip_ratio > 0.6
    assert not strategy.on_trade(1.0, 1.0, True) or strategy.on_trade(1.0, 1.0, False) in {True, False}
    for _ in range(50):
        asked = strategy.on_trade(2000.0, 1.0, False)
    assert asked, "fifty buys in a row lean to one side"
