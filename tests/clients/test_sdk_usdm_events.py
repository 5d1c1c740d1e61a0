"""The user events that need a market: funding, a margin call, a liquidation, a stop that triggers, and the listen key's
end. The official SDK listens over its own socket and parses every one of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import pytest

from supreme_system_v5.adapters.exchange.api.make import make_exchange
from supreme_system_v5.adapters.exchange.market.build import generated_markets
from tests.adapters.exchange.api.front import Front, run
from tests.adapters.exchange.api.worlds_with_clients import USDM_E8
from tests.clients import sdk_clients
from tests.clients.pointing import sdk_usdm
from tests.clients.sdk_clients import wait_for
from tests.clients.sdk_tables import USDM_MISSING, USDM_UNKNOWN
from tests.clients.test_sdk_usdm import ONE, Stage
from tests.clients.venue_process import Venue

SECOND: Final = 1_000_000_000
FUNDING_NS: Final = 1_763_654_400 * SECOND  # 16:00 UTC
START_NS: Final = FUNDING_NS - 30 * SECOND
KEY_NS: Final = 3_600 * SECOND
ALIVE_NS: Final = 72 * SECOND  # what is left of the listen key
SHOWN_BY_THESE: Final = ("a.S", "o.act", "o.ap", "o.aq", "o.rm", "o.M")  # elsewhere in sdk_tables: of some orders only


class Where:
    """Where the server is and whom it lets in, as ``pointing`` asks for it."""

    def __init__(self, front: Front) -> None:
        self.rest = f"http://127.0.0.1:{front.server.port}"
        self.ws = f"ws://127.0.0.1:{front.server.port}"
        self.ws_fapi = f"{self.ws}/ws-fapi/v1"
        self.key, self.secret = front.key.api_key, front.key.secret


def heard(stage: Stage, name: str) -> list[Any]:
    return [frame["data"] for frame in stage.frames.all if frame.get("data", {}).get("e") == name]


async def trade(front: Front, stage: Stage) -> None:
    """A position with the most leverage there is, an amended order, and a stop below; then the price falls."""
    await front.ok("POST", "/fapi/v1/leverage", **ONE, leverage=100)
    await front.ok("POST", "/fapi/v1/order", **ONE, side="BUY", type="MARKET", quantity="1")
    quote = (await front.send("GET", "/fapi/v1/ticker/bookTicker?symbol=ETHUSDT"))[1]
    bid = float(quote["bidPrice"])
    limit = {**ONE, "side": "BUY", "quantity": "0.05", "price": f"{bid * 0.97:.2f}"}
    placed = await front.ok("POST", "/fapi/v1/order", type="LIMIT", timeInForce="GTC", **limit)
    lower = {**limit, "price": f"{bid * 0.96:.2f}", "orderId": placed["orderId"], "modifyId": "7"}
    await front.ok("PUT", "/fapi/v1/order", **lower)
    stop = {**ONE, "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "workingType": "CONTRACT_PRICE"}
    await front.ok("POST", "/fapi/v1/algoOrder", quantity="0.05", triggerPrice=f"{bid * 0.998:.2f}", **stop)
    more = {**stop, "side": "BUY", "type": "TAKE_PROFIT_MARKET"}  # too much for the leverage, when it triggers
    await front.ok("POST", "/fapi/v1/algoOrder", quantity="1500", triggerPrice=f"{bid * 0.998:.2f}", **more)
    funded = [event for event in heard(stage, "ACCOUNT_UPDATE") if event["a"]["m"] == "FUNDING_FEE"]
    assert funded == []

    def is_funded() -> Any:
        return [event for event in heard(stage, "ACCOUNT_UPDATE") if event["a"]["m"] == "FUNDING_FEE"]

    [event] = await wait_for(is_funded, "no funding")
    assert (event["a"]["S"], event["T"] >= FUNDING_NS // 1_000_000) == ("ETHUSDT", True)
    front.exchange.markets["usdm"].move(-0.012, 24.0)


@pytest.mark.slow
def test_events_that_the_market_brings_about() -> None:
    exchange = make_exchange(generated_markets("usdm", 1, START_NS, is_shared=True), 1)
    key = exchange.open_account("main", {}, USDM_E8)
    listen_key = exchange.listen_keys.start("main", START_NS - KEY_NS + ALIVE_NS)

    async def body(front: Front) -> None:
        stage = Stage(sdk_usdm(cast(Venue, Where(front))).websocket_streams)
        await stage.open()
        try:
            (await stage.streams.user_data(listen_key)).on("message", stage.take(""))
            await asyncio.sleep(0.1)
            await trade(front, stage)
            await wait_for(lambda: heard(stage, "listenKeyExpired"), "the key did not end", 25.0)
        finally:
            await sdk_clients.close(stage.streams)
        call = heard(stage, "MARGIN_CALL")[0]
        assert (call["p"][0]["s"], call["p"][0]["mt"]) == ("ETHUSDT", "ISOLATED")
        closed = [
            event["o"] for event in heard(stage, "ORDER_TRADE_UPDATE") if event["o"]["c"].startswith("autoclose-")
        ]
        assert [order["X"] for order in closed][-1] == "FILLED"
        assert {"TRIGGERING", "TRIGGERED", "FINISHED", "REJECTED"} <= {
            event["o"]["X"] for event in heard(stage, "ALGO_UPDATE")
        }
        [ended] = heard(stage, "listenKeyExpired")
        assert ended["listenKey"] == listen_key
        assert {"MARGIN_CALL", "ACCOUNT_UPDATE", "ALGO_UPDATE", "listenKeyExpired"} <= stage.seen
        missing = {
            name: why
            for name, why in USDM_MISSING.items()
            if not (name.startswith("stream ") and name.endswith(SHOWN_BY_THESE))
        }
        stage.ledger.check(USDM_UNKNOWN, missing)

    run(exchange, key, body, speed=5.0)
