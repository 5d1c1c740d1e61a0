"""The figures of a run's trades against a plain recount, and the edges: none, one, flat, all losses, huge."""

from __future__ import annotations

import dataclasses
import itertools
import random
from fractions import Fraction
from pathlib import Path

import pytest

from supreme_system_v5.backtesting.report import returns as series
from supreme_system_v5.backtesting.report.metrics import Metrics, curve_figures, metrics_of, net_bps, trade_figures
from supreme_system_v5.backtesting.results import BacktestResult, EquityPoint, RoundTrip
from supreme_system_v5.core.domain.order import BUY, SELL
from tests.backtesting.report.runs import random_bars, read_bars, run_rule, small_run

E8 = 10**8


def trade(net_e8: int, number: int = 1, size_e8: int = 200 * E8) -> RoundTrip:
    """Quantity 1, so that the entry price is the notional."""
    opened_ns = number * 10**12
    return RoundTrip(
        number, BUY, opened_ns, opened_ns + 10**11, E8, size_e8, size_e8 + net_e8, net_e8, 0, 0, net_e8, "target"
    )


def test_trades_of_a_random_set_against_a_recount() -> None:
    chance = random.Random(3)
    nets = [chance.choice([-1, 1, 1, 0]) * chance.randrange(1, 10**10) for _ in range(500)]
    found = trade_figures([trade(net, n) for n, net in enumerate(nets)])
    wins, losses = [n for n in nets if n > 0], [n for n in nets if n < 0]
    streaks = [len(list(run)) for is_loss, run in itertools.groupby(nets, lambda n: n < 0) if is_loss]
    assert (found.count, found.wins, found.losses, found.net_e8) == (500, len(wins), len(losses), sum(nets))
    assert found.losing_streak == max(streaks)
    assert found.win_rate == len(wins) / 500
    assert found.profit_factor == pytest.approx(float(Fraction(sum(wins), -sum(losses))), rel=1e-12)
    assert found.expectancy_e8 == round(Fraction(sum(nets), 500))
    assert found.mean_win_e8 == round(Fraction(sum(wins), len(wins)))
    assert found.mean_loss_e8 == round(Fraction(sum(losses), len(losses)))
    assert found.expectancy_bps == pytest.approx(float(Fraction(sum(nets), 200 * E8) / 500 * 10_000), rel=1e-9)
    assert (found.best_e8, found.worst_e8, found.held_mean_ns) == (max(nets), min(nets), 10**11)


def test_no_trade_has_figures_without_a_division() -> None:
    found = trade_figures([])
    assert (found.count, found.net_e8, found.losing_streak) == (0, 0, 0)
    assert found.win_rate is found.profit_factor is found.expectancy_e8 is found.best_e8 is None


def test_one_trade_all_losses_and_no_loss() -> None:
    one = trade_figures([trade(5 * E8)])
    assert (one.win_rate, one.profit_factor, one.expectancy_e8) == (1.0, None, 5 * E8)
    lost = trade_figures([trade(-E8), trade(-2 * E8), trade(-3 * E8)])
    assert (lost.win_rate, lost.profit_factor, lost.losing_streak, lost.mean_win_e8) == (0.0, 0.0, 3, None)
    even = trade_figures([trade(0)])
    assert (even.wins, even.losses, even.profit_factor) == (0, 0, None)


def test_huge_money_stays_exact() -> None:
    nets = [10**24 + 1, -(10**24), 7]
    assert trade_figures([trade(net) for net in nets]).net_e8 == 8


def test_a_trade_of_no_size_has_no_bps() -> None:
    assert net_bps(trade(E8, size_e8=0)) is None


def test_costs_add_up_to_the_result() -> None:
    result = run_rule(random_bars(20_000))
    found = metrics_of(result)
    costs = found.costs
    assert len(result.trades) > 30
    assert costs.net_e8 == (costs.before_e8 - costs.fees_e8 - costs.spread_e8 - costs.slippage_e8 + costs.funding_e8)
    assert result.initial_e8 + costs.net_e8 + costs.other_e8 == result.final_equity_e8


