"""Spot orders, lists, trades and user events as the venue writes them (rest-api.md, user-data-stream.md, 2026-07).

Fields that appear only under a condition do so under the documented one. ``stamp`` turns a market time into the
exchange's clock in the unit that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.happenings import (
    BalancesChanged,
    Deposited,
    Happening,
    ListUpdate,
    OrderUpdate,
)
from supreme_system_v5.core.matching.exchange.spot_triggers import STOPS
from supreme_system_v5.core.matching.exchange.words import NEW as STATUS_NEW
from supreme_system_v5.core.matching.exchange.words import (
    PARTIALLY_FILLED,
    X_CANCELED,
    ExchangeOrder,
    Fill,
    OrderList,
    PreventedMatch,
)

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange

Stamp = Callable[[int], int]
Json = dict[str, Any]

ACK: Final = "ACK"
RESULT: Final = "RESULT"
FULL: Final = "FULL"
NO_TRADE_GROUP: Final = -1
ZERO: Final = "0.00000000"


def side_word(side: int) -> str:
    return "BUY" if side == BUY else "SELL"


# ---- orders


def _conditional(order: ExchangeOrder) -> Json:
    """The fields that some orders have in every answer."""
    asked = order.asked
    fields: Json = {}
    if order.order_type in STOPS:
        fields["stopPrice"] = format_e8(order.stop_price_e8)
    if asked.iceberg_e8 > 0:
        fields["icebergQty"] = format_e8(asked.iceberg_e8)
    if asked.strategy_id is not None:
        fields["strategyId"] = asked.strategy_id
    if asked.strategy_type is not None:
        fields["strategyType"] = asked.strategy_type
    if order.prevented_e8 > 0:
        fields["preventedMatchId"] = order.prevented[-1].match_id
        fields["preventedQuantity"] = format_e8(order.prevented_e8)
    if order.expiry_word != "":
        fields["expiryReason"] = order.expiry_word
    return fields


def _amounts(order: ExchangeOrder) -> Json:
    return {
        "price": format_e8(int(order.price_e8)),
        "origQty": format_e8(int(order.quantity_e8)),
        "executedQty": format_e8(int(order.filled_e8)),
        "origQuoteOrderQty": format_e8(order.asked.quote_quantity_e8),
        "cummulativeQuoteQty": format_e8(order.quote_e8),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.order_type,
        "side": side_word(int(order.side)),
    }


def _working_time(order: ExchangeOrder, stamp: Stamp) -> int:
    return stamp(order.working_ns) if order.working_ns > 0 else -1


def placed_json(order: ExchangeOrder, symbol: str, form: str, time_ns: int, stamp: Stamp) -> Json:
    """The answer to a new order. ``form``: ACK, RESULT or FULL."""
    body: Json = {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": stamp(time_ns),
    }
    if form == ACK:
        return body
    body.update(_amounts(order))
    body["workingTime"] = _working_time(order, stamp)
    if form == FULL:
        body["fills"] = [_fill_part(fill) for fill in order.fills]
        matches = [match for match in order.prevented if match.taker_order_id == order.order_id]
        if matches:
            body["preventedMatches"] = [_prevented_part(match, symbol) for match in matches]
    body["selfTradePreventionMode"] = order.stp_mode
    body.update(_conditional(order))
    return body


def _fill_part(fill: Fill) -> Json:
    return {
        "price": format_e8(fill.price_e8),
        "qty": format_e8(fill.quantity_e8),
        "commission": format_e8(fill.commission_e8),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.trade_id,
    }


def _prevented_part(match: PreventedMatch, symbol: str) -> Json:
    part: Json = {
        "preventedMatchId": match.match_id,
        "makerSymbol": symbol,
        "makerOrderId": match.maker_order_id,
        "price": format_e8(match.price_e8),
    }
    return {**part, **_prevented_quantities(match)}


def _prevented_quantities(match: PreventedMatch) -> Json:
    quantities: Json = {}
    if match.taker_e8 > 0:
        quantities["takerPreventedQuantity"] = format_e8(match.taker_e8)
    if match.maker_e8 > 0:
        quantities["makerPreventedQuantity"] = format_e8(match.maker_e8)
    return quantities


def order_json(order: ExchangeOrder, symbol: str, stamp: Stamp) -> Json:
    """An order as a query shows it."""
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        **_amounts(order),
        "stopPrice": format_e8(order.stop_price_e8),
        "icebergQty": format_e8(order.asked.iceberg_e8),
        "time": stamp(order.created_ns),
        "updateTime": stamp(order.updated_ns),
        "isWorking": order.is_working,
        "workingTime": _working_time(order, stamp),
        "selfTradePreventionMode": order.stp_mode,
        **_conditional(order),
    }


def cancelled_json(order: ExchangeOrder, symbol: str, time_ns: int, stamp: Stamp) -> Json:
    """The answer to a cancel: ``clientOrderId`` is the cancel's own."""
    return {
        "symbol": symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.cancel_client_order_id,
        "transactTime": stamp(time_ns),
        **_amounts(order),
        "selfTradePreventionMode": order.stp_mode,
        **_conditional(order),
    }


