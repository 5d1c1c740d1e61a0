"""Faults of calls: whom they hit, when, and what the client gets; the same for the same calls."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from supreme_system_v5.adapters.exchange.faults.box import SEEDED, FaultBox
from supreme_system_v5.adapters.exchange.faults.calls import CLOSED, LATE, REPLY, SILENT, CallFault, operation
from supreme_system_v5.adapters.exchange.faults.kinds import CALL_KINDS, KINDS, check
from tests.adapters.exchange.worlds import SECOND, START_NS


class Asked(NamedTuple):
    market: str = "spot"
    method: str = "POST"
    path: str = "/api/v3/order"


PLACE = Asked()
CANCEL = Asked(method="DELETE")
READ = Asked(method="GET", path="/api/v3/account")
WS_PLACE = Asked("usdm", "", "order.place")


def box_with(kind: str, **args: Any) -> FaultBox:
    box = FaultBox(START_NS)
    box.inject(kind, args, START_NS)
    return box


def before(box: FaultBox, call: Asked, seconds: float = 0.0) -> CallFault | None:
    return box.before(call, START_NS + int(seconds * SECOND))


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("POST", "/api/v3/order", "place"),
        ("POST", "/api/v3/orderList/otoco", "place"),
        ("POST", "/fapi/v1/algoOrder", "place"),
        ("POST", "/api/v3/order/cancelReplace", "cancel"),
        ("DELETE", "/api/v3/openOrders", "cancel"),
        ("DELETE", "/fapi/v1/allOpenOrders", "cancel"),
        ("POST", "/api/v3/order/test", "read"),
        ("GET", "/api/v3/order", "read"),
        ("POST", "/fapi/v1/leverage", "read"),
        ("", "order.place", "place"),
        ("", "orderList.place.oco", "place"),
        ("", "order.cancel", "cancel"),
        ("", "openOrders.cancelAll", "cancel"),
        ("", "order.cancelReplace", "cancel"),
        ("", "order.status", "read"),
        ("", "account.status", "read"),
    ],
)
def test_what_a_call_does(method: str, path: str, what: str) -> None:
    assert operation(method, path) == what


def test_a_fault_hits_so_many_calls_and_no_more() -> None:
    box = box_with("error", code=-1008, count=2)
    hits = [before(box, PLACE), before(box, READ), before(box, PLACE)]
    assert hits[0] == hits[1] == CallFault("error", REPLY, 503, hits[0].body if hits[0] else "")
    assert hits[0] is not None
    assert isinstance(hits[0].body, dict)
    assert hits[0].body["code"] == -1008
    assert hits[2] is None
    assert box.is_idle


@pytest.mark.parametrize(
    ("args", "hit"),
    [
        ({"market": "spot"}, [PLACE, CANCEL, READ]),
        ({"on": "place"}, [PLACE, WS_PLACE]),
        ({"on": "trade"}, [PLACE, CANCEL, WS_PLACE]),
        ({"on": "read"}, [READ]),
        ({"path": "/api/v3/order"}, [PLACE, CANCEL]),
        ({"path": "/api/v3/acc*"}, [READ]),
        ({"method": "DELETE"}, [CANCEL]),
        ({"method": "WS"}, [WS_PLACE]),
    ],
)
def test_filters(args: dict[str, Any], hit: list[Asked]) -> None:
    box = box_with("error", code=-1000, seconds=10, **args)
    assert [call for call in (PLACE, CANCEL, READ, WS_PLACE) if before(box, call)] == hit
    assert not any(before(box, call, 10) for call in (PLACE, CANCEL, READ, WS_PLACE))


def test_before_and_after_the_execution() -> None:
    early, late = box_with("timeout", when="before"), box_with("timeout", when="after", form="closed")
    assert early.after(PLACE, START_NS) is None
    assert early.before(PLACE, START_NS) == CallFault("timeout", SILENT)
    assert late.before(PLACE, START_NS) is None
    assert late.after(READ, START_NS) is None  # a timeout is about orders unless told
    assert late.after(PLACE, START_NS) == CallFault("timeout", CLOSED)
    assert late.after(PLACE, START_NS) is None


@pytest.mark.parametrize(
    ("kind", "args", "status", "said"),
    [
        ("http_5xx", {}, 503, "Unknown error, please check your request or try again later."),
        ("http_5xx", {"form": "unavailable"}, 503, "Service Unavailable."),
        ("http_5xx", {"form": "internal"}, 503, "Internal error; unable to process your request"),
        ("http_5xx", {"status": 502}, 502, "502 Bad Gateway"),
        ("http_5xx", {"status": 504}, 504, "504 Gateway Time-out"),
        ("error", {"code": -1006}, 500, "Execution status unknown"),
        ("error", {"code": -1016}, 503, "no longer available"),
        ("error", {"code": -4999, "message": "Mine.", "status": 499}, 499, "Mine."),
        ("timeout", {"form": "answer", "on": "all"}, 504, "Timeout waiting for response"),
        ("http_429", {"retry_after": 7}, 429, "-1003"),
        ("http_418", {}, 418, "-1003"),
    ],
)
def test_bodies(kind: str, args: dict[str, Any], status: int, said: str) -> None:
    found = before(box_with(kind, **args), READ)
    assert found is not None
    assert (found.outcome, found.status) == (REPLY, status)
    text = found.body if isinstance(found.body, str) else json.dumps(found.body)
    assert said in text
    assert found.headers.get("Retry-After") == {"http_429": "7", "http_418": "2"}.get(kind)


def test_a_late_reply() -> None:
    found = before(box_with("slow_rest", delay_ms=250, count=1, path="/api/v3/account"), READ)
    assert found == CallFault("slow_rest", LATE, delay_ns=250_000_000)


def test_a_probability_is_drawn_from_the_seed() -> None:
    def hits(seed: int) -> list[bool]:
        box = FaultBox(START_NS, [{"kind": "timeout", "args": {"probability": 0.3, "seconds": 60}}], seed)
        return [box.before(PLACE, START_NS + i * 1_000_000) is not None for i in range(200)]

    assert hits(3) == hits(3)
    assert hits(3) != hits(4)
    assert 30 < sum(hits(3)) < 90


def test_calls_do_not_move_the_plan() -> None:
    plan = [
        {"kind": "timeout", "args": {"probability": 0.5, "seconds": 60}},
        {"kind": "gap", "rate_per_minute": 60},
    ]

    def begun(calls: int) -> list[int]:
        box = FaultBox(START_NS, plan, 7)
        for i in range(30):
            box.advance(START_NS + i * SECOND)
            for _ in range(calls):
                box.before(PLACE, START_NS + i * SECOND)
        return [entry["time_ns"] for entry in box.taken if entry["fault"] == "gap"]

    assert begun(0) == begun(5)
    assert len(begun(0)) > 5


def test_every_hit_is_logged_with_the_call() -> None:
    lines: list[str] = []
    box = FaultBox(START_NS, seed=11, log=lines.append)
    box.inject("timeout", {"when": "after"}, START_NS)
    box.after(WS_PLACE, START_NS + 5)
    assert [json.loads(line) for line in lines] == [
        {"fault": "timeout", "args": {"when": "after"}, "time_ns": START_NS, "seed": 11},
        {"fault": "timeout", "hit": "usdm WS order.place", "time_ns": START_NS + 5, "seed": 11},
    ]
    assert (box.count, box.hits) == (1, 1)


def test_the_clock_jumps_and_comes_back() -> None:
    box = box_with("clock_skew", offset_ms=-3_000, seconds=2, market="usdm")
    assert box.clock_skew_ns("usdm", START_NS) == -3_000_000_000
    assert box.clock_skew_ns("spot", START_NS) == 0
    assert box.clock_skew_ns("usdm", START_NS + 2 * SECOND) == 0


def test_a_stale_snapshot_is_from_the_past_but_not_from_before_the_start() -> None:
    depth = Asked("usdm", "GET", "/fapi/v1/depth")
    box = box_with("stale_snapshot", age_seconds=4, count=2)
    now_ns = START_NS + 10 * SECOND
    assert box.snapshot_ns(depth, now_ns) == START_NS + 6 * SECOND
    assert box.snapshot_ns(depth, START_NS + SECOND) == START_NS
    assert box.snapshot_ns(depth, now_ns) == now_ns


def test_maintenance_passes_through_its_stages() -> None:
    box = FaultBox(START_NS)
    box.inject("maintenance", {"notice_seconds": 5, "seconds": 10, "break_seconds": 20}, START_NS)
    stages = [(0, None, ""), (5, 503, ""), (14, 503, ""), (15, 400, "BREAK"), (34, 400, "BREAK"), (35, None, "")]
    for seconds, status, symbol in stages:
        now_ns = START_NS + seconds * SECOND
        found = box.before(PLACE, now_ns)
        assert (found.status if found else None, box.symbol_status("spot", now_ns)) == (status, symbol), seconds
        assert box.is_down("spot", now_ns) == (status == 503)
        assert (box.before(READ, now_ns) is not None) == (status == 503)
    assert box.is_idle


def test_maintenance_with_a_code() -> None:
    found = before(box_with("maintenance", code=-1016), READ)
    assert found is not None
    assert (found.status, found.body) == (503, {"code": -1016, "msg": "This service is no longer available."})


def test_a_seed_makes_a_plan_that_repeats() -> None:
    def begun(seed: int) -> list[dict[str, Any]]:
        box = FaultBox(START_NS, seed=seed, seeded_per_minute=6)
        for i in range(1_800):
            box.advance(START_NS + i * SECOND)
        return box.taken

    assert begun(1) == begun(1)
    assert begun(1) != begun(2)
    assert 120 < len(begun(1)) < 260
    assert len({entry["fault"] for entry in begun(1)}) > 12
    assert not FaultBox(START_NS, seeded_per_minute=1).is_idle


def test_every_seeded_fault_is_one_that_can_be_planned() -> None:
    for kind, args in SEEDED:
        assert check(kind, args) == (kind, args)
    assert {"timeout", "cancel_race", "partial_fill", "late_reject"} <= CALL_KINDS <= set(KINDS)


@pytest.mark.parametrize(
    ("kind", "args", "said"),
    [
        ("timeout", {"when": "later"}, "after, before"),
        ("timeout", {"form": "html"}, "answer, closed, silent"),
        ("http_5xx", {"status": 200}, "between 400 and 599"),
        ("error", {}, "code is missing"),
        ("error", {"code": "-1003"}, "whole number"),
        ("error", {"code": -1003, "on": "x"}, "cancel, place, read, trade"),
        ("error", {"code": -1003, "probability": 2}, "between 0 and 1"),
        ("gap", {"path": "/x"}, "unknown argument 'path'"),
        ("gap", {"count": True}, "whole number"),
        ("late_reject", {"status": "FILLED"}, "EXPIRED, REJECTED"),
        ("partial_fill", {"fraction": 1}, "below 1"),
        ("delay", {"delay_ms": float("nan")}, "between"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed(kind: str, args: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(kind, args)
