"""Self-trade prevention, by the scenarios of the venue's own FAQ (faqs/stp_faq.md)."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, PreventedMatch
from tests.core.matching.exchange.spot_kit import BUY, SELL, SpotDesk, e8, told


def makers(desk: SpotDesk) -> list[ExchangeOrder]:
    desk.book([("1000", "9")], [("3000", "9")])
    return [
        desk.place(BUY, "LIMIT", quantity, price, stp="NONE")
        for quantity, price in (("1.2", "2003"), ("1.3", "2002"), ("8.1", "2001"))
    ]


def numbers(matches: tuple[PreventedMatch, ...]) -> list[tuple[int, int, int, int]]:
    return [(match.match_id, match.maker_order_id, match.taker_e8, match.maker_e8) for match in matches]


def test_none_trades_with_itself() -> None:
    desk = SpotDesk()
    first = makers(desk)[0]
    taker = desk.place(SELL, "LIMIT", "1.2", "2003", stp="NONE")
    assert (first.status, taker.status) == ("FILLED", "FILLED")
    assert not desk.venue.prevented
    desk.check_books()


def test_expire_maker_expires_all_in_the_way_and_rests() -> None:
    desk = SpotDesk()
    resting = makers(desk)
    desk.venue.take_happenings()
    taker = desk.place(SELL, "LIMIT", "3", "2001", stp="EXPIRE_MAKER")
    assert [order.status for order in resting] == ["EXPIRED_IN_MATCH"] * 3
    assert [order.prevented_e8 for order in resting] == [e8("1.2"), e8("1.3"), e8("8.1")]
    assert (taker.status, taker.prevented_e8, taker.filled_e8) == ("NEW", 0, 0)
    assert numbers(taker.prevented) == [(0, 1, 0, e8("1.2")), (1, 2, 0, e8("1.3")), (2, 3, 0, e8("8.1"))]
    assert told(desk.venue.take_happenings()) == [
        "ann 4 NEW/NEW",
        "ann balances",
        "ann 1 TRADE_PREVENTION/EXPIRED_IN_MATCH",
        "ann balances",
        "ann 2 TRADE_PREVENTION/EXPIRED_IN_MATCH",
        "ann balances",
        "ann 3 TRADE_PREVENTION/EXPIRED_IN_MATCH",
        "ann balances",
    ]
    desk.check_books()


def test_expire_taker_leaves_the_book_alone() -> None:
    desk = SpotDesk()
    resting = makers(desk)
    taker = desk.place(SELL, "LIMIT", "3", "2001", stp="EXPIRE_TAKER")
    assert [order.status for order in resting] == ["NEW"] * 3
    assert (taker.status, taker.prevented_e8) == ("EXPIRED_IN_MATCH", e8(3))
    assert numbers(taker.prevented) == [(0, 1, e8(3), 0)]
    desk.check_books()


def test_expire_both() -> None:
    desk = SpotDesk()
    resting = makers(desk)
    taker = desk.place(SELL, "LIMIT", "3", "2001", stp="EXPIRE_BOTH")
    assert [order.status for order in resting] == ["EXPIRED_IN_MATCH", "NEW", "NEW"]
    assert numbers(taker.prevented) == [(0, 1, e8(3), e8("1.2"))]
    assert taker.status == "EXPIRED_IN_MATCH"
    desk.check_books()


def test_decrement_takes_the_same_off_both() -> None:
    desk = SpotDesk()
    desk.book([("1000", "9")], [("3000", "9")])
    maker = desk.place(BUY, "LIMIT", "6", "2000")
    taker = desk.place(SELL, "LIMIT", "2", "2000", stp="DECREMENT")
    assert (maker.status, maker.prevented_e8, maker.locked_e8) == ("NEW", e8(2), e8(8000))
    assert (taker.status, taker.prevented_e8) == ("EXPIRED_IN_MATCH", e8(2))
    assert numbers(maker.prevented) == [(0, 1, e8(2), e8(2))]
    bob = desk.place(SELL, "LIMIT", "6", "2000", account="bob", tif="IOC")
    assert bob.filled_e8 == e8(4) and maker.status == "FILLED"
    desk.check_books()


def test_a_market_order_finds_nothing_behind_the_expired_maker() -> None:
    desk = SpotDesk()
    desk.book([], [("3000", "9")])
    maker = desk.place(BUY, "LIMIT", "1", "2000")
    taker = desk.place(SELL, "MARKET", "1", stp="EXPIRE_MAKER")
    assert (maker.status, taker.status) == ("EXPIRED_IN_MATCH", "EXPIRED")
    desk.check_books()


@pytest.mark.parametrize("mode", ["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT"])
def test_accounts_do_not_stand_in_each_others_way(mode: str) -> None:
    desk = SpotDesk()
    desk.book([("1000", "9")], [("3000", "9")])
    maker = desk.place(BUY, "LIMIT", "1", "2000", account="bob")
    taker = desk.place(SELL, "LIMIT", "1", "2000", stp=mode)
    assert (maker.status, taker.status) == ("FILLED", "FILLED")
    desk.check_books()
