"""Orders that take: arrival, filters, the walk, partial fills, what is left, and no liquidity twice."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.events import BookSnapshot, Depth
from supreme_system_v5.core.domain.order import (
    BUY,
    EXPIRED,
    FILLED,
    GTC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    OPEN,
    PARTIALLY_FILLED,
    REJECTED,
    ROLE_ENTRY,
    SELL,
    STOP_MARKET,
)
from tests.core.matching.kit import E8, LATENCY_MS, MS, START_NS, Desk, e8, flat, line


def test_order_acts_at_arrival_on_the_market_of_that_moment() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.entry(BUY, 0.1, 2001.0)
    assert desk.venue.next_ns() == START_NS + LATENCY_MS * MS
    desk.at(49).quote(2000.2, 5, 2000.3, 5)
    assert desk.reports == []
    # An event at the very time of the arrival comes after it (reports rank first).
    desk.at(50)
    report = desk.reports[0]
    assert report.time_ns == START_NS + 50 * MS
    assert desk.said() == [line("entry", FILLED, 0.1, 2000.3)]
    assert report.execution_id == "s5-abcd-1-1"


def test_a_late_advance_stamps_the_arrival_not_the_event() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.entry(BUY, 0.1, 2001.0)
    desk.at(400)
    assert [report.time_ns for report in desk.reports] == [START_NS + 50 * MS]


def test_walks_quote_then_book_one_report_a_level() -> None:
    desk = Desk()
    # The book's own first level is better than the quote (the quote is fresher): it is not offered.
    desk.book([(1999.9, 3)], [(2000.0, 9), (2000.1, 9), (2000.2, 2), (2000.3, 4)])
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 4, 2000.3)
    desk.at(50)
    assert desk.said() == [
        line("entry", PARTIALLY_FILLED, 1, 2000.1),
        line("entry", PARTIALLY_FILLED, 2, 2000.2),
        line("entry", FILLED, 1, 2000.3),
    ]


def test_ioc_stops_at_its_limit_and_the_remainder_expires() -> None:
    desk = Desk()
    desk.book([(1999.9, 3)], [(2000.1, 1), (2000.2, 2), (2000.3, 4)])
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 4, 2000.2)
    desk.at(50)
    assert desk.said() == [
        line("entry", PARTIALLY_FILLED, 1, 2000.1),
        line("entry", PARTIALLY_FILLED, 2, 2000.2),
        line("entry", EXPIRED),
    ]
    assert desk.venue.open_orders() == []


def test_limit_below_the_market_expires_without_a_fill() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.entry(BUY, 1, 2000.0)
    desk.at(50)
    assert desk.said() == [line("entry", EXPIRED)]


def test_without_a_synced_book_only_the_quote_is_offered() -> None:
    desk = Desk()
    desk.event(BookSnapshot(desk.time_ns, 1, flat([(1999.9, 50)]), flat([(2000.1, 50), (2000.2, 50)])))
    desk.quote(1999.9, 5, 2000.1, 1.5)
    desk.entry(BUY, 2, 2001.0)
    desk.at(50)
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 1.5, 2000.1), line("entry", EXPIRED)]


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [(0.0004, 2001.0, "LOT_SIZE"), (0.0015, 2001.0, "LOT_SIZE"), (0.009, 2001.0, "NOTIONAL"), (1, 2001.005, "PRICE")],
)
def test_filters_reject_with_the_reason(quantity: float, price: float, reason: str) -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.entry(BUY, quantity, price)
    desk.at(50)
    report = desk.reports[0]
    assert (report.order_state, report.last_quantity_e8) == (REJECTED, 0)
    assert report.reason.startswith(reason)


def test_stops_cannot_be_submitted_alone() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    order = desk.order(ROLE_ENTRY, BUY, STOP_MARKET, GTC, 1)
    desk.send(order)
    desk.at(50)
    assert (desk.reports[0].order_state, desk.reports[0].reason) == (REJECTED, "order_type")


def test_an_id_in_use_is_refused() -> None:
    desk = Desk()
    order = desk.entry(BUY, 1, 2000.0)
    with pytest.raises(ValueError, match="in use"):
        desk.venue.submit(order, desk.time_ns)


def test_the_senders_order_is_not_touched() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    order = desk.entry(BUY, 1, 2000.5)
    order.price_e8 = e8(1.0)  # after sending: the venue has its own copy
    reports = desk.venue.advance(desk.time_ns + 50 * MS)
    assert reports[0].order_state == FILLED
    assert order.filled_e8 == 0


# ---- no quote


def test_entry_without_a_quote_expires() -> None:
    desk = Desk()
    desk.entry(BUY, 1, 2000.0)
    desk.at(50)
    assert (desk.reports[0].order_state, desk.reports[0].reason) == (EXPIRED, "no_quote")


def test_exit_without_a_quote_works_until_the_next_one() -> None:
    desk = Desk()
    desk.venue.set_position(e8(1))
    desk.exit(SELL, 1)
    desk.at(50)
    assert (desk.reports[0].order_state, desk.reports[0].reason) == (OPEN, "waiting_for_quote")
    assert [order.client_order_id for order in desk.venue.open_orders()] == ["s5-abcd-1"]
    desk.at(900).trade(1990.0)
    desk.at(901).depth([(1990.0, 9)], [])
    assert len(desk.reports) == 1  # neither a trade nor a diff is a quote
    desk.at(1000).quote(1989.0, 5, 1989.1, 5)
    desk.said()
    assert desk.venue.position_e8 == 0


def test_exit_with_a_stale_quote_fills_at_the_next_one_only() -> None:
    desk = Desk(stale_after_ms=5_000)
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.venue.set_position(e8(1))
    desk.at(6_000).exit(SELL, 1)
    desk.at(6_050)
    assert desk.reports[0].reason == "waiting_for_quote"
    desk.at(7_000).quote(1950.0, 5, 1950.1, 5)
    assert desk.said() == [line("exit", OPEN), line("exit", FILLED, 1, 1950.0)]


@pytest.mark.parametrize("is_newer", [True, False])
def test_exit_fills_from_a_rest_book_while_quotes_are_silent(is_newer: bool) -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.venue.set_position(e8(1))
    desk.at(6_000).exit(SELL, 1)
    desk.at(6_050)
    desk.said()
    update_id = desk.update_id if is_newer else desk.update_id - 1
    desk.at(6_100).event(BookSnapshot(desk.time_ns, update_id, flat([(1990.0, 0.4), (1989.0, 3)]), flat([(1990.5, 1)])))
    if is_newer:
        assert desk.said() == [line("exit", PARTIALLY_FILLED, 0.4, 1990.0), line("exit", FILLED, 0.6, 1989.0)]
    else:
        assert desk.said() == []  # a book from before the old quote is no news


# ---- reduce-only


def test_reduce_only_with_nothing_to_reduce_is_rejected() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.exit(SELL, 1)
    desk.venue.set_position(e8(-1))
    desk.at(50)
    assert (desk.reports[0].order_state, desk.reports[0].reason) == (REJECTED, "reduce_only")


def test_reduce_only_never_flips() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.venue.set_position(e8(0.6))
    desk.exit(SELL, 1)
    desk.at(50)
    assert [report.reason for report in desk.reports] == ["exit", "reduce_only"]
    assert desk.said() == [line("exit", PARTIALLY_FILLED, 0.6, 2000.0), line("exit", EXPIRED)]
    assert desk.venue.position_e8 == 0


def test_market_remainder_expires_for_a_retry() -> None:
    desk = Desk()
    desk.quote(2000.0, 0.25, 2000.1, 5)
    desk.venue.set_position(e8(1))
    desk.exit(SELL, 1)
    desk.at(50)
    assert desk.reports[-1].reason == "no_liquidity"
    assert desk.said() == [line("exit", PARTIALLY_FILLED, 0.25, 2000.0), line("exit", EXPIRED)]
    assert desk.venue.position_e8 == e8(0.75)


# ---- the same liquidity is not taken twice


def test_a_level_we_emptied_is_not_there_again() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 1)
    desk.entry(BUY, 0.7, 2001.0)
    desk.entry(BUY, 0.7, 2001.0)
    desk.at(50)
    assert desk.said() == [
        line("entry", FILLED, 0.7, 2000.1),
        line("entry", PARTIALLY_FILLED, 0.3, 2000.1),
        line("entry", EXPIRED),
    ]
    # A quote that changes only the other side says nothing new about this one ...
    desk.at(60).quote(1999.9, 5, 2000.1, 1)
    desk.entry(BUY, 0.7, 2001.0)
    desk.at(110)
    assert desk.said() == [line("entry", EXPIRED)]
    # ... one that shows another quantity does.
    desk.at(120).quote(1999.9, 5, 2000.1, 0.9)
    desk.entry(BUY, 0.7, 2001.0)
    desk.at(170)
    assert desk.said() == [line("entry", FILLED, 0.7, 2000.1)]


def test_a_level_that_was_passed_is_new_when_it_comes_back() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 1)
    desk.entry(BUY, 1, 2001.0)
    desk.at(50)
    assert desk.venue.is_active()  # only because of what it must remember
    desk.quote(2000.0, 5, 2000.2, 1)
    assert not desk.venue.is_active()
    desk.quote(2000.0, 5, 2000.1, 1)
    desk.said()
    desk.entry(BUY, 1, 2001.0)
    desk.at(100)
    assert desk.said() == [line("entry", FILLED, 1, 2000.1)]


def test_a_deeper_level_is_new_when_a_diff_names_it() -> None:
    desk = Desk()
    desk.book([(1999.9, 3)], [(2000.1, 1), (2000.2, 2), (2000.3, 5)])
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 3, 2000.2)
    desk.at(50)
    desk.said()
    desk.depth([], [(2000.3, 6)])
    desk.entry(BUY, 1, 2000.2)
    desk.at(100)
    assert desk.said() == [line("entry", EXPIRED)]
    desk.depth([], [(2000.1, 1), (2000.2, 0.5)])
    desk.entry(BUY, 1, 2000.2)
    desk.at(150)
    # 2000.1 is the quote's level: the diff is no newer word on it.
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 0.5, 2000.2), line("entry", EXPIRED)]


def test_a_diff_from_before_our_fill_renews_nothing() -> None:
    desk = Desk()
    desk.book([(1999.9, 3)], [(2000.1, 1), (2000.2, 2)])
    desk.update_id += 5
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 3, 2000.2)
    desk.at(50)
    desk.said()
    known_id = desk.view.local_book.last_update_id
    late = Depth(desk.time_ns, 0, known_id + 1, known_id + 2, known_id, [], flat([(2000.2, 2)]))
    desk.event(late)
    desk.entry(BUY, 1, 2000.2)
    desk.at(100)
    assert desk.said() == [line("entry", EXPIRED)]


def test_a_book_out_of_step_leaves_no_memory_of_its_levels() -> None:
    desk = Desk()
    desk.book([(1999.9, 3)], [(2000.1, 1), (2000.2, 2)])
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 3, 2000.2)
    desk.at(50)
    gap_id = desk.view.local_book.last_update_id + 100
    desk.event(Depth(desk.time_ns, 0, gap_id, gap_id, gap_id - 1, [], []))
    assert not desk.view.local_book.is_synced
    assert desk.venue.is_active()  # the quote's level is still remembered
    desk.update_id = gap_id
    desk.quote(1999.9, 3, 2000.1, 2)
    assert not desk.venue.is_active()


# ---- spot


def test_spot_buy_pays_its_fee_in_the_base_asset() -> None:
    desk = Desk("spot")
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.entry(BUY, 1, 2001.0)
    desk.at(50)
    report = desk.reports[0]
    assert (report.fee_quote_e8, report.fee_base_e8) == (0, 50_000)
    assert desk.venue.position_e8 == E8 - 50_000
    assert desk.ledger.position_e8 == desk.venue.position_e8


def test_spot_sells_only_what_it_has() -> None:
    desk = Desk("spot")
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.venue.set_position(e8(0.5))
    desk.send(desk.order(ROLE_ENTRY, SELL, MARKET, "IOC", 1))
    desk.at(50)
    assert (desk.reports[0].order_state, desk.reports[0].reason) == (REJECTED, "insufficient_balance")


# ---- limit orders that rest after taking


def test_limit_gtc_takes_then_rests_as_a_maker() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 1)
    desk.maker(BUY, 3, 2000.1, LIMIT)
    desk.at(50)
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 1, 2000.1)]
    desk.at(60).quote(2000.1, 2, 2000.2, 1)
    desk.at(70).trade(2000.1, 5, is_buyer_maker=True)
    report = desk.reports[0]
    assert report.is_maker
    assert desk.said() == [line("entry", FILLED, 2, 2000.1)]


@pytest.mark.parametrize("price", [2000.1, 2000.5])
def test_limit_maker_that_would_take_is_rejected(price: float) -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 1)
    desk.maker(BUY, 3, price, LIMIT_MAKER)
    desk.at(50)
    assert (desk.reports[0].order_state, desk.reports[0].reason) == (REJECTED, "would_take")


def test_cancel_arrives_after_latency_and_is_silent_when_done() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 1)
    order = desk.maker(BUY, 1, 1999.0)
    desk.at(100)
    assert desk.said() == [line("entry", OPEN)]
    desk.venue.cancel(order.client_order_id, desk.time_ns)
    desk.at(149)
    assert desk.reports == []
    desk.at(150)
    assert desk.said() == [line("entry", "CANCELED")]
    desk.venue.cancel(order.client_order_id, desk.time_ns)
    desk.at(300)
    assert desk.reports == []
    assert not desk.venue.is_active()


def test_orders_sent_together_arrive_in_the_order_sent() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 1)
    first = desk.entry(BUY, 0.8, 2001.0)
    second = desk.entry(BUY, 0.8, 2001.0)
    desk.at(50)
    assert [report.client_order_id for report in desk.reports] == [
        first.client_order_id,
        second.client_order_id,
        second.client_order_id,
    ]
