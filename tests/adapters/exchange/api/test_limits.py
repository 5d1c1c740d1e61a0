"""Request weights, bans, order counts: what is counted, and what the venue says when it is too much."""

from __future__ import annotations

import pytest

from supreme_system_v5.adapters.exchange.api.order_limits import OrderLimits
from supreme_system_v5.adapters.exchange.rest.limits import WeightLimiter, rate_limits
from tests.adapters.exchange.api.desk import START_MS, Desk, code_of
from tests.adapters.exchange.worlds import SECOND, START_NS

MINUTE = 60 * SECOND


def test_the_limits_are_those_of_the_exchange_info() -> None:
    spot = {(item.kind, item.suffix): item.limit for item in rate_limits("spot")}
    assert spot[("REQUEST_WEIGHT", "1M")] == 6_000
    assert spot[("ORDERS", "10S")] == 100
    assert {item.suffix for item in rate_limits("usdm")} == {"1M", "10S"}


def test_weight_is_counted_per_address_and_minute() -> None:
    desk = Desk()
    for expected in ("20", "40"):
        assert desk.rest("GET", "/api/v3/mine").headers["X-MBX-USED-WEIGHT-1M"] == expected
    assert desk.exchange.limiter.used("spot", START_NS / 1e9, "another") == 0
    later = desk.rest("GET", "/api/v3/mine", START_NS + MINUTE, timestamp=START_MS + 60_000)
    assert later.headers["X-MBX-USED-WEIGHT"] == "20"


def test_an_order_that_succeeds_costs_no_weight_on_spot() -> None:
    desk = Desk()
    assert desk.rest("POST", "/api/v3/place").headers["X-MBX-USED-WEIGHT-1M"] == "0"
    assert desk.rest("POST", "/api/v3/refused").headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert desk.rest("POST", "/fapi/v1/place").headers["X-MBX-USED-WEIGHT-1M"] == "1"


@pytest.mark.parametrize(
    ("path", "calls", "too_much", "banned"),
    [
        (
            "/api/v3/mine",
            300,
            "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            "Way too much request weight used; IP banned until {}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
        ),
    ],
)
def test_too_much_weight_then_a_ban(path: str, calls: int, too_much: str, banned: str) -> None:
    desk = Desk()
    replies = [desk.rest("GET", path) for _ in range(2 * calls + 1)]
    assert {reply.status for reply in replies[:calls]} == {200}
    assert replies[calls].status == 429
    assert replies[calls].body == {"code": -1003, "msg": too_much}
    assert 1 <= int(replies[calls].headers["Retry-After"]) <= 61
    assert replies[-1].status == 418
    assert replies[-1].body == {"code": -1003, "msg": banned.format(START_MS + 120_000)}
    assert desk.rest("GET", path, START_NS + 2 * MINUTE + SECOND, timestamp=START_MS + 121_000).status == 200


def test_bans_grow_and_raised_limits_hold() -> None:
    limiter = WeightLimiter(100)
    spans = []
    now = 0.0
    for _ in range(7):
        refusal = limiter.refusal("spot", limiter.charge("spot", 201, now), now)
        assert refusal is not None
        spans.append(refusal[1])
        now += refusal[1] + 60
    assert spans[:3] == [120, 480, 1_920]
    assert spans[-1] == 3 * 86_400
    assert WeightLimiter(factor=10).limit("usdm") == 24_000


def test_raw_requests_have_their_own_limit() -> None:
    limiter = WeightLimiter()
    for _ in range(61_000):
        limiter.charge("spot", 0, 10.0)
    assert limiter.refusal("spot", 0, 10.0) is None
    limiter.charge("spot", 0, 10.0)
    assert limiter.refusal("spot", 0, 10.0) == (429, 291)


def test_order_counts_and_1015() -> None:
    desk = Desk()
    replies = [desk.rest("POST", "/api/v3/place") for _ in range(101)]
    assert {reply.status for reply in replies[:100]} == {200}
    assert replies[99].headers["X-MBX-ORDER-COUNT-10S"] == "100"
    assert replies[99].headers["X-MBX-ORDER-COUNT-1D"] == "100"
    assert replies[100].status == 429
    assert replies[100].headers["Retry-After"] == "11"
    assert replies[100].body == {
        "code": -1015,
        "msg": "Too many new orders; current limit is 100 orders per 10 SECOND.",
    }
    later = desk.rest("POST", "/api/v3/place", START_NS + 10 * SECOND, timestamp=START_MS + 10_000)
    assert (later.headers["X-MBX-ORDER-COUNT-10S"], later.headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "101")


def test_a_refused_order_does_not_count() -> None:
    desk = Desk()
    assert code_of(desk.rest("POST", "/api/v3/refused")) == (400, -2010)
    assert desk.rest("POST", "/api/v3/place").headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert desk.rest("POST", "/fapi/v1/place").headers["X-MBX-ORDER-COUNT-1M"] == "1"


def test_intervals_begin_at_full_multiples_and_never_go_below_zero() -> None:
    limits = OrderLimits()
    now_ns = 1_000 * 86_400 * SECOND + 9 * SECOND
    limits.add("spot", "a", 3, now_ns)
    limits.add("spot", "a", 1, now_ns + SECOND)
    counts = [row["count"] for row in limits.rows("spot", "a", now_ns + SECOND)]
    assert counts == [1, 4]
    limits.add("spot", "a", -5, now_ns + SECOND)
    assert [row["count"] for row in limits.rows("spot", "a", now_ns + SECOND)] == [0, 0]
    assert limits.counts("spot", "b", now_ns) == [0, 0]
    limits.add("spot", "a", 2, now_ns)
    copy = OrderLimits()
    copy.restore(limits.save())
    assert copy.rows("spot", "a", now_ns) == limits.rows("spot", "a", now_ns)
