"""Everything the spot venue serves, done once, each answer kept: the material of the shape comparison."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.clients import shape_scene_conditions
from tests.clients.raw import SYMBOL, Refused, Rest, Socket
from tests.clients.shape_records import STRATEGY_TYPE, Records
from tests.clients.venue_process import Venue

SIZE = 0.02
MARKS: dict[str, Any] = {"strategyId": 7, "strategyType": STRATEGY_TYPE, "icebergQty": 0.005}


def record(venue: Venue, rest: Rest) -> Records:
    """Leaves nothing open."""
    records = Records()
    rest.flatten()
    asyncio.run(_sockets(venue, rest, records))
    asyncio.run(_session(venue, records))
    _rest_orders(rest, records)
    _rest_lists(rest, records)
    _rest_queries(rest, records)
    rest.flatten()
    return records


def limit(price: float, **more: Any) -> dict[str, Any]:
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": SIZE}
    return {**order, "price": round(price, 2), **more}


def oco(bid: float, ask: float) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "side": "SELL",
        "quantity": SIZE,
        "aboveType": "LIMIT_MAKER",
        "abovePrice": round(ask * 1.05, 2),
        "aboveIcebergQty": 0.005,
        "aboveStrategyId": 7,
        "aboveStrategyType": STRATEGY_TYPE,
        "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": round(bid * 0.95, 2),
        "belowPrice": round(bid * 0.94, 2),
        "belowTimeInForce": "GTC",
        "belowIcebergQty": 0.005,
    }


def oto(bid: float, pair: bool, ask: float) -> dict[str, Any]:
    order: dict[str, Any] = {
        "symbol": SYMBOL,
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": round(bid * 0.9, 2),
        "workingQuantity": SIZE,
        "workingTimeInForce": "GTC",
        "workingIcebergQty": 0.005,
        "workingStrategyId": 7,
        "workingStrategyType": STRATEGY_TYPE,
        "pendingSide": "SELL",
        "pendingQuantity": SIZE,
    }
    if not pair:
        price = round(bid * 0.8, 2)
        return {
            **order,
            "pendingType": "STOP_LOSS_LIMIT",
            "pendingStopPrice": price,
            "pendingPrice": price,
            "pendingTimeInForce": "GTC",
        }
    return {
        **order,
        "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": round(ask * 1.1, 2),
        "pendingBelowType": "STOP_LOSS_LIMIT",
        "pendingBelowStopPrice": round(bid * 0.8, 2),
        "pendingBelowPrice": round(bid * 0.79, 2),
        "pendingBelowTimeInForce": "IOC",
    }


def _withdraw(rest: Rest, order: Any) -> None:
    """Unless the market was faster."""
    try:
        rest.delete("/api/v3/order", symbol=SYMBOL, orderId=order["orderId"])
    except Refused as refused:
        assert refused.code == -2011, refused


def meet(rest: Rest, mode: str) -> tuple[int, Any]:
    """Two orders of ours meet: the id of the one that rested, and the answer to the one that came.

    The market may move in between; then it is done again. Raises AssertionError when that does not help.
    """
    one = {"symbol": SYMBOL}
    for _ in range(8):
        price = round(rest.best()[1] + 0.10, 2)
        terms = {"strategyId": 7, "strategyType": STRATEGY_TYPE, "selfTradePreventionMode": mode}
        resting = rest.post("/api/v3/order", **limit(price, side="SELL", **{**terms, "quantity": 30}, icebergQty=1))
        book = rest.public("/api/v3/depth", **one, limit=500)
        before = sum(float(quantity) for level, quantity in book["asks"] if float(level) <= price)
        terms |= {"quantity": round(before + 2, 4), "newOrderRespType": "RESULT"}
        coming = rest.post("/api/v3/order", **limit(price, **terms))
        found = rest.get("/api/v3/order", **one, orderId=resting["orderId"])
        is_open = found["status"] in ("NEW", "PARTIALLY_FILLED")
        if coming["status"] in ("NEW", "PARTIALLY_FILLED"):
            _withdraw(rest, coming)
        if ("preventedMatchId" in found or "preventedMatchId" in coming) and (is_open or mode == "EXPIRE_MAKER"):
            return int(resting["orderId"]), coming
        if is_open:
            _withdraw(rest, resting)
    raise AssertionError(f"the orders did not meet: {found} {coming}")


def stop(bid: float) -> dict[str, Any]:
    return limit(bid * 0.9, side="SELL", type="STOP_LOSS_LIMIT", stopPrice=round(bid * 0.91, 2))


def _rest_orders(rest: Rest, records: Records) -> None:
    bid, _ = rest.best()
    path = "/api/v3/order"
    one = {"symbol": SYMBOL}
    market = {**one, "side": "BUY", "type": "MARKET", "quantity": SIZE}
    records.add(f"POST {path}", rest.post(path, **market, newOrderRespType="FULL"))
    gone = rest.post(path, **limit(bid * 0.9, timeInForce="IOC", newOrderRespType="RESULT"))  # expires
    records.add(f"POST {path}", gone)
    records.add(f"GET {path}", rest.get(path, **one, orderId=gone["orderId"]))
    maker, _ = meet(rest, "EXPIRE_MAKER")
    records.add(f"GET {path}", rest.get(path, **one, orderId=maker))
    maker, taker = meet(rest, "EXPIRE_TAKER")
    records.add(f"POST {path}", taker)
    _withdraw(rest, {"orderId": maker})
    stopped = records.add(f"POST {path}", rest.post(path, **stop(bid), newOrderRespType="RESULT"))
    for _ in range(8):  # the market may fill what is left of the maker before it is cancelled
        maker, _ = meet(rest, "DECREMENT")
        records.add("GET /api/v3/openOrders", rest.get("/api/v3/openOrders", **one))
        with contextlib.suppress(Refused):
            records.add(f"DELETE {path}", rest.delete(path, **one, orderId=maker))
            break
    records.add(f"DELETE {path}", rest.delete(path, **one, orderId=stopped["orderId"]))
    replace = "POST /api/v3/order/cancelReplace"
    placed = rest.post(path, **{**stop(bid), **MARKS})
    terms: dict[str, Any] = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": placed["orderId"]}
    new = {**stop(bid), **MARKS, "newOrderRespType": "RESULT"}
    replaced = records.add(replace, rest.post("/api/v3/order/cancelReplace", **new, **terms))
    terms["cancelOrderId"] = replaced["newOrderResponse"]["orderId"]
    records.add(replace, rest.post("/api/v3/order/cancelReplace", **market, newOrderRespType="FULL", **terms))
    rest.post(path, **limit(bid * 0.9))
    rest.post("/api/v3/orderList/oco", **oco(*rest.best()))
    records.add("DELETE /api/v3/openOrders", rest.delete("/api/v3/openOrders", **one))
    records.add("POST /api/v3/order/test", rest.post("/api/v3/order/test", **market, computeCommissionRates=True))


def _rest_lists(rest: Rest, records: Records) -> None:
    bid, ask = rest.best()
    one = {"symbol": SYMBOL}
    made = records.add("POST /api/v3/orderList/oco", rest.post("/api/v3/orderList/oco", **oco(bid, ask)))
    records.add("GET /api/v3/orderList", rest.get("/api/v3/orderList", orderListId=made["orderListId"]))
    records.add("GET /api/v3/openOrderList", rest.get("/api/v3/openOrderList"))
    gone = rest.delete("/api/v3/orderList", **one, orderListId=made["orderListId"])
    records.add("DELETE /api/v3/orderList", gone)
    for name, is_pair in (("oto", False), ("otoco", True)):
        made = rest.post(f"/api/v3/orderList/{name}", **oto(bid, is_pair, ask))
        records.add(f"POST /api/v3/orderList/{name}", made)
        rest.delete("/api/v3/orderList", **one, orderListId=made["orderListId"])
    older = {"side": "SELL", "quantity": SIZE, "price": round(ask * 1.05, 2), "stopPrice": round(bid * 0.95, 2)}
    older |= {"stopLimitPrice": round(bid * 0.94, 2), "stopLimitTimeInForce": "GTC", "stopIcebergQty": 0.005}
    records.add("POST /api/v3/order/oco", rest.post("/api/v3/order/oco", **one, **older))
    rest.delete("/api/v3/openOrders", **one)
    records.add("GET /api/v3/allOrderList", rest.get("/api/v3/allOrderList"))


def _rest_queries(rest: Rest, records: Records) -> None:
    one = {"symbol": SYMBOL}
    maker, _ = meet(rest, "EXPIRE_MAKER")
    for path, params in (
        ("/api/v3/account", {}),
        ("/api/v3/account/commission", one),
        ("/api/v3/allOrders", one),
        ("/api/v3/myTrades", one),
        ("/api/v3/rateLimit/order", {}),
        ("/api/v3/myFilters", one),
        ("/api/v3/myPreventedMatches", {**one, "orderId": maker}),
    ):
        records.add(f"GET {path}", rest.get(path, **params))


async def _sockets(venue: Venue, rest: Rest, records: Records) -> None:
    async with Socket(venue.ws_api, venue.key, venue.secret) as api:
        records.add("userDataStream.subscribe.signature", await api.reply("userDataStream.subscribe.signature"))
        records.add("session.subscriptions", await api.reply("session.subscriptions", signed=False))
        await _api_orders(api, rest, records)
        await _api_queries(api, rest, records)
        await shape_scene_conditions.record(api, rest, records)
        venue.ask("/x/deposit", {"account": venue.account, "market": "spot", "asset": "USDT", "amount": "100"})
        for name in ("listStatus", "balanceUpdate"):
            await api.until(lambda frame, name=name: frame.get("event", {}).get("e") == name)
        for frame in api.frames:
            if "event" in frame:
                records.add(f"e {frame['event']['e']}", frame)
        unsubscribed = await api.reply("userDataStream.unsubscribe", signed=False, subscriptionId=0)
        records.add("userDataStream.unsubscribe", unsubscribed)
        ended = await api.until(lambda frame: frame.get("event", {}).get("e") == "eventStreamTerminated")
        records.add("e eventStreamTerminated", ended)


async def _session(venue: Venue, records: Records) -> None:
    """What takes an Ed25519 key: an account of its own has one."""
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = venue.ask("/x/account", {"name": "session", "public_key": pem})["api_key"]
    async with Socket(venue.ws_api) as api:
        moment = int(time.time() * 1000)
        mark = base64.b64encode(private.sign(f"apiKey={key}&timestamp={moment}".encode())).decode()
        terms = {"apiKey": key, "timestamp": moment, "signature": mark}
        records.add("session.logon", await api.reply("session.logon", signed=False, **terms))
        for name in ("session.status", "userDataStream.subscribe", "session.logout"):
            records.add(name, await api.reply(name, signed=False))


async def _api_orders(api: Socket, rest: Rest, records: Records) -> None:
    bid, ask = rest.best()
    one = {"symbol": SYMBOL}

    async def keep(method: str, **params: Any) -> Any:
        return records.add(method, await api.reply(method, **params))["result"]

    await keep("order.place", symbol=SYMBOL, side="BUY", type="MARKET", quantity=str(SIZE))
    placed = await keep("order.place", **_texts(limit(bid * 0.9, **MARKS, newOrderRespType="RESULT")))
    gone = await keep("order.place", **_texts(limit(bid * 0.9, timeInForce="IOC", newOrderRespType="RESULT")))
    await keep("order.status", **one, orderId=gone["orderId"])
    stopped = await keep("order.place", **_texts(stop(bid)), newOrderRespType="RESULT")
    for _ in range(8):
        maker, _ = meet(rest, "DECREMENT")
        await keep("order.status", **one, orderId=maker)
        await keep("openOrders.status", **one)
        answer = await api.reply("order.cancel", **one, orderId=maker)
        if "result" in answer:
            records.add("order.cancel", answer)
            break
    for order in (placed["orderId"], stopped["orderId"]):
        await keep("order.cancel", **one, orderId=order)
    placed = await api.ask("order.place", **_texts({**stop(bid), **MARKS}))
    replace = {**stop(bid), **MARKS, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": placed["orderId"]}
    replace["newOrderRespType"] = "RESULT"
    await keep("order.cancelReplace", **_texts(replace))
    made = await keep("orderList.place.oco", **_texts(oco(bid, ask)))
    await keep("orderList.status", orderListId=made["orderListId"])
    await keep("openOrderLists.status")
    await api.ask("order.place", **_texts(limit(bid * 0.9, **MARKS)))
    await api.ask("order.place", **_texts(stop(bid)))
    await keep("openOrders.cancelAll", **one)
    made = await keep("orderList.place.oto", **_texts(oto(bid, False, ask)))
    await keep("orderList.cancel", **one, orderListId=made["orderListId"])
    made = await keep("orderList.place.otoco", **_texts(oto(bid, True, ask)))
    await keep("order.cancel", **one, orderId=made["orders"][0]["orderId"])  # ends the whole list
    older = {"side": "SELL", "quantity": SIZE, "price": round(ask * 1.05, 2), "stopPrice": round(bid * 0.95, 2)}
    older |= {"stopLimitPrice": round(bid * 0.94, 2), "stopLimitTimeInForce": "GTC", "stopIcebergQty": "0.005"}
    older |= {"stopStrategyId": 7, "stopStrategyType": STRATEGY_TYPE}
    await keep("orderList.place", **one, **_texts(older))
    await api.ask("openOrders.cancelAll", **one)
    await keep("order.test", symbol=SYMBOL, side="BUY", type="MARKET", quantity=str(SIZE), computeCommissionRates=True)


async def _api_queries(api: Socket, rest: Rest, records: Records) -> None:
    one = {"symbol": SYMBOL}
    maker, _ = meet(rest, "EXPIRE_MAKER")
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("allOrders", one),
        ("allOrderLists", {}),
        ("myTrades", one),
        ("account.status", {}),
        ("account.commission", one),
        ("account.rateLimits.orders", {}),
        ("myFilters", one),
        ("myPreventedMatches", {**one, "orderId": maker}),
    )
    for method, params in calls:
        records.add(method, await api.reply(method, **params))


def _texts(params: dict[str, Any]) -> dict[str, Any]:
    """Numbers as the WebSocket API's own examples write them: decimals in quotes."""
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in params.items()}
