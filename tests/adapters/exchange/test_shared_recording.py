"""Clients in a recording: it goes out as it was recorded, and fills them behind what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.shared_recording import SharedRecording
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.matching.exchange.ids import PRIVATE_TRADE_ID
from tests.adapters.exchange.commands import Script
from tests.adapters.exchange.test_background import fills_of, tell
from tests.adapters.exchange.trading import ANN, BOB, TICK, of, shared_recording
from tests.adapters.exchange.worlds import ask, recorded, walk

MARKETS = ("spot", "usdm")


@pytest.mark.parametrize("market", MARKETS)
def test_frames_go_out_untouched_whatever_clients_do(market: str, data_dir: Path) -> None:
    world = shared_recording(market, data_dir)
    script = Script(world, 3)
    script.run(150)
    assert len(fills_of(world.happenings)) > 50
    source = recorded(market, data_dir)
    frames = walk(source, (world.now_ns - source.start_ns) / 1e9)
    assert world.frames == frames[: len(world.frames)]
    assert len(world.frames) > 250
    at_ns = world.now_ns
    assert ask(world.market, "depth", at_ns, limit="100") == ask(source, "depth", at_ns, limit="100")


@pytest.mark.parametrize("market", MARKETS)
def test_fills_have_private_ids_and_lie_within_what_was_shown(market: str, data_dir: Path) -> None:
    world = shared_recording(market, data_dir)
    view = world.market.view  # type: ignore[union-attr]
    world.walk(3)
    ask_e8, shown_e8 = int(view.ask_e8), int(view.ask_quantity_e8)
    order = world.place(1, ask_e8, shown_e8 + E8, tif="IOC")
    assert order.filled_e8 == shown_e8
    assert all(fill.trade_id >= PRIVATE_TRADE_ID for fill in order.fills)
    again = world.place(1, ask_e8, E8, tif="IOC")
    assert again.filled_e8 == 0  # it is still shown, but it is taken
    assert {t["f"] for t in of(world.walk(2), "@aggTrade")}.isdisjoint(fill.trade_id for fill in order.fills)


@pytest.mark.parametrize("market", MARKETS)
def test_a_resting_order_fills_by_the_recorded_trades_that_passed_it(market: str, data_dir: Path) -> None:
    """Behind the shown quantity: the trades at its price minus the queue, or the first trade beyond it."""
    world = shared_recording(market, data_dir)
    view = world.market.view  # type: ignore[union-attr]
    world.walk(5)
    tried = filled = 0
    while tried < 12:
        side = 1 if tried % 2 else -1
        price_e8 = int(view.bid_e8 if side > 0 else view.ask_e8)
        order = world.place(side, price_e8, E8 // 10)
        tried += 1
        traded_e8 = beyond_e8 = 0
        ahead_e8 = int(order.queue.ahead_e8) if order.queue is not None else 0
        for _ in range(3_000):
            if order.is_done:
                break
            for trade in of(world.step(), "@aggTrade"):
                at_e8, quantity_e8 = parse_e8(trade["p"]), parse_e8(trade["q"])
                traded_e8 += quantity_e8 if at_e8 == price_e8 and trade["m"] == (side > 0) else 0
                beyond_e8 += quantity_e8 if (at_e8 - price_e8) * side < 0 else 0
        assert order.filled_e8 <= traded_e8 + beyond_e8
        assert order.is_done or (beyond_e8 == 0 and order.filled_e8 <= traded_e8)
        if beyond_e8 == 0 and traded_e8 > ahead_e8 + E8 // 10:
            assert order.filled_e8 > 0
        filled += order.is_done
        if not order.is_done:
            world.cancel(order)
    assert filled >= 6


def test_a_recording_without_marks_gives_the_middle_of_the_quote(data_dir: Path) -> None:
    world = shared_recording("usdm", data_dir)
    venue: Any = world.venue
    world.walk(3)
    view = world.market.view  # type: ignore[union-attr]
    assert abs(venue.mark_e8 - view.mid_e8()) < 300 * TICK
    order = world.place(1, 0, 5 * E8)
    assert order.status == "FILLED"
    assert [f.stream for f in world.frames if "mark" in f.stream] == []


def run(market: str, data_dir: Path, restored_at: int = 0) -> tuple[list[Any], list[Any], str]:
    world = shared_recording(market, data_dir)
    script = Script(world, 9)
    told: list[Any] = []
    for number in range(80):
        if restored_at and number == restored_at:
            assert isinstance(world.market, SharedRecording)
            script.world = world = world.again(SharedRecording(world.market.paths))
            orders = {o.order_id: o for name in (ANN, BOB) for o in world.venue.orders.open_orders(name)}
            script.open = [orders.get(order.order_id, order) for order in script.open]
        script.run(1)
        told.extend(tell(item) for item in world.happenings)
        world.happenings.clear()
    return list(world.frames), told, json.dumps(tell(world.venue.state()))


@pytest.mark.parametrize("market", MARKETS)
def test_the_same_commands_give_the_same_also_over_a_restart(market: str, data_dir: Path) -> None:
    first = run(market, data_dir)
    assert run(market, data_dir) == first
    assert run(market, data_dir, restored_at=40) == first
