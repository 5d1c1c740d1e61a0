"""Brackets, maintenance, liquidation and bankruptcy prices, and the exact cost of a position."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.margin import (
    ETHUSDT_BRACKETS,
    bankruptcy_price_e8,
    bracket_of,
    initial_e8,
    liquidation_price_e8,
    maintenance_e8,
    max_notional_e8,
)
from supreme_system_v5.core.matching.exchange.position import Position
from tests.core.matching.exchange.usdm_kit import BUY, SELL, e8


def test_the_maintenance_amounts_make_the_rate_progressive() -> None:
    amounts = [row.amount_e8 // E8 for row in ETHUSDT_BRACKETS[:4]]
    assert amounts == [0, 50, 950, 11_450]
    for below, above in pairwise(ETHUSDT_BRACKETS):
        at_e8 = below.cap_e8
        assert at_e8 * below.rate_e8 // E8 - below.amount_e8 == at_e8 * above.rate_e8 // E8 - above.amount_e8


def test_maintenance_and_initial_margin_are_rounded_up() -> None:
    assert maintenance_e8(ETHUSDT_BRACKETS, e8(2000)) == e8(8)
    assert maintenance_e8(ETHUSDT_BRACKETS, e8(100_000)) == e8(450)
    assert maintenance_e8(ETHUSDT_BRACKETS, 1) == 1
    assert initial_e8(e8(100), 3) == 3_333_333_334
    assert initial_e8(0, 20) == 0


def test_the_largest_notional_follows_the_leverage() -> None:
    assert max_notional_e8(ETHUSDT_BRACKETS, 125) == e8(50_000)
    assert max_notional_e8(ETHUSDT_BRACKETS, 20) == e8(65_000_000)
    assert max_notional_e8(ETHUSDT_BRACKETS, 126) == 0
    assert bracket_of(ETHUSDT_BRACKETS, e8(50_000)).number == 1
    assert bracket_of(ETHUSDT_BRACKETS, e8(50_000) + 1).number == 2


def test_the_liquidation_price_of_a_long_and_a_short() -> None:
    # 1 ETH at 2000 with 200 margin: 200 + p - 2000 = 0.004 p; and 200 + 2000 - p = 0.004 p
    assert liquidation_price_e8(ETHUSDT_BRACKETS, E8, e8(2000), e8(200)) == 1800 * E8 * 1000 // 996
    assert liquidation_price_e8(ETHUSDT_BRACKETS, -E8, -e8(2000), e8(200)) == 2200 * E8 * 1000 // 1004
    assert liquidation_price_e8(ETHUSDT_BRACKETS, E8, e8(2000), e8(2000)) == 0
    assert liquidation_price_e8(ETHUSDT_BRACKETS, 0, 0, 0) == 0


@given(
    side=st.sampled_from([BUY, SELL]),
    steps=st.integers(1, 2_000_000),
    ticks=st.integers(10_000, 1_000_000),
    leverage=st.integers(1, 125),
)
def test_at_the_liquidation_price_the_balance_meets_the_maintenance(
    side: int, steps: int, ticks: int, leverage: int
) -> None:
    size_e8, price_e8 = steps * 100_000, ticks * 1_000_000
    cost_e8 = side * size_e8 * price_e8 // E8
    margin_e8 = initial_e8(abs(cost_e8), leverage)
    at_e8 = liquidation_price_e8(ETHUSDT_BRACKETS, side * size_e8, cost_e8, margin_e8)
    if at_e8 == 0:
        return
    balance_e8 = margin_e8 + side * size_e8 * at_e8 // E8 - cost_e8
    needed_e8 = maintenance_e8(ETHUSDT_BRACKETS, size_e8 * at_e8 // E8)
    assert abs(balance_e8 - needed_e8) <= 2 * size_e8 // E8 + 3  # one unit of the price


def test_the_bankruptcy_price_leaves_no_debt() -> None:
    at_e8 = bankruptcy_price_e8(E8, e8(2000), e8(100), 50_000, e8(0.01))
    assert at_e8 == e8("1900.96")
    assert e8(100) + at_e8 - e8(2000) - at_e8 * 50_000 // E8 >= 0
    at_e8 = bankruptcy_price_e8(-E8, -e8(2000), e8(100), 50_000, e8(0.01))
    assert at_e8 == e8("2098.95")
    assert bankruptcy_price_e8(E8, e8(2000), e8(2500), 50_000, e8(0.01)) == 0


def test_a_position_realises_exactly_what_it_closes() -> None:
    position = Position()
    assert position.book(BUY, e8(1), e8(2000), 20).margin_e8 == e8(100)
    position.book(BUY, e8(2), e8(2003), 20)
    assert position.cost_e8 == e8(6006)
    assert position.entry_price_e8 == e8(2002)
    assert position.isolated_e8 == e8("300.3")
    booked = position.book(SELL, e8(1), e8(2010), 20)
    assert (booked.closed_e8, booked.realized_e8, booked.margin_e8) == (e8(1), e8(8), -e8("100.1"))
    assert (position.quantity_e8, position.cost_e8) == (e8(2), e8(4004))
    booked = position.book(SELL, e8(3), e8(2000), 20)
    assert booked.realized_e8 == -e8(4)
    assert (position.quantity_e8, position.cost_e8, position.isolated_e8) == (-e8(1), -e8(2000), e8(100))
    assert position.entry_price_e8 == e8(2000)
    assert position.unrealized_e8(e8(1990)) == e8(10)


@given(st.lists(st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 5_000), st.integers(1, 400_000)), max_size=30))
def test_the_cost_of_a_position_loses_nothing(fills: list[tuple[int, int, int]]) -> None:
    position = Position()
    paid_e8 = realized_e8 = 0
    for side, steps, ticks in fills:
        size_e8, price_e8 = steps * 100_000, ticks * 1_000_000
        realized_e8 += position.book(side, size_e8, price_e8, 7).realized_e8
        paid_e8 += side * size_e8 * price_e8 // E8
    assert position.cost_e8 - realized_e8 == paid_e8
    assert position.cost_e8 * position.quantity_e8 >= 0
    if position.quantity_e8 == 0:
        assert (position.cost_e8, position.isolated_e8) == (0, 0)


def test_break_even_counts_what_was_paid() -> None:
    position = Position()
    position.book(BUY, e8(30), e8("0.39"), 10)
    position.charge(e8("0.00234"))
    assert position.break_even_e8 == e8("0.390078")
    position.book(SELL, e8(15), e8("0.41"), 10)
    assert position.realized_e8 == e8("0.3")
    assert position.break_even_e8 == e8("0.370156")
