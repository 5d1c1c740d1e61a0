"""USD-M orders over their endpoints: bodies, refusals of bad parameters, histories."""

from __future__ import annotations

import json
from typing import Any

import pytest

from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.adapters.exchange.api.usdm_api import ENDPOINTS, Api
from tests.core.matching.exchange.usdm_kit import START_MS

DAY = 86_400_000


@pytest.fixture
def api() -> Api:
    return Api()


# Orders ----------------------------------------------------------------------------------------------------------


def test_a_new_order_is_acknowledged_as_it_came(api: Api) -> None:
    body = api.limit("BUY", 0.1, 1995.5, newClientOrderId="mine")
    assert body == {
        "orderId": 1,
        "symbol": "ETHUSDT",
        "status": "NEW",
        "clientOrderId": "mine",
        "price": "1995.50",
        "origQty": "0.100",
        "executedQty": "0.000",
        "cumQty": "0.000",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "reduceOnly": False,
        "closePosition": False,
        "side": "BUY",
        "positionSide": "BOTH",
        "stopPrice": "0.00",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": "LIMIT",
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "updateTime": START_MS,
    }
    taken = api.one("POST", "order", side="BUY", type="MARKET", quantity="0.5")
    assert (taken["status"], taken["executedQty"]) == ("NEW", "0.000")


def test_the_result_of_an_order(api: Api) -> None:
    body = api.market("BUY", 6)
    assert (body["status"], body["executedQty"], body["cumQty"]) == ("FILLED", "6.000", "6.000")
    assert (body["avgPrice"], body["cumQuote"], body["price"]) == ("2001.16667", "12007.00000", "0.00")
    asked = api.one("GET", "order", orderId=body["orderId"])
    assert (asked["avgPrice"], asked["time"]) == ("2001.16667", START_MS)


def test_orders_are_found_and_cancelled(api: Api) -> None:
    first = api.limit("BUY", 0.1, 1995)
    second = api.limit("BUY", 0.1, 1994, newClientOrderId="two")
    assert [row["orderId"] for row in api.one("GET", "openOrders")] == [first["orderId"], second["orderId"]]
    assert api.call("GET", "openOrders") == api.one("GET", "openOrders")
    assert api.one("GET", "openOrder", origClientOrderId="two")["avgPrice"] == "0.00"
    gone = api.one("DELETE", "order", origClientOrderId="two")
    assert (gone["status"], gone["cumQty"]) == ("CANCELED", "0.000")
    assert api.code("DELETE", "order", orderId=second["orderId"]) == -2011
    assert api.code("GET", "openOrder", orderId=second["orderId"]) == -2013
    assert api.one("GET", "order", orderId=second["orderId"])["status"] == "CANCELED"
    assert api.code("GET", "order") == -1102
    assert api.one("DELETE", "allOpenOrders") == {
        "code": 200,
        "msg": "The operation of cancel all open order is done.",
    }
    rows = api.one("GET", "allOrders")
    assert [row["status"] for row in rows] == ["CANCELED", "CANCELED"]
    assert (rows[0]["pair"], rows[0]["cumBase"]) == ("ETHUSDT", "0")


def test_orders_that_ended_empty_are_forgotten_after_three_days(api: Api) -> None:
    order = api.limit("BUY", 0.1, 1995)
    filled = api.market("BUY", 0.1)
    api.one("DELETE", "order", orderId=order["orderId"])
    api.floor.go(3 * DAY + 1)
    assert api.code("GET", "order", orderId=order["orderId"]) == -2013
    assert [row["orderId"] for row in api.one("GET", "allOrders")] == [filled["orderId"]]
    api.floor.go(4 * DAY)
    assert api.one("GET", "allOrders") == []
    assert len(api.one("GET", "allOrders", orderId=1)) == 1


def test_bad_parameters(api: Api) -> None:
    good: dict[str, Any] = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 1999}
    for code, change in (
        (-1102, {"side": None}),
        (-1102, {"type": None}),
        (-1102, {"quantity": None}),
        (-1102, {"price": None}),
        (-1102, {"timeInForce": None}),
        (-1117, {"side": "HOLD"}),
        (-1116, {"type": "LIMIT_MAKER"}),
        (-4120, {"type": "STOP_MARKET"}),
        (-1115, {"timeInForce": "DAY"}),
        (-1130, {"reduceOnly": "maybe"}),
        (-1136, {"newOrderRespType": "FULL"}),
        (-5037, {"priceMatch": "BEST"}),
        (-1020, {"priceMatch": "OPPONENT"}),
        (-5039, {"selfTradePreventionMode": "DECREMENT"}),
        (-1111, {"price": "1999.001"}),
        (-4061, {"positionSide": "LONG"}),
        (-4015, {"newClientOrderId": "x" * 37}),
    ):
        params = {name: value for name, value in {**good, **change}.items() if value is not None}
        assert api.code("POST", "order", **params) == code, change
    with pytest.raises(Refusal, match="-1121"):
        api.call("POST", "order", symbol="BTCUSDT", **good)
    assert api.code("POST", "order", **good) == 0


