"""Faults that need the venue: done with the venue's own means, so that nothing is created, lost or left crossed."""

from __future__ import annotations

import pytest

from supreme_system_v5.adapters.exchange.faults.calls import SILENT, CallFault
from tests.adapters.exchange.desk import E8, SPOT_E8, Desk
from tests.adapters.exchange.worlds import SECOND


def desk(kind: str, **args: object) -> Desk:
    made = Desk().open()
    made.box.inject(kind, args, made.now_ns)
    return made


def uncrossed(made: Desk, market: str = "spot") -> None:
    bid_e8, ask_e8 = made.best_e8(1, market), made.best_e8(-1, market)
    assert 0 < bid_e8 < ask_e8


def test_a_cancel_race_fills_at_the_order_s_price_and_is_on_the_tape() -> None:
    made = desk("cancel_race")
    price_e8 = made.best_e8(1) - 100 * 10**6
    assert made.place("race", "BUY", price_e8)[1]["status"] == "NEW"
    assert made.call("DELETE", "/api/v3/order", symbol="ETHUSDT", origClientOrderId="race") == (
        400,
        {"code": -2011, "msg": "Unknown order sent."},
    )
    assert made.order("race")["status"] == "FILLED"
    assert made.total_e8("USDT") == SPOT_E8["USDT"] - price_e8 // 2
    assert made.total_e8("ETH") == SPOT_E8["ETH"] + E8 // 2 * 999 // 1_000
    (trade,) = made.good("GET", "/api/v3/myTrades", symbol="ETHUSDT")
    assert trade["isMaker"] is True
    made.walk(0.5)
    tape = [frame for frame in made.frames if b'"f":%d,' % trade["id"] in frame[3]]
    assert len(tape) == 1
    uncrossed(made)
    assert made.box.is_idle


def test_a_cancel_race_waits_for_an_order_that_can_be_cancelled() -> None:
    made = desk("cancel_race")
    made.call("DELETE", "/api/v3/order", symbol="ETHUSDT", origClientOrderId="nobody")
    assert made.box.hits == 0
    futures = {"symbol": "ETHUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.2"}
    price = f"{made.best_e8(-1, 'usdm') / E8 * 1.01:.2f}"
    order = made.good("POST", "/fapi/v1/order", **futures, price=price)
    status, body = made.call("DELETE", "/fapi/v1/order", symbol="ETHUSDT", orderId=order["orderId"])  # type: ignore[misc]
    assert (status, body["code"], made.box.hits) == (400, -2011, 1)
    (position,) = made.good("GET", "/fapi/v3/positionRisk", symbol="ETHUSDT")
    assert float(position["positionAmt"]) == -0.2


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_a_partial_fill_leaves_the_rest_in_an_uncrossed_book(fraction: float) -> None:
    made = desk("partial_fill", fraction=fraction)
    price_e8 = made.best_e8(-1) + 20 * 10**6
    order = made.place("part", "BUY", price_e8)[1]
    assert order["executedQty"] == f"{0.5 * fraction:.8f}"
    assert order["status"] == ("PARTIALLY_FILLED" if fraction else "NEW")
    uncrossed(made)
    assert made.best_e8(1) == price_e8
    made.walk(2.0)
    uncrossed(made)
    assert made.box.is_idle


@pytest.mark.parametrize("force", ["IOC", "FOK"])
def test_what_may_not_rest_expires(force: str) -> None:
    made = desk("partial_fill", fraction=0.4)
    order = made.place("part", "SELL", made.best_e8(1) - 20 * 10**6, timeInForce=force)[1]
    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.20000000" if force == "IOC" else "0.00000000")
    uncrossed(made)


def test_a_partial_fill_of_a_market_order_leaves_the_book_alone() -> None:
    made = desk("partial_fill", fraction=0.5)
    ask_e8 = made.best_e8(-1)
    order = made.good("POST", "/api/v3/order", symbol="ETHUSDT", side="BUY", type="MARKET", quoteOrderQty="20")
    assert order["status"] in ("EXPIRED", "FILLED")
    assert made.best_e8(-1) - ask_e8 < 50 * 10**6


@pytest.mark.parametrize(("market", "path"), [("spot", "/api/v3/order"), ("usdm", "/fapi/v1/order")])
@pytest.mark.parametrize("status", ["EXPIRED", "REJECTED"])
def test_a_late_rejection_ends_the_order_and_unlocks(market: str, path: str, status: str) -> None:
    made = desk("late_reject", delay_ms=700, status=status)
    told: list[str] = []
    made.exchange.listen(lambda name, items: told.extend(type(item).__name__ for item in items))
    price = f"{made.best_e8(1, market) / E8 * 0.98:.2f}"
    asked = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.2"}
    order = made.good("POST", path, **asked, price=price)
    assert order["status"] == "NEW"
    made.walk(0.6)
    assert made.good("GET", path, symbol="ETHUSDT", orderId=order["orderId"])["status"] == "NEW"
    told.clear()
    made.walk(0.2)
    assert made.good("GET", path, symbol="ETHUSDT", orderId=order["orderId"])["status"] == status
    assert "OrderUpdate" in told
    assert made.exchange.spot.accounts["main"].pair("USDT")[1] == 0


def test_an_order_that_filled_at_once_is_not_rejected_late() -> None:
    made = desk("late_reject", delay_ms=100)
    assert made.place("done", "BUY", made.best_e8(-1) + 50 * 10**6, "0.01")[1]["status"] == "FILLED"
    made.walk(1.0)
    assert (made.order("done")["status"], made.box.hits) == ("FILLED", 0)


def test_executed_but_never_heard_of() -> None:
    made = desk("timeout", when="after")
    assert made.place("silent", "BUY", made.best_e8(1) - 10**8) == CallFault("timeout", SILENT)
    assert made.order("silent")["status"] == "NEW"
    made.box.inject("timeout", {"when": "before"}, made.now_ns)
    assert isinstance(made.place("never", "BUY", made.best_e8(1) - 10**8), CallFault)
    assert made.call("GET", "/api/v3/order", symbol="ETHUSDT", origClientOrderId="never") == (
        400,
        {"code": -2013, "msg": "Order does not exist."},
    )


def run(seed: int) -> tuple[list[object], list[object]]:
    """A minute of orders among faults drawn from a seed."""
    plan = [
        {"kind": kind, "rate_per_minute": 20, "args": args}
        for kind, args in (
            ("cancel_race", {}),
            ("partial_fill", {"fraction": 0.5}),
            ("late_reject", {"delay_ms": 300}),
            ("timeout", {"when": "after"}),
            ("error", {"code": -1008, "on": "place"}),
        )
    ]
    made = Desk(plan=plan, seed=seed).open()
    answers: list[object] = []
    for i in range(120):
        offset_e8 = (i % 7 - 3) * 30 * 10**6
        answers.append(made.place(f"o{i}", "BUY" if i % 2 else "SELL", made.best_e8(1) + offset_e8, "0.05"))
        answers.append(made.call("DELETE", "/api/v3/order", symbol="ETHUSDT", origClientOrderId=f"o{i - 2}"))
        made.walk(0.5)
        uncrossed(made)
    return answers, [made.state(), made.box.taken]


def test_the_same_seed_gives_the_same_faults_answers_and_books() -> None:
    first = run(5)
    assert first == run(5)
    assert first != run(6)
    hit = {entry["fault"] for entry in first[1][1] if "hit" in entry}  # type: ignore[attr-defined]
    assert hit == {"cancel_race", "partial_fill", "late_reject", "timeout", "error"}
    assert SECOND == 10**9
