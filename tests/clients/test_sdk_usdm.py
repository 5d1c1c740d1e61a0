"""The official USD-M SDK: every REST and WebSocket API answer and every event parses into its typed model, whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clients import sdk_clients
from tests.clients.foreign import BadRequestError
from tests.clients.pointing import sdk_usdm
from tests.clients.raw import SYMBOL, Rest
from tests.clients.sdk_clients import Frames, RestSdk, socket_sdk, wait_for
from tests.clients.sdk_models import Ledger
from tests.clients.sdk_tables import USDM_MISSING, USDM_UNKNOWN
from tests.clients.venue_process import Venue

SIZE = 0.05
ONE: dict[str, Any] = {"symbol": SYMBOL}


def cents(price: float) -> float:
    return round(price, 2)


def market(side: str, **more: Any) -> dict[str, Any]:
    return {**ONE, "side": side, "type": "MARKET", "quantity": SIZE, "new_order_resp_type": "RESULT", **more}


def limit_buy(price: float, **more: Any) -> dict[str, Any]:
    return {
        **ONE,
        "side": "BUY",
        "type": "LIMIT",
        "time_in_force": "GTC",
        "quantity": SIZE,
        "price": cents(price),
        **more,
    }


def stop_sell(price: float, **more: Any) -> dict[str, Any]:
    return {
        **ONE,
        "algo_type": "CONDITIONAL",
        "side": "SELL",
        "type": "STOP_MARKET",
        "trigger_price": cents(price),
        "quantity": SIZE,
        **more,
    }


def test_rest_market_data(venue: Venue, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    sdk = RestSdk(sdk_usdm(venue).rest_api, ledger, caplog)
    for name, params in (
        ("test_connectivity", {}),
        ("check_server_time", {}),
        ("exchange_information", {}),
        ("order_book", {**ONE, "limit": 5}),
        ("recent_trades_list", {**ONE, "limit": 5}),
        ("old_trades_lookup", {**ONE, "limit": 5}),
        ("compressed_aggregate_trades_list", {**ONE, "limit": 5}),
        ("kline_candlestick_data", {**ONE, "interval": "1m", "limit": 5}),
        ("mark_price", ONE),
        ("get_funding_rate_history", {**ONE, "limit": 3}),
        ("ticker24hr_price_change_statistics", ONE),
        ("symbol_price_ticker", ONE),
        ("symbol_price_ticker_v2", ONE),
        ("symbol_order_book_ticker", ONE),
    ):
        sdk.ask(name, **params)
    ledger.check(USDM_UNKNOWN, USDM_MISSING)
    sdk.close()


@pytest.mark.usefixtures("flat")
def test_rest_trading(venue: Venue, rest: Rest, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    sdk = RestSdk(sdk_usdm(venue).rest_api, ledger, caplog)
    bid, _ = rest.best("usdm")
    bought = sdk.ask("new_order", **market("BUY"))
    assert bought.status == "FILLED"
    resting = sdk.ask("new_order", **limit_buy(bid * 0.97))
    sdk.ask("query_order", **ONE, order_id=resting.order_id)
    sdk.ask("query_current_open_order", **ONE, order_id=resting.order_id)
    sdk.ask("current_all_open_orders", **ONE)
    sdk.ask("cancel_order", **ONE, order_id=resting.order_id)
    sdk.ask("new_order", **limit_buy(bid * 0.97))
    sdk.ask("auto_cancel_all_open_orders", **ONE, countdown_time=60_000)
    sdk.ask("auto_cancel_all_open_orders", **ONE, countdown_time=0)
    sdk.ask("cancel_all_open_orders", **ONE)
    sdk.ask("test_order", **market("BUY"))
    stop = sdk.ask("new_algo_order", **stop_sell(bid * 0.97))
    sdk.ask("query_algo_order", algo_id=stop.algo_id)
    sdk.ask("current_all_algo_open_orders", **ONE)
    sdk.ask("cancel_algo_order", algo_id=stop.algo_id)
    sdk.ask("query_all_algo_orders", **ONE)
    sdk.ask("new_algo_order", **stop_sell(bid * 0.96))
    sdk.ask("cancel_all_algo_open_orders", **ONE)
    sdk.ask("position_information_v3", **ONE)
    sdk.ask("position_information_v2", **ONE)
    sdk.ask("modify_isolated_position_margin", **ONE, amount=5.0, type="1")
    sdk.ask("get_position_margin_change_history", **ONE)
    sdk.ask("new_order", **market("SELL", reduce_only="true"))
    for name in (
        "all_orders",
        "account_trade_list",
        "get_income_history",
        "symbol_configuration",
        "user_commission_rate",
    ):
        sdk.ask(name, **ONE)
    for name in ("account_information_v2", "account_information_v3", "futures_account_balance_v2"):
        sdk.ask(name)
    for name in ("futures_account_balance_v3", "futures_account_configuration", "get_current_position_mode"):
        sdk.ask(name)
    sdk.ask("get_current_multi_assets_mode")
    sdk.ask("query_user_rate_limit")
    sdk.ask("notional_and_leverage_brackets", **ONE)
    sdk.ask("change_initial_leverage", **ONE, leverage=20)
    sdk.ask("start_user_data_stream")
    sdk.ask("keepalive_user_data_stream")
    with pytest.raises(BadRequestError):
        sdk.ask("cancel_order", **ONE, order_id=987654321)
    ledger.check(USDM_UNKNOWN, USDM_MISSING)
    sdk.close()


@pytest.mark.usefixtures("flat")
def test_websocket_api(venue: Venue, rest: Rest) -> None:
    async def story() -> None:
        ledger = Ledger()
        bid, _ = rest.best("usdm")
        async with socket_sdk(sdk_usdm(venue).websocket_api, ledger) as sdk:
            await sdk.ask("order_book", **ONE, limit=5)
            await sdk.ask("symbol_price_ticker", **ONE)
            await sdk.ask("symbol_order_book_ticker", **ONE)
            placed = await sdk.ask("new_order", **limit_buy(bid * 0.97))
            await sdk.ask("query_order", **ONE, order_id=placed.result.order_id)
            await sdk.ask("cancel_order", **ONE, order_id=placed.result.order_id)
            bought = await sdk.ask("new_order", **market("BUY"))
            assert bought.result.status == "FILLED"
            stop = await sdk.ask("new_algo_order", **stop_sell(bid * 0.97))
            await sdk.ask("cancel_algo_order", algo_id=stop.result.algo_id)
            await sdk.ask("position_information", **ONE)
            await sdk.ask("position_information_v2", **ONE)
            for name in ("account_information", "account_information_v2"):
                await sdk.ask(name)
            for name in ("futures_account_balance", "futures_account_balance_v2"):
                await sdk.ask(name)
            for name in ("start_user_data_stream", "keepalive_user_data_stream", "close_user_data_stream"):
                await sdk.ask(name)
        ledger.check(USDM_UNKNOWN, USDM_MISSING)

    asyncio.run(story())


class Stage:
    """The SDK's stream sockets (market, public, private) and what was heard on them."""

    def __init__(self, streams: Any) -> None:
        self.streams = streams
        self.frames = Frames()
        self.ledger = Ledger()
        self.seen: set[str] = set()

    async def open(self) -> None:
        await self.streams.create_connection()
        self.frames.listen(self.streams)

    def take(self, name: str) -> Any:
        def taken(event: Any) -> None:
            raw = self.frames.all[-1]["data"]
            word = name or raw["e"]
            self.seen.add(word)
            self.ledger.add("stream " + word, event, raw)

        return taken


