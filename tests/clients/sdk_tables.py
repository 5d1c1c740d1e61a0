"""Why a field of ours is not in a model of the SDKs, or a field of a model not in a body of ours.

Keys are "call path" or "* path", where a path may be its last part. Nothing may be lost or change its type: no table.
"""

from __future__ import annotations

from typing import Final

_ROUTED: Final = "the SDK routes an event by it and does not keep it"
_DOCUMENTED: Final = "in the venue's documentation of this answer; this model lacks it"
_REAL: Final = "the venue sends it; the SDK's example does not show it"
_LIMITS: Final = "every answer carries the limits unless they are declined; the SDK itself reads them there"
_WHOLE: Final = "the SDK's model of this answer is its inner result; it parses nothing of the whole"

_TRAILING: Final = "trailing orders only: not served"
_PEG: Final = "pegged orders only: not served"
_SOR: Final = "smart order routing only: not served"
_STP: Final = "only of an order that met another order of its account (produced in test_shapes)"
_STRATEGY: Final = "only of an order that was given one (produced in test_shapes)"
_ICEBERG: Final = "only of an iceberg order (produced in test_shapes)"
_STOP: Final = "only of an order that was given one"
_EXPIRED: Final = "only of an order that has expired (produced in test_shapes)"
_TRIGGERED: Final = "only of an order that was triggered (produced in test_sdk_usdm_events)"
_LIST: Final = "only where a whole list was cancelled"
_FORBIDDEN: Final = "block trades, allocations: not served"

