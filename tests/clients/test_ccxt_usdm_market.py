"""ccxt on USD-M futures, public side."""

from __future__ import annotations

import asyncio
import time

from tests.clients.ccxt_clients import SPOT, SWAP, swap_client
from tests.clients.foreign import ccxtpro
from tests.clients.pointing import ccxt_config
from tests.clients.venue_process import Venue


def test_markets_time_and_tickers(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            market = client.market(SWAP)
            assert (market["id"], market["swap"], market["linear"], market["settle"]) == ("ETHUSDT", True, True, "USDT")
            assert market["precision"] == {**market["precision"], "price": 0.01, "amount": 0.001}
            assert market["limits"]["cost"]["min"] == 20.0
            assert abs(await client.fetch_time() - time.time() * 1000) < 1_000
            book = await client.fetch_order_book(SWAP, 50)
            assert len(book["bids"]) == 50
            assert book["bids"][0][0] < book["asks"][0][0]
            ticker = await client.fetch_ticker(SWAP)
            assert ticker["low"] <= ticker["last"] <= ticker["high"]
            assert set(await client.fetch_tickers()) == {SWAP}
            quotes = await client.fetch_bids_asks([SWAP])
            assert quotes[SWAP]["bid"] < quotes[SWAP]["ask"]
            last = await client.fetch_last_prices([SWAP])
            assert last[SWAP]["price"] > 0
            trades = await client.fetch_trades(SWAP, limit=50)
            assert len(trades) == 50
            for name in ("fapiPublicGetTrades", "fapiPublicGetHistoricalTrades"):
                found = await client.fetch_trades(SWAP, limit=5, params={"fetchTradesMethod": name})
                assert len(found) == 5

    asyncio.run(story())


def test_candles_page_without_gap_or_overlap(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            now = await client.fetch_time()
            since = now - now % 60_000 - 90 * 60_000
            first = await client.fetch_ohlcv(SWAP, "1m", since=since, limit=45)
            second = await client.fetch_ohlcv(SWAP, "1m", since=first[-1][0] + 60_000, limit=45)
            starts = [candle[0] for candle in first + second]
            assert starts == [since + place * 60_000 for place in range(90)]

    asyncio.run(story())


def test_funding_and_mark_price(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            rate = await client.fetch_funding_rate(SWAP)
            assert abs(rate["fundingRate"]) < 0.01
            assert rate["fundingTimestamp"] > await client.fetch_time()
            assert rate["markPrice"] > 0
            assert rate["indexPrice"] > 0
            history = await client.fetch_funding_rate_history(SWAP, limit=3)
            assert [entry["symbol"] for entry in history] == [SWAP] * 3
            rates = await client.fetch_funding_rates([SWAP])
            assert set(rates) == {SWAP}
            mark = await client.fetch_mark_price(SWAP)
            assert abs(mark["markPrice"] / rate["markPrice"] - 1) < 0.01

    asyncio.run(story())


def test_both_markets_in_one_instance(venue: Venue) -> None:
    """The same symbol id on spot and USD-M: ccxt must not take the one for the other."""

    async def story() -> None:
        client = ccxtpro.binance(ccxt_config(venue, "spot", "linear"))
        try:
            await client.load_markets()
            assert set(client.symbols) == {SPOT, SWAP}
            spot, swap = await asyncio.gather(client.watch_order_book(SPOT), client.watch_order_book(SWAP))
            assert (spot["symbol"], swap["symbol"]) == (SPOT, SWAP)
            assert len(spot["bids"]) > 50
            trades = await client.watch_trades(SPOT)
            assert {trade["symbol"] for trade in trades} == {SPOT}
        finally:
            await client.close()

    asyncio.run(story())