@pytest.mark.slow
def test_market_streams(venue: Venue) -> None:
    async def story() -> None:
        stage = Stage(sdk_usdm(venue).websocket_streams)
        await stage.open()
        symbol = SYMBOL.lower()
        names = ("aggregate_trade_streams", "individual_symbol_mini_ticker_stream", "individual_symbol_ticker_streams")
        names += ("individual_symbol_book_ticker_streams", "diff_book_depth_streams", "mark_price_stream")
        asked: list[tuple[str, dict[str, Any]]] = [(name, {"symbol": symbol}) for name in names]
        asked += [("kline_candlestick_streams", {"symbol": symbol, "interval": "1m"})]
        asked += [("partial_book_depth_streams", {"symbol": symbol, "levels": 5})]
        try:
            for name, params in asked:
                (await getattr(stage.streams, name)(**params)).on("message", stage.take(name))
            await wait_for(lambda: len(stage.seen) == len(asked), "streams")
        except AssertionError as error:
            raise AssertionError(f"{error}: heard only {stage.seen}") from None
        finally:
            await sdk_clients.close(stage.streams)
        stage.ledger.check(USDM_UNKNOWN, USDM_MISSING)

    asyncio.run(story())


@pytest.mark.usefixtures("flat")
def test_user_events(venue: Venue, rest: Rest) -> None:
    async def story() -> None:
        sdk = sdk_usdm(venue)
        key = sdk.rest_api.start_user_data_stream().data().listen_key
        stage = Stage(sdk.websocket_streams)
        await stage.open()
        try:
            (await stage.streams.user_data(key)).on("message", stage.take(""))
            await asyncio.sleep(0.3)
            bid, _ = rest.best("usdm")
            sdk.rest_api.change_initial_leverage(**ONE, leverage=19)
            sdk.rest_api.change_initial_leverage(**ONE, leverage=20)
            sdk.rest_api.new_order(**market("BUY"))
            resting = sdk.rest_api.new_order(**limit_buy(bid * 0.97)).data()
            sdk.rest_api.cancel_order(**ONE, order_id=resting.order_id)
            stop = sdk.rest_api.new_algo_order(**stop_sell(bid * 0.97)).data()
            sdk.rest_api.cancel_algo_order(algo_id=stop.algo_id)
            wanted = {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE", "ACCOUNT_CONFIG_UPDATE", "TRADE_LITE"}
            await wait_for(lambda: wanted <= stage.seen, f"heard only {stage.seen}")
        finally:
            await sdk_clients.close(stage.streams)
            sdk.rest_api._session.close()
        stage.ledger.check(USDM_UNKNOWN, USDM_MISSING)

    asyncio.run(story())
