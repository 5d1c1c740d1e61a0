"""Whatever a client sends, there is an answer in the venue's form, and nothing is broken afterwards."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supreme_system_v5.adapters.exchange.api.rest_request import read_call
from supreme_system_v5.adapters.exchange.api.user_streams import encode
from supreme_system_v5.adapters.exchange.api.ws_session import WsSession
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.adapters.exchange.api.desk import START_MS, hmac_of
from tests.adapters.exchange.api.worlds_with_clients import trading
from tests.adapters.exchange.worlds import START_NS

EXCHANGE, KEY = trading("both", factor=1_000_000)
MANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPOT_PATHS = [
    "order",
    "order/test",
    "openOrders",
    "allOrders",
    "account",
    "myTrades",
    "order/cancelReplace",
    "orderList/oco",
]
USDM_PATHS = [
    "order",
    "algoOrder",
    "openOrders",
    "leverage",
    "positionMargin",
    "countdownCancelAll",
    "batchOrders",
    "income",
]
VALUES = st.one_of(
    st.sampled_from(
        [
            "ETHUSDT",
            "BUY",
            "SELL",
            "LIMIT",
            "MARKET",
            "STOP_MARKET",
            "GTC",
            "IOC",
            "FULL",
            "1",
            "0.5",
            "2000",
            "true",
            "BOTH",
        ]
    ),
    st.integers(-5, 10**21).map(str),
    st.decimals(0, 10**6, places=9).map(str),
    st.text(max_size=6),
)
NAMES = st.sampled_from(
    """symbol side type quantity price timeInForce quoteOrderQty stopPrice icebergQty newClientOrderId origClientOrderId
    orderId limit startTime endTime fromId recvWindow newOrderRespType reduceOnly closePosition triggerPrice algoType
    leverage amount countdownTime cancelReplaceMode selfTradePreventionMode positionSide goodTillDate unknown""".split()
)
PARAMS = st.dictionaries(NAMES, VALUES, max_size=9)


def assert_books_balance() -> None:
    for balances in EXCHANGE.spot.accounts.values():
        for asset in ("USDT", "ETH"):
            free_e8, locked_e8 = balances.pair(asset)
            assert free_e8 >= 0
            assert locked_e8 >= 0


@MANY
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.sampled_from(["spot", "usdm"]), st.integers(0, 7), PARAMS)
def test_signed_rest_calls(method: str, market: str, which: int, params: dict[str, str]) -> None:
    path = f"/api/v3/{SPOT_PATHS[which]}" if market == "spot" else f"/fapi/v1/{USDM_PATHS[which]}"
    text = "&".join(f"{name}={quote(value)}" for name, value in {"timestamp": str(START_MS), **params}.items())
    target = f"{path}?{text}&signature={hmac_of(KEY.secret, text)}"
    call = read_call(market, method, target, {"X-MBX-APIKEY": KEY.api_key}, b"", "ip")
    reply = EXCHANGE.call(call, START_NS)
    body = json.loads(encode(reply.body))
    if reply.status != 200:
        assert reply.status in (400, 401, 404, 405, 409), (target, body)
        assert {"code", "msg"} <= set(body) or body["status"] == reply.status
    assert_books_balance()


@MANY
@given(st.text(max_size=40), st.binary(max_size=40))
def test_unsigned_nonsense(query: str, body: bytes) -> None:
    try:
        call = read_call("spot", "POST", f"/api/v3/order?{query}", {}, body)
    except Refusal as refusal:
        assert refusal.code in (-1100, -1101)
        encode(refusal.message)
        return
    assert encode(EXCHANGE.call(call, START_NS).body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
METHODS = st.sampled_from(
    """ping time depth klines order.place order.cancel order.status account.status session.logon session.status
    userDataStream.subscribe userDataStream.subscribe.signature userDataStream.unsubscribe v3/ping nothing""".split()
)


@MANY
@given(st.one_of(st.text(max_size=60), JSON.map(json.dumps)))
def test_frames_of_any_kind(frame: str) -> None:
    session = WsSession(EXCHANGE, "spot", lambda _event: None, START_NS, "ip")
    reply = json.loads(session.answer(frame, START_NS))
    assert reply["status"] >= 400
    session.close()


@MANY
@given(
    METHODS,
    st.dictionaries(st.one_of(NAMES, st.sampled_from(["apiKey", "timestamp", "signature"])), JSON, max_size=6),
    JSON,
)
def test_requests_of_any_kind(method: str, params: dict[str, Any], number: Any) -> None:
    session = WsSession(EXCHANGE, "spot", lambda _event: None, START_NS, "ip")
    frame = json.dumps({"id": number, "method": method, "params": params})
    reply = json.loads(session.answer(frame, START_NS))
    assert reply["id"] == number
    assert ("result" in reply) != ("error" in reply)
    session.close()


@pytest.mark.parametrize("amount", ["0.00000000", "99999999999999999999", "0.12345678"])
def test_amounts_at_the_edges(amount: str) -> None:
    text = f"symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=1000&quantity={amount}&timestamp={START_MS}"
    target = f"/api/v3/order?{text}&signature={hmac_of(KEY.secret, text)}"
    reply = EXCHANGE.call(read_call("spot", "POST", target, {"X-MBX-APIKEY": KEY.api_key}), START_NS)
    assert reply.status == 400
    assert EXCHANGE.spot.accounts["main"].free("USDT") <= 100_000 * E8
