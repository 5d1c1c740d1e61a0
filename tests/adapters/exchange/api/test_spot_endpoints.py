"""Spot orders over the API: placing, testing, cancelling, replacing; parameters, answers, errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.exchange.api.spot_desk import SYMBOL, SpotClient, market, oco, order


def test_the_three_forms_of_the_answer() -> None:
    client = SpotClient()
    ack = client.place(**order(newOrderRespType="ACK"))
    assert ack == {
        "symbol": SYMBOL,
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": ack["clientOrderId"],
        "transactTime": client.ms,
    }
    result = client.place(**order(newOrderRespType="RESULT", newClientOrderId="mine"))
    assert result["status"] == "NEW" and result["workingTime"] == client.ms and "fills" not in result
    full = client.place(**market(side="SELL", quantity="1.5"))
    assert full["fills"] == [
        {
            "price": "2000.00000000",
            "qty": "1.00000000",
            "commission": "2.00000000",
            "commissionAsset": "USDT",
            "tradeId": full["fills"][0]["tradeId"],
        },
        {
            "price": "1999.90000000",
            "qty": "0.50000000",
            "commission": "0.99995000",
            "commissionAsset": "USDT",
            "tradeId": full["fills"][1]["tradeId"],
        },
    ]
    assert full["cummulativeQuoteQty"] == "2999.95000000" and full["price"] == "0.00000000"
    assert full["timeInForce"] == "GTC" and full["status"] == "FILLED"


def test_the_default_form_follows_from_the_type() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    assert "fills" in client.limit()
    assert "status" not in client.place(**order(type="LIMIT_MAKER", timeInForce=None))
    assert "status" not in client.place(
        **order(type="STOP_LOSS", side="SELL", stopPrice="1900", timeInForce=None, price=None)
    )


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        (order(price=None), -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        (
            order(timeInForce=None),
            -1102,
            "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
        ),
        (order(quantity=None), -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
        (market(quantity=None), -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        (market(quoteOrderQty="10"), -1128, "Combination of optional parameters invalid."),
        (market() | {"price": "1900"}, -1106, "Parameter 'price' sent when not required."),
        (market() | {"timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        (order(type="LIMIT_MAKER"), -1106, "Parameter 'timeInForce' sent when not required."),
        (order(stopPrice="1800"), -1106, "Parameter 'stopPrice' sent when not required."),
        (order(quoteOrderQty="10"), -1106, "Parameter 'quoteOrderQty' sent when not required."),
        (order(timeInForce="GTX"), -1115, "Invalid timeInForce."),
        (order(type="STOP_MARKET"), -1116, "Invalid orderType."),
        (order(side="LONG"), -1117, "Invalid side."),
        (order(symbol="BTCUSDT"), -1121, "Invalid symbol."),
        (order(price="1900.123456789"), -1111, "Parameter 'price' has too much precision."),
        (order(quantity="0"), -1013, "Invalid quantity."),
        (order(strategyType="999999"), -1134, "strategyType was less than 1000000."),
        (order(trailingDelta="100"), -1013, "Trailing stop orders are not supported for this symbol."),
        (order(pegPriceType="PRIMARY_PEG"), -1013, "Pegged orders are not supported for this symbol."),
        (order(quantity="1.00001"), -1013, "Filter failure: LOT_SIZE"),
        (
            order(selfTradePreventionMode="TRANSFER"),
            -1013,
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        (order(quantity="60"), -2010, "Account has insufficient balance for requested action."),
        (order(unknown="1"), -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
    ],
)
def test_what_is_wrong_with_an_order(params: dict[str, Any], code: int, message: str) -> None:
    client = SpotClient()
    assert client.error("POST", "order", **params) == (400, code, message)
    assert client.ok("GET", "openOrders") == []


def test_a_tested_order_is_judged_and_not_placed() -> None:
    client = SpotClient()
    assert client.ok("POST", "order/test", **order()) == {}
    rates = client.ok("POST", "order/test", **order(computeCommissionRates="True"))
    assert rates["standardCommissionForOrder"] == {"maker": "0.00075000", "taker": "0.00100000"}
    assert client.error("POST", "order/test", **order(price="1900.001")) == (400, -1013, "Filter failure: PRICE_FILTER")
    assert client.ok("GET", "allOrders", symbol=SYMBOL) == []


def test_fields_that_only_some_orders_have() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    plain = client.limit()
    assert not {"stopPrice", "icebergQty", "strategyId", "preventedQuantity", "expiryReason"} & set(plain)
    marked = client.limit(icebergQty="0.5", strategyId=7, strategyType=1000001)
    assert (marked["icebergQty"], marked["strategyId"], marked["strategyType"]) == ("0.50000000", 7, 1000001)
    stop = client.place(**order(type="STOP_LOSS_LIMIT", side="SELL", stopPrice="1950", newOrderRespType="RESULT"))
    assert stop["stopPrice"] == "1950.00000000" and stop["workingTime"] == -1
    seen = client.ok("GET", "order", symbol=SYMBOL, orderId=stop["orderId"])
    assert seen["isWorking"] is False and seen["workingTime"] == -1
    late = client.limit(timeInForce="IOC")
    assert (late["status"], late["expiryReason"]) == ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")


def test_a_prevented_self_trade_is_in_the_answer_and_in_the_list() -> None:
    client = SpotClient()
    maker = client.limit(price="2000.05")
    taker = client.limit("SELL", "2", "2000.05", selfTradePreventionMode="EXPIRE_BOTH")
    assert taker["status"] == "EXPIRED_IN_MATCH" and taker["preventedQuantity"] == "2.00000000"
    part = {"preventedMatchId": 0, "makerSymbol": SYMBOL, "makerOrderId": maker["orderId"], "price": "2000.05000000"}
    both = {"takerPreventedQuantity": "2.00000000", "makerPreventedQuantity": "1.00000000"}
    assert taker["preventedMatches"] == [{**part, **both}]
    seen = client.ok("GET", "order", symbol=SYMBOL, orderId=maker["orderId"])
    assert (seen["status"], seen["preventedMatchId"], seen["preventedQuantity"]) == (
        "EXPIRED_IN_MATCH",
        0,
        "1.00000000",
    )
    for ids in ({"preventedMatchId": 0}, {"orderId": maker["orderId"]}, {"orderId": taker["orderId"]}):
        (match,) = client.ok("GET", "myPreventedMatches", symbol=SYMBOL, **ids)
        assert match == {
            **both,
            "symbol": SYMBOL,
            "preventedMatchId": 0,
            "takerOrderId": taker["orderId"],
            "makerSymbol": SYMBOL,
            "makerOrderId": maker["orderId"],
            "tradeGroupId": -1,
            "selfTradePreventionMode": "EXPIRE_BOTH",
            "price": "2000.05000000",
            "transactTime": client.ms,
        }
    assert client.ok("GET", "myPreventedMatches", symbol=SYMBOL, orderId=99) == []
    assert client.ok("GET", "myPreventedMatches", symbol=SYMBOL, preventedMatchId=0, account="eve") == []


# ---- cancelling


def test_cancel_answers_with_both_ids() -> None:
    client = SpotClient()
    placed = client.limit(newClientOrderId="mine")
    gone = client.ok("DELETE", "order", symbol=SYMBOL, origClientOrderId="mine", newClientOrderId="bye")
    assert (gone["origClientOrderId"], gone["clientOrderId"], gone["status"]) == ("mine", "bye", "CANCELED")
    assert gone["orderId"] == placed["orderId"] and "workingTime" not in gone
    seen = client.ok("GET", "order", symbol=SYMBOL, origClientOrderId="mine")
    assert (seen["status"], seen["clientOrderId"]) == ("CANCELED", "mine")
    assert client.error("DELETE", "order", symbol=SYMBOL, orderId=1) == (400, -2011, "Unknown order sent.")
    assert client.error("DELETE", "order", symbol=SYMBOL)[1:] == (
        -1102,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
    )
    assert client.error("DELETE", "order", symbol=SYMBOL, orderId=1, cancelRestrictions="OLD") == (
        400,
        -1145,
        "Invalid cancelRestrictions",
    )


def test_cancel_all_orders_and_lists() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    client.limit()
    client.ok("POST", "orderList/oco", **oco())
    gone = client.ok("DELETE", "openOrders", symbol=SYMBOL)
    assert [("orderReports" in one, one.get("status", one.get("listStatusType"))) for one in gone] == [
        (False, "CANCELED"),
        (True, "ALL_DONE"),
    ]
    assert len(gone[1]["orderReports"]) == 2
    assert client.error("DELETE", "openOrders", symbol=SYMBOL) == (400, -2011, "Unknown order sent.")


def replace(target: int, mode: str = "STOP_ON_FAILURE", **changes: Any) -> dict[str, Any]:
    return {**order(**changes), "cancelReplaceMode": mode, "cancelOrderId": target}


def test_cancel_replace_and_its_failures() -> None:
    client = SpotClient()
    first = client.limit()
    done = client.ok("POST", "order/cancelReplace", **replace(first["orderId"]))
    assert (done["cancelResult"], done["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert done["cancelResponse"]["orderId"] == first["orderId"] and done["newOrderResponse"]["fills"] == []
    unknown = {"code": -2011, "msg": "Unknown order sent."}
    taking = {"code": -2010, "msg": "Order would immediately match and take."}
    maker: dict[str, Any] = {"type": "LIMIT_MAKER", "timeInForce": None, "price": "2000.10"}
    path = "/api/v3/order/cancelReplace"
    reply = client.call("POST", path, **replace(99))
    assert (reply.status, reply.body) == (
        400,
        {
            "code": -2022,
            "msg": "Order cancel-replace failed.",
            "data": {
                "cancelResult": "FAILURE",
                "newOrderResult": "NOT_ATTEMPTED",
                "cancelResponse": unknown,
                "newOrderResponse": None,
            },
        },
    )
    reply = client.call("POST", path, **replace(99, "ALLOW_FAILURE", **maker))
    assert reply.status == 400 and reply.body["data"]["newOrderResponse"] == taking  # type: ignore[index]
    reply = client.call("POST", path, **replace(99, "ALLOW_FAILURE"))
    assert reply.status == 409 and reply.body["code"] == -2021  # type: ignore[index]
    assert reply.body["data"]["newOrderResult"] == "SUCCESS"  # type: ignore[index]
    second = done["newOrderResponse"]["orderId"]
    reply = client.call("POST", path, **replace(second, **maker))
    assert reply.status == 409 and reply.body["data"]["cancelResult"] == "SUCCESS"  # type: ignore[index]
    assert reply.body["data"]["newOrderResponse"] == taking  # type: ignore[index]
    assert client.error("POST", "order/cancelReplace", **replace(second, price="1900.001"))[1] == -1013


def test_with_no_order_left_cancel_replace_only_cancels_when_told_to() -> None:
    client = SpotClient()
    limits = client.exchange.order_limits
    first = client.limit()
    limits.add("spot", "ann", 99, client.exchange.limit_ns("spot", client.desk.time_ns))
    status, code, message = client.error("POST", "order/cancelReplace", **replace(first["orderId"]))
    assert (status, code) == (429, -1015) and message.startswith("Too many new orders; current limit is")
    assert len(client.ok("GET", "openOrders")) == 1
    only: dict[str, Any] = {"orderRateLimitExceededMode": "CANCEL_ONLY"}
    reply = client.call("POST", "/api/v3/order/cancelReplace", **replace(first["orderId"], "ALLOW_FAILURE"), **only)
    assert reply.status == 409 and reply.body["data"]["newOrderResponse"]["code"] == -1015  # type: ignore[index]
    assert client.ok("GET", "openOrders") == []
