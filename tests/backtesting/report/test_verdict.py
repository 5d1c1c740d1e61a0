"""The interval covers what it says it covers, and the verdict is said in words."""

from __future__ import annotations

import dataclasses
import math
import os
import random
from collections.abc import Callable

import pytest

from supreme_system_v5.backtesting.report import bootstrap
from supreme_system_v5.backtesting.report.bootstrap import block_length, mean_interval, student_t_975
from supreme_system_v5.backtesting.report.metrics import metrics_of
from supreme_system_v5.backtesting.report.verdict import (
    EDGE,
    LOSES,
    NO_EDGE,
    TOO_FEW,
    TRADES_MIN,
    Verdict,
    verdict_of,
)
from supreme_system_v5.backtesting.results import BacktestResult
from tests.backtesting.report.runs import MINUTE_MS, START_MS, small_run, trade_of

IS_LONG = os.environ.get("SUPREME_LONG", "") not in {"", "0"}
SERIES = 4_000 if IS_LONG else 400
E8 = 10**8


def normal(chance: random.Random, count: int) -> list[float]:
    return [chance.gauss(0.0, 1.0) for _ in range(count)]


def stop_or_target(chance: random.Random, count: int) -> list[float]:
    """Stop -1, target +2, each third trade wins: a mean of 0."""
    return [2.0 if chance.random() < 1 / 3 else -1.0 for _ in range(count)]


def like_its_neighbour(chance: random.Random, count: int) -> list[float]:
    values, value = [], chance.gauss(0.0, 1.0) / math.sqrt(1 - 0.3**2)
    for _ in range(count):
        value = 0.3 * value + chance.gauss(0.0, 1.0)
        values.append(value)
    return values


@pytest.mark.parametrize(
    ("make", "count", "least"),
    [(normal, 30, 0.925), (stop_or_target, 60, 0.925), (normal, 200, 0.925), (like_its_neighbour, 200, 0.89)],
)
def test_a_known_mean_is_covered(make: Callable[[random.Random, int], list[float]], count: int, least: float) -> None:
    """Of many series with a true mean of 0 about 95 % must have it in their interval, and not nearly all."""
    inside = 0
    for seed in range(SERIES):
        found = mean_interval(make(random.Random(seed), count), seed=seed, resamples=399)
        inside += found.low <= 0.0 <= found.high
    assert least <= inside / SERIES <= 0.985


def test_a_mean_that_is_not_zero_is_found() -> None:
    shifted = [value + 1.0 for value in normal(random.Random(4), 200)]
    found = mean_interval(shifted)
    assert 0.0 < found.low < found.mean < found.high
    assert found.mean == pytest.approx(math.fsum(shifted) / 200)


def test_the_interval_is_that_of_theory() -> None:
    """For independent values it must come near mean +- 1.96 s / sqrt(n)."""
    values = normal(random.Random(9), 2_000)
    found = mean_interval(values)
    half = 1.96 / math.sqrt(2_000)
    assert found.high - found.mean == pytest.approx(half, rel=0.15)
    assert found.mean - found.low == pytest.approx(half, rel=0.15)


def test_neighbours_that_are_alike_make_it_wider() -> None:
    chance = random.Random(2)
    alike = [value for value in normal(chance, 200) for _ in range(5)]
    mixed = list(alike)
    chance.shuffle(mixed)
    one, other = mean_interval(alike), mean_interval(mixed)
    assert one.high - one.low > 1.5 * (other.high - other.low)


def test_the_same_seed_gives_the_same_interval_to_the_digit() -> None:
    values = [random.Random(1).randrange(-(10**12), 10**12) for _ in range(100)]
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values) != mean_interval(values, seed=5) or len(set(values)) == 1


def test_equal_results_have_no_width_and_few_have_no_interval() -> None:
    assert mean_interval([-3] * 40).low == mean_interval([-3] * 40).high == -3
    with pytest.raises(ValueError, match="at least 8"):
        mean_interval([1.0] * 7)


