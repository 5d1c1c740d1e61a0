"""Numbers as the USD-M venue writes them.

Prices and quantities have the symbol's precision, money eight decimals, averages "0.00" before a fill and five decimals
after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supreme_system_v5.core.domain.money import format_e8, plain_e8

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange


def money(value_e8: int) -> str:
    return format_e8(value_e8, 8)


def price(x: Exchange, price_e8: int) -> str:
    return format_e8(price_e8, x.usdm.rules.price_precision)


def quantity(x: Exchange, quantity_e8: int) -> str:
    return format_e8(quantity_e8, x.usdm.rules.quantity_precision)


def quote(x: Exchange, quote_e8: int) -> str:
    """A product of price and quantity, exact."""
    return format_e8(quote_e8, min(8, x.usdm.rules.price_precision + x.usdm.rules.quantity_precision))


def average(x: Exchange, price_e8: int) -> str:
    return format_e8(price_e8, 5) if price_e8 else price(x, 0)


def entry(price_e8: int) -> str:
    """Entry and break-even price."""
    return plain_e8(price_e8) if price_e8 else "0.0"


def is_number(text: str) -> bool:
    """True for the digits of a whole number that fits into 64 bits."""
    return text.isascii() and text.isdigit() and len(text) <= 19


def side_word(side: int) -> str:
    return "BUY" if side > 0 else "SELL"
