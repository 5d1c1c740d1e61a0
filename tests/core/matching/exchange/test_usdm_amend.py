"""Amending an open USD-M order: its margin, its place in the queue, what is refused, what ends it."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.usdm_amend import Wish, amend
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder
from tests.core.matching.exchange.test_usdm_orders import refused
from tests.core.matching.exchange.usdm_kit import BUY, SELL, Floor, e8


@pytest.fixture
def floor() -> Floor:
    return Floor()


def change(
    floor: Floor, order: ExchangeOrder, size: float, price: float, side: int = BUY, reduce_only: bool = False
) -> ExchangeOrder:
    wish = Wish(side, e8(price), e8(size), reduce_only, "")
    return amend(floor.venue, "a", order.order_id, "", wish, floor.now_ns)


def test_price_quantity_and_margin_change(floor: Floor) -> None:
    order = floor.limit(BUY, 2, 1990)
    floor.told()
    change(floor, order, 3, 1995)
    assert floor.told() == ["order AMENDMENT NEW"]
    assert (order.price_e8, order.quantity_e8, order.asked.price_e8) == (e8(1995), e8(3), e8(1995))
    assert floor.a.order_margin_e8 == e8("299.25")
    assert [row.number for row in floor.a.amendments] == [1]
    floor.venue.cancel("a", order.order_id, "", floor.now_ns)
    assert floor.a.available_e8 == e8(10_000)


def test_it_goes_to_the_end_of_the_queue(floor: Floor) -> None:
    first, second = floor.limit(BUY, 1, 2000), floor.limit(BUY, 1, 2000, "b")
    change(floor, first, 2, 2000)
    floor.trade(2000, 1, True)
    assert (first.filled_e8, second.filled_e8) == (0, e8(1))


def test_it_takes_at_its_new_price(floor: Floor) -> None:
    order = floor.limit(BUY, 7, 1990)
    change(floor, order, 7, 2001)
    assert (order.status, order.filled_e8) == ("PARTIALLY_FILLED", e8(5))
    assert floor.a.order_margin_e8 == e8("200.1")
    change(floor, order, 6, 2000)
    assert floor.a.order_margin_e8 == e8(100)
    assert change(floor, order, 5, 2000).status == "CANCELED"  # filled already
    assert floor.a.order_margin_e8 == 0


def test_what_is_refused_leaves_the_order_as_it_is(floor: Floor) -> None:
    order = floor.limit(BUY, 2, 1990)
    floor.told()
    before = floor.venue.state()
    assert refused(-5027, change, floor, order, 2, 1990) == "No need to modify the order."
    refused(-1117, change, floor, order, 2, 1991, SELL)
    refused(-5047, change, floor, order, 2, 1991, BUY, True)
    refused(-1111, change, floor, order, 2, 1991.001)
    refused(-4016, change, floor, order, 2, 2101)
    refused(-5029, change, floor, order, 0.01, 1990)
    refused(-2019, change, floor, order, 200, 1990)
    assert floor.venue.state() == before
    assert floor.told() == []
    floor.venue.cancel("a", order.order_id, "", floor.now_ns)
    refused(-2013, change, floor, order, 2, 1991)


def test_an_amended_order_keeps_to_the_bracket_as_a_new_one_does(floor: Floor) -> None:
    floor.a.leverage = 125  # 50,000 USDT at most
    order = floor.limit(BUY, 20, 1990)
    text = refused(-2027, change, floor, order, 26, 1990)
    assert text == "Exceeded the maximum allowable position at current leverage."
    assert change(floor, order, 25, 1990).is_open  # what it replaces does not count


def test_the_opening_loss_of_an_amended_order_counts(floor: Floor) -> None:
    floor.depth({1999: 5}, {2050: 5})
    floor.a.wallet_e8 = e8(110)
    order = floor.limit(BUY, 1, 1990)
    refused(-2019, change, floor, order, 1, 2050)  # 102.5 margin and 50 loss
    floor.a.wallet_e8 = e8(153)
    assert change(floor, order, 1, 2050).status == "FILLED"


def test_a_post_only_order_that_would_take_ends(floor: Floor) -> None:
    order = floor.limit(BUY, 2, 1990, time_in_force="GTX")
    assert change(floor, order, 2, 2001).status == "CANCELED"
    assert floor.a.position.quantity_e8 == 0
