"""What a fill costs. Rates are 1e-8 fractions (50_000 = 0.05 %); every fee is rounded up to 1e-8 of its asset."""

from __future__ import annotations

from supreme_system_v5.core.domain.money import E8, divide_up
from supreme_system_v5.core.domain.order import BUY


def fill_fee(side: int, quantity_e8: int, price_e8: int, rate_e8: int, is_spot: bool) -> tuple[int, int]:
    """The fee of one fill as (quote, base), both in 1e-8 units; at most one of them is not 0.

    USD-M charges the quote asset. Spot charges what the side receives: a buy pays in the base asset, a sell in
    the quote asset. The product is taken exactly and rounded once, so the notional's own rounding costs nothing.
    """
    if is_spot and side == BUY:
        return 0, divide_up(quantity_e8 * rate_e8, E8)
    return divide_up(quantity_e8 * price_e8 * rate_e8, E8 * E8), 0
