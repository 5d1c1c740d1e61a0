"""python-binance on USD-M futures: market data, orders, stops (algo orders), account, dead-man's switch."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.clients.binance_clients import SYMBOL, async_client, futures_quote, sync_client, text
from tests.clients.foreign import BinanceAPIException
from tests.clients.venue_process import Venue

QUANTITY = "0.05"


def test_market_data(venue: Venue) -> None:
    with sync_client(venue) as client:
        assert client.futures_ping() == {}
        assert abs(client.futures_time()["serverTime"] - time.time() * 1000) < 1_000
        assert client.futures_exchange_info()["symbols"][0]["symbol"] == SYMBOL
        assert len(client.futures_order_book(symbol=SYMBOL, limit=5)["bids"]) == 5
        assert len(client.futures_recent_trades(symbol=SYMBOL, limit=7)) == 7
        assert len(client.futures_historical_trades(symbol=SYMBOL, limit=7)) == 7
        assert len(client.futures_aggregate_trades(symbol=SYMBOL, limit=7)) == 7
        assert len(client.futures_klines(symbol=SYMBOL, interval="1m", limit=7)) == 7
        assert len(client.futures_historical_klines(SYMBOL, "1m", "40 minutes ago UTC")) >= 39
        assert float(client.futures_mark_price(symbol=SYMBOL)["markPrice"]) > 0
        assert client.futures_funding_rate(symbol=SYMBOL, limit=2)[0]["symbol"] == SYMBOL
        assert client.futures_ticker(symbol=SYMBOL)["symbol"] == SYMBOL
        assert float(client.futures_symbol_ticker(symbol=SYMBOL)["price"]) > 0
        bid, ask = futures_quote(client)
        assert bid < ask


@pytest.mark.usefixtures("flat")
def test_orders_and_queries(venue: Venue) -> None:
    with sync_client(venue) as client:
        bid, ask = futures_quote(client)
        bought = client.futures_create_order(
            symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY, newOrderRespType="RESULT"
        )
        assert (bought["status"], bought["executedQty"]) == ("FILLED", "0.050")
        resting = client.futures_create_order(
            symbol=SYMBOL, side="SELL", type="LIMIT", timeInForce="GTX", quantity=QUANTITY, price=text(ask * 1.03)
        )
        assert resting["status"] == "NEW"
        assert client.futures_get_order(symbol=SYMBOL, orderId=resting["orderId"])["status"] == "NEW"
        assert [o["orderId"] for o in client.futures_get_open_orders(symbol=SYMBOL)] == [resting["orderId"]]
        assert client.futures_cancel_order(symbol=SYMBOL, orderId=resting["orderId"])["status"] == "CANCELED"
        client.futures_create_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=QUANTITY, price=text(bid * 0.97)
        )
        assert client.futures_cancel_all_open_orders(symbol=SYMBOL)["code"] == 200
        assert client.futures_get_open_orders(symbol=SYMBOL) == []
        assert bought["orderId"] in {o["orderId"] for o in client.futures_get_all_orders(symbol=SYMBOL)}
        assert bought["orderId"] in {t["orderId"] for t in client.futures_account_trades(symbol=SYMBOL)}
        tested = client.futures_create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY)
        assert isinstance(tested, dict)
        (position,) = [p for p in client.futures_position_information(symbol=SYMBOL) if float(p["positionAmt"])]
        assert float(position["positionAmt"]) == 0.05
        closed = client.futures_create_order(
            symbol=SYMBOL, side="SELL", type="MARKET", quantity=QUANTITY, reduceOnly="true", newOrderRespType="RESULT"
        )
        assert closed["reduceOnly"] is True


@pytest.mark.usefixtures("flat")
def test_time_in_force(venue: Venue) -> None:
    with sync_client(venue) as client:
        bid, ask = futures_quote(client)
        order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": QUANTITY, "newOrderRespType": "RESULT"}
        until = (int(client.futures_time()["serverTime"]) // 1_000 + 900) * 1_000
        dated = client.futures_create_order(**order, timeInForce="GTD", goodTillDate=until, price=text(bid * 0.97))
        assert (dated["status"], dated["goodTillDate"]) == ("NEW", until)
        for word, price, wanted in (
            ("IOC", bid * 0.97, "EXPIRED"),
            ("IOC", ask * 1.01, "FILLED"),
            ("FOK", ask * 1.01, "FILLED"),
        ):
            placed = client.futures_create_order(**order, timeInForce=word, price=text(price))
            assert (placed["timeInForce"], placed["status"]) == (word, wanted)
        for word, price, code in (("FOK", bid * 0.97, -5021), ("GTX", ask * 1.01, -5022)):
            with pytest.raises(BinanceAPIException) as caught:
                client.futures_create_order(**order, timeInForce=word, price=text(price))
            assert caught.value.code == code


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize("kind", ["STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT"])
def test_stops_go_to_the_algo_endpoint(venue: Venue, kind: str) -> None:
    with sync_client(venue) as client:
        bid, ask = futures_quote(client)
        trigger = text(bid * 0.97) if kind.startswith("STOP") else text(ask * 1.03)
        price = {} if kind.endswith("MARKET") else {"price": trigger, "timeInForce": "GTC"}
        stop = client.futures_create_order(
            symbol=SYMBOL,
            side="SELL",
            type=kind,
            quantity=QUANTITY,
            stopPrice=trigger,
            workingType="MARK_PRICE",
            **price,
        )
        assert (stop["algoStatus"], stop["orderType"], stop["algoType"]) == ("NEW", kind, "CONDITIONAL")
        assert [o["algoId"] for o in client.futures_get_open_algo_orders(symbol=SYMBOL)] == [stop["algoId"]]
        found = client.futures_get_order(symbol=SYMBOL, algoId=stop["algoId"])
        assert float(found["triggerPrice"]) == float(trigger)
        gone = client.futures_cancel_order(symbol=SYMBOL, algoId=stop["algoId"])
        assert gone["algoId"] == stop["algoId"]
        assert client.futures_get_open_algo_orders(symbol=SYMBOL) == []
        assert client.futures_get_all_algo_orders(symbol=SYMBOL)[-1]["algoStatus"] == "CANCELED"


@pytest.mark.usefixtures("flat")
def test_countdown_cancels_what_is_open(venue: Venue) -> None:
    with sync_client(venue) as client:
        bid, _ = futures_quote(client)
        order = client.futures_create_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=QUANTITY, price=text(bid * 0.97)
        )
        assert client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=60_000)["countdownTime"] == "60000"
        assert client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=1_000)["countdownTime"] == "1000"
        time.sleep(0.3)
        assert client.futures_get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "NEW"
        deadline = time.monotonic() + 5
        while client.futures_get_open_orders(symbol=SYMBOL) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert client.futures_get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "CANCELED"
        assert client.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=0)["countdownTime"] == "0"


@pytest.mark.usefixtures("flat")
def test_account_leverage_and_margin(venue: Venue) -> None:
    with sync_client(venue) as client:
        (usdt,) = [row for row in client.futures_account_balance() if row["asset"] == "USDT"]
        assert float(usdt["availableBalance"]) > 0
        assert float(client.futures_account()["totalWalletBalance"]) > 0
        assert client.futures_change_leverage(symbol=SYMBOL, leverage=9)["leverage"] == 9
        assert client.futures_symbol_config(symbol=SYMBOL)[0]["leverage"] == 9
        assert client.futures_change_leverage(symbol=SYMBOL, leverage=20)["leverage"] == 20
        with pytest.raises(BinanceAPIException) as caught:
            client.futures_change_margin_type(symbol=SYMBOL, marginType="ISOLATED")
        assert caught.value.code == -4046
        assert client.futures_get_position_mode() == {"dualSidePosition": False}
        assert client.futures_get_multi_assets_mode() == {"multiAssetsMargin": False}
        assert client.futures_leverage_bracket(symbol=SYMBOL)[0]["brackets"][0]["bracket"] == 1
        assert client.futures_commission_rate(symbol=SYMBOL)["symbol"] == SYMBOL
        assert "canTrade" in client.futures_account_config()
        client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY)
        added = client.futures_change_position_margin(symbol=SYMBOL, amount=10, type=1)
        assert (added["code"], added["type"]) == (200, 1)
        assert client.futures_position_margin_history(symbol=SYMBOL)[-1]["amount"].startswith("10")
        kinds = {row["incomeType"] for row in client.futures_income_history(symbol=SYMBOL)}
        assert "COMMISSION" in kinds
        assert {row["rateLimitType"] for row in client.futures_v1_get_rate_limit_order()} == {"ORDERS"}


@pytest.mark.usefixtures("flat")
def test_the_asynchronous_client_alike(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            order = await client.futures_create_order(
                symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY, newOrderRespType="RESULT"
            )
            assert order["status"] == "FILLED"
            mark = float((await client.futures_mark_price(symbol=SYMBOL))["markPrice"])
            stop = await client.futures_create_order(
                symbol=SYMBOL, side="SELL", type="STOP_MARKET", stopPrice=text(mark * 0.97), closePosition="true"
            )
            assert stop["closePosition"] is True
            gone = await client.futures_cancel_all_algo_open_orders(symbol=SYMBOL)
            assert gone["code"] in (200, "200")
            with pytest.raises(BinanceAPIException) as caught:
                await client.futures_create_order(
                    symbol=SYMBOL, side="SELL", type="STOP_MARKET", stopPrice=text(mark * 1.05), closePosition="true"
                )
            assert caught.value.code == -2021

    asyncio.run(story())
