"""Each limit refuses for its own reason and at its own edge; the caps hold for every size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import E8, multiply_e8
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.risk.checks import EntryFacts, entry_checks
from supreme_system_v5.core.risk.manager import RiskManager
from supreme_system_v5.core.risk.sizing import entry_quantity_e8, volatility_scaler
from supreme_system_v5.core.risk.stops import stop_and_target_e8
from supreme_system_v5.core.strategies.base import Signal

SECOND = 10**9


def good_facts(market: str = "usdm") -> EntryFacts:
    facts = EntryFacts()
    facts.time_ns = 10**18
    facts.side = BUY
    facts.is_spot = market == "spot"
    facts.bid_e8 = 2000 * E8
    facts.ask_e8 = 2000 * E8 + E8 // 100
    return facts


Change = Callable[[EntryFacts], None]


def field(name: str, value: object) -> Change:
    def change(facts: EntryFacts) -> None:
        setattr(facts, name, value)

    return change


CASES = [
    (field("is_stopping", True), "stopping"),
    (field("is_journal_broken", True), "journal_fault"),
    (field("is_clock_blocked", True), "clock_resync"),
    (field("is_fallback", True), "fallback_source"),
    (field("has_exposure", True), "in_position"),
    (field("is_day_limit_hit", True), "daily_drawdown"),
    (field("memory_level", 2), "memory_pressure"),
    (field("memory_level", 1), ""),
    (field("cpu_level", 4), "cpu_pressure"),
    (field("cpu_level", 3), ""),
    (field("trade_age_ns", 5 * SECOND), ""),
    (field("trade_age_ns", 5 * SECOND + 1), "stale_trades"),
    (field("quote_age_ns", 5 * SECOND + 1), "stale_quotes"),
    (field("lag_ns", 5 * SECOND), ""),
    (field("lag_ns", 5 * SECOND + 1), "lagging_exchange_time"),
    (field("bid_e8", 0), "no_quote"),
    (field("ask_e8", 2000 * E8), "crossed_quote"),
    (field("ask_e8", 2002 * E8), ""),  # 9.995 bps
    (field("ask_e8", 2003 * E8), "spread"),
    (field("orders_last_minute", 9), ""),
    (field("orders_last_minute", 10), "order_rate"),
]


@pytest.mark.parametrize(("change", "reason"), CASES)
def test_each_limit_at_its_edge(change: Change, reason: str) -> None:
    manager = RiskManager(Parameters(), eth_usdt("usdm"))
    facts = good_facts()
    assert manager.blocking_reason(facts) == ""
    change(facts)
    assert manager.blocking_reason(facts) == reason
    verdict = manager.decide(Signal(BUY, 1.0, []), facts, 10_000 * E8, 1.0, 0.001, 0.001)
    assert verdict.reason == reason and verdict.is_approved == (reason == "")
    assert (verdict.quantity_e8 > 0) == verdict.is_approved


def test_every_check_has_a_case() -> None:
    facts = good_facts()
    silent = [type(check).__name__ for check in entry_checks(Parameters()) if check.refusal(facts)]
    assert silent == []
    refusing = set()
    for change, _ in CASES:
        facts = good_facts()
        change(facts)
        refusing |= {type(check).__name__ for check in entry_checks(Parameters()) if check.refusal(facts)}
    assert refusing == {type(check).__name__ for check in entry_checks(Parameters())}


def test_spot_never_opens_a_short() -> None:
    manager = RiskManager(Parameters(market="spot"), eth_usdt("spot"))
    facts = good_facts("spot")
    facts.side = SELL
    assert manager.blocking_reason(facts) == "spot_short"
    facts = good_facts()
    facts.side = SELL
    assert RiskManager(Parameters(), eth_usdt("usdm")).blocking_reason(facts) == ""


# -- size


def test_the_size_is_the_formula() -> None:
    manager = RiskManager(Parameters(), eth_usdt("usdm"))
    verdict = manager.decide(Signal(BUY, 0.75, []), good_facts(), 10_000 * E8, 1.0, 0.002, 0.001)
    # 10,000 x 2 % x 0.75 x clamp(0.001 / 0.002) = 75 USDT at the limit, 5 bps above the ask, down to 0.001 ETH.
    assert verdict.limit_e8 == 200_101 * E8 // 100
    assert verdict.quantity_e8 == 37 * E8 // 1000
    assert (verdict.stop_e8, verdict.target_e8) == (198_001 * E8 // 100, 204_002 * E8 // 100)


@pytest.mark.parametrize(
    ("median", "now", "scaler"),
    [(0.001, 0.001, 1.0), (0.001, 0.002, 0.5), (0.001, 0.1, 0.25), (0.002, 0.001, 1.0), (0.0, 0.1, 1.0), (0.1, 0.0, 1)],
)
def test_the_volatility_scaler(median: float, now: float, scaler: float) -> None:
    assert volatility_scaler(median, now) == scaler


@given(
    market=st.sampled_from(["usdm", "spot"]),
    side=st.sampled_from([BUY, SELL]),
    equity=st.integers(0, 10**7),
    confidence=st.floats(0.5, 1.0),
    bid_cents=st.integers(50_000, 2_000_000),
    size_pct=st.floats(0.001, 1.0),
    exposure_pct=st.floats(0.001, 1.0),
    notional=st.integers(1, 100_000),
)
def test_no_size_passes_a_cap(
    market: str,
    side: int,
    equity: int,
    confidence: float,
    bid_cents: int,
    size_pct: float,
    exposure_pct: float,
    notional: int,
) -> None:
    parameters = Parameters(
        market=market,
        position_size_pct=size_pct,
        max_exposure_pct=exposure_pct,
        max_order_notional_e8=notional * E8,
    )
    instrument = eth_usdt(market)
    facts = good_facts(market)
    facts.side = side
    facts.bid_e8 = bid_cents * 1_000_000
    facts.ask_e8 = facts.bid_e8 + 1_000_000
    equity_e8 = equity * E8
    verdict = RiskManager(parameters, instrument).decide(Signal(side, confidence, []), facts, equity_e8, 1.0, 0, 0)
    if not verdict.is_approved:
        assert verdict.reason in {"below_minimum", "venue_filter", "spot_short"}
        return
    best_e8 = int(facts.ask_e8 if side == BUY else facts.bid_e8)
    value_e8 = multiply_e8(verdict.quantity_e8, max(verdict.limit_e8, best_e8))
    assert value_e8 <= notional * E8
    assert value_e8 <= equity_e8 * exposure_pct * (1 + 1e-7) + 1
    assert value_e8 <= equity_e8 * size_pct * confidence * (1 + 1e-7) + 1
    assert verdict.quantity_e8 % instrument.step_e8 == 0 and verdict.limit_e8 % instrument.tick_e8 == 0
    assert instrument.order_fault(verdict.quantity_e8, verdict.limit_e8, False, False) == ""
    # The limit stays within ENTRY_SLIPPAGE_BPS of the best price, and stop and target on their sides of it.
    assert 0 <= (verdict.limit_e8 - best_e8) * side <= best_e8 * 5 // 10_000
    assert (verdict.stop_e8 - best_e8) * side < 0 < (verdict.target_e8 - best_e8) * side
    assert not instrument.is_dust(verdict.quantity_e8 * 999 // 1000, verdict.stop_e8) or not instrument.is_spot


def test_below_the_minimum_is_refused_never_rounded_up() -> None:
    manager = RiskManager(Parameters(), eth_usdt("usdm"))
    verdict = manager.decide(Signal(BUY, 1.0, []), good_facts(), 999 * E8, 1.0, 0, 0)
    assert verdict.reason == "below_minimum" and "NOTIONAL" in verdict.detail
    assert entry_quantity_e8(eth_usdt("usdm"), 100 * E8, 2000 * E8, 0.001, E8) == 0
    assert entry_quantity_e8(eth_usdt("usdm"), -E8, 2000 * E8, 1.0, E8) == 0
    assert entry_quantity_e8(eth_usdt("usdm"), E8, 2000 * E8, float("nan"), E8) == 0


@given(
    side=st.sampled_from([BUY, SELL]),
    cents=st.integers(50_000, 2_000_000),
    atr=st.floats(0, 500),
    mult=st.floats(0, 10),
)
def test_atr_stops_stand_where_the_range_says(side: int, cents: int, atr: float, mult: float) -> None:
    instrument = eth_usdt("usdm")
    parameters = Parameters(stop_mode="atr", atr_stop_mult=mult)
    reference_e8 = cents * 1_000_000
    stop_e8, target_e8 = stop_and_target_e8(parameters, instrument, side, reference_e8, atr)
    distance_e8 = (reference_e8 - stop_e8) * side
    if atr > 0:
        wanted_e8 = min(max(atr * mult * E8, 2 * instrument.tick_e8), reference_e8 / 2)
        assert abs(distance_e8 - wanted_e8) <= instrument.tick_e8
    assert distance_e8 >= instrument.tick_e8 and stop_e8 > 0
    assert stop_e8 % instrument.tick_e8 == 0 and target_e8 % instrument.tick_e8 == 0
    assert abs((target_e8 - reference_e8) * side - reference_e8 // 50) <= instrument.tick_e8
