"""USD-M orders: taking, resting, times in force, reduce-only, filters, margin, self-trade prevention."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.happenings import OrderUpdate, PublicTrade
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder
from tests.core.matching.exchange.usdm_kit import BUY, SELL, START_MS, Floor, e8


@pytest.fixture
def floor() -> Floor:
    return Floor()


def refused(code: int, do: object, *args: object, **more: object) -> str:
    """The message of the refusal with this code; nothing may have happened."""
    assert callable(do)
    with pytest.raises(Refusal) as caught:
        do(*args, **more)
    assert caught.value.code == code
    return caught.value.message


# Taking and resting ----------------------------------------------------------------------------------------------


def test_a_market_order_walks_the_book(floor: Floor) -> None:
    order = floor.market(BUY, 6)
    assert (order.status, order.filled_e8, order.quote_e8) == ("FILLED", e8(6), e8(5 * 2001 + 2002))
    assert floor.a.position.cost_e8 == e8(12_007)
    fee_e8 = e8("5.0025") + e8("1.0010")
    assert floor.a.wallet_e8 == e8(10_000) - fee_e8
    assert floor.a.position.isolated_e8 == e8("600.35") - fee_e8
    assert floor.a.cross_e8 == e8(10_000) - e8("600.35")
    assert floor.a.available_e8 == floor.a.cross_e8
    assert [fill.price_e8 for fill in order.fills] == [e8(2001), e8(2002)]


def test_happenings_come_in_the_venues_order(floor: Floor) -> None:
    floor.market(BUY, 6)
    assert floor.told() == [
        "order NEW NEW",
        "TradeLite",
        "account ORDER",
        "order TRADE PARTIALLY_FILLED",
        "TradeLite",
        "account ORDER",
        "order TRADE FILLED",
    ]
    floor.limit(BUY, 1, 1999)
    floor.venue.cancel("a", None, floor.venue.orders.open_orders("a")[0].client_order_id, floor.now_ns)
    assert floor.told() == ["order NEW NEW", "order CANCELED CANCELED"]


def test_a_takers_trades_are_on_the_tape(floor: Floor) -> None:
    floor.market(SELL, 6)
    tape = [item for item in floor.venue.take_happenings() if isinstance(item, PublicTrade)]
    assert [(item.price_e8, item.quantity_e8, item.is_buyer_maker) for item in tape] == [
        (e8(1999), e8(5), True),
        (e8(1998), e8(1), True),
    ]
    assert floor.venue.last_e8 == e8(1998)


def test_a_resting_order_locks_margin_and_gives_it_back_exactly(floor: Floor) -> None:
    first = floor.limit(BUY, 3, "1995.01")
    locked_e8 = e8("299.2515")
    assert floor.a.order_margin_e8 == locked_e8
    assert floor.a.available_e8 == e8(10_000) - locked_e8
    second = floor.limit(SELL, 3, 2020)
    assert floor.a.order_margin_e8 == e8(303)  # the dearer side counts
    floor.venue.cancel("a", second.order_id, "", floor.now_ns)
    assert floor.a.order_margin_e8 == locked_e8
    floor.venue.cancel("a", first.order_id, "", floor.now_ns)
    assert (floor.a.available_e8, floor.a.bids_e8, floor.a.asks_e8) == (e8(10_000), 0, 0)


def test_the_flow_fills_a_resting_order_behind_its_queue(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 1999)
    floor.trade(1999, 5, True)
    assert order.filled_e8 == 0  # the five before it
    floor.trade(1999, 0.4, True)
    assert (order.status, order.filled_e8) == ("PARTIALLY_FILLED", e8(0.4))
    assert floor.a.order_margin_e8 == e8("0.6") * 1999 // 20
    floor.trade(1998.5, 3, True)
    assert (order.status, order.fills[-1].is_maker, order.fills[-1].price_e8) == ("FILLED", True, e8(1999))
    assert floor.a.order_margin_e8 == 0
    assert floor.a.wallet_e8 == e8(10_000) - e8("0.3998")  # 0.02 %
    assert floor.venue.orders.open_count("a") == 0


def test_two_clients_meet(floor: Floor) -> None:
    floor.limit(SELL, 2, 2000.5, "b")
    order = floor.market(BUY, 3)
    assert [fill.price_e8 for fill in order.fills] == [e8(2000.5), e8(2001)]
    assert floor.b.position.quantity_e8 == -e8(2)
    b_fill = floor.venue.orders.fills("b")[0]
    assert b_fill.trade_id == order.fills[0].trade_id
    assert (b_fill.is_maker, order.fills[0].is_maker) == (True, False)


# Times in force --------------------------------------------------------------------------------------------------


def test_ioc_takes_what_is_there_and_expires(floor: Floor) -> None:
    order = floor.limit(BUY, 7, 2001, time_in_force="IOC")
    assert (order.status, order.filled_e8, order.expiry_reason) == ("EXPIRED", e8(5), 2)
    assert floor.told()[-1] == "order EXPIRED EXPIRED"


def test_fok_takes_all_or_is_rejected(floor: Floor) -> None:
    text = refused(-5021, floor.limit, BUY, 7, 2001, time_in_force="FOK")
    assert text == "Due to the order could not be filled immediately, the FOK order has been rejected."
    assert floor.told() == []
    assert floor.limit(BUY, 7, 2002, time_in_force="FOK").status == "FILLED"


def test_post_only_never_takes(floor: Floor) -> None:
    text = refused(-5022, floor.limit, BUY, 1, 2001, time_in_force="GTX")
    assert text == "Due to the order could not be executed as maker, the Post Only order will be rejected."
    assert floor.limit(BUY, 1, "2000.99", time_in_force="GTX").status == "NEW"
    assert floor.told() == ["order NEW NEW"]


def test_good_till_date(floor: Floor) -> None:
    now = START_MS
    for bad in (now + 600_000, 253_402_300_799_000):
        text = refused(-5040, floor.limit, BUY, 1, 1999, time_in_force="GTD", good_till_ms=bad)
        assert text.startswith("The goodTillDate timestamp must be greater than the current time plus 600 seconds")
    refused(-1102, floor.limit, BUY, 1, 1999, time_in_force="GTD")
    refused(-1106, floor.limit, BUY, 1, 1999, good_till_ms=now + 700_000)
    order = floor.limit(BUY, 1, 1999, time_in_force="GTD", good_till_ms=now + 601_999)
    assert order.asked.good_till_ms == now + 601_000
    floor.go(600_999)
    assert order.status == "NEW"
    assert floor.venue.next_ns() == (now + 601_000) * 1_000_000
    floor.go(1)
    assert order.status == "EXPIRED"
    assert floor.a.available_e8 == e8(10_000)


def test_the_good_till_date_is_on_the_exchanges_clock(floor: Floor) -> None:
    floor.venue.offset_ns = 3_600_000 * 1_000_000
    order = floor.limit(BUY, 1, 1999, time_in_force="GTD", good_till_ms=START_MS + 3_600_000 + 700_000)
    floor.go(699_999)
    assert order.is_open
    floor.go(1)
    assert order.status == "EXPIRED"


# Market orders ---------------------------------------------------------------------------------------------------


def test_a_market_order_stops_at_the_bound_around_the_mark(floor: Floor) -> None:
    floor.depth({}, {2001: 1, 2100: 1, "2100.01": 5})
    order = floor.market(BUY, 3)
    assert (order.filled_e8, order.status, order.expiry_reason, order.price_e8) == (e8(2), "EXPIRED", 9, 0)
    refused(-4131, floor.market, BUY, 1)
    floor.depth({}, {})
    text = refused(-4131, floor.market, SELL, 1)
    assert text == "The counterparty's best price does not meet the PERCENT_PRICE filter limit."


# Reduce-only -----------------------------------------------------------------------------------------------------


def test_reduce_only_needs_something_to_reduce(floor: Floor) -> None:
    assert refused(-2022, floor.market, BUY, 1, is_reduce_only=True) == "ReduceOnly Order is rejected."
    refused(-2022, floor.limit, BUY, 1, 1999, is_reduce_only=True)
    floor.market(BUY, 1)
    refused(-2022, floor.market, BUY, 1, is_reduce_only=True)
    order = floor.market(SELL, 3, is_reduce_only=True)
    assert (order.filled_e8, order.status, order.expiry_reason) == (e8(1), "EXPIRED", 4)
    assert floor.a.position.quantity_e8 == 0


def test_reduce_only_orders_lock_nothing_and_are_exempt_from_the_minimum(floor: Floor) -> None:
    floor.market(BUY, 0.02)
    before_e8 = floor.a.available_e8
    floor.limit(SELL, 0.001, 2050, is_reduce_only=True)
    assert floor.a.available_e8 == before_e8


def test_a_better_placed_reduce_only_order_knocks_the_other_out(floor: Floor) -> None:
    floor.market(BUY, 2)
    far = floor.limit(SELL, 2, 2060, is_reduce_only=True)
    refused(-2022, floor.limit, SELL, 1, 2070, is_reduce_only=True)
    near = floor.limit(SELL, 2, 2050, is_reduce_only=True)
    assert (far.status, far.expiry_reason) == ("EXPIRED", 4)
    floor.told()
    floor.market(SELL, 2)
    assert (near.status, near.expiry_reason) == ("EXPIRED", 4)
    assert floor.told()[-1] == "order EXPIRED EXPIRED"


def test_a_plain_order_that_closes_needs_no_margin(floor: Floor) -> None:
    floor.market(BUY, 2)
    before_e8 = floor.a.available_e8
    floor.limit(SELL, 4, "2000.99")
    assert floor.a.available_e8 > before_e8 - e8(1)


# Self-trade prevention -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "maker_status", "taker_status", "filled"),
    [
        ("", "EXPIRED_IN_MATCH", "FILLED", 2),
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED", 2),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH", 0),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH", 0),
    ],
)
def test_self_trade_prevention(floor: Floor, mode: str, maker_status: str, taker_status: str, filled: int) -> None:
    maker = floor.limit(SELL, 1, "2000.50")
    taker = floor.limit(BUY, 2, 2001, stp_mode=mode)
    assert (maker.status, taker.status, taker.filled_e8) == (maker_status, taker_status, e8(filled))
    assert floor.a.position.quantity_e8 == e8(filled)
    ended = maker if maker_status != "NEW" else taker
    updates = [item for item in floor.venue.take_happenings() if isinstance(item, OrderUpdate)]
    assert any(item.order.order_id == ended.order_id and item.order.expiry_reason == 1 for item in updates)


# Filters and words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message", "size", "price"),
    [
        (-4003, "Quantity less than or equal to zero.", 0, 2000),
        (-1111, "Precision is over the maximum defined for this asset.", 0.0001, 2000),
        (-4005, "Quantity greater than max quantity.", 10_000.001, 2000),
        (-4001, "Price less than 0.", 1, 0),
        (-1111, "Precision is over the maximum defined for this asset.", 1, 2000.001),
        (-4013, "Price less than min price.", 1, 39.85),
        (-4002, "Price greater than max price.", 1, 306_177.01),
        (-4016, "Limit price can't be higher than 2100.", 1, 2100.01),
        (-4164, "Order's notional must be no smaller than 20 (unless you choose reduce only).", 0.01, 1999),
    ],
)
def test_filters(floor: Floor, code: int, message: str, size: float, price: float) -> None:
    assert refused(code, floor.limit, BUY, size, price) == message
    assert floor.told() == []


def test_filters_of_market_orders_and_sells(floor: Floor) -> None:
    assert refused(-4024, floor.limit, SELL, 1, 1899.99) == "Limit price can't be lower than 1900."
    assert floor.limit(SELL, 1, 2100).is_open
    refused(-4005, floor.market, BUY, 2000.001)
    refused(-4164, floor.market, BUY, 0.009)
    refused(-1106, floor.market, BUY, 1, price_e8=e8(2000))
    refused(-1106, floor.market, BUY, 1, time_in_force="IOC")


def test_words_that_are_wrong(floor: Floor) -> None:
    text = refused(-4120, floor.venue.place, "a", floor.asked(SELL, "STOP_MARKET", 1), floor.now_ns)
    assert text == ("Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.")
    for kind in ("STOP", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"):
        refused(-4120, floor.venue.place, "a", floor.asked(SELL, kind, 1), floor.now_ns)
    refused(-1116, floor.venue.place, "a", floor.asked(SELL, "LIMIT_MAKER", 1), floor.now_ns)
    refused(-1102, floor.limit, BUY, 1, 1999, time_in_force="")
    refused(-1115, floor.limit, BUY, 1, 1999, time_in_force="DAY")
    refused(-4061, floor.limit, BUY, 1, 1999, position_side="LONG")
    refused(-4060, floor.limit, BUY, 1, 1999, position_side="UP")
    refused(-5039, floor.limit, BUY, 1, 1999, stp_mode="DECREMENT")
    refused(-4136, floor.market, SELL, 1, is_close_position=True)
    refused(-4015, floor.limit, BUY, 1, 1999, client_order_id="x" * 37)
    refused(-4015, floor.limit, BUY, 1, 1999, client_order_id="a b")
    refused(-1109, floor.limit, BUY, 1, 1999, "nobody")


def test_client_ids_are_unique_among_open_orders(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 1999, client_order_id="mine:1/x")
    assert refused(-4116, floor.limit, BUY, 1, 1998, client_order_id="mine:1/x") == "ClientOrderId is duplicated."
    floor.limit(BUY, 1, 1998, "b", client_order_id="mine:1/x")
    floor.venue.cancel("a", None, "mine:1/x", floor.now_ns)
    again = floor.limit(BUY, 1, 1998, client_order_id="mine:1/x")
    assert again.order_id > order.order_id
    assert len(floor.limit(BUY, 1, 1998).client_order_id) == 22


def test_at_most_so_many_open_orders(floor: Floor) -> None:
    floor.venue.rules.orders_max = 2
    floor.limit(BUY, 1, 1998)
    floor.limit(BUY, 1, 1998)
    assert refused(-2025, floor.limit, BUY, 1, 1998) == "Reach max open order limit."


def test_cancel_knows_only_open_orders_of_the_account(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 1999)
    assert refused(-2011, floor.venue.cancel, "b", order.order_id, "", floor.now_ns) == "Unknown order sent."
    filled = floor.market(BUY, 1)
    refused(-2011, floor.venue.cancel, "a", filled.order_id, "", floor.now_ns)
    floor.limit(BUY, 1, 1998)
    assert [o.status for o in floor.venue.cancel_all("a", floor.now_ns)] == ["CANCELED", "CANCELED"]
    assert floor.a.available_e8 == floor.a.cross_e8


# Margin ----------------------------------------------------------------------------------------------------------


def test_an_order_beyond_the_margin_is_refused(floor: Floor) -> None:
    floor.limit(BUY, 100, 1990)
    assert floor.a.available_e8 == e8(50)
    assert refused(-2019, floor.limit, BUY, 1, "1990") == "Margin is insufficient."
    refused(-2019, floor.market, BUY, 1)
    floor.limit(SELL, 50, 2060)  # the other side of the book
    assert floor.limit(BUY, 0.5, 1990).is_open


def test_the_opening_loss_counts(floor: Floor) -> None:
    floor.a.wallet_e8 = e8(110)
    floor.depth({1999: 5}, {2050: 5})
    refused(-2019, floor.limit, BUY, 1, 2050)  # 102.5 margin and 50 loss
    floor.a.wallet_e8 = e8(153)
    assert floor.limit(BUY, 1, 2050).status == "FILLED"


def test_a_walk_ends_where_the_margin_does(floor: Floor) -> None:
    floor.a.wallet_e8 = e8(102.2)
    floor.depth({1999: 5}, {2001: 0.5, 2100: 5})
    order = floor.market(BUY, 1)
    assert order.status == "EXPIRED"
    assert e8(0.9) < order.filled_e8 < e8(1)
    assert 0 <= floor.a.cross_e8 < e8(0.2)


def test_no_worse_price_is_taken_past_one_the_margin_ends_at(floor: Floor) -> None:
    floor.mark(1900)
    floor.depth({1900: 50}, {2010: 5})
    better = floor.limit(BUY, 10, 1995, "b")
    # Enough for 9.5 at 1995, with a rest too small for a step there, but large enough for one at 1900.
    floor.a.wallet_e8 = e8("947.722")
    order = floor.limit(SELL, 9.9, 1900, time_in_force="IOC")
    assert [fill.price_e8 for fill in order.fills] == [e8(1995)]
    assert (order.status, order.filled_e8, better.filled_e8) == ("EXPIRED", e8(9.5), e8(9.5))


def test_fok_does_not_end_half_way_for_want_of_margin(floor: Floor) -> None:
    floor.mark(1900)
    floor.depth({1995: 10}, {2010: 5})
    floor.a.wallet_e8 = e8(950)
    refused(-2019, floor.limit, SELL, 10, 1900, time_in_force="FOK")  # 950 at its price, 997.5 where it fills
    assert floor.told() == []
    floor.a.wallet_e8 = e8(998)
    assert floor.limit(SELL, 10, 1900, time_in_force="FOK").status == "FILLED"


def test_the_bracket_bounds_the_position(floor: Floor) -> None:
    floor.a.leverage = 125
    text = refused(-2027, floor.limit, BUY, 26, 1999)
    assert text == "Exceeded the maximum allowable position at current leverage."
    assert floor.limit(BUY, 25, 1999).is_open


def test_a_test_order_changes_nothing(floor: Floor) -> None:
    before = floor.venue.state()
    order = floor.venue.test("a", floor.asked(BUY, "LIMIT", 1, 1999), floor.now_ns)
    assert isinstance(order, ExchangeOrder)
    refused(-2019, floor.venue.test, "a", floor.asked(BUY, "LIMIT", 1000, 1999), floor.now_ns)
    assert floor.venue.state() == before
    assert floor.told() == []
