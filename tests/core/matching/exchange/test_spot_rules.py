"""The filters of the spot symbol: what is let through, what is not, and in which words."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_prices import SpotPrices
from supreme_system_v5.core.matching.exchange.spot_rules import SpotRules
from tests.core.matching.exchange.spot_kit import BUY, SELL, START_NS, SpotDesk, e8, symbol_info

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ((BUY, "LIMIT", "1", "1900.001", {}), "PRICE_FILTER"),
        ((BUY, "LIMIT", "1", "1000000.01", {}), "PRICE_FILTER"),
        ((BUY, "STOP_LOSS_LIMIT", "1", "2100", {"stop": "2100.001"}), "PRICE_FILTER"),
        ((BUY, "LIMIT", "0.00005", "1900", {}), "LOT_SIZE"),
        ((BUY, "LIMIT", "1.00005", "1900", {}), "LOT_SIZE"),
        ((BUY, "LIMIT", "9000.0001", "1900", {}), "LOT_SIZE"),
        ((SELL, "MARKET", "100.0001", "0", {}), "MARKET_LOT_SIZE"),
        ((SELL, "STOP_LOSS", "100.0001", "0", {"stop": "1900"}), "MARKET_LOT_SIZE"),
        ((BUY, "LIMIT", "1", "10000.50", {}), "PERCENT_PRICE_BY_SIDE"),
        ((BUY, "LIMIT", "1", "400.00", {}), "PERCENT_PRICE_BY_SIDE"),
        ((BUY, "LIMIT", "0.0025", "1999.99", {}), "NOTIONAL"),
        ((BUY, "LIMIT", "4737", "1900", {}), "ICEBERG_PARTS"),
        ((BUY, "MARKET", "0.0024", "0", {}), "NOTIONAL"),
        ((BUY, "MARKET", "0", "0", {"quote": "4.99"}), "NOTIONAL"),
    ],
)
def test_filters(order: tuple[int, str, str, str, dict[str, Any]], message: str) -> None:
    side, kind, quantity, price, more = order
    if message == "ICEBERG_PARTS":
        more = {"iceberg": "400"}
    desk = SpotDesk()
    with pytest.raises(Refusal) as caught:
        desk.place(side, kind, quantity, price, **more)
    assert (caught.value.code, caught.value.message) == (-1013, f"Filter failure: {message}")


def test_what_just_fits_is_let_through() -> None:
    desk = SpotDesk()
    assert desk.place(BUY, "LIMIT", "0.0026", "1999.99").status == "NEW"
    assert desk.place(BUY, "LIMIT", "1", "400.01").status == "NEW"
    desk.open("rich", "0", "50000000")
    assert desk.place(BUY, "LIMIT", "10", "10000.25", account="rich", tif="IOC").filled_e8 == e8(3)


def test_the_largest_notional_holds_for_orders_with_a_price() -> None:
    desk = SpotDesk()
    desk.open("rich", "0", "50000000")
    with pytest.raises(Refusal, match="-1013 Filter failure: NOTIONAL"):
        desk.place(BUY, "LIMIT", "4501", "2000", account="rich")
    assert desk.place(BUY, "LIMIT", "4500", "2000", account="rich").status == "NEW"


def test_counting_filters() -> None:
    desk = SpotDesk(
        SpotRules(symbol_info(MAX_NUM_ORDERS={"maxNumOrders": 3}, MAX_NUM_ALGO_ORDERS={"maxNumAlgoOrders": 1}))
    )
    desk.trade("2000")
    desk.place(SELL, "STOP_LOSS", "0.1", stop="1900")
    with pytest.raises(Refusal, match="-1013 Filter failure: MAX_NUM_ALGO_ORDERS"):
        desk.place(SELL, "STOP_LOSS", "0.1", stop="1900")
    desk.place(BUY, "LIMIT", "1", "1900")
    desk.place(BUY, "LIMIT", "1", "1900")
    with pytest.raises(Refusal, match="-1013 Filter failure: MAX_NUM_ORDERS"):
        desk.place(BUY, "LIMIT", "1", "1900")
    assert desk.place(BUY, "LIMIT", "1", "1900", account="bob").status == "NEW"


def test_max_position_counts_what_is_held_and_what_is_being_bought() -> None:
    desk = SpotDesk(SpotRules(symbol_info(MAX_POSITION={"maxPosition": "12"})))
    desk.place(BUY, "LIMIT", "1.5", "1900")
    with pytest.raises(Refusal, match="-1013 Filter failure: MAX_POSITION"):
        desk.place(BUY, "LIMIT", "0.5001", "1900")
    desk.place(BUY, "LIMIT", "0.5", "1900")
    assert desk.place(SELL, "LIMIT", "5", "2100").status == "NEW"


@pytest.mark.parametrize(
    ("info", "order", "message"),
    [
        ({"status": "BREAK"}, {}, "Market is closed."),
        ({"orderTypes": ["LIMIT"]}, {"kind": "MARKET"}, "Market orders are not supported for this symbol."),
        ({"icebergAllowed": False}, {"iceberg": "0.5"}, "Iceberg orders are not supported for this symbol."),
        (
            {"quoteOrderQtyMarketAllowed": False},
            {"kind": "MARKET", "quote": "100"},
            "Quote order qty market orders are not support for this symbol.",
        ),
        ({}, {"stp": "TRANSFER"}, "This symbol does not allow the specified self-trade prevention mode."),
    ],
)
def test_what_the_symbol_does_not_do(info: dict[str, Any], order: dict[str, Any], message: str) -> None:
    desk = SpotDesk(SpotRules(symbol_info(**info)))
    kind = order.pop("kind", "LIMIT")
    with pytest.raises(Refusal) as caught:
        desk.place(BUY, kind, "0" if "quote" in order else "1", "0" if kind == "MARKET" else "1900", **order)
    assert (caught.value.code, caught.value.message) == (-1013, message)


def test_icebergs_must_fit() -> None:
    desk = SpotDesk()
    with pytest.raises(Refusal, match=r"IcebergQty exceeds QTY."):
        desk.place(BUY, "LIMIT", "1", "1900", iceberg="1.1")
    with pytest.raises(Refusal, match=r"-1014 Unsupported order combination."):
        desk.place(BUY, "LIMIT", "1", "1900", iceberg="0.5", tif="IOC")
    with pytest.raises(Refusal, match="LOT_SIZE"):
        desk.place(BUY, "LIMIT", "1", "1900", iceberg="0.50005")


def test_market_order_notional_goes_by_the_average_price() -> None:
    desk = SpotDesk()
    desk.trade("1000", "10")  # five minutes' average: far below the book
    with pytest.raises(Refusal, match="NOTIONAL"):
        desk.place(BUY, "MARKET", "0.0049")
    assert desk.place(BUY, "MARKET", "0.005").status == "FILLED"


def test_the_average_price_forgets_what_is_older_than_its_window() -> None:
    prices = SpotPrices()
    assert prices.average_e8(5, START_NS) == 0
    prices.on_trade(e8(100), e8(1), START_NS)
    prices.on_trade(e8(200), e8(3), START_NS + 200 * SECOND)
    assert prices.average_e8(5, START_NS + 200 * SECOND) == e8(175)
    assert prices.average_e8(5, START_NS + 301 * SECOND) == e8(200)
    assert prices.average_e8(1, START_NS + 900 * SECOND) == e8(200)  # none in the window: the last trade
    prices.on_trade(e8(50), e8(1), START_NS + 900 * SECOND)
    assert prices.average_e8(0, START_NS + 900 * SECOND) == e8(50)
    assert len(prices.save()[1]) == 1  # type: ignore[arg-type]


def test_the_shipped_symbol_is_understood() -> None:
    text = (
        resources.files("supreme_system_v5.adapters.exchange.fixtures").joinpath("exchange_info_spot.json").read_text()
    )
    info = json.loads(text)
    rules = SpotRules(info["symbols"][0], info["exchangeFilters"])
    assert rules.stp_default == "EXPIRE_MAKER" and rules.has_oto
    desk = SpotDesk(rules)
    assert desk.place(BUY, "LIMIT", "1", "1900").stp_mode == "EXPIRE_MAKER"
