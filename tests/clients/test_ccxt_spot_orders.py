"""ccxt on spot, trading side: every order type, edit, cancel, queries, errors, order lists."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clients.ccxt_clients import SPOT, best, eventually, spot_client
from tests.clients.foreign import ccxt
from tests.clients.venue_process import Venue

pytestmark = pytest.mark.usefixtures("flat")
SIZE = 0.02


async def _held(client: Any, code: str) -> tuple[float, float]:
    balance = await client.fetch_balance()
    return balance[code]["free"], balance[code]["used"]


def test_balance_is_locked_and_released(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            free, used = await _held(client, "USDT")
            bid, _ = await best(client, SPOT)
            price = round(bid * 0.9, 2)
            order = await client.create_order(SPOT, "limit", "buy", SIZE, price)
            assert (order["status"], order["filled"], order["type"], order["timeInForce"]) == (
                "open",
                0,
                "limit",
                "GTC",
            )
            assert await _held(client, "USDT") == pytest.approx((free - SIZE * price, used + SIZE * price))
            assert (await client.cancel_order(order["id"], SPOT))["status"] == "canceled"
            assert await _held(client, "USDT") == pytest.approx((free, used))

    asyncio.run(story())


def test_market_orders_by_amount_and_by_cost(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            eth, _ = await _held(client, "ETH")
            bought = await client.create_order(SPOT, "market", "buy", SIZE)
            assert (bought["status"], bought["filled"], bought["remaining"]) == ("closed", SIZE, 0)
            assert bought["average"] * bought["filled"] == pytest.approx(bought["cost"])
            assert [trade["takerOrMaker"] for trade in bought["trades"]] or bought["trades"]
            assert bought["fees"][0]["currency"] == "ETH"
            assert bought["fees"][0]["cost"] == pytest.approx(SIZE * 0.001, rel=0.01)
            after, _ = await _held(client, "ETH")
            assert after == pytest.approx(eth + SIZE - bought["fees"][0]["cost"])
            by_cost = await client.create_market_buy_order_with_cost(SPOT, 60)
            assert by_cost["status"] == "closed"
            assert 55 < by_cost["cost"] <= 60
            sold = await client.create_market_sell_order_with_cost(SPOT, 40)
            assert 35 < sold["cost"] <= 40
            assert sold["fees"][0]["currency"] == "USDT"

    asyncio.run(story())


def test_limit_orders_that_cross_and_time_in_force(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            bid, ask = await best(client, SPOT)
            crossing = await client.create_order(SPOT, "limit", "buy", SIZE, ask * 1.002)
            assert crossing["status"] == "closed"
            assert crossing["average"] <= ask * 1.002
            ioc = await client.create_order(SPOT, "limit", "sell", SIZE, bid * 0.998, {"timeInForce": "IOC"})
            assert ioc["status"] == "closed"
            nothing = await client.create_order(SPOT, "limit", "buy", SIZE, bid * 0.9, {"timeInForce": "IOC"})
            assert (nothing["status"], nothing["filled"]) == ("expired", 0)
            fok = await client.create_order(SPOT, "limit", "buy", SIZE, ask * 1.002, {"timeInForce": "FOK"})
            assert fok["status"] == "closed"
            killed = await client.create_order(SPOT, "limit", "buy", SIZE, bid * 0.9, {"timeInForce": "FOK"})
            assert (killed["status"], killed["filled"]) == ("expired", 0)

    asyncio.run(story())


def test_post_only_rests_or_is_refused(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            bid, ask = await best(client, SPOT)
            resting = await client.create_order(SPOT, "limit", "sell", SIZE, ask * 1.05, {"postOnly": True})
            assert (resting["status"], resting["info"]["type"]) == ("open", "LIMIT_MAKER")
            with pytest.raises(ccxt.OrderImmediatelyFillable, match="immediately match"):
                await client.create_order(SPOT, "limit", "sell", SIZE, bid * 0.99, {"postOnly": True})
            found = await client.fetch_order(resting["id"], SPOT)
            assert (found["postOnly"], found["status"]) == (True, "open")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "params", "venue_type"),
    [
        ("market", "stopLossPrice", "STOP_LOSS"),
        ("limit", "stopLossPrice", "STOP_LOSS_LIMIT"),
        ("market", "takeProfitPrice", "TAKE_PROFIT"),
        ("limit", "takeProfitPrice", "TAKE_PROFIT_LIMIT"),
    ],
)
def test_stops_wait_for_their_price(venue: Venue, kind: str, params: str, venue_type: str) -> None:
    """A sell stop below the market, a sell target above it; both wait and can be cancelled."""

    async def story() -> None:
        async with spot_client(venue) as client:
            bid, ask = await best(client, SPOT)
            trigger = round(bid * 0.9 if "Loss" in params else ask * 1.1, 2)
            price = trigger if kind == "limit" else None
            order = await client.create_order(SPOT, kind, "sell", SIZE, price, {params: trigger})
            found = await client.fetch_order(order["id"], SPOT)
            assert (found["status"], found["info"]["type"]) == ("open", venue_type)
            assert found["triggerPrice"] == trigger
            assert found["info"]["isWorking"] == "false" or found["info"]["isWorking"] is False
            with pytest.raises(ccxt.OrderImmediatelyFillable, match="trigger immediately"):
                wrong = round(ask * 1.1 if "Loss" in params else bid * 0.9, 2)
                await client.create_order(SPOT, kind, "sell", SIZE, wrong if price else None, {params: wrong})
            assert (await client.cancel_order(order["id"], SPOT))["status"] == "canceled"

    asyncio.run(story())


def test_a_stop_fills_when_the_market_comes(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            _, ask = await best(client, SPOT)
            trigger = round(ask * 1.002, 2)
            stop = await client.create_order(SPOT, "market", "buy", SIZE, None, {"stopLossPrice": trigger})
            venue.move(0.01, 1.0)
            filled = await eventually(lambda: client.fetch_order(stop["id"], SPOT), lambda o: o["status"] == "closed")
            assert filled["filled"] == SIZE
            assert filled["average"] >= trigger * 0.999
            venue.move(-0.01, 1.0)

    asyncio.run(story())


def test_edit_cancel_all_and_queries(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            bid, _ = await best(client, SPOT)
            first = await client.create_order(SPOT, "limit", "buy", SIZE, bid * 0.9, {"clientOrderId": "mine-1"})
            edited = await client.edit_order(first["id"], SPOT, "limit", "buy", SIZE * 2, bid * 0.91)
            assert edited["id"] != first["id"]
            assert (edited["amount"], edited["status"]) == (SIZE * 2, "open")
            assert (await client.fetch_order(first["id"], SPOT))["status"] == "canceled"
            by_name = await client.fetch_order(None, SPOT, {"origClientOrderId": "mine-1"})
            assert by_name["id"] == first["id"]
            second = await client.create_order(SPOT, "limit", "buy", SIZE, bid * 0.92)
            assert {o["id"] for o in await client.fetch_open_orders(SPOT)} == {edited["id"], second["id"]}
            cancelled = await client.cancel_all_orders(SPOT)
            assert {o["id"] for o in cancelled} == {edited["id"], second["id"]}
            assert await client.fetch_open_orders(SPOT) == []
            everything = {o["id"]: o for o in await client.fetch_orders(SPOT, limit=500)}
            assert everything[second["id"]]["status"] == "canceled"
            assert await client.fetch_canceled_orders(SPOT, limit=100)
            trade = await client.create_order(SPOT, "market", "buy", SIZE)
            closed = await client.fetch_closed_orders(SPOT, limit=100)
            assert trade["id"] in {o["id"] for o in closed}
            fills = await client.fetch_order_trades(trade["id"], SPOT)
            assert sum(fill["amount"] for fill in fills) == pytest.approx(SIZE)
            mine = await client.fetch_my_trades(SPOT, limit=100)
            assert {fill["id"] for fill in fills} <= {fill["id"] for fill in mine}
            assert mine[-1]["fee"]["cost"] > 0
            rates = await client.private_get_account_commission({"symbol": "ETHUSDT"})
            assert float(rates["standardCommission"]["taker"]) == 0.001

    asyncio.run(story())


def test_order_lists_through_the_implicit_calls(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            bid, ask = await best(client, SPOT)
            text = client.price_to_precision
            oco = await client.private_post_orderlist_oco(
                {
                    "symbol": "ETHUSDT",
                    "side": "SELL",
                    "quantity": "0.02",
                    "aboveType": "LIMIT_MAKER",
                    "abovePrice": text(SPOT, ask * 1.05),
                    "belowType": "STOP_LOSS",
                    "belowStopPrice": text(SPOT, bid * 0.95),
                }
            )
            assert (oco["contingencyType"], oco["listOrderStatus"], len(oco["orders"])) == ("OCO", "EXECUTING", 2)
            query = {"orderListId": oco["orderListId"]}
            assert (await client.private_get_orderlist(query))["listStatusType"] == "EXEC_STARTED"
            assert len(await client.private_get_openorderlist()) == 1
            done = await client.private_delete_orderlist({"symbol": "ETHUSDT", **query})
            assert done["listOrderStatus"] == "ALL_DONE"
            assert await client.fetch_open_orders(SPOT) == []

    asyncio.run(story())


def test_refusals_become_the_right_exceptions(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            bid, _ = await best(client, SPOT)
            with pytest.raises(ccxt.InsufficientFunds):
                await client.create_order(SPOT, "limit", "buy", 2_500, bid * 0.99)
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order("987654321", SPOT)
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order("987654321", SPOT)
            with pytest.raises(ccxt.InvalidOrder, match="PRICE_FILTER"):
                await client.private_post_order(_raw("LIMIT", price="2000.001", quantity="0.02", timeInForce="GTC"))
            with pytest.raises(ccxt.InvalidOrder, match="LOT_SIZE"):
                await client.private_post_order(_raw("MARKET", quantity="0.00005"))
            with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
                await client.private_post_order(_raw("MARKET", quantity="0.0001"))
            with pytest.raises(ccxt.BadSymbol):
                await client.public_get_depth({"symbol": "NOPEUSDT"})
            with pytest.raises(ccxt.InvalidNonce):
                await client.private_get_account({"timestamp": client.milliseconds() - 60_000})
            client.secret = "wrong"
            with pytest.raises(ccxt.AuthenticationError):
                await client.private_get_account()
            client.apiKey = "x" * 64
            with pytest.raises((ccxt.AuthenticationError, ccxt.DDoSProtection)):
                await client.private_get_account()

    asyncio.run(story())


def _raw(kind: str, **params: str) -> dict[str, str]:
    return {"symbol": "ETHUSDT", "side": "BUY", "type": kind, **params}