SPOT_UNKNOWN: Final = {
    "* e": _ROUTED,
    "delete_open_orders contingencyType": _DOCUMENTED,
    "delete_open_orders listClientOrderId": _DOCUMENTED,
    "delete_open_orders listOrderStatus": _DOCUMENTED,
    "delete_open_orders listStatusType": _DOCUMENTED,
    "delete_open_orders orderReports": _DOCUMENTED,
    "delete_open_orders [].orders": _DOCUMENTED,
    "delete_open_orders stopPrice": _DOCUMENTED,
    "delete_open_orders transactionTime": _DOCUMENTED,
    "delete_order_list selfTradePreventionMode": _DOCUMENTED,
    "order_list_cancel origClientOrderId": _DOCUMENTED,
    "order_cancel_replace result.newOrderResponse.fills": _DOCUMENTED,
    "order_cancel_replace result.newOrderResponse.workingTime": _DOCUMENTED,
    "exchange_info id": _WHOLE,
    "exchange_info result": _WHOLE,
    "exchange_info status": _WHOLE,
    "session_logon rateLimits": _LIMITS,
    "session_logout rateLimits": _LIMITS,
    "session_status rateLimits": _LIMITS,
    "session_subscriptions rateLimits": _LIMITS,
    "user_data_stream_subscribe rateLimits": _LIMITS,
    "user_data_stream_subscribe_signature rateLimits": _LIMITS,
}
SPOT_MISSING: Final = {
    "* expiryReason": _EXPIRED,
    "* icebergQty": _ICEBERG,
    "* stopPrice": _STOP,
    "* strategyId": _STRATEGY,
    "* strategyType": _STRATEGY,
    "* preventedMatchId": _STP,
    "* preventedQuantity": _STP,
    "* trailingDelta": _TRAILING,
    "* trailingTime": _TRAILING,
    "* pegOffsetType": _PEG,
    "* pegOffsetValue": _PEG,
    "* pegPriceType": _PEG,
    "* peggedPrice": _PEG,
    "* usedSor": _SOR,
    "* workingFloor": _SOR,
    "order_cancel result.contingencyType": _LIST,
    "order_cancel result.listClientOrderId": _LIST,
    "order_cancel result.listOrderStatus": _LIST,
    "order_cancel result.listStatusType": _LIST,
    "order_cancel result.orderReports": _LIST,
    "order_cancel result.orders": _LIST,
    "order_cancel result.transactionTime": _LIST,
    "open_orders_cancel_all contingencyType": _LIST,
    "open_orders_cancel_all listClientOrderId": _LIST,
    "open_orders_cancel_all listOrderStatus": _LIST,
    "open_orders_cancel_all listStatusType": _LIST,
    "open_orders_cancel_all orderReports": _LIST,
    "open_orders_cancel_all orders": _LIST,
    "open_orders_cancel_all transactionTime": _LIST,
    "order_test result.discount": "only when the rates are asked for",
    "order_test result.specialCommissionForOrder": "only when the rates are asked for",
    "order_test result.standardCommissionForOrder": "only when the rates are asked for",
    "order_test result.taxCommissionForOrder": "only when the rates are asked for",
    "* sors": _SOR,
    "* rateLimits[].count": "the model is shared with calls that report what was used",
    "* priceExponent": "binary (SBE) encoding only",
    "* qtyExponent": "binary (SBE) encoding only",
    "* multiplierExponent": "binary (SBE) encoding only",
    "exchange_info exchangeFilters": _WHOLE,
    "exchange_info serverTime": _WHOLE,
    "exchange_info symbols": _WHOLE,
    "exchange_info timezone": _WHOLE,
    "event executionReport v": _STP,
    "event executionReport A": _STP,
    "event executionReport B": _STP,
    "event executionReport u": _STP,
    "event executionReport U": _STP,
    "event executionReport Cs": _STP,
    "event executionReport pl": _STP,
    "event executionReport pL": _STP,
    "event executionReport pY": _STP,
    "event executionReport d": _TRAILING,
    "event executionReport D": _TRAILING,
    "event executionReport j": _STRATEGY,
    "event executionReport J": _STRATEGY,
    "event executionReport b": _FORBIDDEN,
    "event executionReport a": _FORBIDDEN,
    "event executionReport k": _SOR,
    "event executionReport uS": _SOR,
    "event executionReport gP": _PEG,
    "event executionReport gOT": _PEG,
    "event executionReport gOV": _PEG,
    "event executionReport gp": _PEG,
    "event executionReport eR": _EXPIRED,
}
USDM_UNKNOWN: Final = {
    "* e": _ROUTED,
    "account_information isolatedWallet": _REAL,
    "account_information notional": _REAL,
    "account_information_v2 isolatedWallet": _REAL,
    "account_information_v2 notional": _REAL,
    "exchange_information futuresType": _REAL,
    "exchange_information positionControlSide": _REAL,
    "exchange_information maxMoveOrderLimit": _REAL,
    "exchange_information permissionSets": _REAL,
    "symbol_order_book_ticker lastUpdateId": _REAL,
    "new_order avgPrice": _REAL,
    "new_order cumQuote": _REAL,
    "query_order rateLimits": _LIMITS,
    "order_book result.bids": "the SDK's example has them beside the result; the venue, and ccxt, inside",
    "order_book result.asks": "the SDK's example has them beside the result; the venue, and ccxt, inside",
}
USDM_MISSING: Final = {
    "* activatePrice": _TRAILING,
    "* priceRate": _TRAILING,
    "query_algo_order actualQty": "only of an order that was triggered",
    "query_algo_order actualType": "only of an order that was triggered",
    "notional_and_leverage_brackets notionalCoef": "only where the account's brackets were adjusted",
    "order_book bids": "the SDK's example has them beside the result; the venue, and ccxt, inside",
    "order_book asks": "the SDK's example has them beside the result; the venue, and ccxt, inside",
    "stream ACCOUNT_CONFIG_UPDATE ai": "multi-assets mode only: not served",
    "stream ACCOUNT_UPDATE a.S": "funding events only (produced in test_sdk_usdm_events)",
    "stream MARGIN_CALL cw": "cross margin only: not served",
    "stream ALGO_UPDATE o.act": _TRIGGERED,
    "stream ALGO_UPDATE o.ap": _TRIGGERED,
    "stream ALGO_UPDATE o.aq": _TRIGGERED,
    "stream ALGO_UPDATE o.ia": _TRAILING,
    "stream ALGO_UPDATE o.rm": "only of an order that failed (produced in test_sdk_usdm_events)",
    "stream ORDER_TRADE_UPDATE o.AP": _TRAILING,
    "stream ORDER_TRADE_UPDATE o.cr": _TRAILING,
    "stream ORDER_TRADE_UPDATE o.M": "only of an amendment that was given an id (produced in test_sdk_usdm_events)",
}
