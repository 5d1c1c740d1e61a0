"""Resting orders: the queue estimate by trades and by what the level shows, in price and time order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.order import BUY, FILLED, OPEN, PARTIALLY_FILLED, SELL
from supreme_system_v5.core.matching.queue_position import MATCH_WINDOW_NS, QueuePosition
from tests.core.matching.kit import MS, Desk, e8, line


def queue_at_bid(quantity: float = 1.0, ahead: float = 5.0) -> Desk:
    desk = Desk()
    desk.quote(2000.0, ahead, 2000.1, 5)
    desk.maker(BUY, quantity, 2000.0)
    desk.at(50)
    assert desk.said() == [line("entry", OPEN)]
    return desk


def ahead(desk: Desk) -> int:
    queue = desk.venue._makers.all()[0].queue
    assert queue is not None
    return queue.ahead_e8


def test_everything_shown_on_arrival_is_ahead() -> None:
    desk = queue_at_bid()
    assert ahead(desk) == e8(5)


def test_trades_at_the_price_by_the_other_side_move_the_queue() -> None:
    desk = queue_at_bid()
    desk.at(60).trade(2000.0, 3, is_buyer_maker=True)
    desk.at(61).trade(2000.0, 50, is_buyer_maker=False)  # a buyer's trade takes asks, not our queue
    assert ahead(desk) == e8(2)
    assert desk.reports == []
    desk.at(62).trade(2000.0, 2.4, is_buyer_maker=True)
    fill = desk.reports[0]
    assert fill.is_maker
    assert fill.fee_quote_e8 == e8(0.4) * e8(2000) * 20_000 // 10**16
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 0.4, 2000.0)]
    desk.at(63).trade(2000.0, 2.4, is_buyer_maker=True)
    assert desk.said() == [line("entry", FILLED, 0.6, 2000.0)]


def test_a_trade_through_the_price_fills_at_our_price_by_its_own_quantity() -> None:
    desk = queue_at_bid()
    desk.at(60).trade(1999.9, 0.3, is_buyer_maker=True)
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 0.3, 2000.0)]
    assert ahead(desk) == 0
    desk.at(61).trade(1999.9, 5, is_buyer_maker=True)
    assert desk.said() == [line("entry", FILLED, 0.7, 2000.0)]


def test_sell_side_is_the_mirror() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 2)
    desk.maker(SELL, 1, 2000.1)
    desk.at(60).trade(2000.1, 2.5, is_buyer_maker=False)
    assert desk.said() == [line("entry", OPEN), line("entry", PARTIALLY_FILLED, 0.5, 2000.1)]
    desk.at(61).trade(2000.2, 0.1, is_buyer_maker=False)
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 0.1, 2000.1)]


def test_a_decrease_without_trades_is_cancellation_spread_over_the_level() -> None:
    desk = queue_at_bid(ahead=4)
    desk.at(100).quote(2000.0, 8, 2000.1, 5)  # 4 more join behind us
    assert ahead(desk) == e8(4)
    desk.at(1_000).quote(2000.0, 6, 2000.1, 5)  # 2 of 8 leave: half of them were ahead
    assert ahead(desk) == e8(3)
    desk.at(2_000).quote(2000.0, 1, 2000.1, 5)  # 5 of 6 leave: 2.5 of the 3 ahead
    assert ahead(desk) == e8(0.5)
    desk.at(3_000).quote(1999.9, 7, 2000.1, 5)  # the level is gone: we are alone
    assert ahead(desk) == 0


def test_a_decrease_that_trades_explain_counts_once_in_either_order() -> None:
    for trade_first in (True, False):
        desk = queue_at_bid(ahead=4)
        desk.at(100).quote(2000.0, 10, 2000.1, 5)  # 6 behind us
        if trade_first:
            desk.at(110).trade(2000.0, 3, is_buyer_maker=True)
            desk.at(120).quote(2000.0, 7, 2000.1, 5)
        else:
            desk.at(110).quote(2000.0, 7, 2000.1, 5)
            assert ahead(desk) == e8(4) - e8(1.2)
            desk.at(120).trade(2000.0, 3, is_buyer_maker=True)
        assert ahead(desk) == e8(1), f"trade_first={trade_first}"


def test_messages_far_apart_are_not_matched() -> None:
    queue = QueuePosition(e8(10))
    queue.on_level(e8(6), 1_000 * MS)
    assert queue.ahead_e8 == e8(6)
    assert queue.on_trade_at(e8(3), 1_000 * MS + MATCH_WINDOW_NS + 1) == 0
    assert queue.ahead_e8 == e8(3)


def test_an_order_behind_the_best_is_moved_by_the_book() -> None:
    desk = Desk()
    desk.book([(2000.0, 5), (1999.0, 8)], [(2000.1, 5)])
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.maker(BUY, 1, 1999.0)
    desk.at(50)
    assert ahead(desk) == e8(8)
    desk.at(1_000).depth([(1999.0, 6)], [])
    assert ahead(desk) == e8(6)
    desk.at(1_010).quote(1999.0, 4, 2000.1, 5)  # now the best: the quote speaks
    assert ahead(desk) == e8(4)


def test_an_unknown_level_fills_only_after_it_was_seen_or_passed() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.maker(BUY, 1, 1999.0)  # no book: what stands at 1999 cannot be seen
    desk.at(60).trade(1999.0, 100, is_buyer_maker=True)
    assert desk.said() == [line("entry", OPEN)]
    desk.at(70).quote(1999.0, 3, 2000.1, 5)
    desk.at(80).trade(1999.0, 3.5, is_buyer_maker=True)
    assert desk.said() == [line("entry", PARTIALLY_FILLED, 0.5, 1999.0)]


def test_inside_the_spread_nobody_is_ahead() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.5, 5)
    desk.maker(BUY, 1, 2000.2)
    desk.at(60).trade(2000.2, 0.25, is_buyer_maker=True)
    assert desk.said()[-1] == line("entry", PARTIALLY_FILLED, 0.25, 2000.2)


def test_one_trade_fills_by_price_then_time_and_only_once() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.5, 5)
    low = desk.maker(BUY, 1, 2000.1)
    first = desk.maker(BUY, 1, 2000.2)
    second = desk.maker(BUY, 1, 2000.2)
    desk.at(50)
    desk.reports.clear()
    desk.at(60).trade(2000.0, 2.5, is_buyer_maker=True)
    assert [(report.client_order_id, report.last_quantity_e8) for report in desk.reports] == [
        (first.client_order_id, e8(1)),
        (second.client_order_id, e8(1)),
        (low.client_order_id, e8(0.5)),
    ]


def test_a_maker_without_a_quote_waits_for_one() -> None:
    desk = Desk()
    desk.maker(BUY, 1, 2000.0)
    desk.at(50)
    assert desk.reports[0].reason == "waiting_for_quote"
    desk.at(60).quote(2000.0, 2, 2000.1, 5)
    desk.at(70).trade(2000.0, 2.5, is_buyer_maker=True)
    assert desk.said()[-1] == line("entry", PARTIALLY_FILLED, 0.5, 2000.0)


STEPS = st.lists(st.tuples(st.sampled_from(["trade", "level"]), st.integers(0, 20), st.integers(0, 400)), max_size=60)


@given(st.integers(0, 20), STEPS)
def test_the_estimate_never_claims_more_than_could_be(shown: int, steps: list[tuple[str, int, int]]) -> None:
    """Ahead stays within [0, shown when a level was seen]; what reaches us never exceeds what was traded."""
    queue = QueuePosition(shown)
    time_ns = 10**9
    for kind, quantity, wait_ms in steps:
        time_ns += wait_ms * MS
        before = queue.ahead_e8
        if kind == "trade":
            reached = queue.on_trade_at(quantity, time_ns)
            assert 0 <= reached <= quantity
            assert queue.ahead_e8 <= before
            assert reached == 0 or queue.ahead_e8 == 0
        else:
            queue.on_level(quantity, time_ns)
            assert queue.ahead_e8 <= min(before, quantity)
        assert queue.ahead_e8 >= 0
        assert queue.credited_e8 >= 0
        assert queue.vanished_e8 >= 0


@given(st.integers(0, 10), st.lists(st.integers(0, 10), max_size=20), st.lists(st.booleans(), max_size=20))
def test_pure_trading_is_exact_in_either_message_order(behind: int, sizes: list[int], orders: list[bool]) -> None:
    """With trades alone, each told twice (trade and level, in any order), we fill exactly when the front is gone."""
    front = 17
    queue = QueuePosition(front)
    queue.on_level(front + behind, 10**9)
    level, traded, filled = front + behind, 0, 0
    time_ns = 10**9
    for index, wanted in enumerate(sizes):
        size = min(wanted, level)
        level -= size
        traded += size
        time_ns += 1_000 * MS
        if index < len(orders) and orders[index]:
            queue.on_level(level, time_ns)
            filled += queue.on_trade_at(size, time_ns + 50 * MS)
        else:
            filled += queue.on_trade_at(size, time_ns)
            queue.on_level(level, time_ns + 50 * MS)
        # Shares are rounded down, so a level seen first may cost one unit of patience.
        assert 0 <= max(0, traded - front) - filled <= len(sizes)
