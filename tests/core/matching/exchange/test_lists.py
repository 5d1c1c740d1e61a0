"""Order lists: OCO, OTO and OTOCO from placement to their end, with the venue's codes for what they must not be."""

from __future__ import annotations

from typing import Any

import pytest

from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.words import NewOrder, OrderList
from tests.core.matching.exchange.spot_kit import BUY, SELL, SpotDesk, asked, e8, refused, told


def desk_with_a_trade() -> SpotDesk:
    desk = SpotDesk()
    desk.trade("2000.05")
    return desk


def sell_oco(desk: SpotDesk, name: str = "", quantity: str = "1", **more: Any) -> OrderList:
    above = asked(SELL, "LIMIT_MAKER", quantity, more.get("limit", "2050"), name=more.get("above", ""))
    below = asked(
        SELL, more.get("stop_type", "STOP_LOSS"), quantity, more.get("price", "0"), stop=more.get("stop", "1950")
    )
    return desk.venue.place_oco("ann", name, above, below, desk.time_ns)


def buy_oco(desk: SpotDesk) -> OrderList:
    above = asked(BUY, "STOP_LOSS_LIMIT", "1", "2060", stop="2055", tif="GTC")
    below = asked(BUY, "LIMIT_MAKER", "1", "1950")
    return desk.venue.place_oco("ann", "", above, below, desk.time_ns)


def live(desk: SpotDesk, answer: OrderList) -> OrderList:
    found = desk.venue.lists.get("ann", answer.list_id)
    assert found is not None
    return found


def states(found: OrderList) -> list[str]:
    return [order.status for order in found.orders]


# ---- OCO


def test_an_oco_locks_once_and_tells_orders_then_balances_then_list() -> None:
    desk = desk_with_a_trade()
    answer = sell_oco(desk, "my-list")
    assert (answer.contingency, answer.status_type, answer.order_status) == ("OCO", "EXEC_STARTED", "EXECUTING")
    assert answer.client_list_id == "my-list"
    assert [order.order_type for order in answer.orders] == ["STOP_LOSS", "LIMIT_MAKER"]
    assert [order.is_working for order in answer.orders] == [False, True]
    assert desk.balances() == (e8(9), e8(1), e8(100000), 0)
    assert told(desk.venue.take_happenings()) == ["ann 1 NEW/NEW", "ann 2 NEW/NEW", "ann balances", "list 0 EXECUTING"]
    desk.check_books()


def test_a_buy_oco_locks_the_dearer_of_the_two() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, buy_oco(desk))
    assert desk.balances()[3] == e8(2060)
    desk.trade("1949.99", "0.4")  # fills a part: the stop goes, and with it the larger lock
    assert states(answer) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert answer.orders[0].expiry_word == "OCO_TRIGGER"
    assert desk.balances()[3] == e8(1950) * 6 // 10
    assert answer.order_status == "EXECUTING"
    desk.trade("1949.99", "5")
    assert states(answer) == ["EXPIRED", "FILLED"] and answer.order_status == "ALL_DONE"
    assert desk.balances()[3] == 0
    desk.check_books()


def test_the_stop_of_an_oco_ends_the_limit() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, sell_oco(desk))
    desk.venue.take_happenings()
    desk.trade("1950")
    assert states(answer) == ["FILLED", "EXPIRED"]
    assert told(desk.venue.take_happenings()) == [
        "ann 2 EXPIRED/EXPIRED",
        "ann 1 NEW/NEW",
        "ann 1 TRADE/FILLED",
        "ann balances",
        "list 0 ALL_DONE",
        "tape",
    ]
    assert desk.venue.lists.open_lists("ann") == [] and desk.venue.lists.of_account("ann") == [answer]
    desk.check_books()


def test_the_stop_of_a_buy_oco_keeps_the_lock() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, buy_oco(desk))
    desk.book([("2050", "1")], [("2070", "1")])
    desk.trade("2055")
    assert states(answer) == ["NEW", "EXPIRED"] and answer.orders[0].is_working
    assert desk.balances()[3] == e8(2060)
    desk.check_books()


