"""The default strategy: when it fires, how sure it is, and what it says when it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Signal
from supreme_system_v5.core.strategies.catalogue import STRATEGY_NAMES, make_strategy
from supreme_system_v5.core.strategies.scalping import ScalpingStrategy
from supreme_system_v5.optimized.analyzer import Snapshot

COOLDOWN_NS = 45_000_000_000


def snap(rsi: float, is_up: bool = True, histogram: float = 0.5, atr: float = 2.0, is_warm: bool = True) -> Snapshot:
    """A snapshot whose price is above (below) its EMA."""
    snapshot = Snapshot()
    snapshot.price = 101.0 if is_up else 99.0
    snapshot.ema = 100.0
    snapshot.rsi = rsi
    snapshot.macd_histogram = histogram
    snapshot.atr = atr
    snapshot.is_warm = is_warm
    snapshot.bars = 50
    return snapshot


class Course:
    """A strategy fed bar by bar; ``bar`` commits, ``look`` previews. Half a minute passes with each."""

    def __init__(self, confirm_bars: int = 10, step_ns: int = 60_000_000_000) -> None:
        self.strategy = ScalpingStrategy(confirm_bars)
        self.time_ns = 0
        self.step_ns = step_ns

    def bar(self, snapshot: Snapshot, is_live: bool = True) -> Signal | None:
        self.strategy.on_bar(snapshot, is_live)
        return self.look(snapshot) if is_live else None

    def look(self, snapshot: Snapshot) -> Signal | None:
        self.time_ns += self.step_ns
        return self.strategy.evaluate(snapshot, self.time_ns, COOLDOWN_NS)


def test_the_literal_rule_needs_everything_at_once() -> None:
    course = Course(0)
    assert course.bar(snap(25, is_up=False, histogram=-1)) is None
    assert course.bar(snap(35)) is None, "the RSI below 30 is a bar old"
    signal = course.bar(snap(29.9))
    assert signal is not None and signal.side == BUY


@pytest.mark.parametrize("confirm_bars", [1, 3, 10])
def test_the_memory_lasts_exactly_so_many_bars(confirm_bars: int) -> None:
    for age in range(confirm_bars + 2):
        course = Course(confirm_bars)
        course.bar(snap(25, is_up=False))
        for _ in range(age):
            course.bar(snap(40, is_up=False))
        # A preview now looks back at the last confirm_bars committed bars.
        assert (course.look(snap(40)) is not None) == (age < confirm_bars)


def test_a_preview_counts_but_is_not_remembered() -> None:
    course = Course()
    course.bar(snap(50))
    assert course.look(snap(29, is_up=False)) is None
    assert course.look(snap(50)) is None, "the preview's RSI was remembered"
    assert course.look(snap(29)) is not None


def test_once_per_false_to_true_and_armed_again_only_by_a_committed_false_bar() -> None:
    course = Course()
    assert course.bar(snap(25)) is not None
    assert course.bar(snap(28)) is None
    assert course.look(snap(28, is_up=False)) is None  # false, but only a preview
    assert course.look(snap(28)) is None
    assert course.bar(snap(28, is_up=False)) is None  # false, committed
    assert course.look(snap(28)) is not None


def test_the_sides_are_armed_apart() -> None:
    course = Course()
    assert course.bar(snap(25)) is not None
    signal = course.bar(snap(75, is_up=False, histogram=-0.5))
    assert signal is not None and signal.side == SELL
    assert course.bar(snap(28)) is not None, "the bar between was false for the long side"


def test_the_cooldown_holds_a_signal_back_and_lets_it_out_afterwards() -> None:
    course = Course(step_ns=1_000_000_000)
    assert course.bar(snap(25)) is not None
    fired_ns = course.time_ns
    course.bar(snap(28, is_up=False))
    while course.look(snap(28)) is None:
        pass
    assert course.time_ns == fired_ns + COOLDOWN_NS


def test_backfilled_bars_fire_nothing_and_use_up_what_became_true_in_them() -> None:
    course = Course()
    course.bar(snap(25), is_live=False)
    assert course.look(snap(28)) is None, "it became true at a past price"
    course.bar(snap(28, is_up=False), is_live=False)
    assert course.look(snap(28)) is not None


def test_cold_indicators_fire_nothing() -> None:
    course = Course()
    assert course.bar(snap(25, is_warm=False)) is None
    assert course.look(snap(50)) is None, "a cold RSI was remembered"


@given(
    rsis=st.lists(st.floats(0, 100), min_size=1, max_size=15),
    now=st.floats(0, 100),
    histogram=st.floats(-10, 10),
    atr=st.floats(0, 20),
)
def test_the_confidence_is_the_formula(rsis: list[float], now: float, histogram: float, atr: float) -> None:
    course = Course()
    for rsi in rsis:
        course.strategy.on_bar(snap(rsi, is_up=histogram < 0, histogram=0.0), True)  # true for neither side
    signal = course.look(snap(now, is_up=histogram > 0, histogram=histogram, atr=atr))
    window = [*rsis[-10:], now]
    push = 0.25 * min(1.0, abs(histogram) / atr) if atr > 0 else 0.0
    if histogram > 0 and min(window) < 30:
        assert signal is not None and signal.side == BUY
        assert signal.confidence == pytest.approx(min(1.0, 0.5 + 0.25 * (30 - min(window)) / 30 + push), abs=1e-12)
    elif histogram < 0 and max(window) > 70:
        assert signal is not None and signal.side == SELL
        assert signal.confidence == pytest.approx(min(1.0, 0.5 + 0.25 * (max(window) - 70) / 30 + push), abs=1e-12)
    else:
        assert signal is None
    if signal is not None:
        assert 0.5 <= signal.confidence <= 1.0 and len(signal.reasons) == 3


def test_the_reasons_name_the_values() -> None:
    signal = Course().bar(snap(25.04))
    assert signal is not None
    assert signal.reasons == [
        "price 101.00 > EMA14 100.00",
        "RSI 25.0 < 30 within 10 bars",
        "MACD histogram 0.5000 > 0",
    ]
    signal = Course(0).bar(snap(75, is_up=False, histogram=-0.5))
    assert signal is not None and signal.reasons[1] == "RSI 75.0 > 70"


def test_why_not_in_words() -> None:
    course = Course()
    strategy = course.strategy
    assert strategy.unmet(snap(50, is_warm=False)) == "warming up: 50 bars"
    assert strategy.unmet(snap(44)) == "RSI 44, needs < 30; last < 30 was not seen yet"
    course.bar(snap(25, is_up=False))
    for _ in range(37):
        course.bar(snap(50, is_up=False))
    assert strategy.unmet(snap(44)) == "RSI 44, needs < 30; last < 30 was 37 bars ago"
    assert strategy.unmet(snap(56)) == "RSI 56, needs > 70; last > 70 was not seen yet"
    assert strategy.unmet(snap(29, is_up=False)) == "long: price 99.00, needs > EMA14 100.00"
    assert strategy.unmet(snap(29, histogram=-0.25)) == "long: MACD histogram -0.2500, needs > 0"
    assert strategy.unmet(snap(71)) == "short: price 101.00, needs < EMA14 100.00"
    assert strategy.unmet(snap(71, is_up=False)) == "short: MACD histogram 0.5000, needs < 0"
    assert strategy.unmet(snap(29)).startswith("all conditions met")
    assert course.bar(snap(29)) is not None
    assert "already signalled" in strategy.unmet(snap(29))


def test_the_state_tells_apart_what_behaves_differently() -> None:
    one, other = Course(), Course()
    assert one.strategy.state() == other.strategy.state()
    one.bar(snap(40))
    other.bar(snap(41))
    assert one.strategy.state() != other.strategy.state()


def test_the_catalogue_knows_each_name_and_no_other() -> None:
    for name in STRATEGY_NAMES:
        assert make_strategy(Parameters(strategy=name)).name == name
    with pytest.raises(ValueError, match="scalping"):
        make_strategy(Parameters(strategy="martingale"))
    with pytest.raises(ValueError):
        ScalpingStrategy(-1)
