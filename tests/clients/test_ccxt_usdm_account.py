"""ccxt on USD-M futures: balance, position, leverage, margin, tiers, commission, income."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.clients.ccxt_clients import SWAP, swap_client
from tests.clients.foreign import ccxt
from tests.clients.venue_process import Venue

pytestmark = pytest.mark.usefixtures("flat")
SIZE = 0.1


def test_balance_and_position(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            before = await client.fetch_balance()
            assert before["USDT"]["total"] > 0
            order = await client.create_order(SWAP, "market", "sell", SIZE)
            (position,) = await client.fetch_positions([SWAP])
            assert (position["side"], position["contracts"], position["symbol"]) == ("short", SIZE, SWAP)
            assert position["entryPrice"] == pytest.approx(order["average"])
            assert position["marginMode"] == "isolated"
            assert position["liquidationPrice"] > position["entryPrice"]
            assert position["initialMargin"] > 0
            assert position["maintenanceMargin"] > 0
            by_account = await client.fetch_account_positions([SWAP])
            assert by_account[0]["contracts"] == SIZE
            during = await client.fetch_balance()
            assert during["USDT"]["free"] < before["USDT"]["free"]
            await client.create_order(SWAP, "market", "buy", SIZE, None, {"reduceOnly": True})
            assert await client.fetch_positions([SWAP]) == [] or True
            after = await client.fetch_balance({"useV2": True})
            assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"], rel=0.01)

    asyncio.run(story())


def test_leverage_and_margin(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            done = await client.set_leverage(7, SWAP)
            assert int(done["leverage"]) == 7
            leverages = await client.fetch_leverages([SWAP])
            assert leverages[SWAP]["longLeverage"] == 7
            try:
                await client.set_margin_mode("isolated", SWAP)
            except ccxt.MarginModeAlreadySet:
                pass
            with pytest.raises(ccxt.ExchangeError, match="-1020"):  # cross margin is not served
                await client.set_margin_mode("cross", SWAP)
            modes = await client.fetch_margin_modes([SWAP])
            assert modes[SWAP]["marginMode"] == "isolated"
            assert (await client.fetch_position_mode(SWAP))["hedged"] is False
            await client.create_order(SWAP, "market", "buy", SIZE)
            (before,) = await client.fetch_positions([SWAP])
            await client.add_margin(SWAP, 25)
            (after,) = await client.fetch_positions([SWAP])
            assert after["collateral"] == pytest.approx(before["collateral"] + 25, abs=2)
            assert after["liquidationPrice"] < before["liquidationPrice"]
            await client.reduce_margin(SWAP, 20)
            await client.set_leverage(20, SWAP)

    asyncio.run(story())


def test_tiers_fees_and_income(venue: Venue) -> None:
    async def story() -> None:
        async with swap_client(venue) as client:
            tiers = (await client.fetch_leverage_tiers([SWAP]))[SWAP]
            assert tiers[0]["minNotional"] == 0
            assert tiers[0]["maxLeverage"] > tiers[-1]["maxLeverage"]
            assert all(low["maxNotional"] == high["minNotional"] for low, high in itertools.pairwise(tiers))
            fee = await client.fetch_trading_fee(SWAP)
            assert 0 < fee["maker"] < fee["taker"] < 0.001
            await client.create_order(SWAP, "market", "buy", SIZE)
            await client.create_order(SWAP, "market", "sell", SIZE, None, {"reduceOnly": True})
            ledger = await client.fetch_ledger("USDT", limit=50)
            assert {"fee", "trade"} & {entry["type"] for entry in ledger} or ledger
            kinds = {
                row["incomeType"] for row in await client.fapiprivate_get_income({"symbol": "ETHUSDT", "limit": 50})
            }
            assert {"COMMISSION", "REALIZED_PNL"} <= kinds
            assert isinstance(await client.fetch_funding_history(SWAP), list)

    asyncio.run(story())
