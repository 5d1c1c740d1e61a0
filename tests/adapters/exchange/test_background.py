"""Clients in a generated market: one book, one tape, one queue."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.shared_market import SharedMarket
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.matching.exchange.happenings import Happening, OrderUpdate
from supreme_system_v5.core.matching.exchange.words import Fill
from tests.adapters.exchange.commands import Script, Watch
from tests.adapters.exchange.trading import ANN, BOB, TICK, World, new_venue, of, shared
from tests.adapters.exchange.worlds import SECOND, START_NS, ask, generated, walk

MARKETS = ("spot", "usdm")

# SHA-256 over the frames of the first 30 s of the market that nobody can trade in. They change with the calibration
# (profiles.py) and with nothing else.
FRAMES = {
    ("spot", 1, "calibrated"): "a0a7f2fa68a0e3fe42771a2f1791b71221711c934f2d8bae3bc91e704916bc1d",
    ("spot", 7, "calibrated"): "7f584a53bba8e4dc80e24ad22024cedb2dd67c2da55dc19954a9f163686d4d7c",
    ("spot", 5, "scripted"): "cb14c84df53e9f6fdc84cafb01a08ec564f5efc345b5b2003d9e83877106dfba",
    ("usdm", 1, "calibrated"): "2abeb2d68e29567a2dd6c5f4805a09fb62e93f009003948659afaf850fc9ef89",
    ("usdm", 42, "calibrated"): "1e04512db00e0295268753185f0dfd5a038f9ac9450fb56706e5894dfa15f4f1",
    ("usdm", 5, "scripted"): "9b0578cc6359cf00d36a41e34ad55613f4f7164ae50a412596836003446a241f",
}


@pytest.mark.parametrize("is_bound", [False, True], ids=["alone", "with a venue"])
@pytest.mark.parametrize(("market", "seed", "profile"), FRAMES)
def test_without_clients_orders_it_is_the_market_it_was(market: str, seed: int, profile: str, is_bound: bool) -> None:
    options: dict[str, Any] = {"profile": profile, "bar_seconds": 2.0 if profile == "scripted" else 1.0}
    source = SharedMarket(market, seed, START_NS, **options) if is_bound else generated(market, seed, **options)
    if isinstance(source, SharedMarket):
        source.bind(new_venue(source))
    digest = hashlib.sha256()
    for frame in walk(source, 30):
        digest.update(b"%d %b %b\n" % (frame.time_ns, frame.stream.encode(), frame.payload))
    assert digest.hexdigest() == FRAMES[market, seed, profile]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("market", MARKETS)
def test_random_trading_leaves_book_tape_and_streams_whole(market: str, seed: int) -> None:
    world = shared(market, seed=seed)
    script, watch = Script(world, seed), Watch(world)
    for _ in range(250):
        script.run(1)
        watch.check_book()
    world.walk(0.5)
    watch.look()
    watch.check_book()
    watch.check_quote()
    assert watch.local.gaps == 0
    assert not watch.local.book.is_crossed()
    fills = fills_of(world.happenings)
    assert sum(fill.is_maker for fill in fills) > 20
    assert sum(not fill.is_maker for fill in fills) > 20
    for fill in fills:
        price, quantity, is_buyer_maker = watch.trades[fill.trade_id]
        assert (parse_e8(price), parse_e8(quantity)) == (fill.price_e8, fill.quantity_e8)
        assert is_buyer_maker == ((fill.side > 0) == fill.is_maker)


def fills_of(happenings: list[Happening]) -> list[Fill]:
    return [item.fill for item in happenings if isinstance(item, OrderUpdate) and item.fill is not None]


@pytest.mark.parametrize("market", MARKETS)
def test_what_a_client_takes_is_gone_and_on_the_tape(market: str) -> None:
    world = shared(market)
    book = world.market.shared
    levels = book.best_levels(False, 5)
    wanted = sum(quantity for _, quantity in levels[:3]) + levels[3][1] // 2
    order = world.place(1, 0, wanted * world.market.quantity_unit)
    assert order.status == "FILLED"
    assert [price in book.asks for price, _ in levels[:4]] == [False, False, False, True]
    assert book.asks[levels[3][0]] == levels[3][1] - levels[3][1] // 2
    assert book.ask == levels[3][0]
    frames = world.step()
    trades = of(frames, "@aggTrade")
    assert [round(float(t["p"]) * 100) for t in trades] == [price for price, _ in levels[:4]]
    assert not any(t["m"] for t in trades)
    assert sum(parse_e8(t["q"]) for t in trades) == order.filled_e8
    assert round(float(of(frames, "@bookTicker")[-1]["a"]) * 100) == levels[3][0]
    at_ns = world.market.last_ns
    assert ask(world.market, "aggTrades", at_ns, limit="1")[0]["a"] == trades[-1]["a"]
    assert parse_e8(ask(world.market, "depth", at_ns, limit="5")["asks"][0][0]) == levels[3][0] * TICK
    bar = ask(world.market, "klines", at_ns, interval="1s", limit="1")[0]
    assert parse_e8(bar[2]) >= levels[3][0] * TICK
    assert ask(world.market, "ticker/24hr", at_ns)["lastId"] == trades[-1]["l"]
    world.walk(5)


def test_a_side_that_is_emptied_gets_orders_again() -> None:
    for side in (1, -1):
        world = shared("usdm", seed=4)
        book = world.market.shared
        for _ in range(5):
            unit = world.market.quantity_unit
            everything = sum((book.asks if side > 0 else book.bids).values()) * unit
            taken = world.market.liquidity.offered(side, 0, 20_000)
            assert sum(quantity for _, quantity in taken) == everything
            for price_e8, quantity_e8 in taken:
                world.market.liquidity.take(side, price_e8, quantity_e8)
            world.settle()
            assert book.bid in book.bids
            assert book.ask in book.asks
            world.walk(1)
            assert book.bid < book.ask


def test_a_resting_order_is_shown_everywhere() -> None:
    world = shared("spot")
    book = world.market.shared
    price = book.bid - 3
    before = book.bids.get(price, 0)
    order = world.place(1, price * TICK, 5 * E8)
    row = dict(map(tuple, ask(world.market, "depth", world.now_ns, limit="100")["bids"]))
    assert parse_e8(row[f"{price / 100:.8f}"]) == before * world.market.quantity_unit + 5 * E8
    frames = world.walk(0.2)
    named = [level for data in of(frames, "@depth@100ms") for level in data["b"]]
    assert any(round(float(p) * 100) == price for p, _ in named)
    world.cancel(order)
    assert book.client_bids == {}


def test_a_better_price_is_the_quote_and_is_hit_first() -> None:
    world = shared("spot", seed=2)
    book = world.market.shared
    while book.spread < 4:
        world.step()
    price = book.bid + 1
    order = world.place(1, price * TICK, 2 * E8)
    quote = of(world.step(), "@bookTicker")[-1]
    assert (round(float(quote["b"]) * 100), parse_e8(quote["B"])) == (price, 2 * E8)
    frames: list[Any] = []
    while not order.is_done:
        frames = world.step()
    assert all(fill.price_e8 == price * TICK for fill in order.fills)
    prices = [round(float(t["p"]) * 100) for t in of(frames, "@aggTrade") if t["m"]]
    assert price in prices
    assert prices == sorted(prices, reverse=True)


@pytest.mark.parametrize("market", MARKETS)
def test_at_equal_prices_the_queue_that_was_there_goes_first(market: str) -> None:
    """Sweeps of a known size hit a level: what stood there before, the client's, what came later."""
    world = shared(market, seed=3)
    source, book = world.market, world.market.shared
    unit = source.quantity_unit
    price, ahead = book.bid, book.bids[book.bid]
    order = world.place(1, price * TICK, 1_000 * unit)
    book.set_level(True, price, ahead + 5_000)  # somebody comes later
    hit(world, 1, ahead - 1)
    assert order.filled_e8 == 0
    hit(world, 1, 301)
    assert order.filled_e8 == 300 * unit
    assert book.bids[price] == 5_000
    assert book.client_bids[price] == 700
    hit(world, 1, 1_000)
    assert order.status == "FILLED"
    assert book.bids[price] == 5_000 - 300
    fill = order.fills[-1]
    assert (fill.price_e8, fill.is_maker) == (price * TICK, True)


