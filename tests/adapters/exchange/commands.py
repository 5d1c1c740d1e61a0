"""Scripted trading for the background's tests: random commands by seed, and what must hold after each."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from supreme_system_v5.adapters.exchange.market.shared_market import SharedMarket
from supreme_system_v5.core.domain.events import Depth
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.market.local_book import LocalBook
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from tests.adapters.exchange.test_generated_market import _snapshot
from tests.adapters.exchange.trading import ANN, BOB, TICK, World
from tests.adapters.exchange.worlds import ask


class Script:
    """Random commands: rest near the market and in it, take a little and a lot, cancel; refusals are part of it."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = Random(seed)
        self.open: list[ExchangeOrder] = []
        self.refused = 0

    def run(self, commands: int, seconds: float = 0.05) -> None:
        for _ in range(commands):
            self.world.walk(self.rng.random() * seconds * 2)
            self.command()

    def command(self) -> None:
        rng, world = self.rng, self.world
        liquidity = world.market.liquidity
        side = 1 if rng.random() < 0.5 else -1
        account = ANN if rng.random() < 0.5 else BOB
        quantity_e8 = (1 + int(rng.random() ** 3 * 20_000)) * E8 // 1_000
        draw = rng.random()
        try:
            if draw < 0.03:
                self._special(side, quantity_e8)
            elif draw < 0.15:
                world.place(side, 0, quantity_e8 * (20 if draw < 0.05 else 1), account)
            elif draw < 0.3 and self.open:
                order = self.open.pop(int(rng.random() * len(self.open)))
                if order.is_open:
                    world.cancel(order)
            elif draw < 0.4:
                price_e8 = int(liquidity.best_e8(-side)) + side * TICK * int(rng.random() * 30)
                world.place(side, price_e8, quantity_e8, account, "IOC" if draw < 0.35 else "GTC")
            else:
                price_e8 = int(liquidity.best_e8(side)) - side * TICK * (int(rng.random() ** 2 * 40) - 2)
                self.open.append(world.place(side, price_e8, quantity_e8, account))
        except Refusal:
            self.refused += 1
        world.settle()

    def _special(self, side: int, quantity_e8: int) -> None:
        """A stop not far away; on spot also an iceberg, and on both a jump of the price."""
        world, rng = self.world, self.rng
        draw = rng.random()
        stop_e8 = int(world.market.liquidity.best_e8(-side)) + side * TICK * int(1 + rng.random() * 60)
        if draw < 0.3 and isinstance(world.market, SharedMarket):
            world.market.move((rng.random() - 0.5) * 0.006, 0.5)
        elif isinstance(world.venue, UsdmVenue):
            asked = NewOrder(side, "STOP_MARKET")
            asked.stop_price_e8, asked.quantity_e8, asked.working_type = stop_e8, quantity_e8, "CONTRACT_PRICE"
            world.venue.place_algo(ANN, asked, world.now_ns)
        elif draw < 0.6:
            world.stop(side, stop_e8, quantity_e8)
        else:
            price_e8 = int(world.market.liquidity.best_e8(side)) - side * TICK * int(rng.random() * 20)
            world.place(side, price_e8, 10 * E8, iceberg_e8=E8)


class Watch:
    """Follows the public streams as a client would and compares them with what the market knows."""

    def __init__(self, world: World) -> None:
        assert isinstance(world.market, SharedMarket)
        self.world = world
        self.market = world.market
        self.market.is_raw_wanted = True
        self.decoder = FrameDecoder(self.market.market, "ETHUSDT")
        self.local = LocalBook(self.market.market, TICK)
        self.seen = len(world.frames)
        self.last_trade_id = 0
        self.last_agg_id = 0
        self.quote: dict[str, Any] = {}
        self.trades: dict[int, tuple[str, str, bool]] = {}  # of the raw stream
        self.sums: dict[str, float] = {}
        self.local.on_snapshot(_snapshot(ask(self.market, "depth", self.market.last_ns, limit="1000")))

    def look(self) -> None:
        """Everything that came since the last look."""
        last_ns = 0
        for frame in self.world.frames[self.seen :]:
            assert frame.time_ns > last_ns, frame
            last_ns = frame.time_ns
            data = json.loads(frame.payload)
            if frame.stream.endswith("@aggTrade"):
                assert self.last_agg_id in (0, data["a"] - 1)
                assert self.last_trade_id in (0, data["f"] - 1), data
                self.last_agg_id, self.last_trade_id = data["a"], data["l"]
                self.agg, self.left = data, round(float(data["q"]) * 1e8)
            elif frame.stream.endswith("@trade"):
                assert (data["p"], data["T"], data["m"]) == (self.agg["p"], self.agg["T"], self.agg["m"])
                assert self.agg["f"] <= data["t"] <= self.agg["l"]
                self.trades[data["t"]] = (data["p"], data["q"], data["m"])
                self.left -= round(float(data["q"]) * 1e8)
                assert self.left >= 0
                assert (self.left == 0) == (data["t"] == self.agg["l"])
            elif frame.stream.endswith("@bookTicker"):
                self.quote = data
            elif "@depth" in frame.stream:
                raw = b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.payload)
                event = self.decoder.decode(raw, frame.time_ns)
                assert isinstance(event, Depth)
                self.local.on_depth(event)
        self.seen = len(self.world.frames)

    def check_book(self) -> None:
        """Shown = the market's own and the clients'; nobody is crossed; the quote is the best of it."""
        market, book = self.market, self.market.shared
        resting = self.world.venue.matcher.resting
        for shown, own, clients, side in (
            (market.book.bids, book.bids, book.client_bids, resting.bids),
            (market.book.asks, book.asks, book.client_asks, resting.asks),
        ):
            theirs: dict[int, int] = {}
            for order in side.orders:
                assert not order.is_done
                price = int(order.price_e8) // TICK
                visible_e8 = int(getattr(order, "visible_e8", 0) or order.remaining_e8)
                theirs[price] = theirs.get(price, 0) + visible_e8 // market.quantity_unit
            assert clients == theirs
            total = {price: own.get(price, 0) + theirs.get(price, 0) for price in {*own, *theirs}}
            assert shown == total
            assert all(quantity > 0 for quantity in shown.values())
        assert max(market.book.bids) < min(market.book.asks)
        assert book.bid == max(book.bids)
        assert book.ask == min(book.asks)

    def check_quote(self) -> None:
        """After everything has been given out: the last quote is the best of the shown book."""
        _, bid, ask_ = self.market.quote_as_of(self.market.last_ns)
        assert bid is not None and ask_ is not None
        names = [round(float(self.quote[key]) * 1e8) for key in "bBaA"]
        assert names == [*bid, *ask_]
