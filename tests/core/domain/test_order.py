"""The order table and client order ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.order import (
    BUY,
    CANCELED,
    EXPIRED,
    FILLED,
    IOC,
    LIMIT,
    OPEN,
    ORDER_TRANSITIONS,
    PARTIALLY_FILLED,
    PENDING_CANCEL,
    PENDING_SUBMIT,
    REJECTED,
    TERMINAL_STATES,
    UNKNOWN,
    Order,
    client_order_id,
)

STATES = sorted(ORDER_TRANSITIONS)


def order() -> Order:
    return Order("s5-abcd-1", "entry", BUY, LIMIT, IOC, 10, 5, 0, False, 0, "")


def reach(start: str) -> set[str]:
    found = {start}
    todo = [start]
    while todo:
        for state in ORDER_TRANSITIONS[todo.pop()]:
            if state not in found:
                found.add(state)
                todo.append(state)
    return found


def test_the_table_is_closed() -> None:
    assert set(STATES) == {
        PENDING_SUBMIT, UNKNOWN, OPEN, PARTIALLY_FILLED, FILLED, PENDING_CANCEL, CANCELED, REJECTED, EXPIRED,
    }  # fmt: skip
    for state, following in ORDER_TRANSITIONS.items():
        assert following <= set(STATES)
        assert (not following) == (state in TERMINAL_STATES)
    assert reach(PENDING_SUBMIT) == set(STATES)


def test_every_live_state_can_end_in_each_way_the_venue_may_tell() -> None:
    for state in set(STATES) - TERMINAL_STATES:
        assert {FILLED, CANCELED, EXPIRED} <= ORDER_TRANSITIONS[state]


def test_what_has_traded_is_never_rejected_and_unknown_is_no_rejection() -> None:
    assert REJECTED not in ORDER_TRANSITIONS[PARTIALLY_FILLED]
    assert UNKNOWN not in TERMINAL_STATES
    assert {OPEN, FILLED, REJECTED} <= ORDER_TRANSITIONS[UNKNOWN]
    assert PENDING_SUBMIT not in set().union(*ORDER_TRANSITIONS.values())


@given(st.lists(st.sampled_from(STATES), max_size=12))
def test_walks_follow_the_table(walk: list[str]) -> None:
    one = order()
    for state in walk:
        before = one.state
        is_allowed = state in ORDER_TRANSITIONS[before] or (state == before and one.is_open)
        if is_allowed:
            one.move_to(state)
            assert one.state == state
        else:
            with pytest.raises(BooksError, match=f"{before} cannot become {state}"):
                one.move_to(state)
            assert one.state == before
        assert one.is_open == (one.state not in TERMINAL_STATES)


def test_remaining() -> None:
    one = order()
    one.filled_e8 = 4
    assert one.remaining_e8 == 6


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_client_order_ids_are_unique_and_fit_the_venue(a: int, b: int) -> None:
    name = client_order_id("00ff", a)
    assert len(name) <= 36
    assert re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", name)
    assert int(name.rsplit("-", 1)[1], 36) == a
    assert (client_order_id("00ff", b) == name) == (a == b)
