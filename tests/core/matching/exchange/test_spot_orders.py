"""Single spot orders: what they take, lock, pay, and what is told of them. Amounts are exact."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.happenings import OrderUpdate
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.core.matching.exchange.spot_kit import BUY, SELL, SpotDesk, asked, e8, told


def test_limit_order_rests_with_its_cost_locked() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "2", "1990.5")
    assert (order.status, order.is_working, order.working_ns) == ("NEW", True, desk.time_ns)
    assert desk.balances() == (e8(10), 0, e8("96019"), e8("3981"))
    assert told(desk.venue.take_happenings()) == ["ann 1 NEW/NEW", "ann balances"]
    desk.check_books()


def test_limit_order_takes_level_by_level_and_its_rest_rests() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "3.5", "2000.20")
    assert [(fill.price_e8, fill.quantity_e8) for fill in order.fills] == [(e8("2000.1"), e8(1)), (e8("2000.2"), e8(1))]
    assert order.status == "PARTIALLY_FILLED"
    # 0.1 % of each ETH received stays with the venue; 1.5 x 2000.2 is still locked.
    assert desk.balances() == (e8("11.998"), 0, e8(100000) - e8("4000.3") - e8("3000.3"), e8("3000.3"))
    assert [fill.commission_e8 for fill in order.fills] == [e8("0.001")] * 2
    assert {fill.commission_asset for fill in order.fills} == {"ETH"}
    assert told(desk.venue.take_happenings()) == [
        "ann 1 NEW/NEW",
        "ann balances",
        *["ann 1 TRADE/PARTIALLY_FILLED", "ann balances", "tape"] * 2,
    ]
    desk.check_books()


def test_a_better_price_gives_back_what_was_locked_too_much() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "1", "2050")
    assert order.status == "FILLED"
    assert desk.balances() == (e8("10.999"), 0, e8(100000) - e8("2000.1"), 0)
    desk.check_books()


def test_a_sale_pays_its_fee_in_the_quote_asset() -> None:
    desk = SpotDesk()
    order = desk.place(SELL, "MARKET", "1.5")
    assert order.status == "FILLED" and order.quote_e8 == e8("2999.95")
    assert desk.balances() == (e8("8.5"), 0, e8(100000) + e8("2999.95") - e8("2") - e8("0.99995"), 0)
    assert desk.venue.books.fees_e8["USDT"] == e8("2.99995")
    desk.check_books()


def test_a_resting_order_fills_behind_its_queue_at_the_maker_fee() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "1", "2000.00")
    desk.venue.take_happenings()
    assert desk.trade("2000.00", "0.4") == 0  # 0.6 is still ahead
    assert desk.trade("2000.00", "0.9") == e8("0.3")
    assert (order.status, order.filled_e8) == ("PARTIALLY_FILLED", e8("0.3"))
    assert order.fills[0].is_maker and order.fills[0].commission_e8 == e8("0.3") * 75 // 100_000
    assert desk.trade("1999.99", "5") == e8("0.7")  # through the price: nobody is ahead
    assert order.status == "FILLED"
    assert told(desk.venue.take_happenings()) == [
        *["ann 1 TRADE/PARTIALLY_FILLED", "ann balances", "tape"],
        *["ann 1 TRADE/FILLED", "ann balances", "tape"],
    ]
    desk.check_books()


def test_two_clients_trade_with_each_other_first_come_first() -> None:
    desk = SpotDesk()
    first = desk.place(SELL, "LIMIT", "1", "2000.05", account="bob", name="b1")
    second = desk.place(SELL, "LIMIT", "1", "2000.05", account="bob", name="b2")
    taker = desk.place(BUY, "LIMIT", "1.5", "2000.05")
    assert (first.status, second.status, taker.status) == ("FILLED", "PARTIALLY_FILLED", "FILLED")
    assert second.filled_e8 == e8("0.5")
    assert [fill.trade_id for fill in taker.fills] == [first.fills[0].trade_id, second.fills[0].trade_id]
    assert first.fills[0].is_maker and not taker.fills[0].is_maker
    assert first.fills[0].commission_e8 == e8("2000.05") * 75 // 100_000
    desk.check_books()


@pytest.mark.parametrize(
    ("tif", "quantity", "status", "filled", "word"),
    [
        ("IOC", "0.5", "FILLED", "0.5", ""),
        ("IOC", "5", "EXPIRED", "2", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("FOK", "2", "FILLED", "2", ""),
        ("FOK", "2.0001", "EXPIRED", "0", "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
def test_immediate_or_cancel_and_fill_or_kill(tif: str, quantity: str, status: str, filled: str, word: str) -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", quantity, "2000.20", tif=tif)
    assert (order.status, order.filled_e8, order.expiry_word) == (status, e8(filled), word)
    assert desk.balances()[3] == 0
    desk.check_books()


def test_a_market_order_for_more_than_there_is_expires() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "MARKET", "4")
    assert (order.status, order.filled_e8, order.expiry_word) == ("EXPIRED", e8(3), "INSUFFICIENT_LIQUIDITY")
    assert desk.balances()[2:] == (e8(100000) - e8("6000.6"), 0)
    desk.check_books()


def test_a_market_order_needs_what_it_will_cost_and_no_more() -> None:
    desk = SpotDesk()
    desk.open("poor", "0", "4000.30")
    assert desk.place(BUY, "MARKET", "2", account="poor").status == "FILLED"
    assert desk.balances("poor") == (e8("1.998"), 0, 0, 0)
    desk.open("poorer", "0", "4000.29")
    desk.book([("2000", "1")], [("2000.10", "1"), ("2000.20", "1")])
    with pytest.raises(Refusal, match=r"-2010 Account has insufficient balance for requested action."):
        desk.place(BUY, "MARKET", "2", account="poorer")
    with pytest.raises(Refusal, match="-2010 Account has insufficient balance"):
        desk.place(SELL, "LIMIT", "0.01", "2100", account="poorer")
    desk.check_books()


def test_quote_order_quantity_spends_no_more_than_it_says() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "MARKET", quote="3000")
    # 1 at 2000.10, then 999.90 / 2000.20 = 0.49990... -> 0.4999
    assert (order.status, order.quantity_e8, order.filled_e8) == ("FILLED", e8("1.4999"), e8("1.4999"))
    assert order.quote_e8 == e8("2000.1") + e8("0.4999") * 20002 // 10
    assert desk.balances()[2:] == (e8(100000) - order.quote_e8, 0)
    sale = desk.place(SELL, "MARKET", quote="3000")
    assert (sale.status, sale.quantity_e8) == ("FILLED", e8("1.5"))  # 1 at 2000, 0.5 at 1999.90 = 2999.95
    desk.check_books()


def test_quote_order_quantity_with_no_book_and_no_money() -> None:
    desk = SpotDesk()
    desk.open("poor", "0", "9.99")
    with pytest.raises(Refusal, match="-2010 Account has insufficient balance"):
        desk.place(BUY, "MARKET", quote="10", account="poor")
    desk.book([("2000", "1")], [])
    with pytest.raises(Refusal, match=r"-2010 Order book liquidity is less than symbol minimum quantity."):
        desk.place(BUY, "MARKET", quote="10")
    desk.book([("2000", "1")], [("200000", "1")])
    with pytest.raises(Refusal, match=r"-2010 Order book liquidity is less than LOT_SIZE filter minimum quantity."):
        desk.place(BUY, "MARKET", quote="10")


def test_limit_maker_never_takes() -> None:
    desk = SpotDesk()
    with pytest.raises(Refusal, match=r"-2010 Order would immediately match and take."):
        desk.place(BUY, "LIMIT_MAKER", "1", "2000.10")
    assert desk.place(BUY, "LIMIT_MAKER", "1", "2000.09").status == "NEW"
    with pytest.raises(Refusal, match=r"-2010 Order would immediately match and take."):
        desk.place(SELL, "LIMIT_MAKER", "1", "2000.09", account="bob")  # a client's order counts as well


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "1", "1900", name="mine")
    with pytest.raises(Refusal, match=r"-2010 Duplicate order sent."):
        desk.place(BUY, "LIMIT", "1", "1900", name="mine")
    desk.place(BUY, "LIMIT", "1", "1900", name="mine", account="bob")
    desk.cancel(order)
    again = desk.place(BUY, "LIMIT", "1", "1900", name="mine")
    assert again.order_id != order.order_id
    assert desk.venue.orders.find("ann", "mine") is again


def test_made_up_client_ids_are_distinct_and_the_same_every_time() -> None:
    names = [
        [desk.place(BUY, "LIMIT", "1", "1900").client_order_id for _ in range(3)] for desk in (SpotDesk(), SpotDesk())
    ]
    assert names[0] == names[1]
    assert len(set(names[0])) == 3 and all(len(name) == 22 and name.isalnum() for name in names[0])


def test_a_refused_order_changes_nothing() -> None:
    desk = SpotDesk()
    desk.place(BUY, "LIMIT", "1", "1900", name="mine")
    desk.venue.take_happenings()
    before = desk.venue.state()
    for order in (
        asked(BUY, "LIMIT", "1", "1900.001"),
        asked(BUY, "LIMIT", "1", "1900", name="mine"),
        asked(BUY, "LIMIT", "1000", "1900"),
        asked(BUY, "LIMIT_MAKER", "1", "2000.10"),
        asked(BUY, "MARKET", quote="200000"),
    ):
        with pytest.raises(Refusal):
            desk.venue.place("ann", order, desk.time_ns)
    assert desk.venue.state() == before
    assert desk.venue.take_happenings() == []


def test_an_update_holds_the_order_as_it_was() -> None:
    desk = SpotDesk()
    desk.place(BUY, "LIMIT", "1", "2000.10")
    updates = [update for update in desk.venue.take_happenings() if isinstance(update, OrderUpdate)]
    assert [(update.execution, update.order.status, update.order.filled_e8) for update in updates] == [
        ("NEW", "NEW", 0),
        ("TRADE", "FILLED", e8(1)),
    ]
    assert [update.execution_id for update in updates] == [1, 2]


def test_an_iceberg_shows_and_fills_part_by_part_from_the_end_of_the_queue() -> None:
    desk = SpotDesk()
    berg = desk.place(SELL, "LIMIT", "1", "2000.05", iceberg="0.4")
    other = desk.place(SELL, "LIMIT", "1", "2000.05", account="bob")
    desk.open("eve", "0", "10000")
    taker = desk.place(BUY, "LIMIT", "1.4", "2000.05", account="eve")
    assert taker.status == "FILLED"
    # 0.4 of the iceberg, the other order's 1, and nothing of the next part, which stands behind it.
    assert (berg.filled_e8, other.status) == (e8("0.4"), "FILLED")
    desk.place(BUY, "LIMIT", "1", "2000.05", account="eve", tif="IOC")
    assert berg.status == "FILLED"
    desk.check_books()


def test_a_fill_or_kill_order_counts_on_all_of_an_iceberg() -> None:
    desk = SpotDesk()
    berg = desk.place(SELL, "LIMIT", "1", "2000.05", iceberg="0.2")
    order = desk.place(BUY, "LIMIT", "1", "2000.05", tif="FOK", account="bob")
    assert (order.status, berg.status) == ("FILLED", "FILLED")
    desk.check_books()


def test_deposits_and_withdrawals() -> None:
    desk = SpotDesk()
    desk.venue.deposit("ann", "USDT", e8(5), desk.time_ns)
    desk.venue.deposit("ann", "BNB", e8(1), desk.time_ns)
    assert told(desk.venue.take_happenings()) == ["Deposited", "ann balances"] * 2
    assert desk.balances()[2] == e8(100005)
    with pytest.raises(ValueError, match="not enough"):
        desk.venue.deposit("ann", "BNB", -e8(2), desk.time_ns)
