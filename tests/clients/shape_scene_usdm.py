"""Everything the USD-M venue serves, done once, each answer kept: the material of the shape comparison."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from tests.clients.raw import SYMBOL, Rest, Socket
from tests.clients.shape_records import Records
from tests.clients.venue_process import Venue

SIZE = 0.05
ONE = {"symbol": SYMBOL}


def record(venue: Venue, rest: Rest) -> Records:
    """Leaves nothing open and no position."""
    records = Records()
    rest.flatten()
    asyncio.run(_sockets(venue, rest, records))
    rest.post("/fapi/v1/order", **market("BUY"))
    _orders(rest, records)
    _algo_orders(rest, records)
    _account(rest, records)
    _moved(venue, rest, records)
    rest.flatten()
    return records


def market(side: str, **more: Any) -> dict[str, Any]:
    return {**ONE, "side": side, "type": "MARKET", "quantity": SIZE, "newOrderRespType": "RESULT", **more}


def limit(price: float, **more: Any) -> dict[str, Any]:
    order = {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": SIZE}
    return {**order, "price": round(price, 2), **more}


def target(price: float, **more: Any) -> dict[str, Any]:
    order = {**ONE, "algoType": "CONDITIONAL", "side": "SELL", "type": "TAKE_PROFIT", "quantity": SIZE}
    return {**order, "triggerPrice": round(price, 2), "price": round(price, 2), "timeInForce": "GTC", **more}


def _orders(rest: Rest, records: Records) -> None:
    bid, _ = rest.best("usdm")
    path = "/fapi/v1/order"
    until = int(rest.public("/fapi/v1/time")["serverTime"]) + 900_000
    dated = limit(bid * 0.97, timeInForce="GTD", goodTillDate=until - until % 1_000)
    placed = records.add(f"POST {path}", rest.post(path, **dated))
    query = {**ONE, "orderId": placed["orderId"]}
    records.add(f"GET {path}", rest.get(path, **query))
    records.add("GET /fapi/v1/openOrder", rest.get("/fapi/v1/openOrder", **query))
    records.add("GET /fapi/v1/openOrders", rest.get("/fapi/v1/openOrders", **ONE))
    changed = {**ONE, "orderId": placed["orderId"], "side": "BUY", "quantity": SIZE, "price": round(bid * 0.96, 2)}
    changed["modifyId"] = 5
    records.add(f"PUT {path}", rest.call("PUT", path, **changed))
    records.add("GET /fapi/v1/orderAmendment", rest.get("/fapi/v1/orderAmendment", **query))
    records.add(f"DELETE {path}", rest.delete(path, **query))
    _batch(rest, records, bid)
    countdown = rest.post("/fapi/v1/countdownCancelAll", **ONE, countdownTime=60_000)
    records.add("POST /fapi/v1/countdownCancelAll", countdown)
    rest.post("/fapi/v1/countdownCancelAll", **ONE, countdownTime=0)
    records.add("DELETE /fapi/v1/allOpenOrders", rest.delete("/fapi/v1/allOpenOrders", **ONE))
    records.add("POST /fapi/v1/order/test", rest.post("/fapi/v1/order/test", **limit(bid * 0.97)))
    records.add("GET /fapi/v1/allOrders", rest.get("/fapi/v1/allOrders", **ONE))
    records.add("GET /fapi/v1/userTrades", rest.get("/fapi/v1/userTrades", **ONE))


def _batch(rest: Rest, records: Records, bid: float) -> None:
    path = "/fapi/v1/batchOrders"
    good, bad = limit(bid * 0.97), limit(bid * 0.97, quantity=0.0001)
    orders = [{name: str(value) for name, value in order.items()} for order in (good, bad)]
    made = records.add(f"POST {path}", rest.post(path, batchOrders=json.dumps(orders)))
    better = {**ONE, "orderId": made[0]["orderId"], "side": "BUY", "quantity": str(SIZE), "modifyId": 6}
    better["price"] = f"{bid * 0.96:.2f}"
    changed = [better, {**better, "orderId": 987654321}]
    records.add(f"PUT {path}", rest.call("PUT", path, batchOrders=json.dumps(changed)))
    ids = json.dumps([made[0]["orderId"], 987654321])
    records.add(f"DELETE {path}", rest.delete(path, **ONE, orderIdList=ids))


def _algo_orders(rest: Rest, records: Records) -> None:
    _, ask = rest.best("usdm")
    path = "/fapi/v1/algoOrder"
    made = records.add(f"POST {path}", rest.post(path, **target(ask * 1.04)))
    query = {"algoId": made["algoId"]}
    records.add(f"GET {path}", rest.get(path, **query))
    records.add("GET /fapi/v1/openAlgoOrders", rest.get("/fapi/v1/openAlgoOrders", **ONE))
    records.add(f"DELETE {path}", rest.delete(path, **query))
    records.add("GET /fapi/v1/allAlgoOrders", rest.get("/fapi/v1/allAlgoOrders", **ONE))
    records.add("DELETE /fapi/v1/algoOpenOrders", rest.delete("/fapi/v1/algoOpenOrders", **ONE))


def _account(rest: Rest, records: Records) -> None:
    records.add("POST /fapi/v1/leverage", rest.post("/fapi/v1/leverage", **ONE, leverage=20))
    records.add("POST /fapi/v1/feeBurn", rest.post("/fapi/v1/feeBurn", feeBurn=False))
    margin = rest.post("/fapi/v1/positionMargin", **ONE, amount=5, type=1)
    records.add("POST /fapi/v1/positionMargin", margin)
    for path, params in (
        ("/fapi/v2/account", {}),
        ("/fapi/v3/account", {}),
        ("/fapi/v2/balance", {}),
        ("/fapi/v3/balance", {}),
        ("/fapi/v2/positionRisk", ONE),
        ("/fapi/v3/positionRisk", ONE),
        ("/fapi/v1/accountConfig", {}),
        ("/fapi/v1/symbolConfig", ONE),
        ("/fapi/v1/multiAssetsMargin", {}),
        ("/fapi/v1/positionSide/dual", {}),
        ("/fapi/v1/positionMargin/history", ONE),
        ("/fapi/v1/income", ONE),
        ("/fapi/v1/leverageBracket", ONE),
        ("/fapi/v1/rateLimit/order", {}),
        ("/fapi/v1/commissionRate", ONE),
        ("/fapi/v1/apiTradingStatus", ONE),
        ("/fapi/v1/feeBurn", {}),
        ("/fapi/v1/adlQuantile", ONE),
    ):
        records.add(f"GET {path}", rest.get(path, **params))
    key_only = {"signed": False}
    records.add("POST /fapi/v1/listenKey", rest.call("POST", "/fapi/v1/listenKey", **key_only))
    records.add("PUT /fapi/v1/listenKey", rest.call("PUT", "/fapi/v1/listenKey", **key_only))


def _moved(venue: Venue, rest: Rest, records: Records) -> None:
    """A stop is triggered, and an account with too much leverage is liquidated."""
    made = venue.ask("/x/account", {"name": "reckless", "usdm": "1000"})
    other = Rest(venue, made["api_key"], made["api_secret"])
    other.post("/fapi/v1/leverage", **ONE, leverage=100)
    other.post("/fapi/v1/order", **market("BUY"))
    bid, _ = rest.best("usdm")
    stop = target(bid * 0.999, type="STOP_MARKET", workingType="CONTRACT_PRICE")
    stop = {name: value for name, value in stop.items() if name not in ("price", "timeInForce")}
    placed = rest.post("/fapi/v1/algoOrder", **stop)
    venue.move(-0.02, 1.0)
    deadline = time.monotonic() + 10
    forced, triggered = [], {}
    while not (forced and "actualQty" in triggered) and time.monotonic() < deadline:
        time.sleep(0.1)
        forced = other.get("/fapi/v1/forceOrders", **ONE)
        triggered = rest.get("/fapi/v1/algoOrder", algoId=placed["algoId"])
    records.add("GET /fapi/v1/forceOrders", forced)
    records.add("GET /fapi/v1/algoOrder", triggered)
    records.add("GET /fapi/v1/allAlgoOrders", rest.get("/fapi/v1/allAlgoOrders", **ONE))
    venue.move(0.02, 1.0)
    other.close()


async def _sockets(venue: Venue, rest: Rest, records: Records) -> None:
    async with Socket(venue.ws_fapi, venue.key, venue.secret) as api:
        await _api(api, rest, records)


async def _api(api: Socket, rest: Rest, records: Records) -> None:
    bid, ask = rest.best("usdm")

    async def keep(method: str, signed: bool = True, **params: Any) -> Any:
        return records.add(method, await api.reply(method, signed, **params))["result"]

    placed = await keep("order.place", **_texts(limit(bid * 0.97)))
    changed = {"orderId": placed["orderId"], "side": "BUY", "quantity": str(SIZE), "price": f"{bid * 0.96:.2f}"}
    changed["modifyId"] = 7
    await keep("order.modify", **ONE, **changed)
    await keep("order.status", **ONE, orderId=placed["orderId"])
    await keep("order.cancel", **ONE, orderId=placed["orderId"])
    await api.ask("order.place", **_texts(market("BUY")))
    made = await keep("algoOrder.place", **_texts(target(ask * 1.04)))
    await keep("algoOrder.cancel", algoId=made["algoId"])
    for method in ("account.position", "v2/account.position"):
        await keep(method, **ONE)
    for method in ("account.balance", "v2/account.balance", "account.status", "v2/account.status"):
        await keep(method)
    for method in ("userDataStream.start", "userDataStream.ping", "userDataStream.stop"):
        reply = await api.reply(method, signed=False, apiKey=api.key)
        records.add(method, reply)


def _texts(params: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in params.items()}
