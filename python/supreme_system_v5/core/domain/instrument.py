"""What may be traded and in which steps; the one place where prices and quantities are rounded."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.domain.money import E8, format_e8, multiply_e8

SPOT: Final = "spot"
USDM: Final = "usdm"


class Instrument:
    """One symbol of one market with the venue's filters. Steps, prices and quantities in 1e-8 units."""

    def __init__(
        self,
        symbol: str,
        venue_symbol: str,
        market: str,
        base_asset: str,
        quote_asset: str,
        tick_e8: int,
        step_e8: int,
        min_quantity_e8: int,
        max_quantity_e8: int,
        min_notional_e8: int,
        min_price_e8: int,
        max_price_e8: int,
        market_max_quantity_e8: int,
        status: str,
    ) -> None:
        self.symbol = symbol  # ours, e.g. ETH-USDT
        self.venue_symbol = venue_symbol  # the venue's, e.g. ETHUSDT
        self.market = market
        self.base_asset = base_asset
        self.quote_asset = quote_asset
        self.tick_e8 = tick_e8
        self.step_e8 = step_e8
        self.min_quantity_e8 = min_quantity_e8
        self.max_quantity_e8 = max_quantity_e8
        self.min_notional_e8 = min_notional_e8
        self.min_price_e8 = min_price_e8
        self.max_price_e8 = max_price_e8
        self.market_max_quantity_e8 = market_max_quantity_e8
        self.status = status  # TRADING, CANCEL_ONLY, BREAK, ...

    @property
    def is_spot(self) -> bool:
        return self.market == SPOT

    def price_down(self, price_e8: int) -> int:
        """The tick at or below a price."""
        return price_e8 - price_e8 % self.tick_e8

    def price_up(self, price_e8: int) -> int:
        """The tick at or above a price."""
        return price_e8 + (-price_e8) % self.tick_e8

    def quantity_down(self, quantity_e8: int) -> int:
        """The step at or below a quantity: a size is never rounded up."""
        return quantity_e8 - quantity_e8 % self.step_e8

    def order_fault(self, quantity_e8: int, price_e8: int, is_market: bool, is_reduce_only: bool) -> str:
        """Why the venue would refuse this order ("" when it would not): the filter's name and the values.

        ``price_e8`` of a market order is the reference price for its notional. A reduce-only order is
        exempt from the minimum notional, as on USD-M.
        """
        if self.status != "TRADING":
            return f"SYMBOL_STATUS {self.status}"
        if price_e8 <= 0 or (not is_market and price_e8 % self.tick_e8 != 0):
            return f"PRICE_FILTER tick {format_e8(self.tick_e8)}"
        if not is_market and not (self.min_price_e8 <= price_e8 <= self.max_price_e8):
            return "PRICE_FILTER range"
        limit_e8 = self.market_max_quantity_e8 if is_market else self.max_quantity_e8
        if quantity_e8 <= 0 or quantity_e8 < self.min_quantity_e8 or quantity_e8 > limit_e8:
            return f"LOT_SIZE {format_e8(quantity_e8)} outside {format_e8(self.min_quantity_e8)}..{format_e8(limit_e8)}"
        if quantity_e8 % self.step_e8 != 0:
            return f"LOT_SIZE step {format_e8(self.step_e8)}"
        if is_reduce_only and not self.is_spot:
            return ""
        if multiply_e8(quantity_e8, price_e8) < self.min_notional_e8:
            return f"NOTIONAL below {format_e8(self.min_notional_e8, 2)}"
        return ""

    def is_dust(self, quantity_e8: int, price_e8: int) -> bool:
        """True when a remainder is too small for the venue to accept an order that closes it."""
        magnitude_e8 = self.quantity_down(abs(quantity_e8))
        if magnitude_e8 < self.min_quantity_e8:
            return True
        return self.is_spot and multiply_e8(magnitude_e8, price_e8) < self.min_notional_e8


def eth_usdt(market: str) -> Instrument:
    """ETH-USDT as the venue lists it (2026-11): the fixture for simulation and tests; live reads exchangeInfo."""
    is_spot = market == SPOT
    return Instrument(
        symbol="ETH-USDT",
        venue_symbol="ETHUSDT",
        market=market,
        base_asset="ETH",
        quote_asset="USDT",
        tick_e8=E8 // 100,
        step_e8=E8 // (10_000 if is_spot else 1_000),
        min_quantity_e8=E8 // (10_000 if is_spot else 1_000),
        max_quantity_e8=(9_000 if is_spot else 10_000) * E8,
        min_notional_e8=(5 if is_spot else 20) * E8,
        min_price_e8=E8 // 100 if is_spot else 3_986 * E8 // 100,
        max_price_e8=(1_000_000 if is_spot else 306_177) * E8,
        market_max_quantity_e8=(2_500 if is_spot else 2_000) * E8,
        status="TRADING",
    )
