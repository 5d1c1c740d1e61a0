"""What a fill does inside the venue: the fee, the position, and the protection that follows the position.

While a position is open, stop and target rest with exactly its quantity (rounded down to the step): each fill of
an entry places or grows them, each exit shrinks them, and when nothing is left they are cancelled in the same
instant.

Dust counts as flat, at once: when a fill that reduces leaves less than the venue would let us close (minimum
quantity, on spot the minimum notional too), the position is 0 and whatever would have closed the rest ends. The
books apply the same rule to the same fill (``Ledger.with_dust``).
"""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.order import (
    CANCELED,
    FILLED,
    PARTIALLY_FILLED,
    ROLE_STOP,
    ROLE_TARGET,
    SELL,
    STOP_MARKET,
    TAKE_PROFIT_MARKET,
)
from supreme_system_v5.core.matching.book_order import BookOrder, Party
from supreme_system_v5.core.matching.fees import fill_fee
from supreme_system_v5.core.matching.working import WorkingOrder, protective_order


class Booking(Party):
    """Position and protection of one account at the venue. ``position_e8`` is signed, in 1e-8 of the base asset.

    Fills are reported into ``reports``, which the venue sets to the list of what it has to say.
    """

    def __init__(self, instrument: Instrument, taker_fee_e8: int, maker_fee_e8: int) -> None:
        self.instrument = instrument
        self.is_spot = instrument.is_spot
        self.taker_fee_e8 = taker_fee_e8
        self.maker_fee_e8 = maker_fee_e8
        self.position_e8: i64 = 0
        self.reports: list[ExecutionReport] = []
        self.protection: list[WorkingOrder] = []  # the open ones of stop and target, the stop first

    def reducible_e8(self, side: i64) -> i64:
        """The quantity an order of ``side`` may close."""
        return self.instrument.quantity_down(max(0, int(-side * self.position_e8)))

    def allowed_e8(self, order: BookOrder, price_e8: i64) -> i64:  # noqa: ARG002 - the same at any price
        """How much of an order may still fill: reduce-only orders, and every spot sell, never exceed the position."""
        assert isinstance(order, WorkingOrder)
        if order.is_reduce_only or (self.is_spot and order.side == SELL):
            return min(order.remaining_e8, self.reducible_e8(order.side))
        return order.remaining_e8

    def fill(self, order: BookOrder, quantity_e8: i64, price_e8: i64, is_maker: bool, time_ns: i64) -> None:
        """Book one fill: its report, then what it does to the protection."""
        assert isinstance(order, WorkingOrder)
        reports = self.reports
        rate_e8 = self.maker_fee_e8 if is_maker else self.taker_fee_e8
        fee_quote_e8, fee_base_e8 = fill_fee(int(order.side), int(quantity_e8), int(price_e8), rate_e8, self.is_spot)
        order.filled_e8 += quantity_e8
        order.fills += 1
        order.is_done = order.remaining_e8 == 0
        is_reducing = order.side * self.position_e8 < 0
        self.position_e8 += order.side * quantity_e8 - fee_base_e8
        if is_reducing and self.position_e8 != 0:
            if self.instrument.is_dust(int(self.position_e8), int(price_e8)):
                self.position_e8 = 0
        report = ExecutionReport(
            time_ns,
            order.client_order_id,
            FILLED if order.is_done else PARTIALLY_FILLED,
            quantity_e8,
            price_e8,
            fee_quote_e8,
            fee_base_e8,
            is_maker,
            f"{order.execution_prefix}-{int(order.fills)}",
            order.reason,
        )
        reports.append(report)
        if order.stop_order_id != "" or order.target_order_id != "":
            self._protect(order, time_ns, reports)
        self.resize_protection(time_ns, reports)
        report.protected_quantity_e8 = self.protected_e8()

    def _protect(self, entry: WorkingOrder, time_ns: i64, reports: list[ExecutionReport]) -> None:
        """Place an entry's stop and target with its first fill."""
        if entry.was_protected or self.reducible_e8(-entry.side) == 0:
            return
        entry.was_protected = True
        pair: list[WorkingOrder] = []
        if entry.stop_order_id != "":
            pair.append(
                protective_order(entry, entry.stop_order_id, ROLE_STOP, STOP_MARKET, entry.stop_trigger_e8, time_ns)
            )
        if entry.target_order_id != "":
            pair.append(
                protective_order(
                    entry, entry.target_order_id, ROLE_TARGET, TAKE_PROFIT_MARKET, entry.target_trigger_e8, time_ns
                )
            )
        self.replace_protection(pair, "replaced", time_ns, reports)

    def replace_protection(
        self, pair: list[WorkingOrder], reason: str, time_ns: i64, reports: list[ExecutionReport]
    ) -> None:
        """Put these (stop first) in the place of what rests now; an id that stays is not reported as cancelled."""
        for old in self.protection:
            stays = False
            for new in pair:
                if new.client_order_id == old.client_order_id:
                    # The same order goes on: its fills and their numbering are kept.
                    new.filled_e8 = old.filled_e8
                    new.fills = old.fills
                    new.execution_prefix = old.execution_prefix
                    stays = True
            if not stays:
                old.is_done = True
                reports.append(old.report(time_ns, CANCELED, reason))
        self.protection = pair
        for order in pair:
            order.quantity_e8 = order.filled_e8 + self.reducible_e8(order.side)

    def resize_protection(self, time_ns: i64, reports: list[ExecutionReport]) -> None:
        """Size stop and target to the position; what has nothing left to protect is cancelled."""
        if not self.protection:
            return
        kept: list[WorkingOrder] = []
        is_one_filled = False
        for order in self.protection:
            if order.is_done:
                is_one_filled = True
                continue
            order.quantity_e8 = order.filled_e8 + self.reducible_e8(order.side)
            kept.append(order)
        self.protection = kept
        if kept and (is_one_filled or kept[0].remaining_e8 == 0):
            self.cancel_protection("position_closed", time_ns, reports)

    def cancel_protection(self, reason: str, time_ns: i64, reports: list[ExecutionReport]) -> None:
        """Cancel what is left of stop and target."""
        for order in self.protection:
            order.is_done = True
            reports.append(order.report(time_ns, CANCELED, reason))
        self.protection = []

    def protected_e8(self) -> i64:
        """The quantity stop and target rest with; 0 when nothing is protected."""
        return self.protection[0].remaining_e8 if self.protection else 0