def test_a_test_order_is_checked_and_not_placed(api: Api) -> None:
    body = api.one("POST", "order/test", side="BUY", type="LIMIT", timeInForce="GTC", quantity=1, price=1999)
    assert (body["status"], body["cumQuote"]) == ("NEW", "0.00000")
    assert api.code("POST", "order/test", side="BUY", type="MARKET", quantity=5_000) == -4005
    assert api.call("GET", "openOrders") == []


def test_batches(api: Api) -> None:
    rows = [
        {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.1, "price": "1995"},
        {"symbol": "ETHUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", "reduceOnly": True},
    ]
    placed = api.call("POST", "batchOrders", batchOrders=json.dumps(rows))
    assert placed[0]["status"] == "NEW"
    assert placed[1] == {"code": -2022, "msg": "ReduceOnly Order is rejected."}
    gone = api.one("DELETE", "batchOrders", orderIdList=json.dumps([placed[0]["orderId"], 77]))
    assert gone[0]["status"] == "CANCELED"
    assert gone[1] == {"code": -2011, "msg": "Unknown order sent."}
    again = api.limit("BUY", 0.1, 1995, newClientOrderId="q")
    assert api.one("DELETE", "batchOrders", origClientOrderIdList='["q"]')[0]["orderId"] == again["orderId"]
    assert api.code("POST", "batchOrders", batchOrders=json.dumps(rows * 3)) == -4082
    assert api.code("POST", "batchOrders", batchOrders="x") == -1130
    assert api.code("DELETE", "batchOrders", orderIdList=json.dumps(list(range(11)))) == -4032


def test_an_order_is_amended(api: Api) -> None:
    order = api.limit("BUY", 0.1, 1995)
    api.events()
    wish = {"orderId": order["orderId"], "side": "BUY", "quantity": 0.2, "price": 1996}
    changed = api.one("PUT", "order", **wish, modifyId=7)
    assert (changed["price"], changed["origQty"], changed["status"]) == ("1996.00", "0.200", "NEW")
    assert (changed["modifyId"], changed["pair"]) == (7, "ETHUSDT")
    event = api.events()[0]["o"]
    assert (event["x"], event["X"], event["M"], event["p"]) == ("AMENDMENT", "NEW", "7", "1996.00")
    rows = api.one("GET", "orderAmendment", orderId=order["orderId"])
    assert rows[0]["amendment"] == {
        "price": {"before": "1995.00", "after": "1996.00"},
        "origQty": {"before": "0.100", "after": "0.200"},
        "count": 1,
        "modifyId": 7,
    }
    assert api.code("PUT", "order", **wish) == -5027
    again = json.dumps([{"symbol": "ETHUSDT", **wish, "price": "1997"}, {"symbol": "ETHUSDT", **wish, "orderId": 9}])
    done = api.call("PUT", "batchOrders", batchOrders=again)
    assert (done[0]["price"], done[1]) == ("1997.00", {"code": -2013, "msg": "Order does not exist."})


def test_user_trades(api: Api) -> None:
    api.market("BUY", 6)
    api.floor.go(1_000)
    api.market("SELL", 1)
    trades = api.one("GET", "userTrades")
    assert trades[0] == {
        "symbol": "ETHUSDT",
        "pair": "ETHUSDT",
        "id": trades[0]["id"],
        "orderId": 1,
        "side": "BUY",
        "price": "2001",
        "qty": "5.000",
        "realizedPnl": "0",
        "marginAsset": "USDT",
        "quoteQty": "10005.00000",
        "baseQty": "0",
        "commission": "5.00250000",
        "commissionAsset": "USDT",
        "time": START_MS,
        "positionSide": "BOTH",
        "buyer": True,
        "maker": False,
    }
    assert trades[2]["realizedPnl"] == "-2.16666667"
    ids = [row["id"] for row in trades]
    assert [row["id"] for row in api.one("GET", "userTrades", limit=1)] == ids[2:]
    assert [row["id"] for row in api.one("GET", "userTrades", fromId=ids[1], limit=1)] == [ids[1]]
    assert [row["id"] for row in api.one("GET", "userTrades", orderId=1)] == ids[:2]
    assert [row["id"] for row in api.one("GET", "userTrades", startTime=START_MS + 1)] == ids[2:]
    assert api.one("GET", "userTrades", endTime=START_MS - 1) == []
    assert api.code("GET", "userTrades", startTime=1, endTime=7 * DAY + 2) == -4165
    assert api.code("GET", "userTrades", startTime=2, endTime=1) == -1023
    assert api.code("GET", "userTrades", fromId=1, startTime=1) == -1128