def test_the_block_length_is_the_cube_root_rounded_up() -> None:
    assert [block_length(n) for n in (1, 8, 9, 27, 28, 1_000, 1_001, 10**6)] == [1, 2, 3, 3, 4, 10, 11, 100]


def test_student_t_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed (requirements-dev.txt)")
    for freedom in (4, 6.5, 10, 30, 200, 5_000):
        assert student_t_975(freedom) == pytest.approx(float(stats.t.ppf(0.975, freedom)), rel=0.01)


def verdict_on(nets_e8: list[int], **changed: object) -> Verdict:
    result = run_of(nets_e8, **changed)
    return verdict_of(result, metrics_of(result))


def run_of(nets_e8: list[int], **changed: object) -> BacktestResult:
    base = small_run(0, days=1)
    trades = []
    for number, net_e8 in enumerate(nets_e8, 1):
        at_ms = START_MS + number * 20 * MINUTE_MS
        flat = trade_of(number, 1, at_ms, at_ms + MINUTE_MS, 3_000 * E8, 3_000 * E8, "timeout")
        trades.append(dataclasses.replace(flat, gross_e8=net_e8 + flat.fees_e8, net_e8=net_e8))
    return dataclasses.replace(base, trades=trades, **changed)  # type: ignore[arg-type]


def test_losses_only_lose() -> None:
    found = verdict_on([-E8, -2 * E8] * 30)
    assert (found.kind, found.headline) == (LOSES, "Loses money after costs")
    assert "-1.5000 USDT on average" in found.reasons[0]


def test_gains_only_are_an_edge_with_a_caveat() -> None:
    found = verdict_on([E8, 2 * E8] * 30)
    assert found.kind == EDGE
    assert "data they have not seen" in found.caveats[0]


def test_an_interval_with_zero_in_it_is_no_edge() -> None:
    chance = random.Random(8)
    found = verdict_on([round(chance.gauss(0, E8)) for _ in range(500)])
    assert (found.kind, found.headline) == (NO_EDGE, "No edge shown after costs")
    assert found.money is not None
    assert found.money.low < 0 < found.money.high
    assert "includes zero" in found.reasons[0]


def test_a_mean_of_exactly_zero_is_no_edge() -> None:
    assert verdict_on([0] * TRADES_MIN).kind == NO_EDGE


def test_what_costs_took_is_said() -> None:
    found = verdict_on([-5 * 10**6, -4 * 10**6] * 20)
    assert found.kind == LOSES
    assert "Before costs the trades made +" in found.reasons[1]


@pytest.mark.parametrize("count", [0, 1, TRADES_MIN - 1])
def test_few_trades_say_nothing(count: int) -> None:
    found = verdict_on([E8] * count)
    assert (found.kind, found.money, found.bps) == (TOO_FEW, None, None)
    assert found.reasons[0].startswith("No trade was closed" if not count else f"{count} trade")


def test_funding_and_an_open_position_are_said() -> None:
    found = verdict_on([E8], is_funding_known=False, open_position_e8=-E8 // 2, open_entry_e8=3_000 * E8)
    assert "Funding is not known" in found.caveats[0]
    assert "SHORT 0.5000 ETH from 3,000.00" in found.caveats[1]


def test_large_trades_that_decide_it_are_said() -> None:
    """A gain in money that small trades, in bps, do not show."""
    base = run_of([3 * E8, 4 * E8] * 20 + [-E8, -2 * E8] * 20)
    small = [
        dataclasses.replace(trade, quantity_e8=trade.quantity_e8 // 20) if trade.net_e8 < 0 else trade
        for trade in base.trades
    ]
    chance = random.Random(3)
    chance.shuffle(small)
    result = dataclasses.replace(base, trades=small)
    found = verdict_of(result, metrics_of(result))
    assert found.kind == EDGE
    assert any("the large trades decide it" in caveat for caveat in found.caveats)


def test_the_constants_make_a_whole_order_statistic() -> None:
    assert (bootstrap.RESAMPLES + 1) * 25 % 1_000 == 0
