"""Funding: sign, rounding, once per announced time."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.events import MarkPrice
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.matching.funding import FundingSchedule, funding_amount_e8, funding_payment
from tests.core.matching.kit import E8, MS, e8

EIGHT_HOURS_MS = 8 * 3_600_000


def mark(time_ms: int, rate_e8: int, next_ms: int, mark_e8: int = e8(2_000)) -> MarkPrice:
    return MarkPrice(time_ms * MS, time_ms, mark_e8, mark_e8, rate_e8, next_ms)


def test_longs_pay_a_positive_rate_and_shorts_receive_it() -> None:
    assert funding_amount_e8(e8(2), e8(2_000), 10_000) == -e8(0.4)  # 2 x 2000 x 0.01 %
    assert funding_amount_e8(-e8(2), e8(2_000), 10_000) == e8(0.4)
    assert funding_amount_e8(e8(2), e8(2_000), -10_000) == e8(0.4)
    assert funding_payment(1, 1, 0, e8(2_000), 10_000) is None


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**14), st.integers(-(10**6), 10**6))
def test_rounded_against_us_by_less_than_a_unit(position: int, mark_e8: int, rate: int) -> None:
    exact = Fraction(-position * mark_e8 * rate, E8 * E8)
    assert 0 <= exact - funding_amount_e8(position, mark_e8, rate) < 1


def test_settles_once_at_its_time_with_the_last_announcement() -> None:
    schedule = FundingSchedule()
    assert schedule.next_ns() == NEVER_NS
    schedule.on_mark(mark(1_000, 5_000, EIGHT_HOURS_MS))
    schedule.on_mark(mark(2_000, 10_000, EIGHT_HOURS_MS, e8(2_100)))
    assert schedule.next_ns() == EIGHT_HOURS_MS * MS
    schedule.on_mark(mark(3_000, 99_000, EIGHT_HOURS_MS - 1))  # announcements never move back
    assert schedule.settle(EIGHT_HOURS_MS * MS - 1, e8(1)) is None
    payment = schedule.settle(EIGHT_HOURS_MS * MS + 700 * MS, e8(1))
    assert payment is not None
    assert (payment.time_ns, payment.funding_time_ms) == (EIGHT_HOURS_MS * MS, EIGHT_HOURS_MS)
    assert (payment.amount_e8, payment.rate_e8, payment.mark_e8) == (-e8(0.21), 10_000, e8(2_100))
    assert schedule.settle(EIGHT_HOURS_MS * MS + 800 * MS, e8(1)) is None
    # A late frame that still announces the old time does not bring it back.
    schedule.on_mark(mark(EIGHT_HOURS_MS + 900, 10_000, EIGHT_HOURS_MS))
    assert schedule.next_ns() == NEVER_NS
    schedule.on_mark(mark(EIGHT_HOURS_MS + 1_000, 7_000, 2 * EIGHT_HOURS_MS))
    assert schedule.next_ns() == 2 * EIGHT_HOURS_MS * MS


def test_a_time_passed_flat_is_done_too() -> None:
    schedule = FundingSchedule()
    schedule.on_mark(mark(1_000, 5_000, EIGHT_HOURS_MS))
    assert schedule.settle(EIGHT_HOURS_MS * MS, 0) is None
    assert schedule.next_ns() == NEVER_NS


def test_what_the_journal_settled_is_not_settled_again() -> None:
    schedule = FundingSchedule(settled_ms=EIGHT_HOURS_MS)
    schedule.on_mark(mark(1_000, 5_000, EIGHT_HOURS_MS))
    assert schedule.next_ns() == NEVER_NS