# ---- lists


def list_json(found: OrderList, symbol: str, stamp: Stamp, time_ns: int = 0) -> Json:
    """A list as a query shows it. ``time_ns``: of the transaction, its placement when 0."""
    return {
        "orderListId": found.list_id,
        "contingencyType": found.contingency,
        "listStatusType": found.status_type,
        "listOrderStatus": found.order_status,
        "listClientOrderId": found.client_list_id,
        "transactionTime": stamp(time_ns or found.time_ns),
        "symbol": symbol,
        "orders": [
            {"symbol": symbol, "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in found.orders
        ],
    }


def placed_list_json(found: OrderList, symbol: str, form: str, time_ns: int, stamp: Stamp) -> Json:
    return {
        **list_json(found, symbol, stamp),
        "orderReports": [placed_json(order, symbol, form, time_ns, stamp) for order in found.orders],
    }


def cancelled_list_json(found: OrderList, symbol: str, time_ns: int, stamp: Stamp) -> Json:
    """With the reports of the orders that this cancel ended."""
    return {
        **list_json(found, symbol, stamp, time_ns),
        "orderReports": [
            cancelled_json(order, symbol, time_ns, stamp)
            for order in found.orders
            if order.cancel_client_order_id != ""
        ],
    }


def gone_json(result: ExchangeOrder | OrderList, symbol: str, time_ns: int, stamp: Stamp) -> Json:
    """What a cancel took away: an order or a list."""
    if isinstance(result, OrderList):
        return cancelled_list_json(result, symbol, time_ns, stamp)
    return cancelled_json(result, symbol, time_ns, stamp)


# ---- history


def trade_json(fill: Fill, symbol: str, stamp: Stamp) -> Json:
    return {
        "symbol": symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": fill.list_id,
        "price": format_e8(fill.price_e8),
        "qty": format_e8(fill.quantity_e8),
        "quoteQty": format_e8(fill.quote_e8),
        "commission": format_e8(fill.commission_e8),
        "commissionAsset": fill.commission_asset,
        "time": stamp(fill.time_ns),
        "isBuyer": fill.side == BUY,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def prevented_json(match: PreventedMatch, symbol: str, stamp: Stamp) -> Json:
    return {
        "symbol": symbol,
        "preventedMatchId": match.match_id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": NO_TRADE_GROUP,
        "selfTradePreventionMode": match.mode,
        "price": format_e8(match.price_e8),
        **_prevented_quantities(match),
        "transactTime": stamp(match.time_ns),
    }


# ---- user events


def user_event(happening: Happening, exchange: Exchange) -> Json | None:
    """The event of a user data stream; None for what is told on no spot stream."""
    time = exchange.ms(happening.time_ns)
    symbol = exchange.spot.instrument.venue_symbol
    if isinstance(happening, OrderUpdate):
        return execution_report(happening, symbol, exchange.ms)
    if isinstance(happening, BalancesChanged):
        balances = [
            {"a": asset, "f": format_e8(free_e8), "l": format_e8(locked_e8)}
            for asset, (free_e8, locked_e8) in happening.balances.items()
        ]
        return {"e": "outboundAccountPosition", "E": time, "u": time, "B": balances}
    if isinstance(happening, Deposited):
        return {
            "e": "balanceUpdate",
            "E": time,
            "a": happening.asset,
            "d": format_e8(happening.delta_e8),
            "T": time,
        }
    if isinstance(happening, ListUpdate):
        found = happening.list
        return {
            "e": "listStatus",
            "E": time,
            "s": symbol,
            "g": found.list_id,
            "c": found.contingency,
            "l": found.status_type,
            "L": found.order_status,
            "r": "NONE",
            "C": found.client_list_id,
            "T": time,
            "O": [{"s": symbol, "i": order.order_id, "c": order.client_order_id} for order in found.orders],
        }
    return None


def execution_report(update: OrderUpdate, symbol: str, stamp: Stamp) -> Json:
    """executionReport: the lasting fields, then those that appear under their condition."""
    order, fill = update.order, update.fill
    time = stamp(update.time_ns)
    is_cancel = update.execution == X_CANCELED
    report: Json = {
        "e": "executionReport",
        "E": time,
        "s": symbol,
        "c": order.cancel_client_order_id if is_cancel else order.client_order_id,
        "S": side_word(int(order.side)),
        "o": order.order_type,
        "f": order.time_in_force,
        "q": format_e8(int(order.quantity_e8)),
        "p": format_e8(int(order.price_e8)),
        "P": format_e8(order.stop_price_e8),
        "F": format_e8(order.asked.iceberg_e8),
        "g": order.list_id,
        "C": order.client_order_id if is_cancel else "",
        "x": update.execution,
        "X": order.status,
        "r": update.reason,
        "i": order.order_id,
        "l": format_e8(fill.quantity_e8) if fill else ZERO,
        "z": format_e8(int(order.filled_e8)),
        "L": format_e8(fill.price_e8) if fill else ZERO,
        "n": format_e8(fill.commission_e8) if fill else "0",
        "N": fill.commission_asset if fill else None,
        "T": time,
        "t": fill.trade_id if fill else -1,
        "I": update.execution_id,
        "w": order.is_working and order.status in (STATUS_NEW, PARTIALLY_FILLED),
        "m": fill.is_maker if fill else False,
        "M": fill is not None,
        "O": stamp(order.created_ns),
        "Z": format_e8(order.quote_e8),
        "Y": format_e8(fill.quote_e8) if fill else ZERO,
        "Q": format_e8(order.asked.quote_quantity_e8),
        "V": order.stp_mode,
    }
    if order.working_ns > 0:
        report["W"] = stamp(order.working_ns)
    if order.asked.strategy_id is not None:
        report["j"] = order.asked.strategy_id
    if order.asked.strategy_type is not None:
        report["J"] = order.asked.strategy_type
    if order.prevented_e8 > 0:
        report["A"] = format_e8(order.prevented_e8)
    if update.prevented is not None:
        report.update(_prevention(update.prevented, order, symbol))
    if order.expiry_word != "":
        report["eR"] = order.expiry_word
    return report


def _prevention(match: PreventedMatch, order: ExchangeOrder, symbol: str) -> Json:
    """The fields of a TRADE_PREVENTION: what was prevented, and with which other order."""
    is_taker = order.order_id == match.taker_order_id
    return {
        "v": match.match_id,
        "B": format_e8(match.taker_e8 if is_taker else match.maker_e8),
        "u": NO_TRADE_GROUP,
        "U": match.maker_order_id if is_taker else match.taker_order_id,
        "Cs": symbol,
        "pl": format_e8(match.quantity_e8),
        "pL": format_e8(match.price_e8),
        "pY": format_e8(match.quantity_e8 * match.price_e8 // 100_000_000),
    }
