"""The gate on recorded trades and rule by rule."""

from __future__ import annotations

import csv
import gzip
import math
import os
from itertools import pairwise
from pathlib import Path

import pytest

from supreme_system_v5.optimized import smart_events
from supreme_system_v5.optimized.smart_events import SmartEventProcessor

SECOND = 1_000_000_000
FILES = {"spot": "spot_ethusdt_20240808_trades.csv.gz", "usdm": "usdm_ethusdt_20240808_trades.csv.gz"}
Trade = tuple[int, float, float]


def gate(target_skip: float = 0.0, seed: int = 42) -> SmartEventProcessor:
    return SmartEventProcessor(0.002, 1.5, 30.0, 60.0, seed, target_skip)


def run(processor: SmartEventProcessor, trades: list[Trade]) -> list[int]:
    """Feed trades as the engine does: a timer that is due before a trade fires first."""
    reasons = []
    for time_ns, price, quantity in trades:
        while processor.due_ns != 0 and processor.due_ns <= time_ns:
            assert processor.on_interval(processor.due_ns) == smart_events.INTERVAL
        reasons.append(processor.on_trade(time_ns, price, quantity))
    return reasons


def recorded(market: str, is_folded: bool) -> list[Trade]:
    """Recorded trades; folded: consecutive ones of equal T, price and taker side become one, as in an aggTrade."""
    data = os.environ.get("SUPREME_DATA_DIR")
    if not data:
        pytest.skip("SUPREME_DATA_DIR is not set: no recorded trades at hand")
    trades: list[Trade] = []
    last_key: tuple[str, str, str] | None = None
    with gzip.open(Path(data) / "frames" / FILES[market], "rt", encoding="ascii") as file:
        for row in csv.DictReader(file):
            key = (row["trade_ms"], row["price"], row["taker_side"])
            if is_folded and key == last_key:
                time_ns, price, quantity = trades[-1]
                trades[-1] = (time_ns, price, quantity + float(row["qty"]))
            else:
                trades.append((int(row["recv_ns"]), float(row["price"]), float(row["qty"])))
            last_key = key
    return trades


@pytest.mark.parametrize(
    ("market", "is_folded", "expected", "tolerance"),
    [
        ("spot", False, 0.812, 0.003),
        ("usdm", False, 0.801, 0.003),
        ("spot", True, 0.82, 0.01),
        ("usdm", True, 0.80, 0.01),
    ],
)
def test_literal_mode_skips_as_measured(market: str, is_folded: bool, expected: float, tolerance: float) -> None:
    trades = recorded(market, is_folded)
    processor = gate()
    run(processor, trades)
    name = f"{market} {'aggTrades' if is_folded else 'raw trades'}"
    print(f"\nliteral, {name}: {len(trades)} trades, skip ratio {processor.skip_ratio():.4f}")
    assert processor.trades_seen == len(trades)
    assert processor.volume_multiplier == 1.5
    assert abs(processor.skip_ratio() - expected) <= tolerance


@pytest.mark.parametrize("market", ["spot", "usdm"])
@pytest.mark.parametrize("is_folded", [False, True])
def test_target_mode_holds_its_target(market: str, is_folded: bool) -> None:
    processor = gate(target_skip=0.70)
    run(processor, recorded(market, is_folded))
    name = f"{market} {'aggTrades' if is_folded else 'raw trades'}"
    ratio = processor.skip_ratio()
    print(f"\ntarget 0.70, {name}: skip ratio {ratio:.4f}, multiplier at the end {processor.volume_multiplier:.3f}")
    assert abs(ratio - 0.70) <= 0.03


def quiet(count: int, start_ns: int = SECOND, price: float = 2000.0, quantity: float = 1.0) -> list[Trade]:
    return [(start_ns + i * 1_000_000, price, quantity) for i in range(count)]


def test_the_first_trade_passes_and_the_next_quiet_ones_do_not() -> None:
    assert run(gate(), quiet(25)) == [smart_events.FIRST] + [smart_events.SKIP] * 24


