"""Breakers and the record of trades they rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.risk.breakers import Breaker
from supreme_system_v5.core.risk.manager import RiskManager
from supreme_system_v5.core.risk.performance import Performance
from supreme_system_v5.core.strategies.base import Signal

from .test_checks import good_facts

MINUTE = 60 * 10**9


def test_a_breaker_opens_cools_down_and_lets_one_quarter_size_probe_through() -> None:
    breaker = Breaker("b", 15 * MINUTE, False)
    assert breaker.size_factor(0) == 1.0
    breaker.trip(100, "why")
    assert (breaker.state, breaker.reason, breaker.until_ns) == ("open", "why", 100 + 15 * MINUTE)
    assert breaker.size_factor(100 + 15 * MINUTE - 1) == 0.0
    now_ns = 100 + 15 * MINUTE
    assert breaker.state == "open" and breaker.state_at(now_ns) == "half_open" and breaker.size_factor(now_ns) == 0.25
    breaker.on_entry(now_ns)
    assert breaker.size_factor(now_ns) == 0.0, "one probe at a time"
    breaker.on_entry_failed()
    assert breaker.size_factor(now_ns) == 0.25, "an entry that was not filled proved nothing"
    breaker.on_entry(now_ns)
    breaker.on_result(now_ns, -1)
    assert breaker.state == "open" and breaker.until_ns == now_ns + 15 * MINUTE
    breaker.on_entry(now_ns + 15 * MINUTE)
    breaker.on_result(now_ns + 15 * MINUTE, 1)
    assert breaker.state == "closed" and breaker.size_factor(now_ns) == 1.0


def test_an_operators_breaker_never_opens_by_itself_and_is_closed_only_by_hand() -> None:
    breaker = Breaker("b", 0, True)
    breaker.trip(0, "no edge")
    assert breaker.size_factor(10**19 // 2) == 0.0
    breaker.on_result(5, 100)
    assert breaker.state == "open"
    breaker.close()
    assert breaker.size_factor(0) == 1.0 and breaker.reason == ""


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30 * MINUTE), st.integers(-5, 5)), max_size=20))
def test_a_breaker_comes_back_from_its_text_as_it_was(steps: list[tuple[int, int, int]]) -> None:
    breaker = Breaker("b", 15 * MINUTE, False)
    now_ns = 0
    for what, pause_ns, net in steps:
        now_ns += pause_ns
        if what == 0:
            breaker.trip(now_ns, f"loss {net}")
        elif what == 1 and breaker.size_factor(now_ns) > 0:
            breaker.on_entry(now_ns)
        elif what == 2:
            breaker.on_entry_failed()
        elif what == 3:
            breaker.on_result(now_ns, net)
        again = Breaker("b", 15 * MINUTE, False)
        again.restore(breaker.to_json())
        assert again.to_json() == breaker.to_json()
        for later_ns in (now_ns, now_ns + 15 * MINUTE):
            assert again.size_factor(later_ns) == breaker.size_factor(later_ns)


@pytest.mark.parametrize("text", ["{", "[]", '{"state": "ajar"}', "{}", '"open"'])
def test_text_that_no_breaker_wrote_is_refused(text: str) -> None:
    breaker = Breaker("b", 1, False)
    with pytest.raises((ValueError, KeyError, TypeError)):
        breaker.restore(text)


def test_losses_in_a_row_trip_at_their_number_and_a_win_between_begins_anew() -> None:
    manager = RiskManager(Parameters(max_consecutive_losses=3), eth_usdt("usdm"))
    changes = [[b.name for b in manager.on_trade_closed(5, net)] for net in (-1, -1, 1, -1, -1, 0, -1, -1, -1)]
    assert changes == [[]] * 8 + [["consecutive_losses"]]
    losing = manager.breaker("consecutive_losses")
    assert losing is not None and losing.reason == "3 losses in a row"
    assert manager.breaker("none of ours") is None


def test_the_probe_has_a_quarter_of_the_size() -> None:
    manager = RiskManager(Parameters(position_size_pct=0.05), eth_usdt("usdm"))
    whole = manager.decide(Signal(BUY, 1.0, []), good_facts(), 10_000 * E8, 1.0, 0, 0)
    losing = manager.breaker("consecutive_losses")
    assert losing is not None
    losing.trip(0, "long ago")
    probe = manager.decide(Signal(BUY, 1.0, []), good_facts(), 10_000 * E8, 1.0, 0, 0)
    step_e8 = E8 // 1000
    assert 0 <= whole.quantity_e8 // 4 - probe.quantity_e8 < step_e8
    assert manager.probing() == [losing]
    again = manager.decide(Signal(BUY, 1.0, []), good_facts(), 10_000 * E8, 1.0, 0, 0)
    assert again.reason == "breaker_consecutive_losses"
    assert manager.on_entry_failed() == [losing] and manager.on_entry_failed() == []


# -- Kelly


@given(st.lists(st.integers(-(10**10), 10**10), min_size=30, max_size=130))
def test_half_kelly_is_the_closed_form_over_the_last_hundred(results: list[int]) -> None:
    performance = Performance()
    for result in results:
        performance.add(result)
    kept = results[-100:]
    wins = [r for r in kept if r > 0]
    losses = [-r for r in kept if r < 0]
    half = performance.half_kelly()
    w = len(wins) / len(kept)
    if not wins:
        assert half == -1.0
    elif not losses:
        assert half == pytest.approx(0.5 * w)
    else:
        b = (sum(wins) / len(wins)) / (sum(losses) / len(losses))
        assert half == pytest.approx(0.5 * (w - (1 - w) / b), rel=1e-9, abs=1e-12)
    for cap in (0.02, 0.5):
        fraction = performance.size_fraction(cap)
        assert cap / 4 <= fraction <= cap
        assert fraction == min(cap, max(cap / 4, half))


def test_before_thirty_trades_kelly_says_nothing() -> None:
    performance = Performance()
    for _ in range(29):
        performance.add(-1)
    assert performance.size_fraction(0.02) == 0.02
    performance.add(-1)
    assert performance.size_fraction(0.02) == 0.005
    assert performance.consecutive_losses == 30


@pytest.mark.parametrize("kelly_stop", [True, False])
def test_kelly_stop_is_a_breaker_and_never_a_silent_zero(kelly_stop: bool) -> None:
    manager = RiskManager(Parameters(kelly_stop=kelly_stop, max_consecutive_losses=1000), eth_usdt("usdm"))
    changed = [manager.on_trade_closed(7, -1) for _ in range(30)]
    assert all(not c for c in changed[:29])
    assert [b.name for b in changed[29]] == (["kelly"] if kelly_stop else [])
    assert manager.has_no_edge()
    verdict = manager.decide(Signal(BUY, 1.0, []), good_facts(), 100_000 * E8, 1.0, 0, 0)
    assert verdict.reason == ("breaker_kelly" if kelly_stop else "")
