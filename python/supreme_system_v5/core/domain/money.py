"""Exact money: every price, quantity, fee and balance is an integer count of 1e-8 units (``_e8``).

Python integers do not overflow, so a product of two ``_e8`` numbers is exact before it is scaled back.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from typing import Final

E8: Final = 100_000_000
_E8_DECIMAL: Final = Decimal(E8)
# Wide enough for any amount; what it cannot hold exactly it refuses (the default context rounds at 28 digits).
_EXACT: Final = Context(prec=50, Emax=50, traps=[InvalidOperation, Overflow, Inexact])


def parse_e8(text: str) -> int:
    """Decimal text to 1e-8 units, exactly.

    Raises ValueError for anything that is not a finite decimal number with at most 8 places (and 50 digits).
    """
    try:
        scaled = _EXACT.multiply(Decimal(text), _E8_DECIMAL)
        whole = int(scaled)
    except (DecimalException, OverflowError, ValueError):
        raise ValueError(f"not a finite decimal number in range: {text!r}") from None
    if scaled != whole:
        raise ValueError(f"more than 8 decimal places: {text!r}")
    return whole


def format_e8(value_e8: int, places: int = 8) -> str:
    """1e-8 units as decimal text with exactly ``places`` decimals, rounded half away from zero."""
    unit = 10 ** (8 - places)
    magnitude = (abs(value_e8) + unit // 2) // unit
    scale = 10**places
    sign = "-" if value_e8 < 0 and magnitude > 0 else ""
    if places == 0:
        return f"{sign}{magnitude}"
    return f"{sign}{magnitude // scale}.{str(magnitude % scale).zfill(places)}"


def plain_e8(value_e8: int) -> str:
    """1e-8 units as the shortest exact decimal text ("0.5", "2371.25", "7")."""
    text = format_e8(value_e8, 8).rstrip("0")
    return text[:-1] if text.endswith(".") else text


def divide_half_even(numerator: int, denominator: int) -> int:
    """Integer division rounded half to even; denominator > 0."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def divide_up(numerator: int, denominator: int) -> int:
    """Integer division rounded up; denominator > 0. Used where rounding must not favour us."""
    return -((-numerator) // denominator)


def multiply_e8(a_e8: int, b_e8: int) -> int:
    """Product of two 1e-8 numbers in 1e-8 units, half to even (exact when the decimals sum to 8 or less)."""
    return divide_half_even(a_e8 * b_e8, E8)


def funding_amount_e8(position_e8: int, mark_e8: int, rate_e8: int) -> int:
    """What a signed position receives (negative: pays) at a funding time, rounded against us: - signed quantity x mark
    x rate. Longs pay a positive rate.
    """
    return (-position_e8 * mark_e8 * rate_e8) // (E8 * E8)
