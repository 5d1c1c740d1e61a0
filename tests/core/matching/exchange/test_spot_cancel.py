"""Cancel, cancel all, cancel and replace."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder
from tests.core.matching.exchange.spot_kit import BUY, SELL, SpotDesk, asked, e8, refused, told

UNKNOWN = (-2011, "Unknown order sent.")


def test_cancel_releases_everything() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "1", "1900")
    desk.venue.take_happenings()
    cancelled = desk.venue.cancel("ann", order.order_id, "", "bye", "", desk.time_ns)
    assert cancelled is order and order.status == "CANCELED" and order.cancel_client_order_id == "bye"
    assert desk.balances() == (e8(10), 0, e8(100000), 0)
    assert told(desk.venue.take_happenings()) == ["ann 1 CANCELED/CANCELED", "ann balances"]
    desk.check_books()


def test_what_cannot_be_cancelled() -> None:
    desk = SpotDesk()
    mine = desk.place(BUY, "LIMIT", "1", "1900", name="mine")
    filled = desk.place(BUY, "LIMIT", "1", "2000.10")
    for account, order_id, name in (
        ("ann", 99, ""),
        ("ann", None, "nobody"),
        ("bob", mine.order_id, ""),
        ("ann", filled.order_id, ""),  # cancel after fill
        ("ann", mine.order_id, "other"),  # both ids must be its
    ):
        with pytest.raises(Refusal) as caught:
            desk.venue.cancel(account, order_id, name, "", "", desk.time_ns)
        assert refused(caught.value) == UNKNOWN
    desk.venue.cancel("ann", mine.order_id, "mine", "", "", desk.time_ns)
    with pytest.raises(Refusal) as caught:
        desk.venue.cancel("ann", None, "mine", "", "", desk.time_ns)
    assert refused(caught.value) == UNKNOWN


def test_cancel_restrictions() -> None:
    desk = SpotDesk()
    new = desk.place(BUY, "LIMIT", "1", "1900")
    partly = desk.place(BUY, "LIMIT", "2", "2000.10")
    for order, restriction in ((new, "ONLY_PARTIALLY_FILLED"), (partly, "ONLY_NEW")):
        with pytest.raises(Refusal, match=r"-2011 Order was not canceled due to cancel restrictions."):
            desk.cancel(order, restriction)
    desk.cancel(new, "ONLY_NEW")
    desk.cancel(partly, "ONLY_PARTIALLY_FILLED")
    assert partly.filled_e8 == e8(1)
    desk.check_books()


def test_cancel_all_takes_ones_own_orders_only() -> None:
    desk = SpotDesk()
    desk.trade("2000")
    orders = [desk.place(BUY, "LIMIT", "1", "1900"), desk.place(SELL, "STOP_LOSS", "1", stop="1900")]
    other = desk.place(BUY, "LIMIT", "1", "1900", account="bob")
    assert desk.venue.cancel_all("ann", desk.time_ns) == orders
    assert len({order.cancel_client_order_id for order in orders}) == 1
    assert other.status == "NEW"
    with pytest.raises(Refusal) as caught:
        desk.venue.cancel_all("ann", desk.time_ns)
    assert refused(caught.value) == UNKNOWN
    desk.check_books()


def replace(
    desk: SpotDesk, order_id: int, mode: str, price: str = "1950", kind: str = "LIMIT"
) -> tuple[object, object]:
    order = asked(BUY, kind, "50", price, name="mine")
    return desk.venue.cancel_replace("ann", order_id, "", "", "", order, mode, desk.time_ns)


def test_replace_uses_the_money_and_the_name_of_what_it_cancels() -> None:
    desk = SpotDesk()
    old = desk.place(BUY, "LIMIT", "50", "1940", name="mine")
    cancelled, new = replace(desk, old.order_id, "STOP_ON_FAILURE")
    assert cancelled is old and old.status == "CANCELED"
    assert isinstance(new, ExchangeOrder) and new.status == "NEW" and new.client_order_id == "mine"
    desk.check_books()


def test_replace_when_the_cancel_fails() -> None:
    desk = SpotDesk()
    cancelled, new = replace(desk, 77, "STOP_ON_FAILURE")
    assert isinstance(cancelled, Refusal) and refused(cancelled) == UNKNOWN and new is None
    assert desk.venue.orders.open_orders("ann") == []
    cancelled, new = replace(desk, 77, "ALLOW_FAILURE")
    assert isinstance(cancelled, Refusal) and isinstance(new, ExchangeOrder)


def test_replace_when_the_new_order_fails() -> None:
    desk = SpotDesk()
    old = desk.place(BUY, "LIMIT", "1", "1940")
    desk.venue.take_happenings()
    cancelled, new = replace(desk, old.order_id, "STOP_ON_FAILURE", "2000.10", "LIMIT_MAKER")
    assert cancelled is old and isinstance(new, Refusal)
    assert refused(new) == (-2010, "Order would immediately match and take.")
    assert told(desk.venue.take_happenings()) == ["ann 1 CANCELED/CANCELED", "ann balances", "ann 2 REJECTED/REJECTED"]
    both = replace(desk, old.order_id, "ALLOW_FAILURE", "2000.10", "LIMIT_MAKER")
    assert all(isinstance(result, Refusal) for result in both)
    assert desk.venue.take_happenings() == []
    desk.check_books()


def test_filters_are_judged_before_anything_is_cancelled() -> None:
    desk = SpotDesk()
    old = desk.place(BUY, "LIMIT", "1", "1940")
    with pytest.raises(Refusal, match="-1013 Filter failure: PRICE_FILTER"):
        replace(desk, old.order_id, "STOP_ON_FAILURE", "1940.001")
    assert old.status == "NEW"


def test_a_late_fill_and_a_cancel_never_both_happen() -> None:
    desk = SpotDesk()
    order = desk.place(BUY, "LIMIT", "1", "1999.95")
    desk.trade("1999.90", "1")
    with pytest.raises(Refusal):
        desk.cancel(order)
    assert order.status == "FILLED"
    desk.check_books()
