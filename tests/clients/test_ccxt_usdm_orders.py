"""ccxt on USD-M futures: orders, conditional (algo) orders, reduceOnly, closePosition, queries, errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clients.ccxt_clients import SWAP, best, eventually, swap_client
from tests.clients.foreign import ccxt
from tests.clients.venue_process import Venue

pytestmark = pytest.mark.usefixtures("flat")
SIZE = 0.05


async def _amount(client: Any) -> float:
    """The signed position."""
    return sum(p["contracts"] * (1 if p["side"] == "long" else -1) for p in await client.fetch_positions([SWAP]))


def test_market_and_limit_orders(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, ask = await best(client, SWAP)
            bought = await client.create_order(SWAP, "market", "buy", SIZE)
            assert (bought["status"], bought["filled"], bought["remaining"]) == ("closed", SIZE, 0)
            assert bought["average"] == pytest.approx(ask, rel=0.005)
            assert await _amount(client) == SIZE
            resting = await client.create_order(SWAP, "limit", "sell", SIZE, ask * 1.03)
            assert (resting["status"], resting["timeInForce"]) == ("open", "GTC")
            crossing = await client.create_order(SWAP, "limit", "sell", SIZE, bid * 0.995, {"timeInForce": "IOC"})
            assert crossing["status"] == "closed"
            killed = await client.create_order(SWAP, "limit", "buy", SIZE, ask * 1.005, {"timeInForce": "FOK"})
            assert killed["status"] == "closed"
            assert (await client.cancel_order(resting["id"], SWAP))["status"] == "canceled"

    asyncio.run(story())


def test_post_only_and_good_till_date(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, ask = await best(client, SWAP)
            maker = await client.create_order(SWAP, "limit", "buy", SIZE, bid * 0.97, {"postOnly": True})
            assert (maker["status"], maker["timeInForce"], maker["postOnly"]) == ("open", "PO", True)
            crossing = client.create_order(SWAP, "limit", "buy", SIZE, ask * 1.01, {"postOnly": True})
            with pytest.raises(ccxt.InvalidOrder, match="5022"):
                await crossing
            until = (await client.fetch_time()) // 1000 * 1000 + 900_000
            dated = await client.create_order(
                SWAP, "limit", "buy", SIZE, bid * 0.97, {"timeInForce": "GTD", "goodTillDate": until}
            )
            assert (dated["info"]["timeInForce"], int(dated["info"]["goodTillDate"])) == ("GTD", until)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "name", "venue_type"),
    [
        ("market", "stopLossPrice", "STOP_MARKET"),
        ("market", "takeProfitPrice", "TAKE_PROFIT_MARKET"),
        ("limit", "stopLossPrice", "STOP"),
        ("limit", "takeProfitPrice", "TAKE_PROFIT"),
    ],
)
def test_conditional_orders_are_algo_orders(venue: Venue, kind: str, name: str, venue_type: str) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, ask = await best(client, SWAP)
            trigger = round(bid * 0.97 if "Loss" in name else ask * 1.03, 2)
            price = trigger if kind == "limit" else None
            order = await client.create_order(
                SWAP, kind, "sell", SIZE, price, {name: trigger, "workingType": "MARK_PRICE"}
            )
            assert order["info"]["algoType"] == "CONDITIONAL"
            found = await client.fetch_order(order["id"], SWAP, {"trigger": True})
            assert (found["status"], found["triggerPrice"]) == ("open", trigger)
            assert found["info"]["orderType"] == venue_type
            waiting = await client.fetch_open_orders(SWAP, params={"trigger": True})
            assert [o["id"] for o in waiting] == [order["id"]]
            assert await client.fetch_open_orders(SWAP) == []
            await client.cancel_order(order["id"], SWAP, {"trigger": True})
            assert await client.fetch_open_orders(SWAP, params={"trigger": True}) == []
            history = await client.fetch_orders(SWAP, params={"trigger": True})
            assert history[-1]["status"] == "canceled"
            wrong = round(ask * 1.03 if "Loss" in name else bid * 0.97, 2)
            with pytest.raises(ccxt.ExchangeError, match="2021"):
                await client.create_order(SWAP, kind, "sell", SIZE, wrong if price else None, {name: wrong})

    asyncio.run(story())


def test_a_stop_closes_the_position(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            await client.create_order(SWAP, "market", "buy", SIZE)
            bid, _ = await best(client, SWAP)
            stop = await client.create_order(
                SWAP,
                "market",
                "sell",
                None,
                None,
                {"stopLossPrice": bid * 0.998, "closePosition": True, "workingType": "CONTRACT_PRICE"},
            )
            assert stop["info"]["closePosition"] in (True, "true")
            venue.move(-0.01, 1.0)
            assert await eventually(lambda: _amount(client), lambda amount: amount == 0) == 0
            done = await client.fetch_order(stop["id"], SWAP, {"trigger": True})
            assert done["info"]["algoStatus"] in ("TRIGGERED", "FINISHED")
            child = await client.fetch_order(done["info"]["actualOrderId"], SWAP)
            assert (child["status"], child["filled"]) == ("closed", SIZE)
            venue.move(0.01, 1.0)

    asyncio.run(story())


def test_reduce_only_never_opens(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            with pytest.raises(ccxt.ExchangeError, match="2022"):
                await client.create_order(SWAP, "market", "sell", SIZE, None, {"reduceOnly": True})
            await client.create_order(SWAP, "market", "buy", SIZE)
            reduced = await client.create_order(SWAP, "market", "sell", SIZE, None, {"reduceOnly": True})
            assert (reduced["reduceOnly"], reduced["filled"]) == (True, SIZE)
            assert await _amount(client) == 0

    asyncio.run(story())


def test_queries_cancel_all_and_trades(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, _ = await best(client, SWAP)
            orders = [await client.create_order(SWAP, "limit", "buy", SIZE, bid * (0.96 + k / 200)) for k in range(3)]
            found = await client.fetch_open_orders(SWAP)
            assert [o["id"] for o in found] == [o["id"] for o in orders]
            assert (await client.fetch_open_order(orders[0]["id"], SWAP))["status"] == "open"
            await client.cancel_all_orders(SWAP)
            assert await client.fetch_open_orders(SWAP) == []
            trade = await client.create_order(SWAP, "market", "sell", SIZE)
            closed = await client.fetch_closed_orders(SWAP, limit=100)
            assert trade["id"] in {o["id"] for o in closed}
            assert orders[0]["id"] in {o["id"] for o in await client.fetch_canceled_orders(SWAP, limit=100)}
            fills = await client.fetch_my_trades(SWAP, params={"orderId": trade["id"]})
            assert sum(fill["amount"] for fill in fills) == pytest.approx(SIZE)
            mine = await client.fetch_my_trades(SWAP, limit=50)
            assert mine[-1]["order"] == trade["id"]
            assert mine[-1]["fee"]["currency"] == "USDT"

    asyncio.run(story())


def test_edit_and_batches(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, _ = await best(client, SWAP)
            order = await client.create_order(SWAP, "limit", "buy", SIZE, bid * 0.97)
            edited = await client.edit_order(order["id"], SWAP, "limit", "buy", SIZE * 2, bid * 0.96)
            assert (edited["id"], edited["amount"]) == (order["id"], SIZE * 2)
            terms = {"symbol": SWAP, "type": "limit", "side": "buy", "amount": SIZE}
            made = await client.create_orders([{**terms, "price": bid * 0.95}, {**terms, "price": bid * 0.94}])
            assert [item["status"] for item in made] == ["open", "open"]
            await client.cancel_orders([item["id"] for item in made], SWAP)
            assert [item["id"] for item in await client.fetch_open_orders(SWAP)] == [order["id"]]

    asyncio.run(story())


def test_refusals(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, _ = await best(client, SWAP)
            raw = {"symbol": "ETHUSDT", "side": "BUY"}
            with pytest.raises(ccxt.ExchangeError, match="4120"):
                await client.fapiprivate_post_order(
                    {**raw, "type": "STOP_MARKET", "stopPrice": round(bid * 1.1, 2), "quantity": "0.05"}
                )
            with pytest.raises(ccxt.ExchangeError, match="4164"):
                await client.create_order(SWAP, "limit", "buy", 0.001, bid * 0.97)
            with pytest.raises(ccxt.ExchangeError, match="2019"):
                await client.create_order(SWAP, "limit", "buy", 9_000, bid * 0.97)
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order("987654321", SWAP)
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order("987654321", SWAP)

    asyncio.run(story())
