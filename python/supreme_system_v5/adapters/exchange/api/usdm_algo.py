"""USD-M conditional orders (the algo service) over REST and the WebSocket API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.exchange.api.endpoint import TRADE, USER_DATA, Endpoint
from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.api.usdm_json import algo_json, listed_algo_json, new_algo_json
from supreme_system_v5.adapters.exchange.api.usdm_orders import (
    DONE,
    HIDDEN_AFTER_MS,
    no_order,
    read_common,
    read_response_type,
    venue_of,
)
from supreme_system_v5.adapters.exchange.api.usdm_window import NS_PER_MS, read_window
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.matching.exchange.algo import CANCELED, EXPIRED, AlgoOrder
from supreme_system_v5.core.matching.exchange.usdm_rules import ORDER_TYPES
from supreme_system_v5.core.matching.exchange.words import NewOrder

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange

ALGO_TYPES: Final = ("CONDITIONAL",)


def read_algo(params: Params) -> NewOrder:
    """A new conditional order. Raises Refusal."""
    if not params.choice("algoType", ALGO_TYPES):
        raise params.missing("algoType")
    params.symbol()
    asked = NewOrder(params.side(), params.order_type(ORDER_TYPES))
    read_common(params, asked)
    asked.client_order_id = params.client_id("clientAlgoId")
    asked.stop_price_e8 = params.decimal("triggerPrice") or 0
    params.decimal("activatePrice")
    params.decimal("callbackRate")
    if not params.has("triggerPrice") and asked.order_type.startswith(("STOP", "TAKE_PROFIT")):
        raise params.missing("triggerPrice")
    return asked


def place(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    asked = read_algo(params)
    read_response_type(params)
    params.done()
    return new_algo_json(venue_of(x).place_algo(account, asked, time_ns), x)


def place_ws(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """The same over the WebSocket API, which leaves the fields of trailing stops out."""
    body = place(x, account, params, time_ns)
    assert isinstance(body, dict)
    return {name: value for name, value in body.items() if name not in ("activatePrice", "callbackRate")}


def read_which(params: Params) -> tuple[int | None, str]:
    """Algo id, or else client id. Raises Refusal -1102."""
    params.require_one("algoId", "clientAlgoId")
    return params.integer("algoId"), params.text("clientAlgoId")


def cancel(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    algo_id, client_id = read_which(params)
    params.has_symbol()
    params.done()
    algo = venue_of(x).cancel_algo(account, algo_id, client_id, time_ns)
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_algo_id, "code": "200", "msg": "success"}


def cancel_all(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    params.done()
    venue_of(x).cancel_all_algos(account, time_ns)
    return dict(DONE)


def is_hidden(algo: AlgoOrder, time_ns: int) -> bool:
    """Conditional orders that ended without a fill are not found three days after they were made."""
    is_void = algo.status in (CANCELED, EXPIRED) and not algo.actual_quantity_e8
    return is_void and time_ns - algo.created_ns > HIDDEN_AFTER_MS * NS_PER_MS


def query(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    algo_id, client_id = read_which(params)
    params.done()
    algo = venue_of(x).algos.get(account, algo_id, client_id)
    if algo is None or is_hidden(algo, time_ns):
        raise no_order()
    return algo_json(algo, x)


def open_algos(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.choice("algoType", ALGO_TYPES)
    params.has_symbol()
    algo_id = params.integer("algoId")
    params.done()
    rows = venue_of(x).algos.waiting(account)
    return [listed_algo_json(algo, x) for algo in rows if algo_id is None or algo.algo_id == algo_id]


def all_algos(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    algo_id = params.integer("algoId")
    window = read_window(params, time_ns, 7)
    limit = params.limit(500, 1_000)
    params.done()
    rows = [algo for algo in venue_of(x).algos.all(account) if not is_hidden(algo, time_ns)]
    if algo_id is not None:
        rows = [algo for algo in rows if algo.algo_id >= algo_id]
    else:
        rows = [algo for algo in rows if window.holds(algo.created_ns)]
    first = algo_id is not None or window.is_from_start
    return [listed_algo_json(algo, x) for algo in (rows[:limit] if first else rows[-limit:])]


def _open_weight(params: Mapping[str, str]) -> int:
    return 1 if "symbol" in params else 40


_V1: Final = "/fapi/v1/"
ENDPOINTS: Final = [
    Endpoint(USDM, "POST", _V1 + "algoOrder", "", TRADE, 0, place, 1),
    Endpoint(USDM, "", "", "algoOrder.place", TRADE, 0, place_ws, 1),
    Endpoint(USDM, "DELETE", _V1 + "algoOrder", "algoOrder.cancel", TRADE, 1, cancel),
    Endpoint(USDM, "GET", _V1 + "algoOrder", "", USER_DATA, 1, query),
    Endpoint(USDM, "DELETE", _V1 + "algoOpenOrders", "", TRADE, 1, cancel_all),
    Endpoint(USDM, "GET", _V1 + "openAlgoOrders", "", USER_DATA, _open_weight, open_algos),
    Endpoint(USDM, "GET", _V1 + "allAlgoOrders", "", USER_DATA, 5, all_algos),
]
