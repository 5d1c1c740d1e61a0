"""An exchange that is saved and restored: the same number for number, or after a long downtime whole and consistent."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.restart import Revival, state_of
from tests.adapters.exchange.desk import E8, SPOT_E8, Desk
from tests.adapters.exchange.worlds import SECOND, START_NS

OPTIONS = {"start_ns": START_NS, "profile": "calibrated", "bar_seconds": 1.0}


def saved(desk: Desk) -> Any:
    """Through JSON, as the file holds it."""
    return json.loads(json.dumps(state_of(desk.exchange, OPTIONS)))


def revived(body: Any, start_ns: int) -> Desk:
    revival = Revival(body, start_ns)
    again = Desk(revival.markets)
    revival.restore(again.exchange)
    again.key = again.exchange.keys.of_account("main")[0]
    again.now_ns = start_ns
    return again


def trade(desk: Desk, seed: int, steps: int, prefix: str) -> list[object]:
    """Orders of many kinds on both markets; the answers."""
    rng = Random(seed)
    answers: list[object] = []
    for i in range(steps):
        side = rng.choice(["BUY", "SELL"])
        name = f"{prefix}{i}"
        away_e8 = rng.randrange(-20, 400) * 10**6 * (1 if side == "SELL" else -1)
        price_e8 = desk.best_e8(1) // 10**6 * 10**6 + away_e8
        kind = rng.randrange(6)
        if kind < 3:
            answers.append(desk.place(name, side, price_e8, "0.05"))
        elif kind == 3:
            old = f"{prefix}{rng.randrange(i + 1)}"
            answers.append(desk.call("DELETE", "/api/v3/order", symbol="ETHUSDT", origClientOrderId=old))
        else:
            asked = {"symbol": "ETHUSDT", "side": side, "newClientOrderId": name, "quantity": "0.05"}
            limit = {"type": "LIMIT", "timeInForce": "GTC", "price": f"{price_e8 / E8:.2f}"}
            answers.append(desk.call("POST", "/fapi/v1/order", **asked, **(limit if kind == 4 else {"type": "MARKET"})))
        desk.walk(rng.random())
    return answers


def test_it_goes_on_as_if_it_had_never_stopped() -> None:
    first = Desk().open()
    trade(first, 1, 60, "a")
    body = saved(first)
    second = revived(body, first.now_ns)
    assert second.state() == first.state()
    first.frames.clear()
    assert trade(second, 2, 60, "b") == trade(first, 2, 60, "b")
    assert second.frames == first.frames
    assert second.state() == first.state()
    for path in ("/api/v3/allOrders", "/api/v3/myTrades", "/fapi/v1/allOrders", "/fapi/v1/userTrades"):
        assert second.good("GET", path, symbol="ETHUSDT") == first.good("GET", path, symbol="ETHUSDT")
    assert second.key is not None
    assert first.key is not None
    assert (second.key.api_key, second.key.secret) == (first.key.api_key, first.key.secret)


def test_a_short_downtime_is_lived_through() -> None:
    first = Desk().open()
    trade(first, 3, 20, "a")
    body = saved(first)
    second = revived(body, first.now_ns + 30 * SECOND)
    first.walk(30)
    assert second.state() == first.state()


def test_a_long_downtime_loses_nothing_and_leaves_no_crossed_book() -> None:
    first = Desk().open()
    bid_e8 = first.best_e8(1) // 10**6 * 10**6
    for i in range(40):  # a ladder on both sides: the price will pass some of it
        first.place(f"buy{i}", "BUY", bid_e8 - (i + 1) * 50 * 10**6, "0.02")
        first.place(f"sell{i}", "SELL", bid_e8 + (i + 1) * 50 * 10**6, "0.02")
    stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "closePosition": "true"}
    first.good("POST", "/fapi/v1/order", symbol="ETHUSDT", side="BUY", type="MARKET", quantity="1")
    trigger = f"{bid_e8 / E8 * 0.8:.2f}"
    first.good("POST", "/fapi/v1/algoOrder", symbol="ETHUSDT", side="SELL", triggerPrice=trigger, **stop)
    before = {row["clientOrderId"]: row for row in first.good("GET", "/api/v3/allOrders", symbol="ETHUSDT")}
    second = revived(saved(first), first.now_ns + 20 * 3_600 * SECOND)
    after = {row["clientOrderId"]: row for row in second.good("GET", "/api/v3/allOrders", symbol="ETHUSDT")}
    assert {name: row["orderId"] for name, row in after.items()} == {n: r["orderId"] for n, r in before.items()}
    filled = [row for row in after.values() if row["status"] == "FILLED"]
    assert {row["status"] for row in after.values()} == {"FILLED", "NEW"}
    low_e8, high_e8 = second.best_e8(1), second.best_e8(-1)
    assert 0 < low_e8 < high_e8
    sign = {"BUY": 1, "SELL": -1}
    paid_e8 = sum(sign[row["side"]] * round(float(row["cummulativeQuoteQty"]) * E8) for row in filled)
    assert second.total_e8("USDT") <= SPOT_E8["USDT"] - paid_e8
    resting = [row for row in after.values() if row["status"] == "NEW"]
    assert all(float(row["price"]) * E8 <= low_e8 for row in resting if row["side"] == "BUY")
    assert all(float(row["price"]) * E8 >= high_e8 for row in resting if row["side"] == "SELL")
    income = second.good("GET", "/fapi/v1/income", symbol="ETHUSDT", incomeType="FUNDING_FEE")
    assert len(income) in (2, 3)  # 20 hours
    second.walk(2.0)
    assert second.best_e8(1) < second.best_e8(-1)


def test_the_market_of_a_long_downtime_shows_the_orders_that_rest() -> None:
    first = Desk().open()
    price_e8 = first.best_e8(1) // 10**6 * 10**6 * 9 // 10 // 10**6 * 10**6
    first.place("deep", "BUY", price_e8, "1.5")
    second = revived(saved(first), first.now_ns + 3_600 * SECOND)
    spot: Any = second.exchange.markets["spot"]
    assert spot.book.bids[price_e8 // spot.price_unit] * spot.quantity_unit >= 15 * E8 // 10


@pytest.mark.parametrize("missing", ["options", "markets", "exchange"])
def test_half_a_state_is_no_state(missing: str) -> None:
    body = saved(Desk().open())
    del body[missing]
    with pytest.raises(KeyError):
        Revival(body, START_NS)
