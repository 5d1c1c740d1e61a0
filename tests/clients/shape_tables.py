"""Which official example shows which operation, and why something is excepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tests.adapters.exchange.shapes import Example
from tests.clients.shape_records import key_of

OPO: Final = "opo lists are not served: the venue's own error"
AMEND: Final = "amend is not served: the venue's own error"
SOR: Final = "smart order routing is not served: the venue's own error"

# Tests of the SDKs: test name without test_ and _success -> (verb of the path) or method or stream.
_POST: Final = {
    "accept_the_offered_quote",
    "change_margin_type",
    "change_multi_assets_mode",
    "change_position_mode",
    "futures_tradfi_perps_contract",
    "new_order",
    "order_list_opo",
    "order_list_opoco",
    "order_oco",
    "place_multiple_orders",
    "sor_order",
    "sor_order_test",
    "toggle_bnb_burn_on_futures_trade",
    "order_cancel_replace",
    "order_list_oco",
    "order_list_oto",
    "order_list_otoco",
    "order_test",
    "test_order",
    "auto_cancel_all_open_orders",
    "change_initial_leverage",
    "modify_isolated_position_margin",
    "new_algo_order",
    "start_user_data_stream",
}
_SPOT_METHODS: Final = {
    "account_rate_limits_orders": "account.rateLimits.orders",
    "account_status": "account.status",
    "account_commission": "account.commission",
    "all_order_lists": "allOrderLists",
    "all_orders": "allOrders",
    "my_prevented_matches": "myPreventedMatches",
    "my_trades": "myTrades",
    "open_order_lists_status": "openOrderLists.status",
    "open_orders_status": "openOrders.status",
    "order_list_status": "orderList.status",
    "order_status": "order.status",
    "session_logon": "session.logon",
    "session_logout": "session.logout",
    "session_status": "session.status",
    "my_filters": "myFilters",
    "open_orders_cancel_all": "openOrders.cancelAll",
    "order_cancel": "order.cancel",
    "order_cancel_replace": "order.cancelReplace",
    "order_list_cancel": "orderList.cancel",
    "order_list_place": "orderList.place",
    "order_list_place_oco": "orderList.place.oco",
    "order_list_place_oto": "orderList.place.oto",
    "order_list_place_otoco": "orderList.place.otoco",
    "order_place": "order.place",
    "order_test": "order.test",
    "session_subscriptions": "session.subscriptions",
    "user_data_stream_subscribe": "userDataStream.subscribe",
    "user_data_stream_subscribe_signature": "userDataStream.subscribe.signature",
    "user_data_stream_unsubscribe": "userDataStream.unsubscribe",
}
_USDM_METHODS: Final = {
    "account_information": "account.status",
    "account_information_v2": "v2/account.status",
    "futures_account_balance": "account.balance",
    "futures_account_balance_v2": "v2/account.balance",
    "cancel_algo_order": "algoOrder.cancel",
    "cancel_order": "order.cancel",
    "new_algo_order": "algoOrder.place",
    "new_order": "order.place",
    "position_information": "account.position",
    "position_information_v2": "v2/account.position",
    "query_order": "order.status",
    "modify_order": "order.modify",
    "close_user_data_stream": "userDataStream.stop",
    "keepalive_user_data_stream": "userDataStream.ping",
    "start_user_data_stream": "userDataStream.start",
}
# Headings of the documentation.
_REST_DOCS: Final = {
    "New order (TRADE)": "POST /api/v3/order",
    "Test new order (TRADE)": "POST /api/v3/order/test",
    "Cancel order (TRADE)": "DELETE /api/v3/order",
    "Cancel All Open Orders on a Symbol (TRADE)": "DELETE /api/v3/openOrders",
    "Cancel an Existing Order and Send a New Order (TRADE)": "POST /api/v3/order/cancelReplace",
    "New OCO - Deprecated (TRADE)": "POST /api/v3/order/oco",
    "New Order list - OCO (TRADE)": "POST /api/v3/orderList/oco",
    "New Order list - OTO (TRADE)": "POST /api/v3/orderList/oto",
    "New Order list - OTOCO (TRADE)": "POST /api/v3/orderList/otoco",
    "Cancel Order list (TRADE)": "DELETE /api/v3/orderList",
    "Account information (USER_DATA)": "GET /api/v3/account",
    "Query order (USER_DATA)": "GET /api/v3/order",
    "Current open orders (USER_DATA)": "GET /api/v3/openOrders",
    "All orders (USER_DATA)": "GET /api/v3/allOrders",
    "Query Order list (USER_DATA)": "GET /api/v3/orderList",
    "Query all Order lists (USER_DATA)": "GET /api/v3/allOrderList",
    "Query Open Order lists (USER_DATA)": "GET /api/v3/openOrderList",
    "Account trade list (USER_DATA)": "GET /api/v3/myTrades",
    "Query Unfilled Order Count (USER_DATA)": "GET /api/v3/rateLimit/order",
    "Query Prevented Matches (USER_DATA)": "GET /api/v3/myPreventedMatches",
    "Query Commission Rates (USER_DATA)": "GET /api/v3/account/commission",
    "Query relevant filters (USER_DATA)": "GET /api/v3/myFilters",
}
_API_DOCS: Final = {
    "Log in with API key (SIGNED)": "session.logon",
    "Query session status": "session.status",
    "Log out of the session": "session.logout",
    "Query Relevant Filters (USER_DATA)": "myFilters",
    "Place new order (TRADE)": "order.place",
    "Test new order (TRADE)": "order.test",
    "Cancel order (TRADE)": "order.cancel",
    "Cancel and replace order (TRADE)": "order.cancelReplace",
    "Cancel open orders (TRADE)": "openOrders.cancelAll",
    "Place new OCO - Deprecated (TRADE)": "orderList.place",
    "Place new Order list - OCO (TRADE)": "orderList.place.oco",
    "Place new Order list - OTO (TRADE)": "orderList.place.oto",
    "Place new Order list - OTOCO (TRADE)": "orderList.place.otoco",
    "Cancel Order list (TRADE)": "orderList.cancel",
    "Account information (USER_DATA)": "account.status",
    "Query order (USER_DATA)": "order.status",
    "Current open orders (USER_DATA)": "openOrders.status",
    "Account order history (USER_DATA)": "allOrders",
    "Query Order list (USER_DATA)": "orderList.status",
    "Current open Order lists (USER_DATA)": "openOrderLists.status",
    "Account order list history (USER_DATA)": "allOrderLists",
    "Account trade history (USER_DATA)": "myTrades",
    "Unfilled Order Count (USER_DATA)": "account.rateLimits.orders",
    "Account prevented matches (USER_DATA)": "myPreventedMatches",
    "Account Commission Rates (USER_DATA)": "account.commission",
    "Response format": "order.place",
    "Unfilled Order Count": "order.place",
    "Subscribe to User Data Stream (USER_STREAM)": "userDataStream.subscribe",
    "Subscribe to User Data Stream through signature subscription (USER_STREAM)": "userDataStream.subscribe.signature",
    "Unsubscribe from User Data Stream": "userDataStream.unsubscribe",
    "Listing all subscriptions": "session.subscriptions",
}
_EVENT_DOCS: Final = {
    "Account Update": "e outboundAccountPosition",
    "Balance Update": "e balanceUpdate",
    "Order Update": "e executionReport",
    "Order Reject Reason": "e listStatus",
    "Event Stream Terminated": "e eventStreamTerminated",
}


def self_trades(row: Example) -> str:
    """The operation of an example in stp_faq.md, by what only its answer has."""
    if isinstance(row.json, list):
        return "GET /api/v3/myPreventedMatches"
    for word, operation in (("balances", "GET /api/v3/account"), ("transactTime", "POST /api/v3/order")):
        if word in row.json:
            return operation
    return "GET /api/v3/order" if "orderId" in row.json else ""


def spot_docs(rows: Iterable[Example]) -> dict[str, str]:
    tables = {"rest-api.md": _REST_DOCS, "web-socket-api.md": _API_DOCS, "user-data-stream.md": _EVENT_DOCS}
    return {key_of(row): tables.get(row.file, {}).get(row.name, "") for row in rows}


def _sdk(rows: Iterable[Example], methods: dict[str, str]) -> dict[str, str]:
    """Trading, accounts and user data only: market data are compared in test_shapes_market."""
    found = {}
    for row in rows:
        name = row.name.removeprefix("test_").removesuffix("_success")
        if row.path == "/":
            found[key_of(row)] = methods.get(name, "")
        elif row.path and any(word in row.file for word in ("account", "trade", "user_data")):
            found[key_of(row)] = f"{_verb(name)} {row.path}"
        else:
            found[key_of(row)] = ""
    return found


def _verb(name: str) -> str:
    if name.startswith(("delete_", "cancel_", "close_")):
        return "DELETE"
    if name.startswith(("keepalive_", "modify_order", "modify_multiple", "order_amend_")):
        return "PUT"
    return "POST" if name in _POST else "GET"


def spot_sdk(rows: Iterable[Example]) -> dict[str, str]:
    return _sdk(rows, _SPOT_METHODS)


def usdm_sdk(rows: Iterable[Example]) -> dict[str, str]:
    return _sdk(rows, _USDM_METHODS)


_TRAILING: Final = "trailing orders are not served"
_PEG: Final = "pegged orders are not served"
_ONE_MODE: Final = "one mode is served: asking for it again is refused as the venue does, the other is not served"
_DOWNLOAD: Final = "downloads of history are not served"

_ENDED: Final = "what was cancelled has not expired"
_AT_ONCE: Final = "the orders of an OCO do not trade as they are placed: nothing of theirs is prevented or expires"
SPOT_EXCEPTED: Final[dict[str, str]] = {
    "DELETE /api/v3/order expiryReason": _ENDED,
    "DELETE /api/v3/orderList orderReports[].expiryReason": _ENDED,
    "POST /api/v3/order/cancelReplace cancelResponse.expiryReason": _ENDED,
    "order.cancel .expiryReason": _ENDED,
    "order.cancelReplace result.cancelResponse.expiryReason": _ENDED,
    "orderList.cancel .expiryReason": _ENDED,
    "openOrders.cancelAll .expiryReason": _ENDED,
    "orderList.place .expiryReason": _AT_ONCE,
    "orderList.place .preventedMatchId": _AT_ONCE,
    "orderList.place .preventedQuantity": _AT_ONCE,
    "orderList.place.oco .expiryReason": _AT_ONCE,
    "orderList.place.oco .preventedMatchId": _AT_ONCE,
    "orderList.place.oco .preventedQuantity": _AT_ONCE,
    "GET /api/v3/openOrders expiryReason": "what is open has not expired",
    "openOrders.status result[].expiryReason": "what is open has not expired",
    "e executionReport event.N": "null where there is no commission (the example), its asset where there is one",
    "session.logout result.apiKey": "null, as the documentation shows it; the SDK's example has a word",
    "session.logout result.authorizedSince": "null, as the documentation shows it; the SDK's example has a number",
    "GET /api/v3/myFilters .exchangeFilters": "the venue has none of these filters",
    "GET /api/v3/myFilters .assetFilters": "the venue has none of these filters",
    "GET /api/v3/myFilters rateLimits": "a field of the WebSocket API's frame",
    "GET /api/v3/myFilters symbolFilters[].priceExponent": "binary (SBE) encoding only",
    "myFilters .exchangeFilters": "the venue has none of these filters",
    "myFilters .assetFilters": "the venue has none of these filters",
    "myFilters result.rateLimits": "a field of the frame, beside the result",
    "myFilters result.symbolFilters[].priceExponent": "binary (SBE) encoding only",
    "myFilters id": "the client's own word",
    "orderList.place.oto id": "the client's own word",
    "orderList.place.oto result.symbol": "the example's symbol is a number",
    "orderList.place.otoco id": "the client's own word",
    "orderList.place.otoco result.symbol": "the example's symbol is a number",
    "* trailingDelta": _TRAILING,
    "* trailingTime": _TRAILING,
    "* pegOffsetType": _PEG,
    "* pegOffsetValue": _PEG,
    "* pegPriceType": _PEG,
    "* peggedPrice": _PEG,
    "* usedSor": SOR,
    "* workingFloor": SOR,
    "GET /api/v3/myAllocations": SOR,
    "POST /api/v3/sor/order": SOR,
    "POST /api/v3/sor/order/test": SOR,
    "PUT /api/v3/order/amend/keepPriority": AMEND,
    "GET /api/v3/order/amendments": AMEND,
    "POST /api/v3/orderList/opo": OPO,
    "POST /api/v3/orderList/opoco": OPO,
}
USDM_EXCEPTED: Final[dict[str, str]] = {
    "* activatePrice": _TRAILING,
    "* priceRate": _TRAILING,
    "* icebergQuantity": "null: the SDK's example has Python's None as a word",
    "GET /fapi/v1/leverageBracket notionalCoef": "only where the account's brackets were adjusted",
    "GET /fapi/v1/apiTradingStatus indicators.BTCUSDT": "one symbol is served",
    "POST /fapi/v1/marginType": _ONE_MODE,
    "POST /fapi/v1/multiAssetsMargin": _ONE_MODE,
    "POST /fapi/v1/positionSide/dual": _ONE_MODE,
    "POST /fapi/v1/stock/contract": "stock contracts are not served",
    "GET /fapi/v1/income/asyn": _DOWNLOAD,
    "GET /fapi/v1/income/asyn/id": _DOWNLOAD,
    "GET /fapi/v1/order/asyn": _DOWNLOAD,
    "GET /fapi/v1/order/asyn/id": _DOWNLOAD,
    "GET /fapi/v1/trade/asyn": _DOWNLOAD,
    "GET /fapi/v1/trade/asyn/id": _DOWNLOAD,
}
_CONVERT: Final = "conversions are not served: HTTP 404"
# Success bodies that are compared with nothing, by test or heading.
NOT_COMPARED: Final[dict[str, str]] = {
    "Order Amend Keep Priority (TRADE)": AMEND,
    "Query Order Amendments (USER_DATA)": AMEND,
    "test_order_amendments_success": AMEND,
    "test_order_amend_keep_priority_success": AMEND,
    "New Order List - OPO (TRADE)": OPO,
    "New Order List - OPOCO (TRADE)": OPO,
    "OPO (TRADE)": OPO,
    "OPOCO (TRADE)": OPO,
    "test_order_list_place_opo_success": OPO,
    "test_order_list_place_opoco_success": OPO,
    "New order using SOR (TRADE)": SOR,
    "Place new order using SOR (TRADE)": SOR,
    "Test new order using SOR (TRADE)": SOR,
    "Query Allocations (USER_DATA)": SOR,
    "Account allocations (USER_DATA)": SOR,
    "test_my_allocations_success": SOR,
    "test_sor_order_place_success": SOR,
    "test_sor_order_test_success": SOR,
    "How to interpret rate limits": "the frame of every answer: compared with those of all methods",
    "IP limits": "the frame of every answer: compared with those of all methods",
    "External Lock Update": "locks come from other products of the venue: none is here",
    'What is "prevented quantity?"': "two fields of an executionReport: compared in Order Update",
    "How do I know which symbol uses STP?": "two fields of exchangeInfo: compared in Exchange information",
    "test_accept_the_offered_quote_success": _CONVERT,
    "test_list_all_convert_pairs_success": _CONVERT,
    "test_order_status_success": _CONVERT,
    "test_send_quote_request_success": _CONVERT,
    "test_classic_portfolio_margin_account_information_success": "portfolio margin is not served: HTTP 404",
}
