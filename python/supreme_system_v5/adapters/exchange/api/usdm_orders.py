"""USD-M ordinary orders over REST and the WebSocket API: place, test, batch, cancel, query, fills, countdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.exchange.api.endpoint import TRADE, USER_DATA, Endpoint, Handler
from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.api.usdm_format import is_number
from supreme_system_v5.adapters.exchange.api.usdm_json import (
    Json,
    ack_json,
    amendment_json,
    cancel_json,
    fill_json,
    history_json,
    query_json,
    result_json,
)
from supreme_system_v5.adapters.exchange.api.usdm_window import DAY_MS, Window, read_window
from supreme_system_v5.adapters.exchange.bodies import read_json
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.usdm_amend import Wish, amend
from supreme_system_v5.core.matching.exchange.usdm_rules import (
    CONDITIONAL,
    LIMIT,
    ORDER_TYPES,
    STP_MODES,
    TIMES_IN_FORCE,
    unsupported,
    use_algo_api,
)
from supreme_system_v5.core.matching.exchange.words import CANCELED, EXPIRED, ExchangeOrder, Fill, NewOrder

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange

BATCH_MAX: Final = 5
BATCH_CANCEL_MAX: Final = 10
PRICE_MATCHES: Final = tuple(f"{what}{depth}" for what in ("OPPONENT", "QUEUE") for depth in ("", "_5", "_10", "_20"))
HIDDEN_AFTER_MS: Final = 3 * DAY_MS
DONE: Final[Json] = {"code": 200, "msg": "The operation of cancel all open order is done."}


def venue_of(x: Exchange) -> UsdmVenue:
    """The venue, on the exchange's clock."""
    venue = x.usdm
    venue.offset_ns = x.markets[USDM].offset_ns
    return venue


# What is asked for -----------------------------------------------------------------------------------------------


