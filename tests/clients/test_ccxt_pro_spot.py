"""ccxt.pro on spot: market streams, the user data stream and trading over the WebSocket API."""

from __future__ import annotations

import asyncio

import pytest

from tests.clients.ccxt_clients import SPOT, Collector, best, sockets_open, spot_client, watched
from tests.clients.foreign import ccxt
from tests.clients.venue_process import Venue

SIZE = 0.02


def test_a_watched_book_agrees_with_rest(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            for _ in range(10):
                book = await client.watch_order_book(SPOT)
                assert book["bids"][0][0] < book["asks"][0][0]
            rest = await client.fetch_order_book(SPOT, 20)
            await watched(lambda: client.watch_order_book(SPOT), lambda seen: seen["nonce"] >= rest["nonce"])
            levels = {price for price, _ in client.orderbooks[SPOT]["bids"]}
            assert len(levels & {price for price, _ in rest["bids"]}) >= 10
            await client.un_watch_order_book(SPOT)

    asyncio.run(story())


def test_trades_tickers_quotes_and_candles(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            trades, ticker, quotes, candles, agg = await asyncio.gather(
                client.watch_trades(SPOT),
                client.watch_ticker(SPOT, {"name": "ticker"}),
                client.watch_bids_asks([SPOT]),
                client.watch_ohlcv(SPOT, "1m"),
                client.watch_trades_for_symbols([SPOT], params={"name": "aggTrade"}),
            )
            assert trades[-1]["price"] > 0
            assert agg[-1]["price"] > 0
            assert ticker["bid"] < ticker["ask"]
            assert ticker["low"] <= ticker["last"] <= ticker["high"]
            assert quotes[SPOT]["bid"] < quotes[SPOT]["ask"]
            assert candles[-1][0] % 60_000 == 0
            small = await client.watch_tickers([SPOT])
            assert small[SPOT]["last"] == pytest.approx(ticker["last"], rel=0.01)

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_orders_trades_and_balance_are_told(venue: Venue) -> None:
    async def story() -> None:
        async with (
            spot_client(venue) as client,
            Collector(client.watch_orders) as orders,
            Collector(client.watch_my_trades) as fills,
        ):
            await sockets_open(client)
            balance = asyncio.create_task(client.watch_balance())
            await asyncio.sleep(0.3)
            bid, _ = await best(client, SPOT)
            placed = await client.create_order(SPOT, "limit", "buy", SIZE, bid * 0.9, {"clientOrderId": "watched-1"})
            new = await orders.until(lambda order: order["id"] == placed["id"])
            assert (new["status"], new["clientOrderId"], new["amount"]) == ("open", "watched-1", SIZE)
            assert (await asyncio.wait_for(balance, 10))["USDT"]["used"] > 0
            await client.cancel_order(placed["id"], SPOT)
            gone = await orders.until(lambda order: order["id"] == placed["id"] and order["status"] == "canceled")
            assert gone["clientOrderId"] == "watched-1"
            bought = await client.create_order(SPOT, "market", "buy", SIZE)
            done = await orders.until(lambda order: order["id"] == bought["id"] and order["status"] == "closed")
            assert done["filled"] == SIZE
            fill = await fills.until(lambda trade: trade["order"] == bought["id"])
            assert fill["fee"]["currency"] == "ETH"
            assert fill["takerOrMaker"] == "taker"

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_trading_over_the_websocket_api(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            bid, ask = await best(client, SPOT)
            order = await client.create_order_ws(SPOT, "limit", "buy", SIZE, bid * 0.9)
            assert order["status"] == "open"
            assert (await client.fetch_order_ws(order["id"], SPOT))["status"] == "open"
            edited = await client.edit_order_ws(order["id"], SPOT, "limit", "buy", SIZE * 2, bid * 0.91)
            assert edited["amount"] == SIZE * 2
            assert [o["id"] for o in await client.fetch_open_orders_ws(SPOT)] == [edited["id"]]
            assert (await client.cancel_order_ws(edited["id"], SPOT))["status"] == "canceled"
            for step in (0.9, 0.92):
                await client.create_order_ws(SPOT, "limit", "buy", SIZE, bid * step)
            assert len(await client.cancel_all_orders_ws(SPOT)) == 2
            bought = await client.create_order_ws(SPOT, "market", "buy", SIZE)
            assert (bought["status"], bought["filled"]) == ("closed", SIZE)
            ioc = await client.create_order_ws(SPOT, "limit", "sell", SIZE, bid * 0.99, {"timeInForce": "IOC"})
            assert ioc["status"] == "closed"
            trigger = client.price_to_precision(SPOT, bid * 0.91)
            stop = await client.create_order_ws(SPOT, "limit", "sell", SIZE, bid * 0.9, {"stopPrice": trigger})
            assert stop["id"]
            await client.cancel_order_ws(stop["id"], SPOT)
            assert bought["id"] in {o["id"] for o in await client.fetch_orders_ws(SPOT)}
            assert bought["id"] in {o["id"] for o in await client.fetch_closed_orders_ws(SPOT)}
            mine = await client.fetch_my_trades_ws(SPOT)
            assert bought["id"] in {trade["order"] for trade in mine}
            balance = await client.fetch_balance_ws()  # ccxt 4.5.90 leaves the spot balances of this call unparsed
            assert {row["asset"] for row in balance["info"]["balances"]} >= {"ETH", "USDT"}
            candles = await client.fetch_ohlcv_ws(SPOT, "1m", limit=5)
            assert len(candles) == 5
            public = await client.fetch_trades_ws(SPOT, limit=10)
            assert len(public) == 10
            tested = await client.create_order_ws(SPOT, "limit", "buy", SIZE, bid * 0.9, {"test": True})
            assert tested["id"] is None
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order_ws("987654321", SPOT)
            with pytest.raises(ccxt.InsufficientFunds):
                await client.create_order_ws(SPOT, "limit", "buy", 2_500, ask * 0.99)

    asyncio.run(story())
