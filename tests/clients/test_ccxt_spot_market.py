"""ccxt on spot, public side: markets, time, book, tickers, trades, candles with paging."""

from __future__ import annotations

import asyncio
import itertools
import time

from tests.clients.ccxt_clients import SPOT, spot_client
from tests.clients.foreign import ccxt
from tests.clients.pointing import ccxt_config
from tests.clients.venue_process import Venue


def test_markets_and_time(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            market = client.market(SPOT)
            assert (market["id"], market["spot"], market["active"]) == ("ETHUSDT", True, True)
            assert market["precision"]["price"] == 0.01
            assert market["precision"]["amount"] == 0.0001
            assert market["limits"]["cost"]["min"] == 5.0
            assert set(market["info"]["orderTypes"]) == {
                "LIMIT",
                "LIMIT_MAKER",
                "MARKET",
                "STOP_LOSS",
                "STOP_LOSS_LIMIT",
                "TAKE_PROFIT",
                "TAKE_PROFIT_LIMIT",
            }
            assert abs(await client.fetch_time() - time.time() * 1000) < 1_000
            await client.load_time_difference()
            assert abs(client.options["timeDifference"]) < 1_000

    asyncio.run(story())


def test_book_tickers_and_trades(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            book = await client.fetch_order_book(SPOT, 100)
            assert len(book["bids"]) == len(book["asks"]) == 100
            assert book["bids"] == sorted(book["bids"], reverse=True)
            assert book["asks"] == sorted(book["asks"])
            assert book["bids"][0][0] < book["asks"][0][0]
            assert book["nonce"] > 0
            ticker = await client.fetch_ticker(SPOT)
            assert ticker["low"] <= ticker["last"] <= ticker["high"]
            assert ticker["bid"] < ticker["ask"]
            assert ticker["baseVolume"] > 0
            assert set(await client.fetch_tickers([SPOT])) == {SPOT}
            assert set(await client.fetch_tickers()) == {SPOT}
            quotes = await client.fetch_bids_asks([SPOT])
            assert quotes[SPOT]["bid"] < quotes[SPOT]["ask"]
            last = await client.fetch_last_prices([SPOT])
            assert abs(last[SPOT]["price"] / ticker["last"] - 1) < 0.01
            trades = await client.fetch_trades(SPOT, limit=50)
            assert len(trades) == 50
            assert {trade["side"] for trade in trades} <= {"buy", "sell"}
            assert all(older["timestamp"] <= newer["timestamp"] for older, newer in itertools.pairwise(trades))
            for name in ("publicGetTrades", "publicGetAggTrades", "publicGetHistoricalTrades"):
                found = await client.fetch_trades(SPOT, limit=5, params={"fetchTradesMethod": name})
                assert len(found) == 5
            average = await client.public_get_avgprice({"symbol": "ETHUSDT"})
            assert abs(float(average["price"]) / ticker["last"] - 1) < 0.05

    asyncio.run(story())


def test_candles_page_without_gap_or_overlap(venue: Venue) -> None:
    async def story() -> None:
        async with spot_client(venue) as client:
            now = await client.fetch_time()
            since = now - now % 60_000 - 90 * 60_000
            candles: list[list[float]] = []
            while len(candles) < 90:
                page = await client.fetch_ohlcv(SPOT, "1m", since=since, limit=40)
                assert page[0][0] == since
                candles += page
                since = page[-1][0] + 60_000
            starts = [candle[0] for candle in candles]
            assert starts == list(range(int(starts[0]), int(starts[-1]) + 1, 60_000))
            assert all(low <= min(o, c) and high >= max(o, c) for _, o, high, low, c, _ in candles)
            hourly = await client.fetch_ohlcv(SPOT, "1h", limit=5)
            assert all(candle[0] % 3_600_000 == 0 for candle in hourly)
            whole = await client.fetch_ohlcv(SPOT, "1m", since=now - 3_600_000, limit=60, params={"paginate": True})
            assert len(whole) >= 59

    asyncio.run(story())


def test_the_synchronous_client_alike(venue: Venue) -> None:
    client = ccxt.binance(ccxt_config(venue, "spot"))
    client.load_markets()
    assert client.symbols == [SPOT]
    book = client.fetch_order_book(SPOT, 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert client.fetch_balance()["USDT"]["free"] > 0
    client.close()
