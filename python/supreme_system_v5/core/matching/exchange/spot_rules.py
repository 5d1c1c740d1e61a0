"""The filters of a spot symbol and the features it allows, with the venue's messages (filters.md, errors.md 2026-07).

Built from the plain values of exchangeInfo; knows no orders and no accounts but by the numbers it is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8, format_e8, multiply_e8, parse_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_triggers import STOP_LOSS, STOPS, TAKE_PROFIT
from supreme_system_v5.core.matching.exchange.words import NewOrder

LIMIT: Final = "LIMIT"
MARKET: Final = "MARKET"
LIMIT_MAKER: Final = "LIMIT_MAKER"
_COUNTED: Final = {  # the end of the filter's name, and its field
    "ORDERS": "maxNumOrders",
    "ALGO_ORDERS": "maxNumAlgoOrders",
    "ICEBERG_ORDERS": "maxNumIcebergOrders",
    "ORDER_LISTS": "maxNumOrderLists",
}
PRICELESS: Final = frozenset({MARKET, STOP_LOSS, TAKE_PROFIT})

_UNSUPPORTED: Final = {
    "LIMIT_MAKER": "Limit maker orders are not supported for this symbol.",
    "MARKET": "Market orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}


def filter_failure(name: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {name}")


class OpenCounts:
    """What an account has open, for the filters that count. ``buying_e8``: quantity of open buys still to fill."""

    def __init__(self) -> None:
        self.orders = 0
        self.algo_orders = 0
        self.icebergs = 0
        self.lists = 0
        self.held_e8 = 0  # the base asset, free and locked
        self.buying_e8 = 0


class SpotRules:
    """``symbol`` and ``exchange_filters`` are an entry of exchangeInfo's `symbols` and its `exchangeFilters`."""

    def __init__(self, symbol: Mapping[str, Any], exchange_filters: Sequence[Mapping[str, Any]] = ()) -> None:
        self.symbol_filters = [dict(entry) for entry in symbol["filters"]]
        self.exchange_filters = [dict(entry) for entry in exchange_filters]
        self._filters: dict[str, Mapping[str, Any]] = {
            entry["filterType"]: entry for entry in [*self.exchange_filters, *self.symbol_filters]
        }
        self._e8: dict[tuple[str, str], int] = {}
        self._counting = [
            (name, word, int(self._filters[name][field]))
            for word, field in _COUNTED.items()
            for name in (f"EXCHANGE_MAX_NUM_{word}", f"MAX_NUM_{word}")
            if name in self._filters
        ]
        self.has_position_limit = self._value("MAX_POSITION", "maxPosition") > 0
        self.status: str = symbol["status"]
        self.order_types = frozenset(symbol["orderTypes"])
        self.has_icebergs: bool = symbol.get("icebergAllowed", False)
        self.has_oco: bool = symbol.get("ocoAllowed", False)
        self.has_oto: bool = symbol.get("otoAllowed", False)
        self.has_quote_quantity: bool = symbol.get("quoteOrderQtyMarketAllowed", False)
        self.has_cancel_replace: bool = symbol.get("cancelReplaceAllowed", False)
        self.stp_default: str = symbol.get("defaultSelfTradePreventionMode", "NONE")
        self.stp_allowed = frozenset(symbol.get("allowedSelfTradePreventionModes", ("NONE",)))

    def _value(self, name: str, field: str) -> int:
        """A decimal of a filter in 1e-8 units (bids multipliers too); 0 where there is none."""
        key = (name, field)
        found = self._e8.get(key)
        if found is None:
            found = self._e8[key] = parse_e8(str(self._filters.get(name, {}).get(field, "0")))
        return found

    def _count(self, name: str, field: str) -> int | None:
        entry = self._filters.get(name)
        return None if entry is None else int(entry[field])

    def average_minutes(self, name: str) -> int:
        """The window of a filter's average price; 0 = it goes by the last trade."""
        return self._count(name, "avgPriceMins") or 0 if name in self._filters else 0

    # ---- what the symbol allows

    def check_symbol(self, asked: NewOrder) -> None:
        """Raises Refusal -1013 for what the symbol does not do at all, -1014 for combinations that make no sense."""
        if self.status != "TRADING":
            raise Refusal(-1013, "Market is closed.")
        if asked.order_type not in self.order_types:
            raise Refusal(-1013, _UNSUPPORTED.get(asked.order_type, "Unsupported order type."))
        if asked.quote_quantity_e8 > 0 and not self.has_quote_quantity:
            raise Refusal(-1013, "Quote order qty market orders are not support for this symbol.")
        if asked.stp_mode != "" and asked.stp_mode not in self.stp_allowed:
            raise Refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")
        if asked.iceberg_e8 > 0:
            if not self.has_icebergs:
                raise Refusal(-1013, "Iceberg orders are not supported for this symbol.")
            if asked.order_type in PRICELESS or asked.time_in_force not in ("", "GTC"):
                raise Refusal(-1014, "Unsupported order combination.")

    # ---- one order

    def check_order(self, asked: NewOrder, averages_e8: tuple[int, int]) -> None:
        """The filters of one order. Raises Refusal -1013.

        ``averages_e8``: the average price of PERCENT_PRICE(_BY_SIDE) and that of (MIN_)NOTIONAL; 0 = not known.
        """
        for price_e8 in (asked.price_e8, asked.stop_price_e8):
            if price_e8 > 0 and not self._fits("PRICE_FILTER", "Price", "tickSize", price_e8):
                raise filter_failure("PRICE_FILTER")
        if asked.price_e8 > 0:
            self._check_percent(asked, averages_e8[0])
        if asked.quote_quantity_e8 == 0:
            self._check_quantity(asked)
        if asked.iceberg_e8 > 0:
            self._check_iceberg(asked)
        self._check_notional(asked, averages_e8[1])

    def _fits(self, name: str, what: str, step: str, value_e8: int) -> bool:
        """Within minimum, maximum and step of a filter; each of them is off at 0."""
        most_e8 = self._value(name, f"max{what}")
        step_e8 = self._value(name, step)
        return not (
            value_e8 < self._value(name, f"min{what}")
            or (most_e8 > 0 and value_e8 > most_e8)
            or (step_e8 > 0 and value_e8 % step_e8 != 0)
        )

    def _check_quantity(self, asked: NewOrder) -> None:
        if asked.quantity_e8 <= 0 or not self._fits("LOT_SIZE", "Qty", "stepSize", asked.quantity_e8):
            raise filter_failure("LOT_SIZE")
        if asked.order_type in PRICELESS and not self._fits("MARKET_LOT_SIZE", "Qty", "stepSize", asked.quantity_e8):
            raise filter_failure("MARKET_LOT_SIZE")

    def check_market_quantity(self, quantity_e8: int) -> None:
        """What a quoteOrderQty came to. Raises Refusal -2010 when the book is too thin, -1013 when it is too much."""
        for name in ("LOT_SIZE", "MARKET_LOT_SIZE"):
            if quantity_e8 < self._value(name, "minQty"):
                raise Refusal(-2010, f"Order book liquidity is less than {name} filter minimum quantity.")
            most_e8 = self._value(name, "maxQty")
            if 0 < most_e8 < quantity_e8:
                raise filter_failure(name)

    def _check_iceberg(self, asked: NewOrder) -> None:
        if asked.iceberg_e8 > asked.quantity_e8:
            raise Refusal(-2010, "IcebergQty exceeds QTY.")
        if not self._fits("LOT_SIZE", "Qty", "stepSize", asked.iceberg_e8):
            raise filter_failure("LOT_SIZE")
        parts = self._count("ICEBERG_PARTS", "limit")
        if parts is not None and -(-asked.quantity_e8 // asked.iceberg_e8) > parts:
            raise filter_failure("ICEBERG_PARTS")

    def _check_percent(self, asked: NewOrder, average_e8: int) -> None:
        if average_e8 == 0:
            return
        for name, up, down in (
            ("PERCENT_PRICE", "multiplierUp", "multiplierDown"),
            (
                "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp" if asked.side == BUY else "askMultiplierUp",
                "bidMultiplierDown" if asked.side == BUY else "askMultiplierDown",
            ),
        ):
            if name not in self._filters:
                continue
            scaled = asked.price_e8 * E8
            if scaled > average_e8 * self._value(name, up) or scaled < average_e8 * self._value(name, down):
                raise filter_failure(name)

    def _check_notional(self, asked: NewOrder, average_e8: int) -> None:
        is_market = asked.order_type in PRICELESS
        if asked.quote_quantity_e8 > 0:
            amount_e8 = asked.quote_quantity_e8
        else:
            price_e8 = asked.price_e8 or asked.stop_price_e8 or average_e8
            if price_e8 == 0:
                return
            amount_e8 = multiply_e8(asked.quantity_e8, price_e8)
        for name, is_min_on, is_max_on in (
            ("MIN_NOTIONAL", "applyToMarket", ""),
            ("NOTIONAL", "applyMinToMarket", "applyMaxToMarket"),
        ):
            entry = self._filters.get(name)
            if entry is None:
                continue
            if (not is_market or entry[is_min_on]) and amount_e8 < self._value(name, "minNotional"):
                raise filter_failure(name)
            most_e8 = self._value(name, "maxNotional")
            if most_e8 > 0 and (not is_market or entry[is_max_on]) and amount_e8 > most_e8:
                raise filter_failure(name)

    # ---- what the account has open

    def check_counts(self, new: Sequence[NewOrder], counts: OpenCounts, new_lists: int = 0) -> None:
        """The filters that count orders, icebergs, lists and the position. Raises Refusal -1013."""
        algo = sum(asked.order_type in STOPS for asked in new)
        icebergs = sum(asked.iceberg_e8 > 0 for asked in new)
        added = {
            "ORDERS": (len(new), counts.orders),
            "ALGO_ORDERS": (algo, counts.algo_orders),
            "ICEBERG_ORDERS": (icebergs, counts.icebergs),
            "ORDER_LISTS": (new_lists, counts.lists),
        }
        for name, word, most in self._counting:
            adds, there = added[word]
            if adds > 0 and there + adds > most:
                raise filter_failure(name)
        if self.has_position_limit:
            buying_e8 = sum(asked.quantity_e8 for asked in new if asked.side == BUY)
            most_e8 = self._value("MAX_POSITION", "maxPosition")
            if buying_e8 > 0 and counts.held_e8 + counts.buying_e8 + buying_e8 > most_e8:
                raise filter_failure("MAX_POSITION")

    def goes_by_kinds(self, new: Sequence[NewOrder]) -> bool:
        """True when ``check_counts`` needs more of the open orders than their number."""
        return self.has_position_limit or any(asked.order_type in STOPS or asked.iceberg_e8 > 0 for asked in new)


def rules_of(instrument: Instrument) -> SpotRules:
    """The rules an instrument alone stands for: its filters, every order type, nothing counted."""
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": format_e8(instrument.min_price_e8),
            "maxPrice": format_e8(instrument.max_price_e8),
            "tickSize": format_e8(instrument.tick_e8),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": format_e8(instrument.min_quantity_e8),
            "maxQty": format_e8(instrument.max_quantity_e8),
            "stepSize": format_e8(instrument.step_e8),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0",
            "maxQty": format_e8(instrument.market_max_quantity_e8),
            "stepSize": "0",
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": format_e8(instrument.min_notional_e8),
            "applyMinToMarket": True,
            "maxNotional": "0",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
    return SpotRules(
        {
            "status": instrument.status,
            "filters": filters,
            "orderTypes": [LIMIT, LIMIT_MAKER, MARKET, *sorted(STOPS)],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "otoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "cancelReplaceAllowed": True,
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
        }
    )
