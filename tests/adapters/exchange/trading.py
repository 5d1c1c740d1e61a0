"""Helpers of the tests that trade: a market with its venue bound to it, and commands in short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.exchange.market.shared_market import SharedMarket
from supreme_system_v5.adapters.exchange.market.shared_recording import SharedRecording
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, OutFrame
from supreme_system_v5.core.domain.instrument import SPOT, eth_usdt
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.happenings import Happening
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.spot import SpotVenue
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder
from tests.adapters.exchange.worlds import SECOND, START_NS

TICK = 1_000_000
RICH = {"ETH": 1_000_000 * E8, "USDT": 4_000_000_000 * E8}
ANN, BOB = "ann", "bob"


class World:
    """A market, its venue, two rich accounts. ``happenings`` and ``frames`` gather what came out."""

    def __init__(self, market: SharedMarket | SharedRecording, venue: SpotVenue | UsdmVenue | None = None) -> None:
        self.market = market
        self.venue = venue or new_venue(market)
        if venue is None:
            for name in (ANN, BOB):
                self.venue.open_account(name, dict(RICH))
        market.bind(self.venue)
        self.frames: list[OutFrame] = []
        self.happenings: list[Happening] = []
        self._clock_ns = 0

    def again(self, market: SharedMarket | SharedRecording) -> World:
        """This world over a restart: everything by way of its saved text, into fresh objects."""
        texts = json.dumps(self.market.save()), json.dumps(self.venue.save())
        market.restore(json.loads(texts[0]))
        venue = new_venue(market)
        venue.restore(json.loads(texts[1]))
        world = World(market, venue)
        world.frames, world.happenings, world._clock_ns = self.frames, self.happenings, self._clock_ns
        return world

    @property
    def now_ns(self) -> int:
        return max(self._clock_ns, self.market.last_ns)

    def place(
        self, side: int, price_e8: int, quantity_e8: int, account: str = ANN, tif: str = "GTC", iceberg_e8: int = 0
    ) -> ExchangeOrder:
        """LIMIT, or MARKET for price 0."""
        asked = NewOrder(side, "LIMIT" if price_e8 else "MARKET")
        asked.iceberg_e8 = iceberg_e8
        asked.price_e8, asked.quantity_e8 = price_e8, quantity_e8
        if price_e8:
            asked.time_in_force = tif
        order = self.venue.place(account, asked, self.now_ns)
        self.settle()
        return order

    def stop(self, side: int, stop_e8: int, quantity_e8: int) -> ExchangeOrder:
        """A spot stop that becomes a market order."""
        assert isinstance(self.venue, SpotVenue)
        asked = NewOrder(side, "STOP_LOSS")
        asked.stop_price_e8, asked.quantity_e8 = stop_e8, quantity_e8
        order = self.venue.place(ANN, asked, self.now_ns)
        self.settle()
        return order

    def cancel(self, order: ExchangeOrder) -> None:
        if isinstance(self.venue, SpotVenue):
            self.venue.cancel(order.account, order.order_id, "", "", "", self.now_ns)
        else:
            self.venue.cancel(order.account, order.order_id, "", self.now_ns)
        self.settle()

    def settle(self) -> None:
        self.market.settle(self.now_ns)
        self.happenings.extend(self.venue.take_happenings())

    def step(self) -> list[OutFrame]:
        """The next thing that happens."""
        frames = self.market.step()
        self.happenings.extend(self.venue.take_happenings())
        self.frames.extend(frames)
        return frames

    def walk(self, seconds: float) -> list[OutFrame]:
        """What happens in the next seconds."""
        end_ns = self.now_ns + int(seconds * SECOND)
        frames: list[OutFrame] = []
        while self.market.next_ns() <= end_ns and self.market.next_ns() != NEVER:
            frames.extend(self.step())
        self._clock_ns = end_ns
        return frames


def new_venue(market: SharedMarket | SharedRecording) -> SpotVenue | UsdmVenue:
    instrument = eth_usdt(market.market)
    ids = Ids(7, market.trade_source)
    if market.market == SPOT:
        return SpotVenue(instrument, market.liquidity, ids, E8 // 1_000, E8 // 1_000)
    return UsdmVenue(instrument, market.liquidity, ids)


def shared(market: str = SPOT, seed: int = 1, **options: Any) -> World:
    """A generated market; USD-M after its first mark price, without which its venue takes no order."""
    world = World(SharedMarket(market, seed, START_NS, **options))
    world.walk(1.2)
    return world


def shared_recording(market: str, data_dir: Path) -> World:
    names = ["spot_ethusdt_20240808", "spot_ethusdt_20240809"] if market == SPOT else ["usdm_ethusdt_20240808"]
    world = World(SharedRecording([data_dir / "frames" / f"{name}.jsonl.gz" for name in names]))
    while not world.market.view.bid_e8:  # type: ignore[union-attr]
        world.step()
    return world


def of(frames: list[OutFrame], name: str) -> list[dict[str, Any]]:
    """The data of one kind of stream."""
    return [json.loads(frame.payload) for frame in frames if frame.stream.endswith(name)]