def test_the_limit_of_an_oco_ends_the_stop() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, sell_oco(desk))
    desk.venue.take_happenings()
    desk.trade("2050.01", "5", is_buyer_maker=False)
    assert told(desk.venue.take_happenings()) == [
        "ann 1 EXPIRED/EXPIRED",
        "ann 2 TRADE/FILLED",
        "ann balances",
        "list 0 ALL_DONE",
        "tape",
    ]
    desk.trade("1900")
    assert states(answer) == ["EXPIRED", "FILLED"]
    desk.check_books()


@pytest.mark.parametrize("index", [0, 1])
def test_cancelling_one_order_cancels_the_list(index: int) -> None:
    desk = desk_with_a_trade()
    answer = live(desk, sell_oco(desk))
    desk.venue.take_happenings()
    result = desk.venue.cancel("ann", answer.orders[index].order_id, "", "bye", "", desk.time_ns)
    assert result is answer and states(answer) == ["CANCELED", "CANCELED"]
    assert {order.cancel_client_order_id for order in answer.orders} == {"bye"}
    assert told(desk.venue.take_happenings()) == [
        "ann 1 CANCELED/CANCELED",
        "ann balances",
        "ann 2 CANCELED/CANCELED",
        "list 0 ALL_DONE",
    ]
    assert desk.balances() == (e8(10), 0, e8(100000), 0)
    desk.trade("1900")
    desk.check_books()


def test_cancelling_a_list_by_its_ids() -> None:
    desk = desk_with_a_trade()
    answer = sell_oco(desk, "my-list")
    for list_id, name in ((99, ""), (None, "other"), (answer.list_id, "other")):
        with pytest.raises(Refusal) as caught:
            desk.venue.cancel_list("ann", list_id, name, "", desk.time_ns)
        assert refused(caught.value) == (-2011, "Unknown order sent.")
    assert states(desk.venue.cancel_list("ann", None, "my-list", "", desk.time_ns)) == ["CANCELED", "CANCELED"]
    with pytest.raises(Refusal, match="-2011"):
        desk.venue.cancel_list("ann", answer.list_id, "", "", desk.time_ns)
    sell_oco(desk, "my-list")  # the name is free again


def test_cancel_all_gives_a_list_once() -> None:
    desk = desk_with_a_trade()
    answer = sell_oco(desk)
    single = desk.place(BUY, "LIMIT", "1", "1900")
    assert desk.venue.cancel_all("ann", desk.time_ns) == [live(desk, answer), single]
    desk.check_books()


@pytest.mark.parametrize(
    ("side", "above", "below", "code"),
    [
        (SELL, "LIMIT", "STOP_LOSS", -1158),
        (SELL, "LIMIT_MAKER", "MARKET", -1158),
        (SELL, "LIMIT_MAKER", "LIMIT_MAKER", -1168),
        (BUY, "LIMIT_MAKER", "STOP_LOSS", -1165),
        (SELL, "STOP_LOSS", "LIMIT_MAKER", -1166),
        (BUY, "STOP_LOSS", "STOP_LOSS", -1196),
        (SELL, "STOP_LOSS", "STOP_LOSS", -1197),
        (BUY, "TAKE_PROFIT", "STOP_LOSS", -1198),
        (SELL, "STOP_LOSS", "TAKE_PROFIT", -1199),
        (SELL, "TAKE_PROFIT", "TAKE_PROFIT", -1199),
    ],
)
def test_what_does_not_make_a_pair(side: int, above: str, below: str, code: int) -> None:
    desk = desk_with_a_trade()
    first, second = (asked(side, kind, "1", "2000", stop="2000") for kind in (above, below))
    with pytest.raises(Refusal) as caught:
        desk.venue.place_oco("ann", "", first, second, desk.time_ns)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("limit", "stop"), [("2000.05", "1950"), ("2050", "2000.05"), ("1990", "1950"), ("2050", "2010")]
)
def test_the_prices_of_an_oco_stand_on_both_sides_of_the_last_trade(limit: str, stop: str) -> None:
    desk = desk_with_a_trade()
    with pytest.raises(Refusal) as caught:
        sell_oco(desk, limit=limit, stop=stop)
    assert refused(caught.value) == (-2010, "The relationship of the prices for the orders is not correct.")


