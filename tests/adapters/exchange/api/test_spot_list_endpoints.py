"""Order lists over the API, and what is not served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.exchange.api.spot_desk import SYMBOL, SpotClient, oco


def test_an_oco_from_placement_to_its_end() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    placed = client.ok("POST", "orderList/oco", **oco(listClientOrderId="pair"))
    assert (placed["contingencyType"], placed["listStatusType"], placed["listOrderStatus"]) == (
        "OCO",
        "EXEC_STARTED",
        "EXECUTING",
    )
    assert [report["type"] for report in placed["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert [report["workingTime"] for report in placed["orderReports"]] == [-1, client.ms]
    assert client.ok("GET", "openOrderList") == [client.ok("GET", "orderList", origClientOrderId="pair")]
    gone = client.ok("DELETE", "order", symbol=SYMBOL, orderId=placed["orders"][0]["orderId"], newClientOrderId="bye")
    assert gone["listOrderStatus"] == "ALL_DONE" and [one["clientOrderId"] for one in gone["orderReports"]] == [
        "bye",
        "bye",
    ]
    assert client.ok("GET", "openOrderList") == []
    assert client.ok("GET", "allOrderList")[0]["listStatusType"] == "ALL_DONE"
    assert client.error("GET", "orderList", orderListId=9) == (400, -2018, "Order list does not exist.")
    assert client.error("DELETE", "orderList", symbol=SYMBOL, orderListId=0) == (400, -2011, "Unknown order sent.")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (oco(aboveType="LIMIT"), -1158),
        (oco(belowType="LIMIT_MAKER", belowStopPrice=None, belowTimeInForce=None), -1168),
        (oco(belowTimeInForce="IOC", belowIcebergQty="0.5"), -1160),
        (oco(belowTimeInForce=None), -1102),
        (oco(aboveTrailingDelta="10"), -1013),
        (oco(abovePrice="1990"), -2010),
    ],
)
def test_what_is_wrong_with_an_oco(params: dict[str, Any], code: int) -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    assert client.error("POST", "orderList/oco", **params)[1] == code


def test_the_deprecated_oco() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    params = {"symbol": SYMBOL, "quantity": "1", "limitClientOrderId": "limit", "stopClientOrderId": "stop"}
    sell = client.ok(
        "POST",
        "order/oco",
        **params,
        side="SELL",
        price="2050",
        stopPrice="1950",
        stopLimitPrice="1940",
        stopLimitTimeInForce="GTC",
    )
    assert [(one["clientOrderId"], one["type"]) for one in sell["orderReports"]] == [
        ("stop", "STOP_LOSS_LIMIT"),
        ("limit", "LIMIT_MAKER"),
    ]
    client.ok("DELETE", "orderList", symbol=SYMBOL, orderListId=sell["orderListId"])
    buy = client.ok("POST", "order/oco", **params, side="BUY", price="1950", stopPrice="2050")
    assert buy["orderReports"][0]["type"] == "STOP_LOSS"


def working(**more: Any) -> dict[str, Any]:
    made = {
        "symbol": SYMBOL,
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": "1990",
        "workingQuantity": "1",
    }
    return {**made, "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "1", **more}


def test_oto_and_otoco() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    oto = client.ok("POST", "orderList/oto", **working(pendingType="MARKET"))
    assert [one["status"] for one in oto["orderReports"]] == ["NEW", "PENDING_NEW"]
    pair = {
        "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "2100",
        "pendingBelowType": "STOP_LOSS",
        "pendingBelowStopPrice": "1900",
    }
    otoco = client.ok("POST", "orderList/otoco", **working(**pair, workingPrice="2000.10"))
    assert [one["status"] for one in otoco["orderReports"]] == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    seen = [client.ok("GET", "order", symbol=SYMBOL, orderId=one["orderId"])["status"] for one in otoco["orders"]]
    assert seen == ["FILLED", "NEW", "NEW"]
    assert client.ok("GET", "rateLimit/order")[0]["count"] == 4  # 2 + 3, less one that traded
    assert client.error("POST", "orderList/oto", **working(workingType="MARKET"))[1] in (-1102, -1106, -1116)


def test_what_is_not_served_says_so() -> None:
    client = SpotClient()
    for method, path, message in (
        ("POST", "orderList/opo", "OPO orders are not supported for this symbol."),
        ("POST", "orderList/opoco", "OPO orders are not supported for this symbol."),
        ("PUT", "order/amend/keepPriority", "Order amend is not supported for this symbol."),
        ("POST", "sor/order", "SOR orders are not supported for this symbol."),
    ):
        assert client.error(method, path, symbol=SYMBOL, anything="1") == (400, -1013, message)
    placed = client.limit()
    assert client.ok("GET", "myAllocations", symbol=SYMBOL) == []
    assert client.ok("GET", "order/amendments", symbol=SYMBOL, orderId=placed["orderId"]) == []
