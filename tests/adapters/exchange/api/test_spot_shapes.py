"""The official examples of spot trading endpoints and user events against answers made under their conditions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.exchange.api.spot_desk import SYMBOL, SpotClient
from tests.adapters.exchange.shapes import Example, differences, examples

PEGS_AND_SOR = {
    "trailingDelta": "no trailing stops",
    "trailingTime": "no trailing stops",
    "usedSor": "no smart order routing",
    "workingFloor": "no smart order routing",
    "pegPriceType": "no pegged orders",
    "pegOffsetType": "no pegged orders",
    "pegOffsetValue": "no pegged orders",
    "peggedPrice": "no pegged orders",
}
NOT_SERVED = {
    "test_order_amend_keep_priority_success": "amend is answered with the venue's own error",
    "test_order_amendments_success": "there are no amendments: the answer is an empty list",
    "test_my_allocations_success": "there is no smart order routing: the answer is an empty list",
    "test_order_list_opo_success": "OPO lists are answered with the venue's own error",
    "test_order_list_opoco_success": "OPO lists are answered with the venue's own error",
    "test_order_list_place_opo_success": "OPO lists are answered with the venue's own error",
    "test_order_list_place_opoco_success": "OPO lists are answered with the venue's own error",
    "test_sor_order_success": "SOR is answered with the venue's own error",
    "test_sor_order_test_success": "SOR is answered with the venue's own error",
    "test_sor_order_place_success": "SOR is answered with the venue's own error",
}
ICEBERG: dict[str, Any] = {"icebergQty": "0.1", "strategyId": 7, "strategyType": 1000001}


def data_dir() -> Path:
    text = os.environ.get("SUPREME_DATA_DIR", "")
    if not text:
        pytest.skip("SUPREME_DATA_DIR is not set: no official examples")
    return Path(text)


def paths_of(names: dict[str, str]) -> dict[str, str]:
    """The unserved fields wherever an order is shown."""
    places = ("", "[].", "orderReports[].", "[].orderReports[].", "cancelResponse.", "newOrderResponse.")
    return {f"{place}{name}": reason for place in places for name, reason in names.items()}


EXCEPTED = paths_of(PEGS_AND_SOR)


class Scene:
    """Does everything once and keeps what was answered."""

    def __init__(self) -> None:
        self.client = client = SpotClient()
        client.desk.trade("2000.05")
        self.bodies: dict[str, list[Any]] = {}
        self._orders()
        self._lists()
        self._queries()

    def keep(self, name: str, body: Any) -> Any:
        self.bodies.setdefault(name, []).append(body)
        return body

    def prevented(self) -> Any:
        """An iceberg of ours that met another order of ours, and rests on with what is left."""
        client = self.client
        client.desk.book([("1900", "1")], [("2100", "1")])
        maker = client.limit("SELL", "0.2", "1990", **ICEBERG)
        client.limit("BUY", "0.1", "1990", selfTradePreventionMode="DECREMENT")
        return maker

    def _orders(self) -> None:
        client = self.client
        for form in ("ACK", "RESULT", "FULL"):
            order = {"symbol": SYMBOL, "side": "SELL", "type": "MARKET", "quantity": "0.2", "newOrderRespType": form}
            self.keep("new_order", client.ok("POST", "order", **order))
        self.keep("order_test", client.ok("POST", "order/test", **order))
        self.keep("order_test", client.ok("POST", "order/test", **order, computeCommissionRates="true"))
        maker = self.prevented()
        self.keep("get_order", client.ok("GET", "order", symbol=SYMBOL, orderId=maker["orderId"]))
        self.keep("open_orders", client.ok("GET", "openOrders", symbol=SYMBOL))
        self.keep("prevented", client.ok("GET", "myPreventedMatches", symbol=SYMBOL, orderId=maker["orderId"]))
        self.keep("delete_order", client.ok("DELETE", "order", symbol=SYMBOL, orderId=maker["orderId"]))
        order_id = client.limit(quantity="0.1", **ICEBERG)["orderId"]
        new = {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.1",
            "price": "2100",
        }
        made = {
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelOrderId": order_id,
            **new,
            **ICEBERG,
            "icebergQty": "0.05",
        }
        self.keep("cancel_replace", client.ok("POST", "order/cancelReplace", **made))
        client.limit(quantity="0.1")
        self.oco()
        self.keep("delete_open_orders", client.ok("DELETE", "openOrders", symbol=SYMBOL))

    def oco(self, **more: Any) -> Any:
        pair = {
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "2050",
            "aboveIcebergQty": "0.1",
            "belowType": "STOP_LOSS_LIMIT",
        }
        below = {"belowStopPrice": "1950", "belowPrice": "1940", "belowTimeInForce": "GTC", "belowIcebergQty": "0.1"}
        below.update(belowStrategyId="7", belowStrategyType="1000001")
        self.client.desk.trade("2000.05")
        return self.client.ok(
            "POST", "orderList/oco", symbol=SYMBOL, side="SELL", quantity="1", **pair, **below, **more
        )

    def _lists(self) -> None:
        client = self.client
        made = self.keep("oco", self.oco())
        self.keep("get_list", client.ok("GET", "orderList", orderListId=made["orderListId"]))
        self.keep("lists", client.ok("GET", "openOrderList"))
        self.keep("delete_list", client.ok("DELETE", "orderList", symbol=SYMBOL, orderListId=made["orderListId"]))
        self.keep("lists", client.ok("GET", "allOrderList"))
        working = {"symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "1890"}
        terms = {"workingQuantity": "1", "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "1"}
        marks = {"workingIcebergQty": "0.1", "workingStrategyId": 1, "workingStrategyType": 1000000}
        common = {**working, **terms, **marks}
        self.keep("oto", client.ok("POST", "orderList/oto", **common, pendingType="MARKET"))
        pair = {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "2100"}
        below = {"pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "1800"}
        self.keep("otoco", client.ok("POST", "orderList/otoco", **common, **pair, **below))
        client.ok("DELETE", "openOrders", symbol=SYMBOL)
        old = {"symbol": SYMBOL, "side": "SELL", "quantity": "1", "price": "2050", "stopPrice": "1950"}
        limit = {"stopLimitPrice": "1940", "stopLimitTimeInForce": "GTC"}
        self.keep(
            "old_oco", client.ok("POST", "order/oco", **old, **limit, limitIcebergQty="0.1", stopIcebergQty="0.1")
        )

    def _queries(self) -> None:
        client = self.client
        for name, path in (
            ("all_orders", "allOrders"),
            ("my_trades", "myTrades"),
            ("account", "account"),
            ("commission", "account/commission"),
            ("rate_limit", "rateLimit/order"),
            ("filters", "myFilters"),
        ):
            self.keep(name, client.ok("GET", path, **({} if name in ("account", "rate_limit") else {"symbol": SYMBOL})))
        client.desk.venue.deposit("ann", "USDT", 5, client.desk.time_ns)
        client.exchange.settle("spot", client.desk.time_ns)
        for event in client.events:
            body = json.loads(event)
            self.keep(body["e"], body)


REST = {
    "New order (TRADE)": "new_order",
    "Test new order (TRADE)": "order_test",
    "Cancel order (TRADE)": "delete_order",
    "Cancel All Open Orders on a Symbol (TRADE)": "delete_open_orders",
    "Cancel open orders (TRADE)": "delete_open_orders",
    "Cancel an Existing Order and Send a New Order (TRADE)": "cancel_replace",
    "New OCO - Deprecated (TRADE)": "old_oco",
    "New Order list - OCO (TRADE)": "oco",
    "New Order list - OTO (TRADE)": "oto",
    "New Order list - OTOCO (TRADE)": "otoco",
    "Cancel Order list (TRADE)": "delete_list",
    "Account information (USER_DATA)": "account",
    "Query order (USER_DATA)": "get_order",
    "Current open orders (USER_DATA)": "open_orders",
    "All orders (USER_DATA)": "all_orders",
    "Query Order list (USER_DATA)": "get_list",
    "Query all Order lists (USER_DATA)": "lists",
    "Query Open Order lists (USER_DATA)": "lists",
    "Account trade list (USER_DATA)": "my_trades",
    "Query Unfilled Order Count (USER_DATA)": "rate_limit",
    "Query Prevented Matches (USER_DATA)": "prevented",
    "Query Commission Rates (USER_DATA)": "commission",
    "Query relevant filters (USER_DATA)": "filters",
    "Account Update": "outboundAccountPosition",
    "Balance Update": "balanceUpdate",
    "Order Update": "executionReport",
    "Order Reject Reason": "listStatus",
}
SDK = {
    "test_account_commission_success": "commission",
    "test_all_order_list_success": "lists",
    "test_all_orders_success": "all_orders",
    "test_get_account_success": "account",
    "test_get_open_orders_success": "open_orders",
    "test_get_order_success": "get_order",
    "test_get_order_list_success": "get_list",
    "test_my_filters_success": "filters",
    "test_my_prevented_matches_success": "prevented",
    "test_my_trades_success": "my_trades",
    "test_open_order_list_success": "lists",
    "test_rate_limit_order_success": "rate_limit",
    "test_delete_open_orders_success": "delete_open_orders",
    "test_delete_order_success": "delete_order",
    "test_delete_order_list_success": "delete_list",
    "test_new_order_success": "new_order",
    "test_order_cancel_replace_success": "cancel_replace",
    "test_order_list_oco_success": "oco",
    "test_order_list_oto_success": "oto",
    "test_order_list_otoco_success": "otoco",
    "test_order_oco_success": "old_oco",
    "test_order_test_success": "order_test",
}
# Beyond what no order here can have: what needs another condition than the one the answer was made under.
ELSEWHERE = {
    "v": "only with a prevented match, shown by other tests",
    "expiryReason": "only of an expired order, shown by other tests",
    "preventedMatchId": "only of an order that was prevented: shown by get_order and delete_order",
    "preventedQuantity": "only of an order that was prevented: shown by get_order and delete_order",
    "stopPrice": "only of a stop: shown by the lists",
    "assetFilters": "no account has filters of its own",
    "exchangeFilters": "the venue has none: exchangeInfo has an empty list",
    "symbolFilters[].priceExponent": "of the binary schema (SBE); the documentation's JSON has none",
    "rateLimits": "in the SDK's example only: the documentation has it beside the result of the WebSocket API",
}


def best(example: Any, bodies: list[Any], excepted: dict[str, str]) -> list[str]:
    """The differences from the body that is nearest to the example."""
    return min((differences(example, body, excepted) for body in bodies), key=len)


def rows_of(rows: list[Example], names: dict[str, str], files: tuple[str, ...]) -> list[Example]:
    return [row for row in rows if row.file in files and row.name in names]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def test_the_examples_of_the_documentation(scene: Scene) -> None:
    rows = rows_of(examples(data_dir(), "spot_docs_examples"), REST, ("rest-api.md", "user-data-stream.md"))
    assert len(rows) >= 30
    excepted = {**EXCEPTED, **{name: ELSEWHERE[name] for name in ("v", "exchangeFilters", "assetFilters")}}
    faults = {}
    for row in rows:
        body = row.json.get("event", row.json) if isinstance(row.json, dict) else row.json
        if isinstance(body, dict) and "code" in body:
            continue  # errors are compared word for word by other tests
        found = best(body, scene.bodies[REST[row.name]], excepted)
        if found:
            faults[row.name] = found
    assert faults == {}


def test_the_examples_of_the_official_sdk(scene: Scene) -> None:
    rows = examples(data_dir(), "spot_sdk_examples")
    mine = rows_of(rows, SDK, ("test_account_api.py", "test_trade_api.py"))
    assert {row.name for row in mine} == set(SDK)
    excepted = {**EXCEPTED, **paths_of(ELSEWHERE)}
    del excepted["preventedMatchId"], excepted["preventedQuantity"]
    faults = {row.name: best(row.json, scene.bodies[SDK[row.name]], excepted) for row in mine}
    assert {name: found for name, found in faults.items() if found} == {}


def test_no_example_of_a_trading_endpoint_is_left_out() -> None:
    rows = examples(data_dir(), "spot_sdk_examples")
    names = {row.name for row in rows if row.file in ("test_account_api.py", "test_trade_api.py")}
    assert names - set(SDK) - set(NOT_SERVED) == set()
