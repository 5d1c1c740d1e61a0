"""python-binance on spot, the synchronous client: market data, every order type, order lists, queries, errors."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.clients.binance_clients import SYMBOL, async_client, quote, sync_client, text
from tests.clients.foreign import BinanceAPIException
from tests.clients.venue_process import Venue

QUANTITY = "0.02"


def test_market_data(venue: Venue) -> None:
    with sync_client(venue) as client:
        assert client.ping() == {}
        assert abs(client.get_server_time()["serverTime"] - time.time() * 1000) < 1_000
        assert client.get_symbol_info(SYMBOL)["baseAsset"] == "ETH"
        assert client.get_exchange_info()["rateLimits"]
        book = client.get_order_book(symbol=SYMBOL, limit=5)
        assert float(book["bids"][0][0]) < float(book["asks"][0][0])
        assert len(client.get_recent_trades(symbol=SYMBOL, limit=7)) == 7
        assert len(client.get_historical_trades(symbol=SYMBOL, limit=7)) == 7
        assert len(client.get_aggregate_trades(symbol=SYMBOL, limit=7)) == 7
        assert len(client.get_klines(symbol=SYMBOL, interval="1m", limit=7)) == 7
        assert len(client.get_klines(symbol=SYMBOL, interval="1s", limit=3)) == 3
        rows = client.get_historical_klines(SYMBOL, "1m", "1100 minutes ago UTC")  # two pages
        starts = [row[0] for row in rows]
        assert starts == list(range(starts[0], starts[-1] + 1, 60_000))
        assert len(starts) >= 1_099
        assert float(client.get_avg_price(symbol=SYMBOL)["price"]) > 0
        assert client.get_ticker(symbol=SYMBOL)["symbol"] == SYMBOL
        assert isinstance(client.get_ticker(), list)
        assert float(client.get_symbol_ticker(symbol=SYMBOL)["price"]) > 0
        assert client.get_symbol_ticker_window(symbol=SYMBOL, windowSize="1h")["count"] > 0
        assert client.v3_get_ticker_trading_day(symbol=SYMBOL)["symbol"] == SYMBOL
        assert isinstance(client.get_orderbook_tickers(), list)
        newest = next(
            client.aggregate_trade_iter(SYMBOL, last_id=client.get_aggregate_trades(symbol=SYMBOL, limit=9)[0]["a"])
        )
        assert newest["a"] > 0


@pytest.mark.usefixtures("flat")
def test_account_and_simple_orders(venue: Venue) -> None:
    with sync_client(venue) as client:
        assert client.get_account()["canTrade"] is True
        before = float(client.get_asset_balance(asset="ETH")["free"])
        bought = client.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
        assert (bought["status"], bought["type"]) == ("FILLED", "MARKET")
        fees = sum(float(fill["commission"]) for fill in bought["fills"])
        assert float(client.get_asset_balance(asset="ETH")["free"]) == pytest.approx(before + 0.02 - fees)
        by_cost = client.order_market_buy(symbol=SYMBOL, quoteOrderQty=50)
        assert 45 < float(by_cost["cummulativeQuoteQty"]) <= 50
        bid, ask = quote(client)
        resting = client.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=text(bid * 0.9))
        assert resting["status"] == "NEW"
        found = client.get_order(symbol=SYMBOL, orderId=resting["orderId"])
        assert (found["status"], found["clientOrderId"]) == ("NEW", resting["clientOrderId"])
        assert [o["orderId"] for o in client.get_open_orders(symbol=SYMBOL)] == [resting["orderId"]]
        assert client.get_open_orders()
        replaced = client.cancel_replace_order(
            symbol=SYMBOL,
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity=QUANTITY,
            price=text(bid * 0.91),
            cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrderId=resting["orderId"],
        )
        assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
        gone = client.cancel_order(symbol=SYMBOL, orderId=replaced["newOrderResponse"]["orderId"])
        assert gone["status"] == "CANCELED"
        client.create_order(symbol=SYMBOL, side="SELL", type="LIMIT_MAKER", quantity=QUANTITY, price=text(ask * 1.1))
        assert len(client.cancel_all_open_orders(symbol=SYMBOL)) == 1
        assert client.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY) == {}
        assert bought["orderId"] in {o["orderId"] for o in client.get_all_orders(symbol=SYMBOL, limit=500)}
        assert bought["orderId"] in {t["orderId"] for t in client.get_my_trades(symbol=SYMBOL, limit=500)}
        assert {row["rateLimitType"] for row in client.get_current_order_count()} == {"ORDERS"}
        assert client.v3_get_account_commission(symbol=SYMBOL)["standardCommission"]["taker"] == "0.00100000"


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize("kind", ["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"])
def test_stops(venue: Venue, kind: str) -> None:
    with sync_client(venue) as client:
        bid, ask = quote(client)
        trigger = text(bid * 0.9) if kind.startswith("STOP") else text(ask * 1.1)
        params: dict[str, Any] = {"stopPrice": trigger}
        if kind.endswith("LIMIT"):
            params |= {"price": trigger, "timeInForce": "GTC"}
        order = client.create_order(symbol=SYMBOL, side="SELL", type=kind, quantity=QUANTITY, **params)
        found = client.get_order(symbol=SYMBOL, orderId=order["orderId"])
        assert (found["type"], float(found["stopPrice"]), found["isWorking"]) == (kind, float(trigger), False)
        assert client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "CANCELED"


@pytest.mark.usefixtures("flat")
def test_oco_and_its_cancel(venue: Venue) -> None:
    with sync_client(venue) as client:
        bid, ask = quote(client)
        oco = client.create_oco_order(
            symbol=SYMBOL,
            side="SELL",
            quantity=QUANTITY,
            aboveType="LIMIT_MAKER",
            abovePrice=text(ask * 1.05),
            belowType="STOP_LOSS_LIMIT",
            belowStopPrice=text(bid * 0.95),
            belowPrice=text(bid * 0.94),
            belowTimeInForce="GTC",
        )
        assert oco["contingencyType"] == "OCO"
        assert {report["type"] for report in oco["orderReports"]} == {"LIMIT_MAKER", "STOP_LOSS_LIMIT"}
        assert [item["orderListId"] for item in client.get_open_oco_orders()] == [oco["orderListId"]]
        leg = oco["orders"][0]["orderId"]
        done = client.cancel_order(symbol=SYMBOL, orderId=leg)
        assert done["listOrderStatus"] == "ALL_DONE"
        assert client.get_open_orders(symbol=SYMBOL) == []
        assert client.v3_get_order_list(orderListId=oco["orderListId"])["listOrderStatus"] == "ALL_DONE"
        assert client.v3_get_all_order_list()


@pytest.mark.usefixtures("flat")
def test_oto_and_otoco(venue: Venue) -> None:
    with sync_client(venue) as client:
        bid, ask = quote(client)
        oto = client.v3_post_order_list_oto(
            symbol=SYMBOL,
            workingType="LIMIT",
            workingSide="BUY",
            workingPrice=text(bid * 0.9),
            workingQuantity=QUANTITY,
            workingTimeInForce="GTC",
            pendingType="LIMIT_MAKER",
            pendingSide="SELL",
            pendingPrice=text(ask * 1.1),
            pendingQuantity=QUANTITY,
        )
        assert {report["status"] for report in oto["orderReports"]} == {"NEW", "PENDING_NEW"}
        assert (
            client.v3_delete_order_list(symbol=SYMBOL, orderListId=oto["orderListId"])["listOrderStatus"] == "ALL_DONE"
        )
        otoco = client.v3_post_order_list_otoco(
            symbol=SYMBOL,
            workingType="LIMIT",
            workingSide="BUY",
            workingPrice=text(ask * 1.01),  # fills at once, so the pending pair goes to work
            workingQuantity=QUANTITY,
            workingTimeInForce="GTC",
            pendingSide="SELL",
            pendingQuantity="0.0199",  # what is left after the fee
            pendingAboveType="TAKE_PROFIT_LIMIT",
            pendingAboveStopPrice=text(ask * 1.05),
            pendingAbovePrice=text(ask * 1.05),
            pendingAboveTimeInForce="GTC",
            pendingBelowType="STOP_LOSS",
            pendingBelowStopPrice=text(bid * 0.95),
        )
        assert otoco["contingencyType"] == "OTO"
        assert len(otoco["orderReports"]) == 3
        waiting = client.get_open_orders(symbol=SYMBOL)
        assert {order["type"] for order in waiting} == {"TAKE_PROFIT_LIMIT", "STOP_LOSS"}
        assert {order["status"] for order in waiting} == {"NEW"}


@pytest.mark.usefixtures("flat")
def test_time_in_force_icebergs_and_self_trade_prevention(venue: Venue) -> None:
    with sync_client(venue) as client:
        bid, ask = quote(client)
        for word, wanted in (("IOC", "EXPIRED"), ("FOK", "EXPIRED"), ("GTC", "NEW")):
            order = client.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=text(bid * 0.9), timeInForce=word)
            assert (order["timeInForce"], order["status"]) == (word, wanted)
        for word in ("IOC", "FOK"):
            order = client.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=text(ask * 1.01), timeInForce=word)
            assert (order["timeInForce"], order["status"]) == (word, "FILLED")
        hidden = client.order_limit_sell(symbol=SYMBOL, quantity="30", icebergQty="4", price=text(ask * 1.0002))
        assert (hidden["icebergQty"], hidden["status"]) == ("4.00000000", "NEW")
        coming = client.order_limit_buy(
            symbol=SYMBOL, quantity="1000", price=text(ask * 1.0002), selfTradePreventionMode="EXPIRE_TAKER"
        )
        assert coming["status"] == "EXPIRED_IN_MATCH"
        assert client.get_order(symbol=SYMBOL, orderId=hidden["orderId"])["status"] == "NEW"
        (match,) = client.get_prevented_matches(symbol=SYMBOL, orderId=coming["orderId"])
        assert (match["makerOrderId"], match["takerOrderId"]) == (hidden["orderId"], coming["orderId"])


def test_errors_carry_the_venues_code(venue: Venue) -> None:
    with sync_client(venue) as client:
        for code, order in (
            (-2010, {"type": "LIMIT", "timeInForce": "GTC", "quantity": "6000", "price": "1400"}),
            (-1013, {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.02", "price": "0.001"}),
            (-1102, {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.02"}),
            (-1116, {"type": "NOPE", "quantity": "0.02"}),
            (-1111, {"type": "MARKET", "quantity": "0.0200000001"}),
        ):
            with pytest.raises(BinanceAPIException) as caught:
                client.create_order(symbol=SYMBOL, side="BUY", **order)
            assert caught.value.code == code, (order, caught.value)
        with pytest.raises(BinanceAPIException) as caught:
            client.cancel_order(symbol=SYMBOL, orderId=987654321)
        assert (caught.value.code, caught.value.message) == (-2011, "Unknown order sent.")
        with pytest.raises(BinanceAPIException) as caught:
            client.stream_get_listen_key()
        assert caught.value.status_code == 410


@pytest.mark.usefixtures("flat")
def test_the_asynchronous_client_alike(venue: Venue) -> None:
    async def story() -> None:
        async with async_client(venue) as client:
            assert (await client.get_account())["canTrade"] is True
            order = await client.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
            assert order["status"] == "FILLED"
            price = text(float((await client.get_symbol_ticker(symbol=SYMBOL))["price"]) * 0.9)
            resting = await client.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=price)
            assert (await client.get_order(symbol=SYMBOL, origClientOrderId=resting["clientOrderId"]))[
                "status"
            ] == "NEW"
            assert (await client.cancel_order(symbol=SYMBOL, orderId=resting["orderId"]))["status"] == "CANCELED"
            rows = await client.get_historical_klines(SYMBOL, "1m", "30 minutes ago UTC")
            assert len(rows) >= 29

    asyncio.run(story())
