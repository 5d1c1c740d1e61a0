"""The messages of the matching engine's refusals, and the words by which the user stream names them."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.matching.exchange.list_rules import BAD_PRICES
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_balances import INSUFFICIENT

WOULD_TRIGGER: Final = "Order would trigger immediately."
WOULD_MATCH: Final = "Order would immediately match and take."
UNKNOWN_ORDER: Final = "Unknown order sent."
DUPLICATE: Final = "Duplicate order sent."

_REASONS: Final = {
    INSUFFICIENT: "INSUFFICIENT_BALANCES",
    WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    WOULD_MATCH: "WOULD_MATCH_IMMEDIATELY",
    BAD_PRICES: "OCO_BAD_PRICES",
}


def reject_reason(refusal: Refusal) -> str:
    """`r` of an executionReport: the word for a refusal of the matching engine, its code where there is no word."""
    return _REASONS.get(refusal.message, str(refusal.code))
