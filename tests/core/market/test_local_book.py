"""The documented book procedure of both markets, step by step."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.events import BookSnapshot, Depth
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.market import local_book
from supreme_system_v5.core.market.local_book import APPLIED, BUFFERED, GAP, STALE, LocalBook

TICK = 1_000_000
BID, ASK = 100 * 10**8, 101 * 10**8


def spot_diff(first: int, final: int, quantity: int = 5) -> Depth:
    return Depth(1, 1, first, final, -1, [BID, quantity], [])


def usdm_diff(first: int, final: int, previous: int, quantity: int = 5) -> Depth:
    return Depth(1, 1, first, final, previous, [BID, quantity], [])


def snapshot(last: int, quantity: int = 1) -> BookSnapshot:
    return BookSnapshot(1, last, [BID, quantity], [ASK, 1])


def spot_book() -> LocalBook:
    book = LocalBook(SPOT, TICK)
    assert book.on_depth(spot_diff(90, 100)) == BUFFERED
    assert book.on_snapshot(snapshot(100)) == BUFFERED
    assert book.on_depth(spot_diff(101, 110)) == APPLIED
    return book


def usdm_book() -> LocalBook:
    book = LocalBook(USDM, TICK)
    assert book.on_depth(usdm_diff(90, 105, 80)) == BUFFERED
    assert book.on_snapshot(snapshot(100)) == APPLIED
    assert book.last_update_id == 105
    return book


@pytest.mark.parametrize(
    ("first", "final", "result"),
    [
        (90, 100, BUFFERED),  # u <= lastUpdateId: dropped, the book waits
        (90, 101, APPLIED),
        (101, 101, APPLIED),  # U = lastUpdateId + 1, as recorded
        (101, 120, APPLIED),
        (102, 120, GAP),  # lastUpdateId < first U - 1: the snapshot is too old
    ],
)
def test_spot_first_diff(first: int, final: int, result: int) -> None:
    book = LocalBook(SPOT, TICK)
    assert book.on_depth(spot_diff(first, final)) == BUFFERED
    assert book.on_snapshot(snapshot(100)) == result
    assert book.is_synced == (result == APPLIED)
    assert book.book.best_bid_e8() == (0 if result == GAP else BID)


@pytest.mark.parametrize(
    ("first", "final", "previous", "result"),
    [
        (90, 99, 80, BUFFERED),  # u < lastUpdateId: dropped
        (90, 100, 80, APPLIED),  # U <= lastUpdateId <= u
        (100, 120, 80, APPLIED),
        (101, 120, 100, APPLIED),  # follows the snapshot exactly
        (101, 120, 99, GAP),
        (102, 120, 101, GAP),
    ],
)
def test_usdm_first_diff(first: int, final: int, previous: int, result: int) -> None:
    book = LocalBook(USDM, TICK)
    assert book.on_depth(usdm_diff(first, final, previous)) == BUFFERED
    assert book.on_snapshot(snapshot(100)) == result
    assert book.is_synced == (result == APPLIED)


def test_the_snapshot_can_be_used_while_it_waits_for_a_diff() -> None:
    book = LocalBook(SPOT, TICK)
    assert book.on_snapshot(snapshot(100)) == BUFFERED
    assert not book.is_synced
    assert (book.book.best_bid_e8(), book.book.best_ask_e8()) == (BID, ASK)
    assert book.on_depth(spot_diff(95, 99)) == STALE
    assert book.on_depth(spot_diff(101, 102)) == APPLIED
    assert book.is_synced


def test_diffs_change_the_book_and_zero_removes() -> None:
    book = spot_book()
    assert book.book.best_bid_quantity_e8() == 5
    assert book.on_depth(Depth(1, 1, 111, 112, -1, [BID, 0, BID - TICK, 9], [])) == APPLIED
    assert (book.book.best_bid_e8(), book.book.best_bid_quantity_e8()) == (BID - TICK, 9)


@pytest.mark.parametrize(
    ("first", "final", "result"), [(111, 120, APPLIED), (105, 120, APPLIED), (101, 110, STALE), (112, 120, GAP)]
)
def test_spot_order(first: int, final: int, result: int) -> None:
    book = spot_book()
    assert book.on_depth(spot_diff(first, final, 7)) == result
    assert (book.is_synced, book.gaps) == (result != GAP, int(result == GAP))


@pytest.mark.parametrize(
    ("final", "previous", "result"),
    [(120, 105, APPLIED), (105, 80, STALE), (103, 90, STALE), (120, 106, GAP), (120, 104, GAP)],
)
def test_usdm_order(final: int, previous: int, result: int) -> None:
    book = usdm_book()
    assert book.on_depth(usdm_diff(previous + 1, final, previous, 7)) == result
    assert (book.is_synced, book.gaps) == (result != GAP, int(result == GAP))


def test_a_duplicate_changes_nothing() -> None:
    book = usdm_book()
    book.on_depth(usdm_diff(106, 110, 105, 7))
    assert book.on_depth(usdm_diff(106, 110, 105, 999)) == STALE
    assert book.book.best_bid_quantity_e8() == 7
    assert book.on_depth(usdm_diff(111, 115, 110)) == APPLIED


def test_recovery_after_a_gap_uses_the_diffs_that_came_meanwhile() -> None:
    book = spot_book()
    assert book.on_depth(spot_diff(115, 120, 8)) == GAP
    assert book.book.best_bid_e8() == 0
    assert book.on_depth(spot_diff(121, 125, 9)) == BUFFERED
    assert book.on_snapshot(snapshot(113)) == GAP  # still before the first waiting diff
    assert book.on_snapshot(snapshot(118)) == APPLIED
    assert (book.last_update_id, book.book.best_bid_quantity_e8()) == (125, 9)
    assert book.is_synced


def test_a_gap_inside_the_waiting_diffs_is_found() -> None:
    book = LocalBook(USDM, TICK)
    for event in (usdm_diff(90, 105, 80), usdm_diff(110, 115, 109), usdm_diff(116, 120, 115, 9)):
        book.on_depth(event)
    assert book.on_snapshot(snapshot(100)) == GAP
    assert book.on_snapshot(snapshot(112)) == APPLIED
    assert (book.last_update_id, book.book.best_bid_quantity_e8()) == (120, 9)


def test_a_snapshot_while_in_step() -> None:
    book = spot_book()
    assert book.on_snapshot(snapshot(110, 77)) == STALE
    assert book.book.best_bid_quantity_e8() == 5
    assert book.on_snapshot(snapshot(130, 77)) == APPLIED
    assert book.is_synced
    assert book.on_depth(spot_diff(111, 125)) == STALE
    assert book.book.best_bid_quantity_e8() == 77
    assert book.on_depth(spot_diff(126, 135, 6)) == APPLIED
    assert book.gaps == 0


def test_reset_buffers_anew() -> None:
    book = spot_book()
    book.reset()
    assert (book.is_synced, book.book.best_bid_e8()) == (False, 0)
    assert book.on_depth(spot_diff(500, 510)) == BUFFERED
    assert book.on_snapshot(snapshot(505)) == APPLIED


def test_the_buffer_is_bounded_and_a_snapshot_older_than_it_is_a_gap() -> None:
    book = LocalBook(SPOT, TICK)
    count = local_book.BUFFERED_EVENTS_MAX * 2
    for index in range(count):
        assert book.on_depth(spot_diff(index + 1, index + 1, index + 1)) == BUFFERED
    assert book.on_snapshot(snapshot(3)) == GAP
    assert book.on_snapshot(snapshot(count - 10)) == APPLIED
    assert book.last_update_id == count
    assert book.book.best_bid_quantity_e8() == count