def test_costs_have_no_share_of_a_loss() -> None:
    losing = dataclasses.replace(small_run(0), trades=[trade(-E8)])
    assert metrics_of(losing).costs.share is None
    winning = dataclasses.replace(
        small_run(0), trades=[dataclasses.replace(trade(E8), gross_e8=4 * E8, fees_e8=3 * E8)]
    )
    assert metrics_of(winning).costs.share == 0.75


def test_exposure_counts_no_moment_twice_and_the_open_position() -> None:
    base = small_run(0)
    span = base.to_ns - base.from_ns
    first = dataclasses.replace(trade(E8), opened_ns=base.from_ns, closed_ns=base.from_ns + span // 4)
    same = dataclasses.replace(first, opened_ns=base.from_ns + span // 8)
    assert metrics_of(dataclasses.replace(base, trades=[first, same])).exposure == pytest.approx(0.25)
    left = [
        dataclasses.replace(point, position_e8=5 if n > len(base.equity) // 2 else 0)
        for n, point in enumerate(base.equity)
    ]
    half = metrics_of(dataclasses.replace(base, equity=left, open_position_e8=5, open_entry_e8=E8)).exposure
    assert half == pytest.approx(0.5, abs=0.01)


def test_turnover_is_notional_over_mean_equity() -> None:
    base = small_run(0)
    found = metrics_of(dataclasses.replace(base, trades=[trade(0), trade(0)])).turnover
    assert found == pytest.approx(4 * 200 / 10_000)


def _recount(result: BacktestResult, found: Metrics) -> None:
    """What must hold of every run."""
    assert found.curve.total_return == result.final_equity_e8 / result.initial_e8 - 1
    assert found.hold is not None
    assert found.hold.total_return == result.last_mark_e8 / result.first_mark_e8 - 1
    assert 0 <= found.exposure <= 1  # type: ignore[operator]
    assert found.curve.drawdown.depth <= 0 <= found.curve.drawdown.length_ns <= found.curve.drawdown.longest_ns


@pytest.mark.parametrize("days", [1, 5, 45])
def test_any_run_has_figures(days: int) -> None:
    for trades in (0, 1, 10**9):
        result = run_rule(random_bars(days * 1_440), trades_max=trades)
        found = metrics_of(result)
        _recount(result, found)
        assert (found.curve.annualised_return is None) == (days < 30)
        assert found.period_ns == (series.DAY_NS if days >= 30 else series.HOUR_NS if days > 1 else series.MINUTE_NS)


def test_a_run_without_points_marks_or_time() -> None:
    bare = dataclasses.replace(small_run(0), equity=[], first_mark_e8=0)
    found = metrics_of(dataclasses.replace(bare, to_ns=bare.from_ns))
    assert (found.hold, found.exposure, found.curve.sharpe) == (None, None, None)


def test_equity_below_zero_has_no_ratios_but_a_drawdown() -> None:
    points = [EquityPoint(n * series.DAY_NS, (50 - n) * E8, E8, SELL) for n in range(1, 60)]
    found = curve_figures([(p.time_ns, p.equity_e8) for p in points], 50 * E8, 0, 60 * series.DAY_NS)
    assert (found.sharpe, found.sortino, found.volatility, found.annualised_return) == (None, None, None, None)
    assert found.drawdown.depth == pytest.approx(-59 / 50)


def test_recorded_bars_have_the_markets_own_return(data_dir: Path) -> None:
    bars = read_bars(data_dir / "bars_1m" / "spot_ETHUSDT_20240726_20240825.csv.gz")
    result = run_rule(bars)
    found = metrics_of(result)
    _recount(result, found)
    assert found.trades.count > 200
    assert found.hold is not None
    assert found.hold.total_return == pytest.approx(bars.close_e8[-1] / bars.open_e8[0] - 1)