def hit(world: World, side: int, steps: int) -> None:
    """A taker order of the market's own, over one level, against bids (+1) or asks."""
    world.market.shared.sweep_shared(side < 0, steps, 1, 1)
    frames = world.market._printed(world.now_ns + 1_000)
    assert sum(parse_e8(t["q"]) for t in of(frames, "@aggTrade")) == steps * world.market.quantity_unit
    world.settle()


def test_of_two_clients_at_one_price_the_older_is_first() -> None:
    world = shared("spot", seed=5)
    book = world.market.shared
    price, ahead = book.ask, book.asks[book.ask]
    first = world.place(-1, price * TICK, E8, ANN)
    second = world.place(-1, price * TICK, E8, BOB)
    hit(world, -1, ahead + 15_000)
    assert (first.filled_e8, second.filled_e8) == (E8, E8 // 2)


def test_orders_of_the_market_trade_with_the_client_they_would_step_across() -> None:
    world = shared("spot", seed=6)
    market, book = world.market, world.market.shared
    order = world.place(-1, (book.ask + 3) * TICK, 2_000 * E8)
    market.move(0.004, 1.0)
    for _ in range(4_000):
        world.step()
        assert max(market.book.bids) < min(market.book.asks)
        if order.filled_e8 > 200 * E8:
            break
    assert order.filled_e8 > 200 * E8
    assert all(fill.price_e8 == order.price_e8 for fill in order.fills)
    assert book.bid < int(order.price_e8) // TICK


def test_a_stop_that_a_sweep_triggers_takes_what_the_sweep_has_left() -> None:
    world = shared("spot", seed=8)
    market = world.market
    last_e8 = market.trades.last_price_as_of(world.now_ns)
    order = world.stop(-1, min(last_e8, market.shared.bid * TICK) - 5 * TICK, 3 * E8)
    market.move(-0.002, 2.0)
    while order.is_open:
        world.step()
    assert order.status == "FILLED"
    assert all(fill.price_e8 <= order.stop_price_e8 + 2 * TICK for fill in order.fills)
    tape = {t["t"]: t for t in _raw(world)}
    for fill in order.fills:
        assert parse_e8(tape[fill.trade_id]["q"]) == fill.quantity_e8
    Watch(world).check_book()


def _raw(world: World) -> list[dict[str, Any]]:
    market = world.market
    while market._ready:
        world.step()
    rows = [market.trades.row(i) for i in range(len(market.trades.times))]
    return [{"t": t, "q": f"{q / E8:.8f}"} for row in rows[-300:] for t, q in market.raw_trades(row)]


@pytest.mark.parametrize("market", MARKETS)
def test_raw_trades_unfold_each_aggregate_alike_and_change_nothing_else(market: str) -> None:
    plain, raw = generated(market, seed=2), generated(market, seed=2)
    raw.is_raw_wanted = True
    frames, all_frames = walk(plain, 20), walk(raw, 20)
    assert [frame for frame in all_frames if not frame.stream.endswith("@trade")] == frames
    assert all(a.time_ns < b.time_ns for a, b in itertools.pairwise(all_frames))
    singles = of(all_frames, "@trade")
    index = 0
    for agg in of(frames, "@aggTrade"):
        part = singles[index : index + agg["l"] - agg["f"] + 1]
        index += len(part)
        assert [t["t"] for t in part] == list(range(agg["f"], agg["l"] + 1))
        assert sum(parse_e8(t["q"]) for t in part) == parse_e8(agg["q"])
        assert all(parse_e8(t["q"]) % plain.quantity_unit == 0 and parse_e8(t["q"]) > 0 for t in part)
    assert index == len(singles) > 100


def test_the_venues_timers_run_in_the_markets_time() -> None:
    world = shared("usdm", seed=2)
    venue: Any = world.venue
    order = world.place(1, (world.market.shared.bid - 900) * TICK, E8)
    venue.countdown_cancel_all(ANN, 1_500, world.now_ns)
    asked_ns = world.now_ns
    while order.is_open:
        world.step()
    assert order.updated_ns == asked_ns + 1_500_000_000
    assert world.now_ns <= order.updated_ns <= world.market.next_ns()
    assert world.market.shared.client_bids == {}


def test_mark_prices_and_funding_reach_the_venue() -> None:
    world = World(SharedMarket("usdm", 3, START_NS - START_NS % (28_800 * SECOND) + 28_795 * SECOND))
    venue: Any = world.venue
    world.walk(1.5)
    world.place(1, 0, 10 * E8)
    world.walk(6)
    income = [row for row in venue.account(ANN).income if row.kind == "FUNDING_FEE"]
    assert len(income) == 1


# Determinism -----------------------------------------------------------------------------------------------------


def tell(happening: Any) -> Any:
    """A happening as plain data, but for the book's own count of arrivals: a restored book counts anew."""
    if isinstance(happening, (int, str, float, bool)) or happening is None:
        return happening
    if isinstance(happening, (list, tuple)):
        return [tell(item) for item in happening]
    if isinstance(happening, dict):
        return {str(key): tell(value) for key, value in happening.items()}
    names = [name for name in dir(happening) if not name.startswith("_") and name != "arrival"]
    return {name: tell(value) for name in names if not callable(value := getattr(happening, name))}


def run(market: str, restored_at: int = 0) -> tuple[list[Any], list[Any], str, str]:
    """Frames, happenings, and both states after a script; restored into fresh objects once on the way."""
    world = shared(market, seed=11)
    script = Script(world, 5)
    told: list[Any] = []
    for number in range(160):
        if restored_at and number == restored_at:
            script.world = world = world.again(SharedMarket(market, 11, START_NS))
            open_orders = {o.order_id: o for name in (ANN, BOB) for o in world.venue.orders.open_orders(name)}
            script.open = [open_orders.get(order.order_id, order) for order in script.open]
        script.run(1)
        told.extend(tell(item) for item in world.happenings)
        world.happenings.clear()
    world.walk(2)
    told.extend(tell(item) for item in world.happenings)
    return list(world.frames), told, json.dumps(world.market.save()), json.dumps(tell(world.venue.state()))


@pytest.mark.parametrize("market", MARKETS)
def test_the_same_commands_give_the_same_frames_happenings_and_states(market: str) -> None:
    first = run(market)
    assert first == run(market)
    frames, happenings, market_state, venue_state = run(market, restored_at=80)
    assert frames == first[0]
    assert happenings == first[1]
    assert venue_state == first[3]
    assert json.loads(market_state)["own"] == json.loads(first[2])["own"]
    assert json.loads(market_state)["random"] == json.loads(first[2])["random"]


def test_a_state_of_another_market_is_refused() -> None:
    saved = SharedMarket("spot", 1, START_NS).save()
    with pytest.raises(ValueError, match="another kind"):
        SharedMarket("spot", 2, START_NS).restore(saved)
    with pytest.raises(ValueError, match="not whole"):
        SharedMarket("spot", 1, START_NS).restore({key: value for key, value in saved.items() if key != "marks"})


def test_who_does_not_trade_does_not_pay_for_it() -> None:
    """The daemon's embedded exchange loads nothing of this, and its market keeps one copy of the book."""
    code = (
        "import sys\n"
        "import supreme_system_v5.adapters.exchange.embedded\n"
        "names = ('background', 'shared_book', 'shared_market', 'shared_recording', 'tape', 'market_state')\n"
        "print([n for n in names if 'supreme_system_v5.adapters.exchange.' + n in sys.modules])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    source = generated()
    assert source.levels.bids is source.book.bids
    assert source.levels.asks is source.book.asks
