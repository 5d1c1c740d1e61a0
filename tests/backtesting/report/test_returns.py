"""The figures of a curve against empyrical, on random and edge series."""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

import pytest

from supreme_system_v5.backtesting.report import returns as series

DAILY = 365.0


@pytest.fixture(scope="module")
def oracle() -> Any:
    """empyrical, with the warnings of its own imports left to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed (requirements-dev.txt)")


def walks() -> dict[str, list[int]]:
    """Values in 1e-8, from 10,000 quote units on."""
    chance = random.Random(11)
    found: dict[str, list[int]] = {}
    for name, drift, spread, count in (
        ("quiet", 0.0001, 0.001, 400),
        ("wild", 0.002, 0.05, 1_000),
        ("sinking", -0.01, 0.02, 200),
        ("short", 0.0, 0.01, 31),
        ("huge", 0.05, 0.3, 300),
    ):
        value = 10**12
        values = [value]
        for _ in range(count):
            value = max(1, int(value * max(0.05, 1 + chance.gauss(drift, spread))))
            values.append(value)
        found[name] = values
    found["only losses"] = [10**12 - n * 10**9 for n in range(100)]
    found["only gains"] = [10**12 + n * 10**9 for n in range(100)]
    return found


def close(ours: float | None, theirs: float) -> bool:
    """Equal to nine digits; our None is the oracle's NaN or infinity."""
    if ours is None:
        return not math.isfinite(theirs)
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("name", list(walks()))
def test_ratios_are_the_oracles(name: str, oracle: Any) -> None:
    np = pytest.importorskip("numpy")
    values = walks()[name]
    returns = series.returns_of(values)
    assert returns is not None
    theirs = np.array(returns)
    years = len(returns) / DAILY
    yearly = series.annualised_return(series.total_return(values[0], values[-1]), years)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        assert close(series.volatility(returns, DAILY), oracle.annual_volatility(theirs, annualization=DAILY))
        assert close(series.sharpe(returns, DAILY), oracle.sharpe_ratio(theirs, annualization=DAILY))
        assert close(series.sortino(returns, DAILY), oracle.sortino_ratio(theirs, annualization=DAILY))
        assert close(yearly, oracle.cagr(theirs, annualization=DAILY))
        fall = series.drawdown([(n, value) for n, value in enumerate(values)], 0, len(values) - 1, values[0])
        assert close(fall.depth, oracle.max_drawdown(theirs))
        assert close(series.calmar(yearly, fall.depth), oracle.calmar_ratio(theirs, annualization=DAILY))
        assert close(series.total_return(values[0], values[-1]), oracle.cum_returns_final(theirs))


def test_a_flat_curve_has_no_ratio() -> None:
    returns = series.returns_of([10**12] * 50)
    assert returns == [0.0] * 49
    assert series.volatility(returns, DAILY) == 0.0
    assert series.sharpe(returns, DAILY) is None
    assert series.sortino(returns, DAILY) is None
    assert series.calmar(0.0, 0.0) is None
    assert series.drawdown([(1, 10**12)], 0, 1, 10**12).depth == 0.0


def test_equal_returns_do_not_vary() -> None:
    """0.1 + 0.1 + 0.1 is not 0.3: a mean that is off by a bit must not make a Sharpe ratio of 1e15."""
    assert series.sharpe([0.1] * 3, DAILY) is None


def test_nothing_left_has_no_returns() -> None:
    assert series.returns_of([5, 0, 7]) is None
    assert series.returns_of([5, -2]) is None
    assert series.annualised_return(-1.0, 2.0) is None
    assert series.annualised_return(-1.5, 2.0) is None
    assert series.annualised_return(1e200, 1e-3) is None
    assert series.total_return(0, 5) is None


def test_samples_are_those_of_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed (requirements-dev.txt)")
    chance = random.Random(5)
    start_ns = 1_722_003_360 * series.NS
    times = sorted({start_ns + chance.randrange(1, 40 * series.DAY_NS) for _ in range(3_000)})
    times += [t for t in (start_ns + 40 * series.DAY_NS,) if t > times[-1]]
    points = [(t, 10**12 + chance.randrange(10**10)) for t in times]
    for period_ns, rule in ((series.DAY_NS, "D"), (series.HOUR_NS, "h")):
        ours = series.sample(points, start_ns, times[-1], period_ns, 10**12)
        frame = pandas.Series(
            [10**12, *(value for _, value in points)],
            index=pandas.to_datetime([start_ns, *(t for t, _ in points)], unit="ns"),
        )
        theirs = frame.resample(rule, closed="right", label="right").last().ffill()
        # The start lies in the first period; pandas has no value of its own for it.
        assert ours[0] == 10**12
        assert ours[1:] == [int(value) for value in theirs]


def test_the_period_is_the_longest_with_enough_returns() -> None:
    assert series.choose_period_ns(90 * series.DAY_NS) == series.DAY_NS
    assert series.choose_period_ns(30 * series.DAY_NS) == series.DAY_NS
    assert series.choose_period_ns(29 * series.DAY_NS) == series.HOUR_NS
    assert series.choose_period_ns(2 * series.HOUR_NS) == series.MINUTE_NS
    assert series.choose_period_ns(0) == series.MINUTE_NS


def test_the_drawdowns_length_is_from_peak_to_recovery() -> None:
    points = [(1, 110), (2, 100), (3, 105), (4, 110), (5, 130), (6, 126), (9, 128), (12, 131)]
    fall = series.drawdown(points, 0, 12, 100)
    assert (fall.peak_ns, fall.trough_ns, fall.recovered_ns, fall.length_ns) == (1, 2, 4, 3)
    assert fall.amount_e8 == 10
    assert fall.depth == pytest.approx(-10 / 110)
    assert fall.longest_ns == 7  # the shallow one, from 5 to 12


def test_a_drawdown_that_is_not_over_lasts_to_the_end() -> None:
    fall = series.drawdown([(1, 120), (2, 60), (3, 90)], 0, 10, 100)
    assert (fall.recovered_ns, fall.length_ns, fall.longest_ns) == (None, 9, 9)
    assert fall.depth == -0.5


def test_the_first_loss_falls_from_the_initial_balance() -> None:
    fall = series.drawdown([(5, 90), (7, 95)], 2, 8, 100)
    assert (fall.depth, fall.peak_ns, fall.length_ns) == (pytest.approx(-0.1), 2, 6)