def test_a_price_move_is_measured_against_the_last_pass_not_the_last_trade() -> None:
    processor = gate()
    run(processor, [(SECOND, 2000.0, 1.0), (2 * SECOND, 2003.0, 1.0)])
    assert processor.on_trade(3 * SECOND, 2003.99, 1.0) == smart_events.SKIP
    assert processor.on_trade(3 * SECOND, 2004.0, 1.0) == smart_events.PRICE  # exactly 0.2 %
    assert processor.on_trade(3 * SECOND, 2000.0, 1.0) == smart_events.SKIP  # 0.2 % of 2004 is 4.008
    assert processor.on_trade(3 * SECOND, 1999.99, 1.0) == smart_events.PRICE


def test_interval_and_bar_passes_move_the_reference_price() -> None:
    processor = gate()
    run(processor, [(SECOND, 2000.0, 1.0), (2 * SECOND, 2003.0, 1.0)])
    due_ns = int(processor.due_ns)
    assert processor.on_interval(due_ns) == smart_events.INTERVAL
    assert processor.on_trade(due_ns, 2004.5, 1.0) == smart_events.SKIP  # 1.5 from 2003, was 4.5 from 2000
    assert processor.on_bar_close(due_ns + 1, 2004.5) == smart_events.BAR_CLOSE
    assert processor.on_trade(due_ns + 2, 2007.5, 1.0) == smart_events.SKIP


def test_volume_is_compared_with_the_twenty_trades_before_processed_or_not() -> None:
    processor = gate()
    run(processor, quiet(20))
    assert processor.on_trade(2 * SECOND, 2000.0, 1.5) == smart_events.SKIP  # above, not at, 1.5 x the mean
    # the window is now nineteen 1.0 and one 1.5: mean 1.025, threshold 1.5375
    assert processor.on_trade(2 * SECOND, 2000.0, 1.5374) == smart_events.SKIP
    assert processor.on_trade(2 * SECOND, 2000.0, 100.0) == smart_events.VOLUME
    # the 100 is in the window although it was processed: mean about 6
    assert processor.on_trade(2 * SECOND, 2000.0, 8.0) == smart_events.SKIP


def test_volume_says_nothing_before_twenty_trades() -> None:
    processor = gate()
    run(processor, quiet(19))
    assert processor.on_trade(2 * SECOND, 2000.0, 1000.0) == smart_events.SKIP


def test_a_huge_trade_leaves_no_error_in_the_mean() -> None:
    processor = gate()
    run(processor, [*quiet(20, quantity=1e-4), (2 * SECOND, 2000.0, 1e12), *quiet(20, 3 * SECOND, quantity=1e-4)])
    assert processor.on_trade(4 * SECOND, 2000.0, 1.4999e-4) == smart_events.SKIP
    run(processor, quiet(20, 4 * SECOND, quantity=1e-4))
    assert processor.on_trade(5 * SECOND, 2000.0, 1.5001e-4) == smart_events.VOLUME


def test_every_pass_restarts_the_interval_and_a_stale_timer_is_ignored() -> None:
    processor = gate()
    assert processor.due_ns == 0
    assert processor.on_interval(SECOND) == smart_events.SKIP
    processor.on_trade(SECOND, 2000.0, 1.0)
    first_due_ns = int(processor.due_ns)
    assert 30 * SECOND <= first_due_ns - SECOND <= 60 * SECOND
    assert processor.on_bar_close(20 * SECOND, 2000.0) == smart_events.BAR_CLOSE
    assert processor.due_ns > first_due_ns or processor.due_ns >= 50 * SECOND
    assert processor.on_interval(int(processor.due_ns) - 1) == smart_events.SKIP
    assert processor.on_interval(int(processor.due_ns)) == smart_events.INTERVAL


def test_a_trade_after_the_interval_passes_even_without_a_timer() -> None:
    processor = gate()
    processor.on_trade(SECOND, 2000.0, 1.0)
    due_ns = int(processor.due_ns)
    assert processor.on_trade(due_ns - 1, 2000.0, 1.0) == smart_events.SKIP
    assert processor.on_trade(due_ns, 2000.0, 1.0) == smart_events.INTERVAL


def drawn(seed: int, count: int) -> list[float]:
    processor = gate(seed=seed)
    seconds = []
    for i in range(count):
        processor.on_bar_close((i + 1) * SECOND, 2000.0)
        seconds.append(processor.interval_seconds)
        assert processor.due_ns == (i + 1) * SECOND + int(processor.interval_seconds * 1e9)
    return seconds


