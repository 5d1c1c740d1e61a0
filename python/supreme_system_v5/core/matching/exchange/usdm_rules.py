"""What the USD-M venue demands of an order before anything happens: filters, combinations, and its words of refusal.

Codes and messages: official USD-M error page (2026-08) and messages seen in clients' own error tables; where the page
has only the general sentence and the venue names the value, the sentence with the value is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8, parse_e8, plain_e8
from supreme_system_v5.core.matching.book_order import STP_EXPIRE_BOTH, STP_EXPIRE_MAKER, STP_EXPIRE_TAKER, STP_NONE
from supreme_system_v5.core.matching.exchange.margin import ETHUSDT_BRACKETS, Bracket, notional_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.words import NewOrder

GTC: Final = "GTC"
IOC: Final = "IOC"
FOK: Final = "FOK"
GTX: Final = "GTX"
GTD: Final = "GTD"
TIMES_IN_FORCE: Final = (GTC, IOC, FOK, GTX, GTD)
LIMIT: Final = "LIMIT"
MARKET: Final = "MARKET"
STOP: Final = "STOP"
STOP_MARKET: Final = "STOP_MARKET"
TAKE_PROFIT: Final = "TAKE_PROFIT"
TAKE_PROFIT_MARKET: Final = "TAKE_PROFIT_MARKET"
TRAILING_STOP_MARKET: Final = "TRAILING_STOP_MARKET"
CONDITIONAL: Final = (STOP, STOP_MARKET, TAKE_PROFIT, TAKE_PROFIT_MARKET, TRAILING_STOP_MARKET)
ORDER_TYPES: Final = (LIMIT, MARKET, *CONDITIONAL)
STP_MODES: Final = (STP_EXPIRE_TAKER, STP_EXPIRE_MAKER, STP_EXPIRE_BOTH)
CONTRACT_PRICE: Final = "CONTRACT_PRICE"
MARK_PRICE: Final = "MARK_PRICE"
BOTH: Final = "BOTH"
GTD_AHEAD_MS: Final = 600_000
GTD_MAX_MS: Final = 253_402_300_799_000
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_\-]{1,36}", re.ASCII)


def unsupported() -> Refusal:
    """What this venue does not serve: cross margin, hedge mode, multi-assets mode."""
    return Refusal(-1020, "This operation is not supported.")


def use_algo_api() -> Refusal:
    return Refusal(
        -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
    )


def reduce_only_rejected() -> Refusal:
    return Refusal(-2022, "ReduceOnly Order is rejected.")


def margin_insufficient() -> Refusal:
    return Refusal(-2019, "Margin is insufficient.")


def no_counterparty() -> Refusal:
    return Refusal(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")


def is_client_id(text: str) -> bool:
    return _CLIENT_ID.fullmatch(text) is not None


def check_client_id(text: str) -> None:
    """Raises Refusal -4015 for an id that was given and is not one."""
    if len(text) > 36:
        raise Refusal(-4015, "Client order id length should be less than 36 chars")
    if text and not is_client_id(text):
        raise Refusal(-4015, "Client order id is not valid.")


class UsdmRules:
    """Filters and rates of one symbol beside those of its Instrument. Rates in 1e-8."""

    def __init__(self, table: tuple[Bracket, ...] = ETHUSDT_BRACKETS) -> None:
        self.brackets = table
        self.price_precision = 2
        self.quantity_precision = 3
        self.percent_up_e8 = 105_000_000
        self.percent_down_e8 = 95_000_000
        self.market_bound_e8 = 5_000_000  # marketTakeBound
        self.trigger_protect_e8 = 5_000_000
        self.liquidation_fee_e8 = 1_250_000
        self.orders_max = 200
        self.algo_orders_max = 200
        self.default_leverage = 20

    @classmethod
    def from_exchange_info(cls, symbol: Mapping[str, Any], table: tuple[Bracket, ...] = ETHUSDT_BRACKETS) -> UsdmRules:
        """From a symbol of exchangeInfo. Raises KeyError and ValueError where it lacks something."""
        rules = cls(table)
        rules.price_precision = int(symbol["pricePrecision"])
        rules.quantity_precision = int(symbol["quantityPrecision"])
        rules.market_bound_e8 = parse_e8(symbol["marketTakeBound"])
        rules.trigger_protect_e8 = parse_e8(symbol["triggerProtect"])
        rules.liquidation_fee_e8 = parse_e8(symbol["liquidationFee"])
        filters = {row["filterType"]: row for row in symbol["filters"]}
        rules.percent_up_e8 = parse_e8(filters["PERCENT_PRICE"]["multiplierUp"])
        rules.percent_down_e8 = parse_e8(filters["PERCENT_PRICE"]["multiplierDown"])
        rules.orders_max = int(filters["MAX_NUM_ORDERS"]["limit"])
        rules.algo_orders_max = int(filters["MAX_NUM_ALGO_ORDERS"]["limit"])
        return rules

    def market_limit_e8(self, side: int, mark_e8: int) -> int:
        """The worst price a market order takes: within ``marketTakeBound`` of the mark; 0 = any (no mark yet)."""
        return mark_e8 * (E8 + side * self.market_bound_e8) // E8

    def check_quantity(self, instrument: Instrument, quantity_e8: int, is_market: bool) -> None:
        """Raises Refusal -4003, -1111, -4004, -4005, -4023."""
        if quantity_e8 <= 0:
            raise Refusal(-4003, "Quantity less than or equal to zero.")
        _check_precision(quantity_e8, self.quantity_precision)
        if quantity_e8 < instrument.min_quantity_e8:
            raise Refusal(-4004, "Quantity less than min quantity.")
        most_e8 = instrument.market_max_quantity_e8 if is_market else instrument.max_quantity_e8
        if quantity_e8 > most_e8:
            raise Refusal(-4005, "Quantity greater than max quantity.")
        if quantity_e8 % instrument.step_e8:
            raise Refusal(-4023, "Qty not increased by step size.")

    def check_price(self, instrument: Instrument, price_e8: int) -> None:
        """Raises Refusal -4001, -1111, -4013, -4002, -4014."""
        if price_e8 <= 0:
            raise Refusal(-4001, "Price less than 0.")
        _check_precision(price_e8, self.price_precision)
        if price_e8 < instrument.min_price_e8:
            raise Refusal(-4013, "Price less than min price.")
        if price_e8 > instrument.max_price_e8:
            raise Refusal(-4002, "Price greater than max price.")
        if price_e8 % instrument.tick_e8:
            raise Refusal(-4014, "Price not increased by tick size.")

    def check_percent(self, side: int, price_e8: int, mark_e8: int) -> None:
        """PERCENT_PRICE: a buy not above, a sell not below the mark by more. Raises Refusal -4016, -4024."""
        if mark_e8 <= 0:
            return
        if side > 0:
            most_e8 = mark_e8 * self.percent_up_e8 // E8
            if price_e8 > most_e8:
                raise Refusal(-4016, f"Limit price can't be higher than {_price(most_e8)}.")
        else:
            least_e8 = -(-mark_e8 * self.percent_down_e8 // E8)
            if price_e8 < least_e8:
                raise Refusal(-4024, f"Limit price can't be lower than {_price(least_e8)}.")

    def check_notional(self, instrument: Instrument, quantity_e8: int, price_e8: int) -> None:
        """Raises Refusal -4164."""
        if notional_e8(quantity_e8, price_e8) < instrument.min_notional_e8:
            least = plain_e8(instrument.min_notional_e8)
            raise Refusal(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")

    def check_trigger(self, instrument: Instrument, trigger_e8: int) -> None:
        """Raises Refusal -4006, -4007, -1111, -4014."""
        if trigger_e8 <= 0:
            raise Refusal(-4006, "Stop price less than zero.")
        if trigger_e8 > instrument.max_price_e8:
            raise Refusal(-4007, "Stop price greater than max price.")
        _check_precision(trigger_e8, self.price_precision)
        if trigger_e8 % instrument.tick_e8:
            raise Refusal(-4014, "Price not increased by tick size.")

    def check_words(self, asked: NewOrder, now_ms: int) -> None:
        """Client id, position side, time in force, good-till date, self-trade prevention.

        Raises Refusal -4015, -4060, -4061, -1115, -1102, -5040, -1106, -5039.
        """
        check_client_id(asked.client_order_id)
        check_position_side(asked.position_side)
        if asked.time_in_force and asked.time_in_force not in TIMES_IN_FORCE:
            raise Refusal(-1115, "Invalid timeInForce.")
        if asked.time_in_force == GTD:
            if asked.good_till_ms == 0:
                raise _mandatory("goodtilldate")
            if not now_ms + GTD_AHEAD_MS < asked.good_till_ms < GTD_MAX_MS:
                raise Refusal(
                    -5040,
                    "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than"
                    " 253402300799000",
                )
        elif asked.good_till_ms:
            raise Refusal(-1106, "Parameter 'goodtilldate' sent when not required.")
        if asked.stp_mode and asked.stp_mode != STP_NONE and asked.stp_mode not in STP_MODES:
            raise Refusal(-5039, "Invalid self trade prevention mode.")

    def check_order(self, instrument: Instrument, asked: NewOrder, mark_e8: int, now_ms: int) -> None:
        """A LIMIT or MARKET order as it is asked for, alone. Raises Refusal."""
        if asked.order_type in CONDITIONAL:
            raise use_algo_api()
        if asked.order_type not in (LIMIT, MARKET):
            raise Refusal(-1116, "Invalid orderType.")
        is_market = asked.order_type == MARKET
        self.check_words(asked, now_ms)
        if asked.is_close_position:
            raise Refusal(-4136, f"Target strategy invalid for orderType {asked.order_type},closePosition true")
        if asked.stop_price_e8:
            raise Refusal(-1106, "Parameter 'stopprice' sent when not required.")
        if is_market:
            if asked.price_e8:
                raise Refusal(-1106, "Parameter 'price' sent when not required.")
            if asked.time_in_force and asked.time_in_force != GTC:
                raise Refusal(-1106, "Parameter 'timeinforce' sent when not required.")
            self.check_quantity(instrument, asked.quantity_e8, True)
            return
        if not asked.time_in_force:
            raise _mandatory("timeinforce")
        self.check_quantity(instrument, asked.quantity_e8, False)
        self.check_price(instrument, asked.price_e8)
        self.check_percent(asked.side, asked.price_e8, mark_e8)
        if not asked.is_reduce_only:
            self.check_notional(instrument, asked.quantity_e8, asked.price_e8)


def check_position_side(position_side: str) -> None:
    """One-way mode knows BOTH. Raises Refusal -4060 and -4061."""
    if position_side in ("", BOTH):
        return
    if position_side in ("LONG", "SHORT"):
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    raise Refusal(-4060, "Invalid position side.")


def _check_precision(value_e8: int, places: int) -> None:
    if value_e8 % 10 ** (8 - places):
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")


def _mandatory(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _price(price_e8: int) -> str:
    """Without zeros at the end, as the venue writes it in its messages."""
    return plain_e8(price_e8)
