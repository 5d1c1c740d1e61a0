"""The official spot SDK: every REST and WebSocket API answer and every event parses into its typed model, whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clients import sdk_clients
from tests.clients.foreign import BadRequestError, UnauthorizedError
from tests.clients.pointing import sdk_spot
from tests.clients.raw import SYMBOL, Rest
from tests.clients.sdk_clients import Frames, RestSdk, SocketSdk, socket_sdk, wait_for
from tests.clients.sdk_models import Ledger
from tests.clients.sdk_tables import SPOT_MISSING, SPOT_UNKNOWN
from tests.clients.venue_process import Venue

SIZE = 0.02


def cents(price: float) -> float:
    return round(price, 2)


def limit_buy(price: float, **more: Any) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "time_in_force": "GTC",
        "quantity": SIZE,
        "price": cents(price),
        **more,
    }


def oco(bid: float, ask: float) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "side": "SELL",
        "quantity": SIZE,
        "above_type": "LIMIT_MAKER",
        "above_price": cents(ask * 1.05),
        "below_type": "STOP_LOSS_LIMIT",
        "below_stop_price": cents(bid * 0.95),
        "below_price": cents(bid * 0.94),
        "below_time_in_force": "GTC",
    }


def oto(bid: float, ask: float) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "working_type": "LIMIT",
        "working_side": "BUY",
        "working_price": cents(bid * 0.9),
        "working_quantity": SIZE,
        "working_time_in_force": "GTC",
        "pending_type": "LIMIT_MAKER",
        "pending_side": "SELL",
        "pending_price": cents(ask * 1.1),
        "pending_quantity": SIZE,
    }


def otoco(bid: float, ask: float) -> dict[str, Any]:
    return {
        **{name: value for name, value in oto(bid, ask).items() if name not in ("pending_type", "pending_price")},
        "pending_above_type": "LIMIT_MAKER",
        "pending_above_price": cents(ask * 1.1),
        "pending_below_type": "STOP_LOSS",
        "pending_below_stop_price": cents(bid * 0.8),
    }


def test_rest_market_data(venue: Venue, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    sdk = RestSdk(sdk_spot(venue).rest_api, ledger, caplog)
    one = {"symbol": SYMBOL}
    for name, params in (
        ("ping", {}),
        ("time", {}),
        ("exchange_info", one),
        ("exchange_info", {"symbols": [SYMBOL]}),
        ("depth", {**one, "limit": 5}),
        ("get_trades", {**one, "limit": 5}),
        ("historical_trades", {**one, "limit": 5}),
        ("agg_trades", {**one, "limit": 5}),
        ("klines", {**one, "interval": "1m", "limit": 5}),
        ("ui_klines", {**one, "interval": "1m", "limit": 5}),
        ("avg_price", one),
        ("ticker24hr", one),
        ("ticker24hr", {}),
        ("ticker24hr", {**one, "type": "MINI"}),
        ("ticker_price", one),
        ("ticker_price", {"symbols": [SYMBOL]}),
        ("ticker_book_ticker", one),
        ("ticker_book_ticker", {}),
        ("ticker", {**one, "window_size": "1h"}),
        ("ticker_trading_day", one),
    ):
        sdk.ask(name, **params)
    ledger.check(SPOT_UNKNOWN, SPOT_MISSING)
    sdk.close()


@pytest.mark.usefixtures("flat")
def test_rest_trading(venue: Venue, rest: Rest, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    sdk = RestSdk(sdk_spot(venue).rest_api, ledger, caplog)
    bid, ask = rest.best()
    one = {"symbol": SYMBOL}
    placed = sdk.ask("new_order", **limit_buy(bid * 0.9))
    sdk.ask("get_order", **one, order_id=placed.order_id)
    sdk.ask("get_open_orders", **one)
    replaced = sdk.ask(
        "order_cancel_replace",
        **limit_buy(bid * 0.91),
        cancel_replace_mode="STOP_ON_FAILURE",
        cancel_order_id=placed.order_id,
    )
    sdk.ask("delete_order", **one, order_id=replaced.new_order_response.order_id)
    bought = sdk.ask("new_order", **one, side="BUY", type="MARKET", quantity=SIZE)
    assert bought.fills[0].commission_asset == "ETH"
    sdk.ask("new_order", **one, side="BUY", type="MARKET", quote_order_qty=50)
    sdk.ask("new_order", **one, side="SELL", type="STOP_LOSS", quantity=SIZE, stop_price=cents(bid * 0.9))
    listed = sdk.ask("order_list_oco", **oco(bid, ask))
    sdk.ask("get_order_list", order_list_id=listed.order_list_id)
    sdk.ask("open_order_list")
    sdk.ask("delete_open_orders", **one)
    listed = sdk.ask("order_list_oto", **oto(bid, ask))
    sdk.ask("delete_order_list", **one, order_list_id=listed.order_list_id)
    sdk.ask("order_list_otoco", **otoco(bid, ask))
    sdk.ask("all_order_list")
    sdk.ask("all_orders", **one)
    sdk.ask("my_trades", **one)
    sdk.ask("get_account")
    sdk.ask("account_commission", **one)
    sdk.ask("rate_limit_order")
    sdk.ask("my_prevented_matches", **one, order_id=placed.order_id)
    sdk.ask("order_test", **limit_buy(bid * 0.9))
    sdk.ask("order_test", **limit_buy(bid * 0.9), compute_commission_rates=True)
    with pytest.raises(BadRequestError, match="insufficient balance"):
        sdk.ask("new_order", **limit_buy(bid * 0.9, quantity=2_500.0))
    ledger.check(SPOT_UNKNOWN, SPOT_MISSING)
    sdk.close()
    wrong = sdk_spot(venue, api_key="x" * 64, api_secret=venue.secret).rest_api
    with pytest.raises((UnauthorizedError, BadRequestError)):
        wrong.get_account()
    wrong._session.close()


def test_websocket_api_market_data(venue: Venue) -> None:
    async def story() -> None:
        ledger = Ledger()
        one = {"symbol": SYMBOL}
        async with socket_sdk(sdk_spot(venue).websocket_api, ledger) as sdk:
            for name, params in (
                ("ping", {}),
                ("time", {}),
                ("exchange_info", one),
                ("depth", {**one, "limit": 5}),
                ("trades_recent", {**one, "limit": 5}),
                ("trades_historical", {**one, "limit": 5}),
                ("trades_aggregate", {**one, "limit": 5}),
                ("klines", {**one, "interval": "1m", "limit": 5}),
                ("ui_klines", {**one, "interval": "1m", "limit": 5}),
                ("avg_price", one),
                ("ticker24hr", one),
                ("ticker_price", one),
                ("ticker_book", one),
                ("ticker", {**one, "window_size": "1h"}),
                ("ticker_trading_day", one),
            ):
                await sdk.ask(name, **params)
        ledger.check(SPOT_UNKNOWN, SPOT_MISSING)

    asyncio.run(story())


async def _trade(sdk: SocketSdk, bid: float, ask: float) -> None:
    one = {"symbol": SYMBOL}
    placed = await sdk.ask("order_place", **limit_buy(bid * 0.9))
    await sdk.ask("order_status", **one, order_id=placed.result.order_id)
    await sdk.ask("open_orders_status", **one)
    replaced = await sdk.ask(
        "order_cancel_replace",
        **limit_buy(bid * 0.91),
        cancel_replace_mode="ALLOW_FAILURE",
        cancel_order_id=placed.result.order_id,
    )
    await sdk.ask("order_cancel", **one, order_id=replaced.result.new_order_response.order_id)
    bought = await sdk.ask("order_place", **one, side="BUY", type="MARKET", quantity=SIZE)
    assert bought.result.status == "FILLED"
    await sdk.ask("order_place", **one, side="SELL", type="TAKE_PROFIT", quantity=SIZE, stop_price=cents(ask * 1.2))
    listed = await sdk.ask("order_list_place_oco", **oco(bid, ask))
    await sdk.ask("order_list_status", order_list_id=listed.result.order_list_id)
    await sdk.ask("open_order_lists_status")
    await sdk.ask("open_orders_cancel_all", **one)
    listed = await sdk.ask("order_list_place_oto", **oto(bid, ask))
    await sdk.ask("order_list_cancel", **one, order_list_id=listed.result.order_list_id)
    await sdk.ask("order_list_place_otoco", **otoco(bid, ask))
    for name in ("all_orders", "my_trades", "account_commission"):
        await sdk.ask(name, **one)
    for name in ("all_order_lists", "account_status", "account_rate_limits_orders"):
        await sdk.ask(name)
    await sdk.ask("my_prevented_matches", **one, order_id=placed.result.order_id)
    await sdk.ask("order_test", **limit_buy(bid * 0.9))
    await sdk.ask("session_status")


@pytest.mark.usefixtures("flat")
def test_websocket_api_trading_and_user_events(venue: Venue, rest: Rest) -> None:
    async def story() -> None:
        ledger = Ledger()
        bid, ask = rest.best()
        async with socket_sdk(sdk_spot(venue).websocket_api, ledger) as sdk:
            subscribed = await sdk.api.user_data_stream_subscribe_signature()
            sdk.check("user_data_stream_subscribe_signature", subscribed.response.data())
            events: set[str] = set()

            def take(event: Any) -> None:
                raw = sdk.frames.all[-1]["event"]
                events.add(raw["e"])
                ledger.add("event " + raw["e"], event, raw)

            subscribed.stream.on("message", take)
            await _trade(sdk, bid, ask)
            venue.ask("/x/deposit", {"account": venue.account, "market": "spot", "asset": "USDT", "amount": "100"})
            wanted = {"executionReport", "outboundAccountPosition", "listStatus", "balanceUpdate"}
            await wait_for(lambda: wanted <= events, f"events: {events}")
        ledger.check(SPOT_UNKNOWN, SPOT_MISSING)

    asyncio.run(story())


@pytest.mark.slow
def test_market_streams(venue: Venue) -> None:
    async def story() -> None:
        ledger = Ledger()
        streams = sdk_spot(venue).websocket_streams
        frames = Frames()
        await streams.create_connection()
        frames.listen(streams)
        symbol = SYMBOL.lower()
        seen: set[str] = set()

        def taking(name: str) -> Any:
            def take(event: Any) -> None:
                seen.add(name)
                ledger.add("stream " + name, event, frames.all[-1]["data"])

            return take

        names = ("agg_trade", "trade", "book_ticker", "mini_ticker", "ticker", "avg_price", "diff_book_depth")
        try:
            asked: list[tuple[str, dict[str, Any]]] = [(name, {"symbol": symbol}) for name in names]
            asked += [
                ("kline", {"symbol": symbol, "interval": "1m"}),
                ("partial_book_depth", {"symbol": symbol, "levels": "5"}),
            ]
            asked += [("rolling_window_ticker", {"symbol": symbol, "window_size": "1h"})]
            for name, params in asked:
                (await getattr(streams, name)(**params)).on("message", taking(name))
            await wait_for(lambda: len(seen) == len(asked), "streams")
            assert "ethusdt@aggTrade" in str(await streams.list_subscribe())
        except AssertionError as error:
            raise AssertionError(f"{error}: heard only {seen}") from None
        finally:
            await sdk_clients.close(streams)
        ledger.check(SPOT_UNKNOWN, SPOT_MISSING)

    asyncio.run(story())
