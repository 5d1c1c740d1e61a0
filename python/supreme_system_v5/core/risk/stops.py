"""Where the stop and the target of a new position stand."""

from __future__ import annotations

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.domain.parameters import Parameters


def stop_and_target_e8(
    parameters: Parameters, instrument: Instrument, side: int, reference_e8: int, atr: float
) -> tuple[int, int]:
    """Stop and target trigger prices for an entry at a reference price, on the tick, the stop on its near side.

    STOP_MODE=pct: STOP_LOSS_PCT of the price; atr: ATR_STOP_MULT x ATR, at least one tick, at most the price's half.
    """
    if parameters.stop_mode == "atr" and atr > 0.0:
        distance_e8 = round(atr * parameters.atr_stop_mult * E8)
    else:
        distance_e8 = reference_e8 * round(parameters.stop_loss_pct * E8) // E8
    distance_e8 = min(max(distance_e8, 2 * instrument.tick_e8), reference_e8 // 2)
    gain_e8 = max(reference_e8 * round(parameters.take_profit_pct * E8) // E8, 2 * instrument.tick_e8)
    if side == BUY:
        return instrument.price_up(reference_e8 - distance_e8), instrument.price_up(reference_e8 + gain_e8)
    target_e8 = max(instrument.price_down(reference_e8 - gain_e8), instrument.tick_e8)
    return instrument.price_down(reference_e8 + distance_e8), target_e8