def test_an_oco_of_take_profit_and_stop() -> None:
    desk = desk_with_a_trade()
    above = asked(SELL, "TAKE_PROFIT_LIMIT", "1", "2051", stop="2050", tif="GTC")
    below = asked(SELL, "STOP_LOSS", "1", stop="1950")
    answer = live(desk, desk.venue.place_oco("ann", "", above, below, desk.time_ns))
    desk.trade("2050")
    assert states(answer) == ["EXPIRED", "NEW"] and answer.orders[1].is_working
    desk.trade("2051.5", "9", is_buyer_maker=False)
    assert states(answer) == ["EXPIRED", "FILLED"] and answer.order_status == "ALL_DONE"
    desk.check_books()


def test_names_and_counts_of_lists() -> None:
    desk = desk_with_a_trade()
    sell_oco(desk, "one", above="leg")
    with pytest.raises(Refusal, match=r"-2010 Duplicate order sent."):
        sell_oco(desk, "one")
    with pytest.raises(Refusal, match=r"-2010 Duplicate order sent."):
        sell_oco(desk, "two", above="leg")
    for _ in range(4):
        sell_oco(desk, quantity="0.1")
    with pytest.raises(Refusal, match="-1013 Filter failure: MAX_NUM_ALGO_ORDERS"):
        sell_oco(desk, quantity="0.1")
    with pytest.raises(Refusal, match="-2010 Account has insufficient balance"):
        desk.venue.place_oco(
            "bob",
            "",
            asked(SELL, "LIMIT_MAKER", "11", "2050"),
            asked(SELL, "STOP_LOSS", "11", stop="1950"),
            desk.time_ns,
        )


# ---- OTO and OTOCO


def working(price: str = "1990", quantity: str = "1", **more: Any) -> NewOrder:
    return asked(BUY, more.pop("kind", "LIMIT"), quantity, price, **more)


def oto(desk: SpotDesk, first: NewOrder, pending: NewOrder) -> OrderList:
    return desk.venue.place_oto("ann", "", first, pending, desk.time_ns)


def test_the_pending_order_comes_when_the_working_order_is_fully_filled() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, oto(desk, working(), asked(SELL, "LIMIT", "0.9", "2100")))
    assert answer.contingency == "OTO" and states(answer) == ["NEW", "PENDING_NEW"]
    assert desk.balances() == (e8(10), 0, e8(98010), e8(1990))
    assert told(desk.venue.take_happenings()) == [
        "ann 1 NEW/NEW",
        "ann 2 NEW/PENDING_NEW",
        "ann balances",
        "list 0 EXECUTING",
    ]
    desk.trade("1989.99", "0.7")
    assert states(answer) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    desk.venue.take_happenings()
    desk.trade("1989.99", "0.7")
    assert states(answer) == ["FILLED", "NEW"] and answer.orders[1].is_working
    assert told(desk.venue.take_happenings()) == [
        "ann 1 TRADE/FILLED",
        "ann balances",
        "tape",
        "ann 2 NEW/NEW",
        "ann balances",
    ]
    desk.trade("2100.01", "9", is_buyer_maker=False)
    assert answer.order_status == "ALL_DONE"
    desk.check_books()


def test_an_immediately_filled_working_order_shows_its_pending_order_as_pending() -> None:
    desk = desk_with_a_trade()
    answer = oto(desk, working("2000.10"), asked(SELL, "MARKET", "0.5"))
    assert states(answer) == ["FILLED", "PENDING_NEW"]
    assert states(live(desk, answer)) == ["FILLED", "FILLED"]
    assert live(desk, answer).order_status == "ALL_DONE"
    desk.check_books()


