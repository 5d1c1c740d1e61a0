"""python-binance's sockets: market streams, depth caches, user streams, trading over the WebSocket API."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.clients.binance_clients import SYMBOL, Heard, async_client, text
from tests.clients.foreign import BinanceAPIException, DepthCacheManager, FuturesDepthCacheManager, binance
from tests.clients.pointing import socket_manager
from tests.clients.venue_process import Venue

QUANTITY = "0.02"


@pytest.mark.slow
def test_spot_market_sockets(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            manager = socket_manager(client, venue)
            sockets = {
                "depthUpdate": manager.depth_socket(SYMBOL, interval=100),
                "trade": manager.trade_socket(SYMBOL),
                "aggTrade": manager.aggtrade_socket(SYMBOL),
                "kline": manager.kline_socket(SYMBOL, "1m"),
                "24hrTicker": manager.symbol_ticker_socket(SYMBOL),
                "24hrMiniTicker": manager.symbol_miniticker_socket(SYMBOL),
            }

            async def first(event: str, socket: Any) -> None:
                async with socket as stream:
                    frame = await stream.recv()
                    assert (frame["e"], frame["s"]) == (event, SYMBOL)

            await asyncio.gather(*(first(event, socket) for event, socket in sockets.items()))
            async with manager.symbol_book_ticker_socket(SYMBOL) as stream:
                frame = await stream.recv()
                assert {"u", "s", "b", "B", "a", "A"} <= set(frame)
            async with manager.depth_socket(SYMBOL, depth="5") as stream:
                assert len((await stream.recv())["bids"]) == 5
            async with manager.multiplex_socket([f"{SYMBOL.lower()}@trade", f"{SYMBOL.lower()}@bookTicker"]) as stream:
                heard = Heard(stream)
                for name in ("trade", "bookTicker"):
                    await heard.until(lambda seen, name=name: seen["stream"] == f"ethusdt@{name}")

    asyncio.run(story())


@pytest.mark.slow
def test_futures_market_sockets(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            manager = socket_manager(client, venue)
            sockets = {
                "aggTrade": manager.aggtrade_futures_socket(SYMBOL),
                "markPriceUpdate": manager.symbol_mark_price_socket(SYMBOL),
                "bookTicker": manager.symbol_ticker_futures_socket(SYMBOL),
                "24hrTicker": manager.individual_symbol_ticker_futures_socket(SYMBOL),
                "depthUpdate": manager.futures_depth_socket(SYMBOL, depth="5"),
                "kline": manager.futures_multiplex_socket([f"{SYMBOL.lower()}@kline_1m"]),
            }

            async def first(event: str, socket: Any) -> None:
                async with socket as stream:
                    frame = await stream.recv()
                    assert (frame["data"]["e"], frame["data"]["s"]) == (event, SYMBOL)

            await asyncio.gather(*(first(event, socket) for event, socket in sockets.items()))

    asyncio.run(story())


def test_depth_caches(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            manager = socket_manager(client, venue)
            async with DepthCacheManager(client, symbol=SYMBOL, bm=manager, ws_interval=100) as cache:
                for _ in range(10):
                    seen = await asyncio.wait_for(cache.recv(), 10)
                    assert seen.get_bids()[0][0] < seen.get_asks()[0][0]
                assert len(seen.get_bids()) > 100
            async with FuturesDepthCacheManager(client, symbol=SYMBOL, bm=manager) as cache:
                seen = await asyncio.wait_for(cache.recv(), 10)
                assert len(seen.get_bids()) == 10

    asyncio.run(story())


def test_the_threaded_manager(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes its client itself, so it is pointed by the class attributes, as its users do for other hosts."""
    monkeypatch.setattr(binance.AsyncClient, "API_URL", f"{venue.rest}/api")
    monkeypatch.setattr(binance.BinanceSocketManager, "STREAM_URL", f"{venue.ws}/")
    manager = binance.ThreadedWebsocketManager(venue.key, venue.secret)
    seen: list[Any] = []
    enough = threading.Event()

    def take(frame: Any) -> None:
        seen.append(frame)
        if len(seen) >= 5:
            enough.set()

    manager.start()
    try:
        manager.start_trade_socket(take, symbol=SYMBOL)
        assert enough.wait(15)
    finally:
        manager.stop()
        manager.join(10)
        manager._loop.close()
        asyncio.set_event_loop(None)
    assert {frame["e"] for frame in seen} == {"trade"}


