"""Stop orders: when they wait, when they trigger, what they become then."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.core.matching.exchange.spot_kit import BUY, SELL, SpotDesk, e8, told


@pytest.mark.parametrize(
    ("side", "kind", "stop", "still", "reached"),
    [
        (BUY, "STOP_LOSS", "2010", "2009.99", "2010"),
        (SELL, "STOP_LOSS", "1990", "1990.01", "1990"),
        (BUY, "TAKE_PROFIT", "1990", "1990.01", "1990"),
        (SELL, "TAKE_PROFIT", "2010", "2009.99", "2010"),
    ],
)
def test_a_stop_becomes_a_market_order_when_the_last_trade_reaches_it(
    side: int, kind: str, stop: str, still: str, reached: str
) -> None:
    desk = SpotDesk()
    desk.trade("2000")
    order = desk.place(side, kind, "1", stop=stop)
    assert (order.status, order.is_working, order.working_ns) == ("NEW", False, 0)
    desk.trade(still)
    assert order.status == "NEW"
    desk.now_ms = 5
    desk.venue.take_happenings()
    desk.trade(reached)
    assert (order.status, order.is_working, order.working_ns, order.order_type) == ("FILLED", True, desk.time_ns, kind)
    assert not order.fills[0].is_maker
    assert told(desk.venue.take_happenings()) == ["ann 1 NEW/NEW", "ann 1 TRADE/FILLED", "ann balances", "tape"]
    desk.check_books()


@pytest.mark.parametrize(
    ("side", "kind", "stop"),
    [
        (BUY, "STOP_LOSS", "2000"),
        (SELL, "STOP_LOSS", "2000"),
        (BUY, "TAKE_PROFIT", "2000"),
        (SELL, "TAKE_PROFIT", "2000"),
    ],
)
def test_a_stop_on_the_wrong_side_is_refused(side: int, kind: str, stop: str) -> None:
    desk = SpotDesk()
    desk.trade("2000")
    with pytest.raises(Refusal, match=r"-2010 Order would trigger immediately."):
        desk.place(side, kind, "1", stop=stop)
    with pytest.raises(Refusal, match=r"-2010 Order would trigger immediately."):
        desk.place(side, f"{kind}_LIMIT", "1", "2000", stop=stop, tif="GTC")


def test_a_stop_limit_rests_at_its_price_when_triggered() -> None:
    desk = SpotDesk()
    desk.trade("2000")
    order = desk.place(SELL, "STOP_LOSS_LIMIT", "1", "2005", stop="1990", tif="GTC")
    assert desk.balances()[:2] == (e8(9), e8(1))
    desk.trade("1990")
    assert (order.status, order.is_working) == ("NEW", True)
    desk.trade("2005", "3", is_buyer_maker=False)
    assert order.status == "FILLED" and order.fills[0].is_maker
    desk.check_books()


def test_a_clients_trade_triggers_other_orders_one_after_the_other() -> None:
    desk = SpotDesk()
    desk.trade("2000.05")
    near = desk.place(SELL, "STOP_LOSS", "1", stop="2000.00", account="bob")
    far = desk.place(SELL, "STOP_LOSS", "1", stop="1999.90", account="bob")
    desk.venue.take_happenings()
    desk.place(SELL, "MARKET", "1")  # at 2000.00: triggers the first, whose fill at 1999.90 triggers the second
    assert (near.status, far.status) == ("FILLED", "FILLED")
    assert [order.fills[0].price_e8 for order in (near, far)] == [e8("1999.9"), e8("1999.8")]
    desk.check_books()


def test_a_stop_buy_uses_more_than_its_estimate_while_there_is_money() -> None:
    desk = SpotDesk()
    desk.trade("2000")
    rich = desk.place(BUY, "STOP_LOSS", "2", stop="2000.05")
    assert desk.balances()[3] == e8("4000.10")
    desk.open("poor", "0", "4000.12")
    poor = desk.place(BUY, "STOP_LOSS", "2", stop="2000.06", account="poor")
    desk.book([("2000", "9")], [("2000.10", "2"), ("2000.50", "9")])
    desk.trade("2000.06")
    assert rich.status == "FILLED" and rich.quote_e8 == e8("4000.2")
    # 4000.12 / 2000.50 = 1.99956...: the rest has nothing to pay with.
    assert (poor.status, poor.filled_e8, poor.expiry_word) == ("EXPIRED", e8("1.9995"), "INSUFFICIENT_LIQUIDITY")
    assert desk.balances("poor")[3] == 0
    desk.check_books()


def test_a_cancelled_stop_does_not_trigger() -> None:
    desk = SpotDesk()
    desk.trade("2000")
    order = desk.place(SELL, "STOP_LOSS", "1", stop="1990")
    other = desk.place(SELL, "STOP_LOSS", "1", stop="1990")
    desk.cancel(order)
    desk.trade("1980")
    assert (order.status, other.status) == ("CANCELED", "FILLED")
    desk.check_books()


def test_with_no_trade_yet_a_stop_waits_for_the_first() -> None:
    desk = SpotDesk()
    order = desk.place(SELL, "STOP_LOSS", "1", stop="2500")
    assert order.status == "NEW"
    desk.trade("2000")
    assert order.status == "FILLED"
