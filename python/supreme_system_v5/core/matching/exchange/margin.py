"""Margin of one USD-M symbol: leverage brackets, initial and maintenance margin, liquidation and bankruptcy price.

Formulas as the venue publishes them for isolated margin: maintenance = notional x rate - amount, where the amount makes
the rate progressive; a position is liquidated when its margin balance is not above its maintenance margin.
All amounts in 1e-8 units, every division rounded against the client.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from supreme_system_v5.core.domain.money import E8, divide_up


class Bracket(NamedTuple):
    """One tier: notional from ``floor_e8`` up to ``cap_e8``, at most ``leverage``; ``amount_e8`` is `cum`."""

    number: int
    leverage: int
    floor_e8: int
    cap_e8: int
    rate_e8: int
    amount_e8: int


def brackets(rows: tuple[tuple[int, int, int], ...]) -> tuple[Bracket, ...]:
    """From (cap in USDT, highest leverage, maintenance rate in 1e-8), smallest first; floors and amounts follow."""
    made: list[Bracket] = []
    floor_e8 = amount_e8 = rate_before_e8 = 0
    for number, (cap, leverage, rate_e8) in enumerate(rows, 1):
        amount_e8 += floor_e8 * (rate_e8 - rate_before_e8) // E8
        made.append(Bracket(number, leverage, floor_e8, cap * E8, rate_e8, amount_e8))
        floor_e8, rate_before_e8 = cap * E8, rate_e8
    return tuple(made)


# ETHUSDT, as the venue had it in 2025; the venue changes them from time to time.
ETHUSDT_BRACKETS: Final = brackets(
    (
        (50_000, 125, 400_000),
        (600_000, 100, 500_000),
        (3_000_000, 75, 650_000),
        (12_000_000, 50, 1_000_000),
        (50_000_000, 25, 2_000_000),
        (65_000_000, 20, 2_500_000),
        (150_000_000, 10, 5_000_000),
        (320_000_000, 5, 10_000_000),
        (400_000_000, 4, 12_500_000),
        (530_000_000, 3, 15_000_000),
        (800_000_000, 2, 25_000_000),
        (1_200_000_000, 1, 50_000_000),
    )
)


def notional_e8(quantity_e8: int, price_e8: int) -> int:
    """Quantity x price in quote units; exact for whole ticks and steps, else rounded down."""
    return quantity_e8 * price_e8 // E8


def initial_e8(of_notional_e8: int, leverage: int) -> int:
    """Initial margin of a notional, rounded up."""
    return divide_up(of_notional_e8, leverage)


def max_notional_e8(table: tuple[Bracket, ...], leverage: int) -> int:
    """The largest notional that may be held at this leverage; 0 when no bracket allows it."""
    return max((row.cap_e8 for row in table if row.leverage >= leverage), default=0)


def bracket_of(table: tuple[Bracket, ...], of_notional_e8: int) -> Bracket:
    """The tier a notional falls into (the last one has no upper end)."""
    for row in table:
        if of_notional_e8 <= row.cap_e8:
            return row
    return table[-1]


def maintenance_e8(table: tuple[Bracket, ...], of_notional_e8: int) -> int:
    """Maintenance margin of a notional, rounded up."""
    row = bracket_of(table, of_notional_e8)
    return max(0, divide_up(of_notional_e8 * row.rate_e8, E8) - row.amount_e8)


def liquidation_price_e8(table: tuple[Bracket, ...], position_e8: int, cost_e8: int, isolated_e8: int) -> int:
    """The mark price at which an isolated position is liquidated; 0 when none is reached.

    From isolated + position x price - cost = |position| x price x rate - amount, solved tier by tier; ``cost_e8`` is
    signed like the position.
    """
    size_e8 = abs(position_e8)
    if size_e8 == 0:
        return 0
    for row in table:
        slope = position_e8 * E8 - size_e8 * row.rate_e8  # in 1e-16 of the base asset
        missing_e8 = cost_e8 - isolated_e8 - row.amount_e8
        if missing_e8 * slope <= 0:
            continue
        price_e8 = missing_e8 * E8 * E8 // slope
        if row is table[-1] or notional_e8(size_e8, price_e8) <= row.cap_e8:
            return price_e8
    return 0


def bankruptcy_price_e8(position_e8: int, cost_e8: int, isolated_e8: int, fee_rate_e8: int, tick_e8: int) -> int:
    """The price at which closing eats the isolated margin up, fee included; rounded to the tick that leaves no debt.

    0 when a long cannot go bankrupt.
    """
    size_e8 = abs(position_e8)
    if position_e8 > 0:
        lowest = (cost_e8 - isolated_e8) * E8 * E8
        if lowest <= 0:
            return 0
        price_e8 = divide_up(lowest, size_e8 * (E8 - fee_rate_e8))
        return price_e8 + (-price_e8) % tick_e8
    price_e8 = (-cost_e8 + isolated_e8) * E8 * E8 // (size_e8 * (E8 + fee_rate_e8))
    return max(tick_e8, price_e8 - price_e8 % tick_e8)