@pytest.mark.usefixtures("flat")
def test_the_spot_user_socket(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client, socket_manager(client, venue).user_socket() as stream:
            heard = Heard(stream)
            order = await client.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
            fill = await heard.until(lambda seen: seen["e"] == "executionReport" and seen["x"] == "TRADE")
            assert (fill["i"], fill["s"], fill["S"]) == (order["orderId"], SYMBOL, "BUY")
            moved = await heard.until(lambda seen: seen["e"] == "outboundAccountPosition")
            assert {row["a"] for row in moved["B"]} >= {"ETH", "USDT"}
            price = text(float(order["fills"][0]["price"]) * 0.9)
            resting = await client.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=price)
            await client.cancel_order(symbol=SYMBOL, orderId=resting["orderId"])
            gone = await heard.until(lambda seen: seen["e"] == "executionReport" and seen["x"] == "CANCELED")
            assert gone["C"] == resting["clientOrderId"]

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_the_futures_user_socket(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client, socket_manager(client, venue).futures_user_socket() as stream:
            heard = Heard(stream)
            order = await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.05")
            fill = await heard.until(lambda seen: seen["e"] == "ORDER_TRADE_UPDATE" and seen["o"]["x"] == "TRADE")
            assert fill["o"]["i"] == order["orderId"]
            account = await heard.until(lambda seen: seen["e"] == "ACCOUNT_UPDATE")
            assert account["a"]["m"] == "ORDER"
            mark = float((await client.futures_mark_price(symbol=SYMBOL))["markPrice"])
            stop = await client.futures_create_order(
                symbol=SYMBOL, side="SELL", type="STOP_MARKET", stopPrice=text(mark * 0.97), closePosition="true"
            )
            told = await heard.until(lambda seen: seen["e"] == "ALGO_UPDATE")
            assert (told["o"]["aid"], told["o"]["X"]) == (stop["algoId"], "NEW")
            key = await client.futures_stream_get_listen_key()
            assert await client.futures_stream_keepalive(key) in ({}, {"listenKey": key})

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_spot_trading_over_the_websocket_api(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            assert await client.ws_ping() == {}
            quote = await client.ws_get_orderbook_ticker(symbol=SYMBOL)
            bid, ask = float(quote["bidPrice"]), float(quote["askPrice"])
            order = await client.ws_order_limit_buy(
                symbol=SYMBOL, quantity=0.02, price=round(bid * 0.9, 2)
            )  # as floats
            assert (await client.ws_get_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "NEW"
            assert (await client.ws_cancel_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "CANCELED"
            bought = await client.ws_order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
            assert bought["status"] == "FILLED"
            oco = await client.ws_create_oco_order(
                symbol=SYMBOL,
                side="SELL",
                quantity=QUANTITY,
                aboveType="LIMIT_MAKER",
                abovePrice=text(ask * 1.05),
                belowType="STOP_LOSS",
                belowStopPrice=text(bid * 0.95),
            )
            assert len(oco["orders"]) == 2
            assert len(await client.ws_get_oco_open_orders()) == 1
            await client.ws_cancel_oco_order(symbol=SYMBOL, orderListId=oco["orderListId"])
            assert await client.ws_get_open_orders(symbol=SYMBOL) == []
            working = {
                "symbol": SYMBOL,
                "workingType": "LIMIT",
                "workingSide": "BUY",
                "workingPrice": text(bid * 0.9),
                "workingQuantity": QUANTITY,
                "workingTimeInForce": "GTC",
                "pendingSide": "SELL",
                "pendingQuantity": QUANTITY,
            }
            oto = await client.ws_create_oto_order(**working, pendingType="LIMIT_MAKER", pendingPrice=text(ask * 1.1))
            assert {report["status"] for report in oto["orderReports"]} == {"NEW", "PENDING_NEW"}
            otoco = await client.ws_create_otoco_order(
                **working,
                pendingAboveType="LIMIT_MAKER",
                pendingAbovePrice=text(ask * 1.1),
                pendingBelowType="STOP_LOSS",
                pendingBelowStopPrice=text(bid * 0.8),
            )
            assert len(otoco["orders"]) == 3
            assert len(await client.ws_cancel_all_open_orders(symbol=SYMBOL)) == 2
            assert (await client.ws_get_account())["canTrade"] is True
            assert bought["orderId"] in {row["orderId"] for row in await client.ws_get_all_orders(symbol=SYMBOL)}
            assert bought["orderId"] in {row["orderId"] for row in await client.ws_get_my_trades(symbol=SYMBOL)}
            assert (await client.ws_get_commission_rates(symbol=SYMBOL))["symbol"] == SYMBOL
            assert len((await client.ws_get_order_book(symbol=SYMBOL, limit=5))["bids"]) == 5
            assert len(await client.ws_get_klines(symbol=SYMBOL, interval="1m", limit=3)) == 3
            with pytest.raises(BinanceAPIException) as caught:
                await client.ws_cancel_order(symbol=SYMBOL, orderId=987654321)
            assert caught.value.code == -2011

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_futures_trading_over_the_websocket_api(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            quote = await client.ws_futures_get_order_book_ticker(symbol=SYMBOL)
            bid = float(quote["bidPrice"])
            order = await client.ws_futures_create_order(
                symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.05", price=text(bid * 0.97)
            )
            assert (await client.ws_futures_get_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "NEW"
            assert (await client.ws_futures_cancel_order(symbol=SYMBOL, orderId=order["orderId"]))[
                "status"
            ] == "CANCELED"
            await client.ws_futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.05")
            stop = await client.ws_futures_create_algo_order(
                algoType="CONDITIONAL",
                symbol=SYMBOL,
                side="SELL",
                type="STOP_MARKET",
                triggerPrice=text(bid * 0.97),
                closePosition="true",
            )
            assert stop["algoStatus"] == "NEW"
            await client.ws_futures_cancel_algo_order(algoId=stop["algoId"])
            (held,) = [
                row for row in await client.ws_futures_v2_account_position(symbol=SYMBOL) if float(row["positionAmt"])
            ]
            assert float(held["positionAmt"]) == 0.05
            assert await client.ws_futures_v2_account_balance()
            assert float((await client.ws_futures_v2_account_status())["totalWalletBalance"]) > 0

    asyncio.run(story())
