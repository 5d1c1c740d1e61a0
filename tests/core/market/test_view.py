"""The shared view: what moves it and what must not."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.events import BookSnapshot, Depth, MarkPrice, Quote, Tick, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.market.local_book import APPLIED, BUFFERED, GAP, STALE
from supreme_system_v5.core.market.view import MarketView

E8 = 10**8


def new_view() -> MarketView:
    return MarketView(eth_usdt("spot"))


def quote(update_id: int, bid: int = 100 * E8, ask: int = 102 * E8, time_ns: int = 7) -> Quote:
    return Quote(time_ns, 0, update_id, bid, 3, ask, 4)


def test_nothing_is_known_at_first() -> None:
    view = new_view()
    assert (view.mid_e8(), view.quote_ns, view.trade_ns, view.mark_ns) == (0, 0, 0, 0)


def test_quote() -> None:
    view = new_view()
    assert view.apply(quote(5)) == APPLIED
    assert (view.bid_e8, view.bid_quantity_e8, view.ask_e8, view.ask_quantity_e8) == (100 * E8, 3, 102 * E8, 4)
    assert (view.quote_ns, view.quote_update_id, view.mid_e8()) == (7, 5, 101 * E8)


@pytest.mark.parametrize(
    "bad",
    [
        quote(4),  # older
        quote(5),  # the same again
        quote(6, 102 * E8, 102 * E8),  # locked
        quote(6, 103 * E8, 102 * E8),  # crossed
        quote(6, 0, 102 * E8),
        quote(6, -5, 102 * E8),
    ],
)
def test_quotes_that_must_not_move_the_price(bad: Quote) -> None:
    view = new_view()
    view.apply(quote(5))
    bad.time_ns = 99
    assert view.apply(bad) == STALE
    assert (view.bid_e8, view.ask_e8, view.quote_ns, view.quote_update_id) == (100 * E8, 102 * E8, 7, 5)


def test_trades_move_the_last_price_once_each() -> None:
    view = new_view()
    assert view.apply(Trade(8, 1, 1, 10, 50 * E8, 1, False)) == APPLIED
    for trade_id in (10, 9):
        assert view.apply(Trade(9, 1, 1, trade_id, 1, 1, False)) == STALE
    assert (view.last_trade_e8, view.trade_ns) == (50 * E8, 8)


def test_mark_price() -> None:
    view = new_view()
    view.apply(quote(1))
    assert view.apply(MarkPrice(8, 2000, 99 * E8, 98 * E8, -5, 777)) == APPLIED
    assert view.apply(MarkPrice(9, 1000, 1, 1, 1, 1)) == STALE
    assert (view.mark_e8, view.funding_rate_e8, view.next_funding_ms, view.mark_ns) == (99 * E8, -5, 777, 8)


def test_depth_goes_to_the_book_and_gaps_are_told() -> None:
    view = new_view()
    assert view.apply(Depth(1, 1, 1, 10, -1, [99 * E8, 1], [])) == BUFFERED
    assert view.apply(BookSnapshot(2, 5, [98 * E8, 1], [101 * E8, 2])) == APPLIED
    assert view.local_book.book.best_bid_e8() == 99 * E8
    assert view.apply(Depth(3, 1, 50, 60, -1, [], [])) == GAP


def test_a_fresh_snapshot_is_a_quote_and_an_old_one_is_not() -> None:
    view = new_view()
    view.apply(quote(50))
    view.apply(BookSnapshot(8, 40, [90 * E8, 1], [91 * E8, 2]))
    assert (view.bid_e8, view.quote_ns) == (100 * E8, 7)
    view.apply(BookSnapshot(9, 60, [95 * E8, 1], [96 * E8, 2]))
    assert (view.bid_e8, view.bid_quantity_e8, view.ask_e8, view.ask_quantity_e8) == (95 * E8, 1, 96 * E8, 2)
    assert (view.quote_ns, view.quote_update_id) == (9, 60)
    assert view.apply(quote(55)) == STALE
    assert view.apply(quote(61)) == APPLIED


def test_an_empty_or_crossed_snapshot_is_no_quote() -> None:
    view = new_view()
    view.apply(quote(50))
    view.apply(BookSnapshot(8, 60, [], [91 * E8, 2]))
    view.apply(BookSnapshot(9, 70, [92 * E8, 1], [91 * E8, 2]))
    assert (view.bid_e8, view.ask_e8, view.quote_ns) == (100 * E8, 102 * E8, 7)


def test_reset_accepts_a_new_count_and_keeps_the_prices() -> None:
    view = new_view()
    view.apply(quote(50))
    view.apply(Trade(8, 1, 1, 10, 50 * E8, 1, False))
    view.reset()
    assert (view.bid_e8, view.last_trade_e8) == (100 * E8, 50 * E8)
    assert view.apply(quote(3)) == APPLIED
    assert view.apply(Trade(9, 1, 1, 2, 51 * E8, 1, False)) == APPLIED
    assert not view.local_book.is_synced


def test_other_events_are_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        new_view().apply(Tick(1))
