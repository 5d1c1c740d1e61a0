"""One USD-M position in one-way mode and its exact cost: what a fill opens, closes, realises and releases."""

from __future__ import annotations

from typing import Final, NamedTuple

from supreme_system_v5.core.domain.money import E8, divide_half_even
from supreme_system_v5.core.matching.exchange.margin import initial_e8, notional_e8

_FIELDS: Final = (
    "quantity_e8",
    "cost_e8",
    "isolated_e8",
    "realized_e8",
    "burden_e8",
    "updated_ns",
    "is_warned",
)


class Booked(NamedTuple):
    """What a fill did: the part that closed, its result, and what the isolated margin changed by, before the fee."""

    closed_e8: int
    realized_e8: int
    margin_e8: int


class Position:
    """Signed quantity and signed cost (a short's is negative), 1e-8. The cost is exact, the entry price its quotient.

    ``isolated_e8`` is the isolated wallet: initial margin moved in, less fees and funding, plus what was added by hand.
    """

    def __init__(self) -> None:
        self.quantity_e8 = 0
        self.cost_e8 = 0
        self.isolated_e8 = 0
        self.realized_e8 = 0  # before fees, ever since
        self.burden_e8 = 0  # fees paid and funding paid since it was opened, less what was realised: for break-even
        self.updated_ns = 0
        self.is_warned = False  # a margin call was sent and the ratio has not recovered

    @property
    def entry_price_e8(self) -> int:
        """0 when flat; rounded half to even."""
        return divide_half_even(self.cost_e8 * E8, self.quantity_e8) if self.quantity_e8 > 0 else self._short_entry_e8()

    def _short_entry_e8(self) -> int:
        return divide_half_even(self.cost_e8 * -E8, -self.quantity_e8) if self.quantity_e8 < 0 else 0

    @property
    def break_even_e8(self) -> int:
        """The price at which closing would leave neither win nor loss (fee of the closing itself left out)."""
        if self.quantity_e8 == 0:
            return 0
        sign = 1 if self.quantity_e8 > 0 else -1
        return divide_half_even((self.cost_e8 + self.burden_e8) * sign * E8, abs(self.quantity_e8))

    def unrealized_e8(self, mark_e8: int) -> int:
        """Result at a price; exact for whole ticks and steps, else rounded down."""
        return self.quantity_e8 * mark_e8 // E8 - self.cost_e8

    def notional_e8(self, mark_e8: int) -> int:
        """Unsigned."""
        return notional_e8(abs(self.quantity_e8), mark_e8)

    def closable_e8(self, side: int) -> int:
        """How much an order of ``side`` can close."""
        return max(0, -side * self.quantity_e8)

    def book(self, side: int, quantity_e8: int, price_e8: int, leverage: int) -> Booked:
        """Take a fill in. The closing part realises its share of the cost and releases its share of the margin;
        the opening part brings its own initial margin.
        """
        closed_e8 = min(quantity_e8, self.closable_e8(side))
        realized_e8 = margin_e8 = 0
        if closed_e8:
            share_e8 = divide_half_even(abs(self.cost_e8) * closed_e8, abs(self.quantity_e8))
            proceeds_e8 = notional_e8(closed_e8, price_e8)
            realized_e8 = -side * (proceeds_e8 - share_e8)
            margin_e8 = -(self.isolated_e8 * closed_e8 // abs(self.quantity_e8))
            self.cost_e8 += side * share_e8
            self.quantity_e8 += side * closed_e8
            self.burden_e8 -= realized_e8
            self.realized_e8 += realized_e8
            if self.quantity_e8 == 0:
                self.cost_e8 = self.burden_e8 = 0
                margin_e8 = -self.isolated_e8
        opened_e8 = quantity_e8 - closed_e8
        if opened_e8:
            before_e8 = initial_e8(abs(self.cost_e8), leverage)
            self.cost_e8 += side * notional_e8(opened_e8, price_e8)
            self.quantity_e8 += side * opened_e8
            margin_e8 += initial_e8(abs(self.cost_e8), leverage) - before_e8
        self.isolated_e8 += margin_e8
        return Booked(closed_e8, realized_e8, margin_e8)

    def charge(self, amount_e8: int) -> None:
        """A fee or funding (negative = received) goes from the isolated margin, while there is a position."""
        if self.quantity_e8 != 0:
            self.isolated_e8 -= amount_e8
            self.burden_e8 += amount_e8

    def save(self) -> list[object]:
        return [getattr(self, name) for name in _FIELDS]

    def restore(self, saved: list[object]) -> None:
        for name, value in zip(_FIELDS, saved, strict=True):
            setattr(self, name, value)
