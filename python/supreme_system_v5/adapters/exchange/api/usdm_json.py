"""USD-M orders, fills and events in the venue's JSON (official SDK 2026-08 and recorded messages; see the tests)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.api.usdm_format import (
    average,
    is_number,
    money,
    price,
    quantity,
    quote,
    side_word,
)
from supreme_system_v5.core.domain.money import format_e8, plain_e8
from supreme_system_v5.core.matching.exchange.algo import AlgoOrder
from supreme_system_v5.core.matching.exchange.happenings import AlgoUpdate, Happening, OrderUpdate
from supreme_system_v5.core.matching.exchange.usdm_account import Amendment
from supreme_system_v5.core.matching.exchange.usdm_amend import X_AMENDMENT
from supreme_system_v5.core.matching.exchange.usdm_happenings import (
    LeverageChanged,
    MarginCall,
    PositionView,
    TradeLite,
    WalletUpdate,
)
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, Fill

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange

Json = dict[str, Any]
NONE_WORD: Final = "NONE"


# Orders ----------------------------------------------------------------------------------------------------------


def order_json(order: ExchangeOrder, x: Exchange) -> Json:
    """What every reply with an order has."""
    asked = order.asked
    return {
        "orderId": order.order_id,
        "symbol": x.usdm.instrument.venue_symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": price(x, asked.price_e8),
        "origQty": quantity(x, int(order.quantity_e8)),
        "executedQty": quantity(x, int(order.filled_e8)),
        "timeInForce": order.time_in_force,
        "type": order.order_type,
        "reduceOnly": asked.is_reduce_only,
        "closePosition": asked.is_close_position,
        "side": side_word(int(order.side)),
        "positionSide": asked.position_side,
        "stopPrice": price(x, order.stop_price_e8),
        "workingType": asked.working_type or "CONTRACT_PRICE",
        "priceProtect": asked.is_price_protected,
        "origType": asked.order_type,
        "priceMatch": NONE_WORD,
        "selfTradePreventionMode": order.stp_mode,
        "goodTillDate": asked.good_till_ms,
        "updateTime": x.ms(order.updated_ns),
    }


def result_json(order: ExchangeOrder, x: Exchange) -> Json:
    """An order as its state is, without its time: newOrderRespType RESULT."""
    body = order_json(order, x)
    body["cumQty"] = body["executedQty"]
    body["avgPrice"] = average(x, order.average_price_e8)
    body["cumQuote"] = quote(x, order.quote_e8)
    return body


def ack_json(order: ExchangeOrder, x: Exchange) -> Json:
    """A new order as it was taken in: NEW and unfilled, whatever has happened since."""
    body = order_json(order, x)
    none = quantity(x, 0)
    body.update(status="NEW", executedQty=none, cumQty=none, updateTime=x.ms(order.created_ns))
    return body


def cancel_json(order: ExchangeOrder, x: Exchange) -> Json:
    body = order_json(order, x)
    body["cumQty"] = body["executedQty"]
    return body


def query_json(order: ExchangeOrder, x: Exchange) -> Json:
    body = order_json(order, x)
    body["avgPrice"] = average(x, order.average_price_e8)
    body["cumQuote"] = quote(x, order.quote_e8)
    body["time"] = x.ms(order.created_ns)
    return body


def history_json(order: ExchangeOrder, x: Exchange) -> Json:
    """As allOrders and forceOrders have it."""
    return query_json(order, x) | {"pair": x.usdm.instrument.venue_symbol, "cumBase": "0"}


def amendment_json(row: Amendment, x: Exchange) -> Json:
    """As orderAmendment has it."""
    symbol = x.usdm.instrument.venue_symbol
    changed: Json = {
        "price": {"before": price(x, row.price_before_e8), "after": price(x, row.price_after_e8)},
        "origQty": {"before": quantity(x, row.quantity_before_e8), "after": quantity(x, row.quantity_after_e8)},
        "count": row.number,
    }
    if row.modify_id:
        changed["modifyId"] = int(row.modify_id) if is_number(row.modify_id) else row.modify_id
    return {
        "amendmentId": row.amendment_id,
        "symbol": symbol,
        "pair": symbol,
        "orderId": row.order_id,
        "clientOrderId": row.client_order_id,
        "time": x.ms(row.time_ns),
        "amendment": changed,
    }


def fill_json(fill: Fill, x: Exchange) -> Json:
    """As userTrades has it."""
    instrument = x.usdm.instrument
    return {
        "symbol": instrument.venue_symbol,
        "pair": instrument.venue_symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": side_word(fill.side),
        "price": plain_e8(fill.price_e8),
        "qty": quantity(x, fill.quantity_e8),
        "realizedPnl": money(fill.realized_e8) if fill.realized_e8 else "0",
        "marginAsset": instrument.quote_asset,
        "quoteQty": quote(x, fill.quote_e8),
        "baseQty": "0",
        "commission": money(fill.commission_e8),
        "commissionAsset": fill.commission_asset,
        "time": x.ms(fill.time_ns),
        "positionSide": "BOTH",
        "buyer": fill.side > 0,
        "maker": fill.is_maker,
    }


# Conditional orders ----------------------------------------------------------------------------------------------


def new_algo_json(algo: AlgoOrder, x: Exchange) -> Json:
    asked = algo.asked
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": asked.order_type,
        "symbol": x.usdm.instrument.venue_symbol,
        "side": side_word(asked.side),
        "positionSide": asked.position_side,
        "timeInForce": asked.time_in_force,
        "quantity": quantity(x, asked.quantity_e8),
        "algoStatus": algo.status,
        "triggerPrice": price(x, asked.stop_price_e8),
        "price": price(x, asked.price_e8),
        "icebergQuantity": None,
        "selfTradePreventionMode": asked.stp_mode,
        "workingType": asked.working_type,
        "priceMatch": NONE_WORD,
        "closePosition": asked.is_close_position,
        "priceProtect": asked.is_price_protected,
        "reduceOnly": asked.is_reduce_only,
        "activatePrice": "",
        "callbackRate": "",
        "createTime": x.ms(algo.created_ns),
        "updateTime": x.ms(algo.updated_ns),
        "triggerTime": x.ms(algo.trigger_ns) if algo.trigger_ns else 0,
        "goodTillDate": asked.good_till_ms,
    }


def algo_json(algo: AlgoOrder, x: Exchange) -> Json:
    """As one query has it; ``actualType`` only once it has triggered, ``actualQty`` only once it has traded."""
    body = _asked_algo_json(algo, x)
    if algo.order_id:
        body["actualType"] = algo.actual_type
    quantity_e8, _ = _actual(algo, x)
    if quantity_e8:
        body["actualQty"] = quantity(x, quantity_e8)
    return body


def _asked_algo_json(algo: AlgoOrder, x: Exchange) -> Json:
    body = new_algo_json(algo, x)
    del body["activatePrice"], body["callbackRate"]
    body["actualOrderId"] = str(algo.order_id) if algo.order_id else ""
    body["actualPrice"] = format_e8(_actual(algo, x)[1], 5)
    body["tpOrderType"] = ""
    return body


def listed_algo_json(algo: AlgoOrder, x: Exchange) -> Json:
    """As openAlgoOrders and allAlgoOrders have it."""
    none = price(x, 0)
    legs = {"tpTriggerPrice": none, "tpPrice": none, "slTriggerPrice": none, "slPrice": none}
    return _asked_algo_json(algo, x) | legs


def _actual(algo: AlgoOrder, x: Exchange) -> tuple[int, int]:
    """What the ordinary order has filled, and its average price: of the order itself while it is open."""
    order = x.usdm.orders.get(algo.account, algo.order_id) if algo.order_id else None
    if order is not None and order.is_open:
        return int(order.filled_e8), order.average_price_e8
    return algo.actual_quantity_e8, algo.actual_price_e8


# Events ----------------------------------------------------------------------------------------------------------


def user_event(happening: Happening, x: Exchange) -> Json | None:
    """The user data event of a happening; None for one that accounts are not told."""
    if isinstance(happening, OrderUpdate):
        return _order_event(happening, x)
    if isinstance(happening, WalletUpdate):
        return _account_event(happening, x)
    if isinstance(happening, TradeLite):
        return _lite_event(happening, x)
    if isinstance(happening, AlgoUpdate):
        return _event("ALGO_UPDATE", happening, x, o=_algo_fields(happening.order, x))
    if isinstance(happening, LeverageChanged):
        symbol = x.usdm.instrument.venue_symbol
        return _event("ACCOUNT_CONFIG_UPDATE", happening, x, ac={"s": symbol, "l": happening.leverage})
    if isinstance(happening, MarginCall):
        return _margin_event(happening, x)
    return None


def _event(name: str, happening: Happening, x: Exchange, **more: object) -> Json:
    stamp = x.ms(happening.time_ns)
    return {"e": name, "E": stamp, "T": stamp, **more}


def _order_event(update: OrderUpdate, x: Exchange) -> Json:
    order, fill = update.order, update.fill
    asked = order.asked
    account = x.usdm.accounts[order.account]
    fields: Json = {
        "s": x.usdm.instrument.venue_symbol,
        "c": order.client_order_id,
        "S": side_word(int(order.side)),
        "o": order.order_type,
        "f": order.time_in_force,
        "q": quantity(x, int(order.quantity_e8)),
        "p": price(x, asked.price_e8) if asked.price_e8 else "0",
        "ap": format_e8(order.average_price_e8, 5) if order.filled_e8 else "0",
        "sp": price(x, order.stop_price_e8) if order.stop_price_e8 else "0",
        "x": update.execution,
        "X": order.status,
        "i": order.order_id,
        "l": quantity(x, fill.quantity_e8) if fill else "0",
        "z": quantity(x, int(order.filled_e8)) if order.filled_e8 else "0",
        "L": price(x, fill.price_e8) if fill else "0",
        "n": money(fill.commission_e8) if fill else "0",
        "N": x.usdm.instrument.quote_asset,
        "T": x.ms(update.time_ns),
        "t": fill.trade_id if fill else 0,
        "b": plain_e8(account.bids_e8),
        "a": plain_e8(account.asks_e8),
        "m": fill.is_maker if fill else False,
        "R": asked.is_reduce_only,
        "wt": asked.working_type or "CONTRACT_PRICE",
        "ot": asked.order_type,
        "ps": asked.position_side,
        "cp": asked.is_close_position,
        "pP": asked.is_price_protected,
        "si": 0,
        "ss": 0,
        "rp": money(fill.realized_e8) if fill and fill.realized_e8 else "0",
        "V": order.stp_mode,
        "pm": NONE_WORD,
        "gtd": asked.good_till_ms,
        "er": str(order.expiry_reason),
    }
    if update.execution == X_AMENDMENT and update.reason:
        fields["M"] = update.reason
    return _event("ORDER_TRADE_UPDATE", update, x, o=fields)


def _lite_event(lite: TradeLite, x: Exchange) -> Json:
    fill = lite.fill
    return _event(
        "TRADE_LITE",
        lite,
        x,
        s=x.usdm.instrument.venue_symbol,
        q=quantity(x, lite.quantity_e8),
        p=price(x, lite.price_e8),
        m=fill.is_maker,
        c=lite.client_order_id,
        S=side_word(fill.side),
        L=price(x, fill.price_e8),
        l=quantity(x, fill.quantity_e8),
        t=fill.trade_id,
        i=fill.order_id,
    )


def _account_event(update: WalletUpdate, x: Exchange) -> Json:
    instrument = x.usdm.instrument
    balance = {
        "a": instrument.quote_asset,
        "wb": money(update.wallet_e8),
        "cw": money(update.cross_e8),
        "bc": money(update.change_e8) if update.change_e8 else "0",
    }
    fields: Json = {"m": update.reason, "B": [balance], "P": []}
    if update.view is not None:
        fields["P"].append(_position_fields(update.view, x))
    if update.reason == "FUNDING_FEE":
        fields["S"] = instrument.venue_symbol
    return _event("ACCOUNT_UPDATE", update, x, a=fields)


def _position_fields(view: PositionView, x: Exchange) -> Json:
    return {
        "s": x.usdm.instrument.venue_symbol,
        "pa": quantity(x, view.quantity_e8) if view.quantity_e8 else "0",
        "ep": plain_e8(view.entry_e8),
        "bep": plain_e8(view.break_even_e8),
        "cr": money(view.realized_e8) if view.realized_e8 else "0",
        "up": money(view.unrealized_e8) if view.unrealized_e8 else "0",
        "mt": "isolated",
        "iw": money(view.isolated_e8) if view.isolated_e8 else "0",
        "ps": "BOTH",
    }


def _margin_event(call: MarginCall, x: Exchange) -> Json:
    view = call.position
    fields = {
        "s": x.usdm.instrument.venue_symbol,
        "ps": "BOTH",
        "pa": quantity(x, view.quantity_e8),
        "mt": "ISOLATED",
        "iw": money(view.isolated_e8),
        "mp": plain_e8(view.mark_e8),
        "up": money(view.unrealized_e8),
        "mm": money(call.maintenance_e8),
    }
    return {"e": "MARGIN_CALL", "E": x.ms(call.time_ns), "p": [fields]}


def _algo_fields(algo: object, x: Exchange) -> Json:
    assert isinstance(algo, AlgoOrder)
    asked = algo.asked
    fields: Json = {
        "caid": algo.client_algo_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": asked.order_type,
        "s": x.usdm.instrument.venue_symbol,
        "S": side_word(asked.side),
        "ps": asked.position_side,
        "f": asked.time_in_force,
        "q": quantity(x, asked.quantity_e8) if asked.quantity_e8 else "0",
        "X": algo.status,
        "ai": str(algo.order_id) if algo.order_id else "",
    }
    if algo.order_id:  # it stands in the matching engine
        fields["ap"] = plain_e8(algo.actual_price_e8)
        fields["aq"] = quantity(x, algo.actual_quantity_e8) if algo.actual_quantity_e8 else "0"
        fields["act"] = algo.actual_type
    fields |= {
        "tp": price(x, asked.stop_price_e8),
        "p": price(x, asked.price_e8) if asked.price_e8 else "0",
        "V": asked.stp_mode,
        "wt": asked.working_type,
        "pm": NONE_WORD,
        "cp": asked.is_close_position,
        "pP": asked.is_price_protected,
        "R": asked.is_reduce_only,
        "tt": x.ms(algo.trigger_ns) if algo.trigger_ns else 0,
        "gtd": asked.good_till_ms,
    }
    if algo.failure:
        fields["rm"] = algo.failure
    return fields
