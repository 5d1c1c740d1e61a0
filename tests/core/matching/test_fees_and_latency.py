"""Fees to the unit, messages in their order."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.order import BUY, MARKET, SELL, Order
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.matching.fees import fill_fee
from supreme_system_v5.core.matching.latency import Inbox
from supreme_system_v5.core.matching.working import WorkingOrder
from tests.core.matching.kit import E8, MS


@pytest.mark.parametrize(
    ("side", "rate_e8", "is_spot", "expected"),
    [
        (BUY, 50_000, False, (110_000_000, 0)),  # 1 x 2200 x 0.05 % = 1.10 USDT
        (SELL, 20_000, False, (44_000_000, 0)),
        (BUY, 100_000, True, (0, 100_000)),  # 0.001 ETH
        (SELL, 100_000, True, (220_000_000, 0)),
        (SELL, 0, False, (0, 0)),
    ],
)
def test_fees_of_one_eth(side: int, rate_e8: int, is_spot: bool, expected: tuple[int, int]) -> None:
    assert fill_fee(side, E8, 2_200 * E8, rate_e8, is_spot) == expected


@given(
    st.sampled_from([BUY, SELL]),
    st.integers(1, 10_000 * E8),
    st.integers(1, 10**6 * E8),
    st.integers(0, E8 // 10),
    st.booleans(),
)
def test_fee_is_the_exact_product_rounded_up(side: int, quantity: int, price: int, rate: int, is_spot: bool) -> None:
    quote, base = fill_fee(side, quantity, price, rate, is_spot)
    paid, exact = quote, Fraction(quantity * price * rate, E8 * E8)
    if is_spot and side == BUY:
        paid, exact = base, Fraction(quantity * rate, E8)
        assert quote == 0
    else:
        assert base == 0
    assert 0 <= paid - exact < 1


def order(name: str) -> WorkingOrder:
    return WorkingOrder(Order(name, "exit", SELL, MARKET, "IOC", E8, 0, 0, True, 0, ""))


def test_inbox_delivers_by_arrival_then_by_sending() -> None:
    inbox = Inbox(50)
    assert inbox.next_ns() == NEVER_NS
    inbox.send(order("b"), "", 10 * MS)
    inbox.send(order("c"), "", 10 * MS)
    inbox.send(order("a"), "", 5 * MS)
    inbox.send(None, "a", 10 * MS)
    assert inbox.next_ns() == 55 * MS
    assert inbox.take(55 * MS - 1) is None
    names = []
    while (arrival := inbox.take(60 * MS)) is not None:
        names.append(arrival.order.client_order_id if arrival.order is not None else f"cancel {arrival.cancel_id}")
    assert names == ["a", "b", "c", "cancel a"]
    assert inbox.next_ns() == NEVER_NS


def test_negative_latency_is_refused() -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        Inbox(-1)


@given(st.lists(st.integers(0, 1_000), max_size=30), st.integers(0, 200))
def test_inbox_order_is_a_stable_sort(sent_ms: list[int], latency_ms: int) -> None:
    inbox = Inbox(latency_ms)
    for number, sent in enumerate(sent_ms):
        inbox.send(None, str(number), sent * MS)
    taken = []
    while (arrival := inbox.take(10_000 * MS)) is not None:
        taken.append(int(arrival.cancel_id))
    assert taken == sorted(range(len(sent_ms)), key=lambda number: sent_ms[number])