def test_the_countdown(api: Api) -> None:
    api.limit("BUY", 0.1, 1995)
    assert api.one("POST", "countdownCancelAll", countdownTime=1000) == {"symbol": "ETHUSDT", "countdownTime": "1000"}
    api.floor.go(1_000)
    assert api.call("GET", "openOrders") == []


# Conditional orders ----------------------------------------------------------------------------------------------


def test_a_conditional_order_over_its_life(api: Api) -> None:
    api.market("BUY", 1)
    made = api.stop("SELL", 1990, closePosition="true", clientAlgoId="guard", workingType="MARK_PRICE")
    assert made == {
        "algoId": 1,
        "clientAlgoId": "guard",
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": "ETHUSDT",
        "side": "SELL",
        "positionSide": "BOTH",
        "timeInForce": "GTC",
        "quantity": "0.000",
        "algoStatus": "NEW",
        "triggerPrice": "1990.00",
        "price": "0.00",
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "MARK_PRICE",
        "priceMatch": "NONE",
        "closePosition": True,
        "priceProtect": False,
        "reduceOnly": False,
        "activatePrice": "",
        "callbackRate": "",
        "createTime": START_MS,
        "updateTime": START_MS,
        "triggerTime": 0,
        "goodTillDate": 0,
    }
    waiting = api.one("GET", "openAlgoOrders")[0]
    assert (waiting["actualOrderId"], waiting["actualPrice"]) == ("", "0.00000")
    assert "actualType" not in waiting and "actualQty" not in waiting
    api.events()
    api.floor.mark(1990)
    done = api.call("GET", "algoOrder", clientAlgoId="guard")
    assert (done["algoStatus"], done["actualType"], done["actualQty"]) == ("FINISHED", "MARKET", "1.000")
    assert (done["actualOrderId"], done["actualPrice"], done["triggerTime"]) == ("2", "1999.00000", START_MS)
    assert api.one("GET", "openAlgoOrders") == []
    assert [row["algoId"] for row in api.one("GET", "allAlgoOrders")] == [1]
    order = api.one("GET", "order", orderId=2)
    assert (order["type"], order["origType"], order["reduceOnly"]) == ("MARKET", "STOP_MARKET", True)
    assert (order["stopPrice"], order["clientOrderId"]) == ("1990.00", "guard")


def test_conditional_orders_are_cancelled(api: Api) -> None:
    one, two = api.stop("SELL", 1990, quantity=1), api.stop("SELL", 1980, quantity=1)
    assert api.call("DELETE", "algoOrder", algoId=one["algoId"]) == {
        "algoId": one["algoId"],
        "clientAlgoId": one["clientAlgoId"],
        "code": "200",
        "msg": "success",
    }
    assert api.code("DELETE", "algoOrder", algoId=one["algoId"]) == -2011
    assert api.code("DELETE", "algoOrder") == -1102
    assert api.one("DELETE", "algoOpenOrders")["code"] == 200
    assert api.call("GET", "algoOrder", algoId=two["algoId"])["algoStatus"] == "CANCELED"
    assert api.code("GET", "algoOrder", algoId=99) == -2013
    api.floor.go(3 * DAY + 1)
    assert api.code("GET", "algoOrder", algoId=two["algoId"]) == -2013


def test_bad_conditional_orders(api: Api) -> None:
    for code, change in (
        (-1130, {"algoType": "VP"}),
        (-1102, {"triggerPrice": None}),
        (-1116, {"type": "WHAT"}),
        (-1116, {"type": "LIMIT"}),
        (-1020, {"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": 1}),
        (-4003, {"quantity": None}),
        (-2021, {"triggerPrice": 2000}),
        (-4137, {"closePosition": "true"}),
    ):
        base = {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "triggerPrice": 1990, "quantity": 1}
        params = {name: value for name, value in {**base, **change}.items() if value is not None}
        assert api.code("POST", "algoOrder", **params) == code, change
    assert api.code("POST", "algoOrder", side="SELL", type="STOP_MARKET", triggerPrice=1990, quantity=1) == -1102


def test_no_two_endpoints_claim_the_same() -> None:
    rest = [(endpoint.http, endpoint.path) for endpoint in ENDPOINTS if endpoint.path]
    names = [endpoint.ws for endpoint in ENDPOINTS if endpoint.ws]
    assert len(set(rest)) == len(rest)
    assert len(set(names)) == len(names)
    weights = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.http == "GET"}
    assert weights["/fapi/v1/openOrders"].weight_of({}) == 40
    assert weights["/fapi/v1/openOrders"].weight_of({"symbol": "ETHUSDT"}) == 1
