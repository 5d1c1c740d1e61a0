"""Orders of both markets over REST and the WebSocket API, with their events on the user streams."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.api.make import make_exchange
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.market.build import recorded_markets
from tests.adapters.exchange.api.front import Front, read, read_all, run
from tests.adapters.exchange.api.worlds_with_clients import USDM_E8, trading
from tests.adapters.exchange.worlds import START_NS

LIMIT = {"symbol": "ETHUSDT", "type": "LIMIT", "timeInForce": "GTC"}
MARKET = {"symbol": "ETHUSDT", "type": "MARKET"}


def names(events: list[Any]) -> list[str]:
    """Type and execution of spot and USD-M events."""
    found = []
    for item in events:
        event = item.get("event", item)
        execution = event.get("x") or event.get("o", {}).get("x", "") if event["e"] != "listStatus" else ""
        found.append(f"{event['e']} {execution}".strip())
    return found


@pytest.mark.parametrize("is_waiting", [False, True])
def test_spot_orders_and_their_events(is_waiting: bool) -> None:
    """Also while the market clock stands: what the account is told does not wait for the market."""
    exchange, key = trading("spot")

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3") as listener, front.ws("/ws-api/v3") as socket:
            await front.ask_signed(listener, "userDataStream.subscribe.signature")
            bought = await front.ask_signed(socket, "order.place", side="BUY", quantity="0.5", **MARKET)
            assert bought["result"]["status"] == "FILLED"
            events = await read_all(listener)
            assert names(events[:1]) == ["executionReport NEW"]
            assert set(names(events[1:-1])) <= {"executionReport TRADE", "outboundAccountPosition"}
            assert names(events)[-1] == "outboundAccountPosition"
            status, placed, headers = await front.signed(
                "POST", "/api/v3/order", side="SELL", quantity="0.5", price="9000", **LIMIT
            )
            assert (status, placed["status"]) == (200, "NEW")
            assert headers["X-MBX-ORDER-COUNT-10S"] == "1"  # what has traded does not count
            assert names(await read_all(listener)) == ["executionReport NEW", "outboundAccountPosition"]
            gone = await front.ok("DELETE", "/api/v3/order", symbol="ETHUSDT", orderId=placed["orderId"])
            assert gone["status"] == "CANCELED"
            assert names(await read_all(listener)) == ["executionReport CANCELED", "outboundAccountPosition"]
            status, reply, _ = await front.signed(
                "DELETE", "/api/v3/order", symbol="ETHUSDT", orderId=placed["orderId"]
            )
            assert (status, reply) == (400, {"code": -2011, "msg": "Unknown order sent."})
            mine = await front.ok("GET", "/api/v3/myTrades", symbol="ETHUSDT")
            assert sum(float(trade["qty"]) for trade in mine) == pytest.approx(0.5)

    run(exchange, key, body, is_waiting=is_waiting)


def test_events_leave_before_the_answer_on_the_same_socket() -> None:
    exchange, key = trading("spot")

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            await front.ask_signed(socket, "userDataStream.subscribe.signature")
            for _ in range(3):
                events: list[Any] = []
                await front.ask_signed(socket, "order.place", events, side="BUY", quantity="0.1", price="1000", **LIMIT)
                assert names(events) == ["executionReport NEW", "outboundAccountPosition"]

    run(exchange, key, body)


@pytest.mark.parametrize("is_waiting", [False, True])
def test_usdm_orders_and_their_events(is_waiting: bool) -> None:
    exchange, key = trading("usdm")

    async def body(front: Front) -> None:
        _, reply, _ = await front.send("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": key.api_key})
        path = f"/private/ws?listenKey={reply['listenKey']}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE/ALGO_UPDATE"
        async with front.ws(path) as listener, front.ws("/ws-fapi/v1") as socket:
            bought = await front.ask_signed(
                socket, "order.place", market="usdm", side="BUY", quantity="0.5", newOrderRespType="RESULT", **MARKET
            )
            assert bought["result"]["status"] == "FILLED"
            events = names(await read_all(listener))
            assert events[0] == "ORDER_TRADE_UPDATE NEW"
            assert events[-1] == "ORDER_TRADE_UPDATE TRADE"
            assert "ACCOUNT_UPDATE" in events
            [position] = await front.ok("GET", "/fapi/v3/positionRisk", symbol="ETHUSDT")
            assert position["positionAmt"] == "0.500"
            algo = await front.ok(
                "POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="ETHUSDT", side="SELL",
                type="STOP_MARKET", triggerPrice="1000", closePosition="true",
            )  # fmt: skip
            assert names(await read_all(listener)) == ["ALGO_UPDATE"]
            await front.ok("DELETE", "/fapi/v1/algoOrder", algoId=algo["algoId"])
            status, refused, _ = await front.signed(
                "POST",
                "/fapi/v1/order",
                symbol="ETHUSDT",
                side="SELL",
                type="STOP_MARKET",
                stopPrice="1000",
                quantity="1",
            )
            assert (status, refused["code"]) == (400, -4120)
            sold = await front.signed(
                "POST",
                "/fapi/v1/order",
                side="SELL",
                quantity="0.5",
                reduceOnly="true",
                newOrderRespType="RESULT",
                **MARKET,
            )
            assert sold[1]["status"] == "FILLED"
            assert {"X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M"} <= set(sold[2])
            assert await front.ok("GET", "/fapi/v3/positionRisk", symbol="ETHUSDT") == []

    run(exchange, key, body, is_waiting=is_waiting)


def test_a_clients_trade_and_its_resting_order_are_public() -> None:
    exchange, key = trading("spot")

    async def body(front: Front) -> None:
        async with front.ws("/stream?streams=ethusdt@trade/ethusdt@aggTrade") as tape:
            bought = await front.ok(
                "POST", "/api/v3/order", side="BUY", quantity="0.5", newOrderRespType="FULL", **MARKET
            )
            wanted = {fill["tradeId"] for fill in bought["fills"]}
            seen: set[int] = set()
            while not wanted <= seen:
                data = (await read(tape))["data"]
                if data["e"] == "trade":
                    seen.add(data["t"])
        await front.ok("POST", "/api/v3/order", side="BUY", quantity="1.2345", price="1000.01", **LIMIT)
        for _ in range(50):
            depth = (await front.send("GET", "/api/v3/depth?symbol=ETHUSDT&limit=5000"))[1]
            if ["1000.01000000", "1.23450000"] in depth["bids"]:
                break
            await asyncio.sleep(0.02)
        assert ["1000.01000000", "1.23450000"] in depth["bids"]

    run(exchange, key, body)


def test_two_accounts_trade_with_each_other_and_hear_only_of_themselves() -> None:
    exchange, key = trading("spot")
    other = exchange.open_account("other", {"USDT": 10**15}, 0)

    async def body(front: Front) -> None:
        ticker = (await front.send("GET", "/api/v3/ticker/bookTicker?symbol=ETHUSDT"))[1]
        price, size = ticker["askPrice"], float(ticker["askQty"])
        async with front.ws("/ws-api/v3") as mine, front.ws("/ws-api/v3") as theirs:
            await front.ask_signed(mine, "userDataStream.subscribe.signature")
            front.key = other
            await front.ask_signed(theirs, "userDataStream.subscribe.signature")
            front.key = key
            await front.ok("POST", "/api/v3/order", side="SELL", quantity="0.1", price=price, **LIMIT)
            status, reply, _ = await front.signed(
                "POST", "/api/v3/order", other, side="BUY", quantity=f"{size + 1:.4f}", **MARKET
            )
            assert status == 200, reply
            own, foreign = await read_all(mine), await read_all(theirs)
            assert {item["event"]["c"] for item in foreign if "c" in item["event"]} == {reply["clientOrderId"]}
            assert reply["clientOrderId"] not in {item["event"].get("c") for item in own}
            assert "executionReport TRADE" in names(own)  # behind the queue that was there, it was reached

    run(exchange, key, body, is_waiting=True)


def test_events_in_microseconds_for_those_who_ask() -> None:
    exchange, key = trading("spot")

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3?timeUnit=MICROSECOND") as micro, front.ws("/ws-api/v3") as milli:
            await front.ask_signed(micro, "userDataStream.subscribe.signature")
            await front.ask_signed(milli, "userDataStream.subscribe.signature")
            await front.ok("POST", "/api/v3/order", side="BUY", quantity="0.1", price="1000", **LIMIT)
            fine, coarse = (await read(micro))["event"], (await read(milli))["event"]
            assert fine["E"] // 1_000 == coarse["E"]
            assert fine["T"] // 1_000 == coarse["T"]

    run(exchange, key, body)


def test_the_same_calls_give_the_same_replies() -> None:
    def replies() -> list[Any]:
        exchange, key = trading("both", seed=3)
        got: list[Any] = []

        async def body(front: Front) -> None:
            for side, quantity in (("BUY", "1.5"), ("SELL", "0.7"), ("BUY", "0.2")):
                got.append(await front.ok("POST", "/api/v3/order", side=side, quantity=quantity, **MARKET))
                got.append(await front.ok("POST", "/fapi/v1/order", side=side, quantity=quantity, **MARKET))
            got.append(await front.ok("GET", "/api/v3/account"))
            got.append(await front.ok("GET", "/fapi/v3/account"))

        run(exchange, key, body, is_waiting=True)
        return got

    assert json.dumps(replies()) == json.dumps(replies())


def test_state_is_kept_over_a_restart() -> None:
    exchange, key = trading("both")

    async def body(front: Front) -> None:
        await front.ok("POST", "/api/v3/order", side="BUY", quantity="1", price="1000", **LIMIT)
        await front.ok("POST", "/fapi/v1/order", side="BUY", quantity="1", **MARKET)
        await front.send("POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": key.api_key})

    run(exchange, key, body, is_waiting=True)
    saved = json.loads(json.dumps(exchange.save()))
    again, _ = trading("both")
    again.restore(saved)
    assert json.loads(json.dumps(again.save())) == saved
    found = again.keys.get(key.api_key)
    assert found is not None

    async def later(front: Front) -> None:
        assert len(await front.ok("GET", "/api/v3/openOrders", symbol="ETHUSDT")) == 1
        [position] = await front.ok("GET", "/fapi/v3/positionRisk", symbol="ETHUSDT")
        assert position["positionAmt"] == "1.000"

    run(again, found, later, is_waiting=True)


def test_orders_in_a_recorded_market(data_dir: Path) -> None:
    """On the recording's own clock (the exchange's is 1.27 s ahead of it), against its book."""
    markets = recorded_markets(str(data_dir / "frames" / "usdm_ethusdt_20240808.jsonl.gz"), is_shared=True)
    exchange = make_exchange(markets)
    key = exchange.open_account("main", {}, USDM_E8)

    async def body(front: Front) -> None:
        await front.send("POST", "/x/start")
        quote: dict[str, str] = {}
        while not float(quote.get("bidPrice", 0)):
            await asyncio.sleep(0.05)
            quote = (await front.send("GET", "/fapi/v1/ticker/bookTicker?symbol=ETHUSDT"))[1]
        bought = await front.ok(
            "POST", "/fapi/v1/order", side="BUY", quantity="0.5", newOrderRespType="RESULT", **MARKET
        )
        assert bought["status"] == "FILLED"
        assert float(bought["avgPrice"]) == pytest.approx(float(quote["askPrice"]), rel=0.001)
        assert 0 <= front.now_ms("usdm") - bought["updateTime"] < 5_000
        resting = await front.ok("POST", "/fapi/v1/order", side="BUY", quantity="0.1", price=quote["bidPrice"], **LIMIT)
        async with front.ws("/market/ws/ethusdt@aggTrade") as tape:
            for _ in range(2_000):  # the flow reaches it behind the queue that was there
                trade = await read(tape)
                if trade["m"] and float(trade["p"]) < float(resting["price"]):
                    break
        found = await front.ok("GET", "/fapi/v1/order", symbol="ETHUSDT", orderId=resting["orderId"])
        assert found["status"] == "FILLED"

    run(exchange, key, body, speed=20.0)


def test_user_data_that_is_held_back_comes_in_order() -> None:
    exchange, key = trading("spot")
    box = FaultBox(START_NS)
    box.inject("silence", {"stream": "user", "seconds": 1.0}, START_NS)

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            await front.ask_signed(socket, "userDataStream.subscribe.signature")
            events: list[Any] = []
            await front.ask_signed(socket, "order.place", events, side="BUY", quantity="0.1", price="1000", **LIMIT)
            assert events == []
            first, second = await read(socket), await read(socket)
            assert names([first, second]) == ["executionReport NEW", "outboundAccountPosition"]
            assert front.server.clock.shown_ns >= START_NS + 1_000_000_000

    run(exchange, key, body, faults=box)
