"""What an account can ask on the spot market, over REST and the WebSocket API alike, and what it is told."""

from __future__ import annotations

import json
from typing import Any

from tests.adapters.exchange.api.spot_desk import SYMBOL, SpotClient, market, oco, order


def test_the_account() -> None:
    client = SpotClient()
    client.limit()
    body = client.ok("GET", "account")
    assert body["balances"] == [
        {"asset": "BNB", "free": "0.00000000", "locked": "0.00000000"},
        {"asset": "ETH", "free": "10.00000000", "locked": "0.00000000"},
        {"asset": "USDT", "free": "98100.00000000", "locked": "1900.00000000"},
    ]
    assert (body["makerCommission"], body["takerCommission"]) == (7, 10)
    assert body["commissionRates"]["maker"] == "0.00075000" and body["updateTime"] == client.ms
    assert [one["asset"] for one in client.ok("GET", "account", omitZeroBalances="true")["balances"]] == ["ETH", "USDT"]
    assert client.ok("GET", "account/commission", symbol=SYMBOL)["standardCommission"]["taker"] == "0.00100000"


def test_orders_by_id_and_by_time() -> None:
    client = SpotClient()
    for ms in range(0, 500, 100):
        client.desk.now_ms = ms
        client.limit(newClientOrderId=f"n{ms}")
    base = client.ms

    def ids(**params: Any) -> list[int]:
        return [one["orderId"] for one in client.ok("GET", "allOrders", symbol=SYMBOL, **params)]

    assert ids() == [1, 2, 3, 4, 5] and ids(limit=2) == [4, 5]
    assert ids(orderId=3) == [3, 4, 5] and ids(orderId=2, limit=2) == [2, 3]
    assert ids(startTime=base + 100) == [2, 3, 4, 5] and ids(startTime=base + 101, limit=1) == [3]
    assert ids(endTime=base + 200, limit=2) == [2, 3]
    assert ids(startTime=base + 100, endTime=base + 200) == [2, 3]
    assert ids(startTime=base * 1000 + 100_001) == [3, 4, 5]  # in microseconds
    assert client.error("GET", "allOrders", symbol=SYMBOL, startTime=base, endTime=base + 86_400_001) == (
        400,
        -1127,
        "More than 24 hours between startTime and endTime.",
    )
    assert client.error("GET", "order", symbol=SYMBOL, orderId=77) == (400, -2013, "Order does not exist.")
    assert client.error("GET", "order", symbol=SYMBOL, orderId=1, origClientOrderId="n100")[1] == -2013
    assert client.error("GET", "order", symbol=SYMBOL, orderId=1, account="eve")[1] == -2013
    assert ids(account="eve") == []


def test_trades_by_order_id_and_time() -> None:
    client = SpotClient()
    first = client.place(**market(quantity="1.5"))
    client.desk.now_ms = 50
    second = client.place(**market(side="SELL", quantity="0.5"))
    base = client.ms

    def trades(**params: Any) -> list[tuple[int, str]]:
        return [(one["orderId"], one["qty"]) for one in client.ok("GET", "myTrades", symbol=SYMBOL, **params)]

    everything = [(first["orderId"], "1.00000000"), (first["orderId"], "0.50000000"), (second["orderId"], "0.50000000")]
    assert trades() == everything and trades(limit=1) == everything[2:]
    assert trades(orderId=first["orderId"]) == everything[:2]
    tail = first["fills"][1]["tradeId"]
    assert trades(fromId=tail) == everything[1:] and trades(fromId=tail, limit=1) == everything[1:2]
    assert trades(startTime=base + 50) == everything[2:] and trades(endTime=base + 49) == everything[:2]
    assert client.error("GET", "myTrades", symbol=SYMBOL, fromId=1, startTime=1)[1] == -1128
    trade = client.ok("GET", "myTrades", symbol=SYMBOL)[0]
    assert (trade["isBuyer"], trade["isMaker"], trade["isBestMatch"]) == (True, False, True)
    assert (trade["commission"], trade["commissionAsset"], trade["quoteQty"]) == ("0.00100000", "ETH", "2000.10000000")


