"""The downtime up to the last trade before the stream: settled once by REST, once more when the first trade comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.config import load_settings
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.errors import VenueError
from supreme_system_v5.core.domain.events import ExecutionReport, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.engine.recovery import SavedState, restore
from supreme_system_v5.core.engine.state import Position
from supreme_system_v5.downtime import Downtime, Settlement
from supreme_system_v5.startup import unwatched_since
from supreme_system_v5.trading import Trading, make_parameters

KEY = AccountKey("paper", "simulated", "usdm", "ETH-USDT")
OPENED_MS = 1_700_000_040_000  # twenty seconds into a minute
NS = 1_000_000
ENTRY, STOP, TARGET = 2_000 * E8, 1_980 * E8, 2_040 * E8


class Api:
    """A venue's answers over REST: trades by id and time, klines; or none at all."""

    def __init__(self, trades: list[Trade], bars: list[Bar] | None = None, is_gone: bool = False) -> None:
        self._trades = trades
        self._bars = bars or []
        self.is_gone = is_gone

    async def funding_rates(self, from_ms: int, to_ms: int) -> list[Any]:
        if self.is_gone:
            raise VenueError(0, 0, "connection refused")
        return []

    async def trades_between(self, from_ms: int, to_ms: int, count_max: int, time_ns: int) -> list[Trade]:
        return [trade for trade in self._trades if from_ms <= trade.trade_time_ms < to_ms][:count_max]

    async def trades(self, from_id: int, count_max: int, time_ns: int) -> tuple[list[Trade], int]:
        if self.is_gone:
            raise VenueError(0, 0, "connection refused")
        return [trade for trade in self._trades if trade.trade_id >= from_id][:count_max], 0

    async def bars(self, seconds: int, from_ms: int, to_ms: int, now_ms: int) -> tuple[list[Bar], int]:
        return [bar for bar in self._bars if from_ms <= bar.open_ms and bar.open_ms + 60_000 <= to_ms], 0


def trade(number: int, after_ms: int, price: int) -> Trade:
    time_ms = OPENED_MS + after_ms
    return Trade(time_ms * NS, time_ms, time_ms, number, price * E8, E8, False)


def trading(tmp_path: Path) -> Trading:
    """An engine that was given back a long position of 0.1 at 2000."""
    settings = load_settings({"SUPREME_HOME": str(tmp_path)}, tmp_path)
    one = Trading(make_parameters(settings, KEY), eth_usdt("usdm"))
    ledger = new_ledger(10_000 * E8).after_fill(1, E8 // 10, ENTRY, E8 // 10, 0)
    position = Position(1, f"s5-{KEY.id}-1", OPENED_MS * NS, (OPENED_MS + 86_400_000) * NS)
    position.stop_order_id, position.stop_trigger_e8 = f"s5-{KEY.id}-2", STOP
    position.target_order_id, position.target_trigger_e8 = f"s5-{KEY.id}-3", TARGET
    saved = SavedState(ledger, 4)
    saved.position = position.fields(ledger)
    saved.last_time_ns = OPENED_MS * NS
    restore(one.engine, saved)
    return one


def settle(one: Trading, api: Api, now_after_ms: int) -> tuple[Downtime, Settlement]:
    downtime = Downtime(one, api, OPENED_MS * NS, 0.0)  # type: ignore[arg-type]  # what it asks of BinanceApi
    return downtime, asyncio.run(downtime.settle((OPENED_MS + now_after_ms) * NS))


def fills(settlement: Settlement) -> list[tuple[str, int, int]]:
    reports = [event for event in settlement.events if isinstance(event, ExecutionReport)]
    return [
        (one.client_order_id[-1], int(one.time_ns) // NS - OPENED_MS, int(one.last_price_e8) // E8)
        for one in reports
        if one.last_quantity_e8 > 0
    ]


QUIET = [trade(number, number * 1_000, 2_000) for number in range(1, 6)]


def test_a_stop_crossed_between_the_rest_answer_and_the_first_streamed_trade_is_found(tmp_path: Path) -> None:
    one = trading(tmp_path)
    # Down and up again before the stream begins: the streamed trade alone would never tell.
    missed = [trade(6, 6_100, 1_975), trade(7, 6_200, 2_001)]
    downtime, first = settle(one, Api([*QUIET, *missed]), 5_500)
    assert first.events == [] and downtime.is_settled and "still open" in first.note
    second = asyncio.run(downtime.close_gap(trade(8, 6_300, 2_002), (OPENED_MS + 6_300) * NS))
    assert fills(second) == [("2", 6_100, 1_975)] and all(event.is_while_down for event in second.events)  # type: ignore[attr-defined]


def test_a_gap_without_a_crossing_changes_nothing_and_uses_up_no_order(tmp_path: Path) -> None:
    one = trading(tmp_path)
    before = sorted(one.engine.state.orders)
    downtime, _ = settle(one, Api([*QUIET, trade(6, 6_100, 1_999)]), 5_500)
    second = asyncio.run(downtime.close_gap(trade(7, 6_300, 1_000), (OPENED_MS + 6_300) * NS))
    assert second.events == [] and second.note == "", "the first streamed trade itself is the venue's to judge"
    assert sorted(one.engine.state.orders) == before


def test_the_trades_of_the_gap_cannot_be_had(tmp_path: Path) -> None:
    one = trading(tmp_path)
    api = Api(QUIET)
    downtime, _ = settle(one, api, 5_500)
    api.is_gone = True
    second = asyncio.run(downtime.close_gap(trade(9, 6_300, 2_000), (OPENED_MS + 6_300) * NS))
    assert second.events == [] and "cannot be had" in second.note


def test_a_venue_that_does_not_answer_leaves_the_position_to_be_protected(tmp_path: Path) -> None:
    downtime, first = settle(trading(tmp_path), Api(QUIET, is_gone=True), 5_500)
    assert not downtime.is_settled and first.events == [] and "protected from now on" in first.note


@pytest.mark.parametrize(("after_ms", "is_found"), [(905_000, True), (901_500, False)])
def test_a_long_downtime_is_settled_by_klines_and_the_open_minute_by_its_trades(
    tmp_path: Path, after_ms: int, is_found: bool
) -> None:
    begin_ms = OPENED_MS - OPENED_MS % 60_000
    price = 2_000 * E8
    bars = [Bar(begin_ms + 60_000 * n, price, price, price, price, 0, 0) for n in range(15)]
    minute_ms = begin_ms + 900_000 - OPENED_MS  # the minute that is open now
    api = Api([trade(1, minute_ms + 1_000, 2_000), trade(2, 904_000, 1_970)], bars)
    _, settlement = settle(trading(tmp_path), api, after_ms)
    assert fills(settlement) == ([("2", 904_000, 1_970)] if is_found else [])


def test_a_clock_behind_the_journal_books_nothing(tmp_path: Path) -> None:
    downtime, settlement = settle(trading(tmp_path), Api(QUIET), -5_000)
    assert settlement.events == [] and not downtime.is_settled and "behind the journal" in settlement.note


def test_since_when_nobody_watched() -> None:
    saved = SavedState(new_ledger(E8), 1)
    saved.last_time_ns = 500
    assert unwatched_since(saved) == 0, "flat"
    saved.position = {"opened_ns": 100}
    assert unwatched_since(saved) == 500
    saved.state = {"unwatched_since": "200"}  # a start that did not get to the end of it
    assert unwatched_since(saved) == 200
    saved.state = {"unwatched_since": "50"}  # of an earlier position
    assert unwatched_since(saved) == 500
