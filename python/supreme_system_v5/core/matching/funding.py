"""Funding of a perpetual: who holds a position at the announced time pays or receives, once.

amount = - signed quantity x mark x rate      (positive = received; longs pay a positive rate)
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import FundingPayment, MarkPrice
from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.ports import NEVER_NS

_LAST_MS: Final = NEVER_NS // NS_PER_MS


def funding_amount_e8(position_e8: int, mark_e8: int, rate_e8: int) -> int:
    """What a signed position receives (negative: pays) in 1e-8 quote units, rounded against us."""
    return (-position_e8 * mark_e8 * rate_e8) // (E8 * E8)


def funding_payment(
    time_ns: int, funding_time_ms: int, position_e8: int, mark_e8: int, rate_e8: int
) -> FundingPayment | None:
    """The payment of one funding time, or None where there is nothing to settle (flat, or nothing known)."""
    if position_e8 == 0 or mark_e8 <= 0:
        return None
    amount_e8 = funding_amount_e8(position_e8, mark_e8, rate_e8)
    return FundingPayment(time_ns, funding_time_ms, amount_e8, rate_e8, mark_e8)


class FundingSchedule:
    """The announced funding time, its rate and the mark: settles each time once, at that time, never earlier.

    The rate and the mark that count are the last ones announced before the time. It is due on engine time.
    """

    def __init__(self, settled_ms: int = 0) -> None:
        self.settled_ms: i64 = settled_ms  # the last funding time that is done with, from the journal
        self.funding_time_ms: i64 = 0  # 0 = nothing announced
        self.rate_e8: i64 = 0
        self.mark_e8: i64 = 0

    def next_ns(self) -> i64:
        """Engine time at which something is due; NEVER_NS when nothing is announced."""
        return self.funding_time_ms * NS_PER_MS if self.funding_time_ms > 0 else NEVER_NS

    def on_mark(self, event: MarkPrice) -> None:
        """Note an announcement. Settle what is due (``next_ns() <= event.time_ns``) before this call."""
        announced_ms = event.next_funding_ms
        if announced_ms <= self.settled_ms or announced_ms > _LAST_MS or event.mark_e8 <= 0:
            return
        if self.funding_time_ms > 0 and announced_ms < self.funding_time_ms:
            return  # an old frame: an announcement never moves back
        self.funding_time_ms = announced_ms
        self.rate_e8 = event.funding_rate_e8
        self.mark_e8 = event.mark_e8

    def settle(self, time_ns: i64, position_e8: int) -> FundingPayment | None:
        """The payment that is due at ``time_ns``, stamped with its own time; afterwards it is never due again."""
        due_ns = self.next_ns()
        if time_ns < due_ns:
            return None
        funding_time_ms = self.funding_time_ms
        self.settled_ms = funding_time_ms
        self.funding_time_ms = 0
        return funding_payment(int(due_ns), int(funding_time_ms), position_e8, int(self.mark_e8), int(self.rate_e8))

    def state(self) -> list[int]:
        """Everything that determines the future, for the digest."""
        return [int(self.settled_ms), int(self.funding_time_ms), int(self.rate_e8), int(self.mark_e8)]
