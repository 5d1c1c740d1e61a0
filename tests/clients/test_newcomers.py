"""One whole story per client, as somebody would write it who has just started the exchange and read its page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clients.binance_clients import SYMBOL, Heard, async_client
from tests.clients.ccxt_clients import SPOT, SWAP, Collector, sockets_open, spot_client, swap_client
from tests.clients.foreign import ccxt
from tests.clients.pointing import ccxt_config, sdk_spot, sdk_usdm, socket_manager
from tests.clients.venue_process import Venue

pytestmark = pytest.mark.usefixtures("flat")


def test_ccxt_buys_protects_and_sells(venue: Venue) -> None:
    """Synchronous, with ccxt's own pace: buy, put a stop under it, take the profit by a limit order, account for it."""
    exchange = ccxt.binance(ccxt_config(venue, "spot") | {"enableRateLimit": True})
    exchange.load_markets()
    before = exchange.fetch_balance()
    bought = exchange.create_market_buy_order(SPOT, 0.05)
    stop = exchange.create_order(SPOT, "market", "sell", 0.04, None, {"stopLossPrice": bought["average"] * 0.98})
    assert [order["id"] for order in exchange.fetch_open_orders(SPOT)] == [stop["id"]]
    exchange.cancel_order(stop["id"], SPOT)
    bid = exchange.fetch_ticker(SPOT)["bid"]
    sold = exchange.create_limit_sell_order(SPOT, 0.0499, bid * 0.999)
    assert sold["status"] == "closed"
    after = exchange.fetch_balance()
    spent = before["USDT"]["total"] - after["USDT"]["total"]
    assert spent == pytest.approx(bought["cost"] - sold["cost"] + sold["fees"][0]["cost"])
    assert after["ETH"]["total"] == pytest.approx(before["ETH"]["total"] + 0.05 - 0.00005 - 0.0499)
    exchange.close()


def test_ccxt_pro_makes_a_market_for_a_moment(venue: Venue) -> None:
    """Quotes on both sides of the watched book, moves them once, takes them away; learns it all from its streams."""

    async def story() -> None:
        async with swap_client(venue) as exchange, Collector(exchange.watch_orders) as orders:
            await exchange.set_leverage(10, SWAP)
            await sockets_open(exchange)
            mine: list[dict[str, Any]] = []
            for distance in (0.01, 0.012):
                for order in mine:
                    await exchange.cancel_order(order["id"], SWAP)
                book = await exchange.watch_order_book(SWAP)
                middle = (book["bids"][0][0] + book["asks"][0][0]) / 2
                mine = [
                    await exchange.create_order(
                        SWAP, "limit", "buy", 0.05, middle * (1 - distance), {"postOnly": True}
                    ),
                    await exchange.create_order(
                        SWAP, "limit", "sell", 0.05, middle * (1 + distance), {"postOnly": True}
                    ),
                ]
                for order in mine:
                    await orders.until(lambda seen, order=order: seen["id"] == order["id"] and seen["status"] == "open")
            await exchange.cancel_all_orders(SWAP)
            for order in mine:
                await orders.until(lambda seen, order=order: seen["id"] == order["id"] and seen["status"] == "canceled")
            await exchange.set_leverage(20, SWAP)

    asyncio.run(story())


def test_ccxt_pro_follows_a_filling_order(venue: Venue) -> None:
    """A resting order just above the market is filled by the flow that reaches it."""

    async def story() -> None:
        async with spot_client(venue) as exchange, Collector(exchange.watch_my_trades) as fills:
            await sockets_open(exchange)
            ask = (await exchange.watch_bids_asks([SPOT]))[SPOT]["ask"]
            order = await exchange.create_order(SPOT, "limit", "sell", 0.02, ask * 1.001, {"postOnly": True})
            venue.move(0.01, 1.0)
            fill = await fills.until(lambda trade: trade["order"] == order["id"], seconds=20)
            assert fill["takerOrMaker"] == "maker"
            assert fill["price"] == order["price"]
            venue.move(-0.01, 1.0)

    asyncio.run(story())


def test_python_binance_trades_futures_with_a_stop(venue: Venue) -> None:
    """Opens, protects with a closePosition stop, sees the stop work in the user stream."""

    async def story() -> None:
        async with async_client(venue) as client, socket_manager(client, venue).futures_user_socket() as stream:
            heard = Heard(stream)
            await client.futures_change_leverage(symbol=SYMBOL, leverage=5)
            await client.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.1")
            await heard.until(lambda seen: seen["e"] == "ACCOUNT_UPDATE")
            mark = float((await client.futures_mark_price(symbol=SYMBOL))["markPrice"])
            stop = await client.futures_create_order(
                symbol=SYMBOL,
                side="BUY",
                type="STOP_MARKET",
                stopPrice=f"{mark * 1.003:.2f}",
                closePosition="true",
                workingType="MARK_PRICE",
            )
            venue.move(0.01, 1.0)
            done = await heard.until(lambda seen: seen["e"] == "ORDER_TRADE_UPDATE" and _bought(seen["o"]), seconds=20)
            assert done["o"]["q"] == "0.100"
            triggered = await client.futures_get_order(symbol=SYMBOL, algoId=stop["algoId"])
            assert triggered["actualOrderId"] == str(done["o"]["i"])
            assert [p for p in await client.futures_position_information() if float(p["positionAmt"])] == []
            await client.futures_change_leverage(symbol=SYMBOL, leverage=20)
            venue.move(-0.01, 1.0)

    asyncio.run(story())


def _bought(order: dict[str, Any]) -> bool:
    return bool(order["S"] == "BUY" and order["X"] == "FILLED")


def test_the_official_sdks_buy_on_both_markets(venue: Venue) -> None:
    spot, usdm = sdk_spot(venue).rest_api, sdk_usdm(venue).rest_api
    bought = spot.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quote_order_qty=100.0)
    assert bought.data().status == "FILLED"
    assert {limit.rateLimitType for limit in bought.rate_limits} >= {"REQUEST_WEIGHT", "ORDERS"}
    held = usdm.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.05, new_order_resp_type="RESULT").data()
    assert held.status == "FILLED"
    (position,) = usdm.position_information_v3(symbol=SYMBOL).data()
    assert position.position_amt == "0.050"
    usdm.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.05, reduce_only="true")
    assert usdm.position_information_v3(symbol=SYMBOL).data() == []
    spot._session.close()
    usdm._session.close()
