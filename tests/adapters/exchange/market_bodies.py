"""Market data of ours to be compared with examples: REST bodies as of a time, the last frame of every stream."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any, cast

from aiohttp import web

from supreme_system_v5.adapters.exchange.faults.box import PLAIN, WireFrame
from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.rest.views import answer
from supreme_system_v5.adapters.exchange.streams.hub import hub_of
from supreme_system_v5.adapters.exchange.streams.sockets import Client
from tests.adapters.exchange.worlds import SECOND, generated

SPOT_STREAMS = """aggTrade trade bookTicker depth depth@100ms depth5 depth10@100ms kline_1s kline_1m kline_5m kline_1d
    kline_1d@+08:00 miniTicker ticker ticker_1h ticker_4h ticker_1d avgPrice""".split()
SPOT_ARRAYS = ["!miniTicker@arr", "!ticker@arr", "!ticker_1h@arr"]
PUBLIC_STREAMS = ["bookTicker", "depth", "depth@100ms", "depth@500ms", "depth5", "depth10@100ms", "rpiDepth@500ms"]
MARKET_STREAMS = [
    "aggTrade",
    "kline_1m",
    "kline_15m",
    "miniTicker",
    "ticker",
    "markPrice",
    "markPrice@1s",
    "forceOrder",
]
MARKET_ARRAYS = """!miniTicker@arr !ticker@arr !markPrice@arr !markPrice@arr@1s !forceOrder@arr !assetIndex@arr
    ethusdt_perpetual@continuousKline_1m ethusd@assetIndex""".split()


class Written:
    """Where a client writes to: kept in memory."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


def listener(market: SimMarket, category: str, names: list[str], **options: Any) -> Client:
    """A client without a socket."""
    transport = cast(asyncio.Transport, Written())
    client = Client(cast(web.WebSocketResponse, None), transport, market, category, True, 0, **options)
    for name in names:
        client.subscribe(name)
    return client


def listeners(market: SimMarket) -> list[Client]:
    """Clients that listen to everything the market has."""
    symbol = market.symbol.lower()
    if market.market == "spot":
        return [listener(market, "spot", [f"{symbol}@{name}" for name in SPOT_STREAMS] + SPOT_ARRAYS)]
    public = [f"{symbol}@{name}" for name in PUBLIC_STREAMS] + ["!bookTicker"]
    return [
        listener(market, "public", public),
        listener(market, "market", [f"{symbol}@{name}" for name in MARKET_STREAMS] + MARKET_ARRAYS),
    ]


def derived(market: SimMarket, seconds: float) -> list[OutFrame]:
    """The frames of the next seconds with those that are made of them."""
    hub = hub_of(market)
    frames: list[OutFrame] = []
    end_ns = market.last_ns + int(seconds * SECOND)
    while market.next_ns() <= end_ns:
        frames.extend(hub.derive(market.step()))
    return frames


class World:
    """A market that has run a minute and a bit, with everything its streams said."""

    def __init__(self, kind: str) -> None:
        self.market: GeneratedMarket = generated(kind)
        self.clients = listeners(self.market)
        frames = derived(self.market, 30)
        if kind == "usdm":
            hub_of(self.market).liquidated(-1, 14_000_000, 991_000_000_000, 990_500_000_000, self.market.last_ns)
        self.frames = frames + derived(self.market, 35)

    def last(self, stream: str) -> Any:
        """The last payload of a stream as a stranger hears it, by the name under which it is given out."""
        frame = [frame for frame in self.frames if frame.stream == stream][-1]
        return json.loads(hub_of(self.market).payload(WireFrame(*frame, PLAIN), 0))

    def rest(self, path: str, **params: str) -> Any:
        """A successful body."""
        status, body, _ = answer(self.market, path, params, self.market.last_ns, has_key=True)
        assert status == 200, body
        return json.loads(body)


@cache
def world(kind: str) -> World:
    """One for all tests of a run."""
    return World(kind)
