"""ccxt.pro on USD-M futures: market streams, listen key stream, trading over the WebSocket API."""

from __future__ import annotations

import asyncio

import pytest

from tests.clients.ccxt_clients import SWAP, Collector, best, eventually, sockets_open, swap_client, watched
from tests.clients.foreign import ccxt
from tests.clients.venue_process import Venue

SIZE = 0.05


def test_a_watched_book_agrees_with_rest(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            for _ in range(10):
                book = await client.watch_order_book(SWAP)
                assert book["bids"][0][0] < book["asks"][0][0]
            rest = await client.fetch_order_book(SWAP, 20)
            await watched(lambda: client.watch_order_book(SWAP), lambda seen: seen["nonce"] >= rest["nonce"])
            levels = {price for price, _ in client.orderbooks[SWAP]["bids"]}
            assert len(levels & {price for price, _ in rest["bids"]}) >= 10

    asyncio.run(story())


def test_market_streams(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            trades, agg, ticker, quotes, candles, mark = await asyncio.gather(
                client.watch_trades(SWAP),
                client.watch_trades_for_symbols([SWAP], params={"name": "aggTrade"}),
                client.watch_ticker(SWAP, {"name": "ticker"}),
                client.watch_bids_asks([SWAP]),
                client.watch_ohlcv(SWAP, "1m"),
                client.watch_mark_price(SWAP),
            )
            assert trades[-1]["symbol"] == agg[-1]["symbol"] == SWAP
            assert ticker["low"] <= ticker["last"] <= ticker["high"]
            assert quotes[SWAP]["bid"] < quotes[SWAP]["ask"]
            assert candles[-1][0] % 60_000 == 0
            assert mark["markPrice"] == pytest.approx(ticker["last"], rel=0.01)

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_orders_trades_positions_and_balance_are_told(venue: Venue) -> None:
    async def story() -> None:
        async with (
            swap_client(venue) as client,
            Collector(client.watch_orders) as orders,
            Collector(client.watch_my_trades) as fills,
            Collector(lambda: client.watch_positions([SWAP])) as positions,
        ):
            await sockets_open(client)
            balance = asyncio.create_task(client.watch_balance())
            await asyncio.sleep(0.5)
            bid, _ = await best(client, SWAP)
            placed = await client.create_order(SWAP, "limit", "buy", SIZE, bid * 0.97)
            assert (await orders.until(lambda order: order["id"] == placed["id"]))["status"] == "open"
            await client.cancel_order(placed["id"], SWAP)
            await orders.until(lambda order: order["id"] == placed["id"] and order["status"] == "canceled")
            bought = await client.create_order(SWAP, "market", "buy", SIZE)
            done = await orders.until(lambda order: order["id"] == bought["id"] and order["status"] == "closed")
            assert done["filled"] == SIZE
            fill = await fills.until(lambda trade: trade["order"] == bought["id"])
            assert fill["fee"]["currency"] == "USDT"
            held = await positions.until(lambda position: position["contracts"] == SIZE)
            assert (held["side"], held["symbol"]) == ("long", SWAP)
            assert (await asyncio.wait_for(balance, 10))["USDT"]["total"] > 0
            stop = await client.create_order(SWAP, "market", "sell", SIZE, None, {"stopLossPrice": bid * 0.97})
            told = await orders.until(lambda order: order["id"] == stop["id"])
            assert told["status"] == "open"

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_trading_over_the_websocket_api(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            bid, ask = await best(client, SWAP)
            order = await client.create_order_ws(SWAP, "limit", "buy", SIZE, bid * 0.97)
            assert order["status"] == "open"
            assert (await client.fetch_order_ws(order["id"], SWAP))["status"] == "open"
            edited = await client.edit_order_ws(order["id"], SWAP, "limit", "buy", SIZE, bid * 0.96)
            assert edited["id"] == order["id"]
            assert (await client.cancel_order_ws(order["id"], SWAP))["status"] == "canceled"
            stop = await client.create_order_ws(SWAP, "market", "buy", SIZE, None, {"stopLossPrice": ask * 1.03})
            assert stop["info"]["algoId"]
            await client.cancel_order_ws(stop["id"], SWAP, {"trigger": True})
            bought = await client.create_order_ws(SWAP, "market", "buy", SIZE)

            async def positions() -> list[dict[str, float]]:
                return await client.fetch_positions_ws([SWAP])

            (position,) = await eventually(positions, lambda found: any(p["contracts"] for p in found))
            assert position["contracts"] == SIZE
            await client.create_order_ws(SWAP, "market", "sell", SIZE, None, {"reduceOnly": True})
            assert (await client.fetch_order_ws(bought["id"], SWAP))["filled"] == SIZE
            assert (await client.fetch_balance_ws())["USDT"]["total"] > 0
            assert (await client.fetch_balance_ws({"method": "v2/account.balance"}))["USDT"]["total"] > 0
            book = await client.fetch_order_book_ws(SWAP, 20)
            assert book["bids"][0][0] < book["asks"][0][0]
            quote = await client.fetch_ticker_ws(SWAP)
            assert quote["bid"] < quote["ask"]
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order_ws("987654321", SWAP)

    asyncio.run(story())