def test_the_websocket_api_gives_the_same() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    placed = client.ws("order.place", **order(newClientOrderId="mine"))
    assert client.ws("order.status", symbol=SYMBOL, origClientOrderId="mine") == client.ok(
        "GET", "order", symbol=SYMBOL, orderId=placed["orderId"]
    )
    for name, path, params in (
        ("openOrders.status", "openOrders", {}),
        ("allOrders", "allOrders", {"symbol": SYMBOL}),
        ("account.status", "account", {}),
        ("myTrades", "myTrades", {"symbol": SYMBOL}),
        ("account.commission", "account/commission", {"symbol": SYMBOL}),
        ("account.rateLimits.orders", "rateLimit/order", {}),
        ("allOrderLists", "allOrderList", {}),
        ("myFilters", "myFilters", {"symbol": SYMBOL}),
    ):
        assert client.ws(name, **params) == client.ok("GET", path, **params)
    assert client.ws("order.cancel", symbol=SYMBOL, orderId=placed["orderId"])["status"] == "CANCELED"
    made = client.ws("orderList.place.oco", **oco())
    assert (
        client.ws("orderList.cancel", symbol=SYMBOL, orderListId=made["orderListId"])["listOrderStatus"] == "ALL_DONE"
    )


def test_the_events_of_an_order() -> None:
    client = SpotClient()
    client.limit(quantity="2", price="2000.10", newClientOrderId="mine", strategyId=5)
    client.ok("DELETE", "order", symbol=SYMBOL, origClientOrderId="mine", newClientOrderId="bye")
    client.desk.venue.deposit("ann", "USDT", 5, client.desk.time_ns)
    client.exchange.settle("spot", client.desk.time_ns)
    events = [json.loads(event) for event in client.events]
    assert [(event["e"], event.get("x")) for event in events] == [
        ("executionReport", "NEW"),
        ("outboundAccountPosition", None),
        ("executionReport", "TRADE"),
        ("outboundAccountPosition", None),
        ("executionReport", "CANCELED"),
        ("outboundAccountPosition", None),
        ("balanceUpdate", None),
        ("outboundAccountPosition", None),
    ]
    new, _, trade, after, cancelled = events[:5]
    assert (new["w"], new["n"], new["N"], new["t"], new["j"], new["W"]) == (True, "0", None, -1, 5, client.ms)
    assert (trade["l"], trade["L"], trade["n"], trade["N"], trade["m"]) == (
        "1.00000000",
        "2000.10000000",
        "0.00100000",
        "ETH",
        False,
    )
    assert (trade["z"], trade["Z"], trade["Y"], trade["X"]) == (
        "1.00000000",
        "2000.10000000",
        "2000.10000000",
        "PARTIALLY_FILLED",
    )
    assert after["B"][0] == {"a": "ETH", "f": "10.99900000", "l": "0.00000000"}
    assert (cancelled["c"], cancelled["C"], cancelled["w"]) == ("bye", "mine", False)
    assert events[6]["d"] == "0.00000005"


def test_the_events_of_a_list_and_of_a_prevented_trade() -> None:
    client = SpotClient()
    client.desk.trade("2000.05")
    client.ok("POST", "orderList/oco", **oco(listClientOrderId="pair"))
    event = json.loads(client.events[-1])
    assert (event["e"], event["c"], event["l"], event["L"], event["C"]) == (
        "listStatus",
        "OCO",
        "EXEC_STARTED",
        "EXECUTING",
        "pair",
    )
    assert [one["i"] for one in event["O"]] == [1, 2]
    client.limit(price="2000.05")
    client.limit("SELL", "2", "2000.05", timeInForce="IOC")
    events = [json.loads(one) for one in client.events]
    (report,) = [one for one in events if one.get("x") == "TRADE_PREVENTION"]
    assert {key: report[key] for key in ("v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY")} == {
        "v": 0,
        "A": "1.00000000",
        "B": "1.00000000",
        "u": -1,
        "U": 4,
        "Cs": SYMBOL,
        "pl": "1.00000000",
        "pL": "2000.05000000",
        "pY": "2000.05000000",
    }
    assert events[-2]["eR"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
