"""Events and orders through JSON and back; the same text from whatever core made them."""

from __future__ import annotations

import json

import pytest

from supreme_system_v5.adapters.storage.recording.codec import encode, plain, revive
from supreme_system_v5.core.domain import events as e
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import Announce, FillRecord, OrderRecord, RequestBook
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.order import BUY, IOC, LIMIT, OPEN, ROLE_ENTRY, Order


def bar() -> Bar:
    one = Bar(60_000, 1, 2, 3, 4, 5, 6)
    one.is_provisional = True
    return one


def report() -> e.ExecutionReport:
    one = e.ExecutionReport(9, "s5-0000-1", OPEN, 5, 6, 7, 0, True, "x-1", "why")
    one.protected_quantity_e8 = 12
    one.is_while_down = True
    return one


EVENTS: list[e.Event] = [
    e.Tick(5),
    e.Trade(5, 1, 2, 3, 268_000_000_000, 123_000_000, True),
    e.Quote(5, 1, 2, 3, 4, 5, 6),
    e.Depth(5, 1, 2, 3, -1, [1, 2], [3, 4, 5, 6]),
    e.BookSnapshot(5, 77, [1, 2], []),
    e.MarkPrice(5, 1, 2, 3, -4, 5),
    e.Bars(5, e.BARS_WARMUP, [bar(), bar()], False),
    e.Trades(5, 7, [e.Trade(5, 1, 2, 3, 4, 5, False)], True),
    e.FallbackPrice(5, 1, 2),
    e.FeedStatus(5, "binance", "trade", e.FEED_UP, -3),
    e.ClockFault(5, "suspend", 9),
    e.Pressure(5, 2, 1),
    e.Command(5, e.COMMAND_STOP, 'keep "it" \u00e4'),
    report(),
    e.FundingPayment(5, 1, -2, 3, 4),
    e.ClosedBar(5, 0, 1, 2, 3, 4, 5),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_comes_back_as_it_was(event: e.Event) -> None:
    again = revive(json.loads(encode(event)))
    assert type(again) is type(event)
    assert plain(again) == plain(event)
    assert again.kind == event.kind
    assert {"time_ns"} <= set(plain(event))


def test_every_kind_of_event_is_known() -> None:
    assert {int(event.kind) for event in EVENTS} == set(range(e.KIND_COUNT))


def test_effects_are_told_with_all_their_words() -> None:
    order = Order("s5-0000-1", ROLE_ENTRY, BUY, LIMIT, IOC, 5, 6, 0, False, 7, "r")
    ledger = new_ledger(100)
    fill = FillRecord(report(), OrderRecord(order, 8), ledger, {"side": 1}, True)
    words = json.loads(encode([RequestBook(4, "gap"), Announce(4, "trade", "line"), fill]))
    assert words[1]["kind"] == "trade"
    assert words[0] == {"is": "RequestBook", "time_ns": 4, "reason": "gap"}
    assert [one["is"] for one in words] == ["RequestBook", "Announce", "FillRecord"]
    assert words[2]["ledger"]["wallet_e8"] == 100
    assert words[2]["report"]["execution_id"] == "x-1"
    assert words[2]["position"] == {"side": 1}
    assert revive(words[2]["ledger"]).fields() == ledger.fields()


def test_an_order_keeps_what_it_has_become() -> None:
    order = Order("s5-0000-1", ROLE_ENTRY, BUY, LIMIT, IOC, 5, 6, 0, False, 7, "r")
    order.state = OPEN
    order.filled_e8 = 3
    order.stop_order_id = "s5-0000-2"
    again = revive(json.loads(encode(order)))
    assert plain(again) == plain(order)
    assert (again.state, again.filled_e8, again.stop_order_id) == (OPEN, 3, "s5-0000-2")


def test_words_of_no_class_of_ours_are_refused() -> None:
    with pytest.raises(KeyError):
        revive({"is": "Popen", "args": []})