def test_the_pending_order_may_sell_what_the_working_order_buys() -> None:
    desk = desk_with_a_trade()
    desk.open("new", "0", "3000")
    answer = desk.venue.place_oto("new", "", working("2000.10"), asked(SELL, "LIMIT", "0.999", "2100"), desk.time_ns)
    found = desk.venue.lists.get("new", answer.list_id)
    assert found is not None and states(found) == ["FILLED", "NEW"]
    assert desk.balances("new")[:2] == (0, e8("0.999"))
    desk.check_books()


def test_a_pending_order_without_money_is_rejected() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, oto(desk, working("2000.10"), asked(SELL, "LIMIT", "50", "2100")))
    assert states(answer) == ["FILLED", "REJECTED"] and answer.order_status == "ALL_DONE"
    assert "ann 2 REJECTED/REJECTED" in told(desk.venue.take_happenings())
    desk.check_books()


def test_a_working_order_that_expires_takes_its_pending_order_along() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, oto(desk, working("2000.10", "2", tif="IOC"), asked(SELL, "LIMIT", "1", "2100")))
    assert states(answer) == ["EXPIRED", "EXPIRED"]
    assert answer.orders[1].expiry_word == "OTO_PHASE_ONE_EXPIRED"
    assert answer.order_status == "ALL_DONE"
    desk.check_books()


@pytest.mark.parametrize("index", [0, 1])
def test_cancelling_either_order_of_an_oto_cancels_both(index: int) -> None:
    desk = desk_with_a_trade()
    answer = live(desk, oto(desk, working(), asked(SELL, "LIMIT", "1", "2100")))
    desk.cancel(answer.orders[index])
    assert states(answer) == ["CANCELED", "CANCELED"]
    assert desk.balances() == (e8(10), 0, e8(100000), 0)
    desk.check_books()


def test_what_may_not_be_in_an_oto() -> None:
    desk = desk_with_a_trade()
    with pytest.raises(Refusal, match=r"-1116 Invalid orderType."):
        oto(desk, working(kind="MARKET", price="0"), asked(SELL, "LIMIT", "1", "2100"))
    with pytest.raises(Refusal, match="-1106"):
        oto(desk, working(), asked(SELL, "MARKET", quote="100"))
    with pytest.raises(Refusal, match=r"-2010 Duplicate order sent."):
        oto(desk, working(name="same"), asked(SELL, "LIMIT", "1", "2100", name="same"))
    assert desk.venue.orders.open_orders("ann") == []


def otoco(desk: SpotDesk, price: str = "1990") -> OrderList:
    return desk.venue.place_otoco(
        "ann",
        "",
        working(price),
        asked(SELL, "LIMIT_MAKER", "1", "2100"),
        asked(SELL, "STOP_LOSS_LIMIT", "1", "1940", stop="1950", tif="GTC"),
        desk.time_ns,
    )


def test_an_otoco_ends_by_one_of_its_pair() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, otoco(desk))
    assert answer.contingency == "OTO" and states(answer) == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    assert [order.order_type for order in answer.orders] == ["LIMIT", "STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    desk.trade("1989", "5")
    assert states(answer) == ["FILLED", "NEW", "NEW"]
    assert desk.balances()[:2] == (e8("9.99925"), e8(1))  # the pair locks its ETH once
    desk.trade("2100.01", "5", is_buyer_maker=False)
    assert states(answer) == ["FILLED", "EXPIRED", "FILLED"] and answer.order_status == "ALL_DONE"
    desk.check_books()


def test_an_otoco_whose_pair_no_longer_fits_the_market_is_rejected() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, otoco(desk))
    desk.trade("1945", "5")  # fills the working order, and stands below the stop
    assert states(answer) == ["FILLED", "REJECTED", "REJECTED"]
    assert desk.balances()[1] == 0
    desk.check_books()


def test_a_prevented_self_trade_ends_the_pair() -> None:
    desk = desk_with_a_trade()
    answer = live(desk, sell_oco(desk))
    desk.book([("2049", "1")], [("2060", "1")])
    desk.place(BUY, "LIMIT", "1", "2050", stp="EXPIRE_MAKER")
    assert states(answer) == ["EXPIRED", "EXPIRED_IN_MATCH"] and answer.order_status == "ALL_DONE"
    assert desk.balances()[1] == 0
    desk.check_books()