def test_intervals_fill_their_range() -> None:
    seconds = drawn(42, 20_000)
    assert min(seconds) >= 30.0
    assert max(seconds) <= 60.0
    assert abs(sum(seconds) / len(seconds) - 45.0) < 0.3
    deciles = [0] * 10
    for value in seconds:
        deciles[min(int((value - 30.0) / 3.0), 9)] += 1
    assert min(deciles) > 1500, deciles  # the jitter's clamping piles up a little at both ends
    # Neighbours are unrelated: the lag-1 correlation of 20,000 independent draws has a sigma of 0.007.
    mean = sum(seconds) / len(seconds)
    covariance = sum((a - mean) * (b - mean) for a, b in pairwise(seconds))
    assert abs(covariance / sum((a - mean) ** 2 for a in seconds)) < 0.035


def test_intervals_are_a_function_of_seed_and_number() -> None:
    assert drawn(42, 50) == drawn(42, 50)
    assert drawn(42, 50) != drawn(43, 50)
    assert drawn(42, 50) != drawn(42 + (1 << 40), 50)
    assert drawn(-1, 5) != drawn(0, 5)
    assert [math.floor(s * 1000) for s in drawn(42, 4)] == [math.floor(s * 1000) for s in drawn(42, 50)[:4]]


def test_the_cpu_ladder_stretches_the_running_interval_and_the_next() -> None:
    processor = gate()
    processor.set_interval_multiplier(2)
    assert processor.due_ns == 0
    processor.on_trade(SECOND, 2000.0, 1.0)
    interval_ns = int(processor.interval_seconds * 1e9)
    assert processor.due_ns == SECOND + 2 * interval_ns
    processor.set_interval_multiplier(4)
    assert processor.due_ns == SECOND + 4 * interval_ns
    processor.set_interval_multiplier(1)
    assert processor.due_ns == SECOND + interval_ns
    with pytest.raises(ValueError, match="multiplier"):
        processor.set_interval_multiplier(0)


def test_every_pass_is_counted_by_its_reason() -> None:
    processor = gate()
    reasons = run(processor, quiet(30))
    processor.on_bar_close(9 * SECOND, 2000.0)
    processor.on_interval(int(processor.due_ns))
    assert processor.trades_seen == 30
    assert processor.trades_skipped == reasons.count(smart_events.SKIP) == 29
    assert list(processor.passes) == [0, 1, 0, 0, 1, 1]
    assert len(smart_events.REASON_NAMES) == len(processor.passes)
    assert processor.skip_ratio() == 29 / 30


def test_the_controller_stays_in_its_range() -> None:
    processor = gate(target_skip=0.70)
    for i in range(600):  # each far smaller than those before, so none passes: it opens as far as it may
        processor.on_trade(SECOND + i, 2000.0, 0.9**i)
    assert processor.volume_multiplier == smart_events.MULTIPLIER_MIN
    price = 1.0
    for i in range(3000):  # every trade passes by its price: it closes as far as it may
        price = 2000.0 if i % 2 else 2100.0
        processor.on_trade(3 * SECOND + i, price, 1.0)
    assert processor.volume_multiplier == smart_events.MULTIPLIER_MAX


@pytest.mark.parametrize(
    "arguments",
    [
        (0.0, 1.5, 30.0, 60.0, 1, 0.0),
        (math.nan, 1.5, 30.0, 60.0, 1, 0.0),
        (0.002, 0.0, 30.0, 60.0, 1, 0.0),
        (0.002, 1.5, 61.0, 60.0, 1, 0.0),
        (0.002, 1.5, 0.0, 60.0, 1, 0.0),
        (0.002, 1.5, 30.0, math.inf, 1, 0.0),
        (0.002, 1.5, 30.0, 60.0, 1, 1.0),
        (0.002, 1.5, 30.0, 60.0, 1, -0.1),
    ],
)
def test_bad_parameters_are_refused(arguments: tuple[float, float, float, float, int, float]) -> None:
    with pytest.raises(ValueError, match=r"must be|bad interval"):
        SmartEventProcessor(*arguments)