def read_common(params: Params, asked: NewOrder) -> None:
    """What ordinary and conditional orders share. Raises Refusal."""
    asked.time_in_force = params.time_in_force(TIMES_IN_FORCE)
    asked.quantity_e8 = params.decimal("quantity") or 0
    asked.price_e8 = params.decimal("price") or 0
    asked.position_side = params.text("positionSide")
    asked.is_reduce_only = bool(params.boolean("reduceOnly"))
    asked.is_close_position = bool(params.boolean("closePosition"))
    asked.is_price_protected = bool(params.boolean("priceProtect"))
    asked.working_type = params.text("workingType")
    asked.good_till_ms = params.integer("goodTillDate") or 0
    bad_mode = Refusal(-5039, "Invalid self trade prevention mode.")
    asked.stp_mode = params.choice("selfTradePreventionMode", (*STP_MODES, "NONE"), bad_mode)
    match = params.choice("priceMatch", (*PRICE_MATCHES, "NONE"), Refusal(-5037, "Invalid price match"))
    if match not in ("", "NONE"):
        if asked.order_type not in (LIMIT, "STOP", "TAKE_PROFIT"):
            raise Refusal(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT")
        raise unsupported()


def read_order(params: Params) -> NewOrder:
    """A new ordinary order. Raises Refusal."""
    params.symbol()
    side = params.side()
    asked = NewOrder(side, params.order_type(ORDER_TYPES))
    if asked.order_type in CONDITIONAL:
        raise use_algo_api()
    read_common(params, asked)
    asked.client_order_id = params.client_id("newClientOrderId")
    if not asked.quantity_e8 and not params.has("quantity"):
        raise params.missing("quantity")
    if asked.order_type == LIMIT and not params.has("price"):
        raise params.missing("price")
    return asked


def read_response_type(params: Params) -> str:
    """ACK (the default) or RESULT. Raises Refusal -1136."""
    return params.choice("newOrderRespType", ("ACK", "RESULT"), Refusal(-1136, "Invalid newOrderRespType.")) or "ACK"


def read_which(params: Params) -> tuple[int | None, str]:
    """Order id, or else client id. Raises Refusal -1102."""
    params.symbol()
    params.require_one("origClientOrderId", "orderId")
    return params.integer("orderId"), params.text("origClientOrderId")


# Placing ---------------------------------------------------------------------------------------------------------


def place(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    asked = read_order(params)
    response = read_response_type(params)
    params.done()
    order = venue_of(x).place(account, asked, time_ns)
    return result_json(order, x) if response == "RESULT" else ack_json(order, x)


def place_test(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    asked = read_order(params)
    read_response_type(params)
    params.done()
    return result_json(venue_of(x).test(account, asked, time_ns), x)


def place_batch(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    rows = _list(params, "batchOrders")
    params.done()
    if not 0 < len(rows) <= BATCH_MAX:
        raise Refusal(-4082, f"Invalid number of batch place orders: {len(rows)}")
    return [_one_of_batch(x, account, params, row, time_ns, place) for row in rows]


def _one_of_batch(x: Exchange, account: str, params: Params, row: object, time_ns: int, handler: Handler) -> Json:
    if not isinstance(row, dict):
        raise Refusal(-1130, "Data sent for parameter 'batchOrders' is not valid.")
    values = {name: _text(value) for name, value in row.items()}
    own = Params(values, params.market, params.offset_ns, params.is_micro, params.venue_symbol)
    try:
        body = handler(x, account, own, time_ns)
    except Refusal as refusal:
        return {"code": refusal.code, "msg": refusal.message}
    assert isinstance(body, dict)
    return body


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.8f}"
    return str(value)


def _list(params: Params, name: str) -> Sequence[object]:
    """A JSON list. Raises Refusal -1102, -1130."""
    try:
        rows = read_json(params.require(name))
    except ValueError:
        rows = None
    if not isinstance(rows, list):
        raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
    return rows


def modify(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    order_id, client_id = read_which(params)
    match = params.text("priceMatch")
    if match not in ("", "NONE"):
        raise unsupported()
    wish = Wish(
        params.side(),
        params.require_decimal("price"),
        params.require_decimal("quantity"),
        bool(params.boolean("reduceOnly")),
        params.text("modifyId"),
    )
    params.done()
    body = cancel_json(amend(venue_of(x), account, order_id, client_id, wish, time_ns), x)
    body["pair"] = body["symbol"]
    if wish.modify_id:
        body["modifyId"] = int(wish.modify_id) if is_number(wish.modify_id) else wish.modify_id
    return body


def modify_batch(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    rows = _list(params, "batchOrders")
    params.done()
    if not 0 < len(rows) <= BATCH_MAX:
        raise Refusal(-4082, f"Invalid number of batch place orders: {len(rows)}")
    return [_one_of_batch(x, account, params, row, time_ns, modify) for row in rows]


# Cancelling ------------------------------------------------------------------------------------------------------


def cancel(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    order_id, client_id = read_which(params)
    params.done()
    return cancel_json(venue_of(x).cancel(account, order_id, client_id, time_ns), x)


# ccxt and python-binance write them in lower case, and the venue takes that.
_BATCH_LISTS: Final = ("orderIdList", "orderidlist", "origClientOrderIdList", "origclientorderidlist")


def cancel_batch(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    sent = [name for name in _BATCH_LISTS if params.has(name)]
    if not sent:
        params.require_one("orderIdList", "origClientOrderIdList")
    by_id = sent[0].lower() == "orderidlist"
    wanted = [str(one) for one in _list(params, sent[0])]
    params.done()
    if by_id and not all(is_number(one) for one in wanted):
        raise Refusal(-1130, "Data sent for parameter 'orderIdList' is not valid.")
    if len(wanted) > BATCH_CANCEL_MAX:
        raise Refusal(-4032, "Exceed maximum cancel order size.")
    results: list[Json] = []
    for one in wanted:
        try:
            order_id = int(one) if by_id else None
            results.append(cancel_json(venue_of(x).cancel(account, order_id, one, time_ns), x))
        except Refusal as refusal:
            results.append({"code": refusal.code, "msg": refusal.message})
    return results


def cancel_all(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    params.done()
    venue_of(x).cancel_all(account, time_ns)
    return dict(DONE)


def countdown(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    symbol = params.symbol()
    countdown_ms = params.require_integer("countdownTime")
    params.done()
    venue_of(x).countdown_cancel_all(account, countdown_ms, time_ns)
    return {"symbol": symbol, "countdownTime": str(countdown_ms)}


# Asking ----------------------------------------------------------------------------------------------------------


def no_order() -> Refusal:
    return Refusal(-2013, "Order does not exist.")


def is_hidden(order: ExchangeOrder, time_ns: int) -> bool:
    """Orders that ended without a fill are not found three days after they were made."""
    is_void = order.status in (CANCELED, EXPIRED) and not order.filled_e8
    return is_void and time_ns - order.created_ns > HIDDEN_AFTER_MS * 1_000_000


def query(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    order_id, client_id = read_which(params)
    params.done()
    order = venue_of(x).find(account, order_id, client_id)
    if order is None or is_hidden(order, time_ns):
        raise no_order()
    return query_json(order, x)


def query_open(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    order_id, client_id = read_which(params)
    params.done()
    order = venue_of(x).find(account, order_id, client_id)
    if order is None or not order.is_open:
        raise no_order()
    return query_json(order, x)


def open_orders(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.has_symbol()
    params.done()
    return [query_json(order, x) for order in venue_of(x).orders.open_orders(account)]


def all_orders(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    order_id = params.integer("orderId")
    window = read_window(params, time_ns, 7)
    limit = params.limit(500, 1_000)
    params.done()
    rows: list[ExchangeOrder] = []
    for order in venue_of(x).orders.newest_first(account):
        if order.order_id < order_id if order_id is not None else order.created_ns < window.first_ns:
            break
        if (order_id is not None or window.holds(order.created_ns)) and not is_hidden(order, time_ns):
            rows.append(order)
            if len(rows) == limit and order_id is None and not window.is_from_start:
                break
    return [history_json(order, x) for order in rows[::-1][:limit]]


def user_trades(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    if from_id is not None and (params.has("startTime") or params.has("endTime")):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    window = Window(0, time_ns, True) if from_id is not None else read_window(params, time_ns, 7)
    limit = params.limit(500, 1_000)
    params.done()
    rows: list[Fill] = []
    for fill in venue_of(x).orders.newest_fills(account):
        if fill.time_ns < window.first_ns or (from_id is not None and fill.trade_id < from_id):
            break
        if window.holds(fill.time_ns) and (order_id is None or fill.order_id == order_id):
            rows.append(fill)
            if len(rows) == limit and not window.is_from_start:
                break
    return [fill_json(fill, x) for fill in rows[::-1][:limit]]


def amendments(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    order_id, client_id = read_which(params)
    window = read_window(params, time_ns, 90)
    limit = params.limit(50, 100)
    params.done()
    rows = [
        row
        for row in venue_of(x).account(account).amendments
        if (row.order_id == order_id if order_id is not None else row.client_order_id == client_id)
        and window.holds(row.time_ns)
    ]
    return [amendment_json(row, x) for row in rows[-limit:]]


def force_orders(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.has_symbol()
    kind = params.choice("autoCloseType", ("LIQUIDATION", "ADL"))
    window = read_window(params, time_ns, 7)
    limit = params.limit(50, 100)
    params.done()
    venue = venue_of(x)
    found = [venue.orders.get(account, order_id) for order_id in venue.account(account).forced_orders]
    rows = [order for order in found if order is not None and window.holds(order.created_ns) and kind != "ADL"]
    return [history_json(order, x) for order in rows[-limit:]]


def _open_weight(params: Mapping[str, str]) -> int:
    return 1 if "symbol" in params else 40


def _force_weight(params: Mapping[str, str]) -> int:
    return 20 if "symbol" in params else 50


_V1: Final = "/fapi/v1/"
ENDPOINTS: Final = [
    Endpoint(USDM, "POST", _V1 + "order", "order.place", TRADE, 0, place, 1),
    Endpoint(USDM, "POST", _V1 + "order/test", "", TRADE, 0, place_test),
    Endpoint(USDM, "PUT", _V1 + "order", "order.modify", TRADE, 0, modify, 1),
    Endpoint(USDM, "DELETE", _V1 + "order", "order.cancel", TRADE, 1, cancel),
    Endpoint(USDM, "GET", _V1 + "order", "order.status", USER_DATA, 1, query),
    Endpoint(USDM, "POST", _V1 + "batchOrders", "", TRADE, 5, place_batch, 5),
    Endpoint(USDM, "PUT", _V1 + "batchOrders", "", TRADE, 5, modify_batch, 5),
    Endpoint(USDM, "DELETE", _V1 + "batchOrders", "", TRADE, 1, cancel_batch),
    Endpoint(USDM, "DELETE", _V1 + "allOpenOrders", "", TRADE, 1, cancel_all),
    Endpoint(USDM, "POST", _V1 + "countdownCancelAll", "", TRADE, 10, countdown),
    Endpoint(USDM, "GET", _V1 + "openOrder", "", USER_DATA, 1, query_open),
    Endpoint(USDM, "GET", _V1 + "openOrders", "", USER_DATA, _open_weight, open_orders),
    Endpoint(USDM, "GET", _V1 + "allOrders", "", USER_DATA, 5, all_orders),
    Endpoint(USDM, "GET", _V1 + "userTrades", "", USER_DATA, 5, user_trades),
    Endpoint(USDM, "GET", _V1 + "orderAmendment", "", USER_DATA, 1, amendments),
    Endpoint(USDM, "GET", _V1 + "forceOrders", "", USER_DATA, _force_weight, force_orders),
]
