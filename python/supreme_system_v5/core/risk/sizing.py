"""How much: fraction of equity x confidence x volatility scaler, inside the caps, down to the step."""

from __future__ import annotations

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8


def volatility_scaler(median_atr_pct: float, atr_pct: float) -> float:
    """clamp(median ATR% / ATR% now, 0.25, 1): smaller when the market moves more than it usually does."""
    if not atr_pct > 0.0 or not median_atr_pct > 0.0:
        return 1.0
    return max(0.25, min(1.0, median_atr_pct / atr_pct))


def entry_quantity_e8(
    instrument: Instrument,
    equity_e8: int,
    price_e8: int,
    fraction: float,
    max_notional_e8: int,
) -> int:
    """The quantity for ``fraction`` of equity at a price, capped by a notional and rounded down to the step."""
    if equity_e8 <= 0 or price_e8 <= 0 or not fraction > 0.0:
        return 0
    notional_e8 = min(equity_e8 * round(fraction * E8) // E8, max_notional_e8)
    return instrument.quantity_down(max(0, notional_e8) * E8 // price_e8)
