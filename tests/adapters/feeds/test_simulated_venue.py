"""The Binance feed when the venue turns out to be a simulated exchange: its clock, its holds, its backpressure."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from supreme_system_v5.adapters.feeds.binance import BinanceFeed
from supreme_system_v5.core.domain.effects import RequestBook
from supreme_system_v5.core.domain.events import BookSnapshot, Event, Trade
from tests.adapters.feeds.feed_kit import DEPTH, SIM_NS, START_MS, play
from tests.adapters.feeds.stand_in import StandIn, json_reply, quote, trade, until


def simulated(server: StandIn) -> None:
    server.replies["time"] = json_reply({"serverTime": START_MS + 1270}, X_Time_Ns=str(SIM_NS))
    server.replies["start"] = json_reply({})


def heartbeat(time_ns: int) -> str:
    return json.dumps({"x_time_ns": time_ns}, separators=(",", ":"))


def test_a_simulated_exchange_is_found_out_started_and_is_the_clock() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        status = await feed.fetch_server_time()
        assert feed.is_simulated and feed.source == "simulated"
        assert status.time_ns == SIM_NS and status.value == 1_270_000_000
        await feed.start()
        await until(lambda: "/x/start" in [path for path, _, _ in server.calls])
        assert len(server.sockets) == 2 and out == []
        public = next(index for index, path in enumerate(server.paths) if path.startswith("/public"))
        await server.sockets[public].send_str(quote(1, x_time_ns=SIM_NS + 5))
        await server.sockets[1 - public].send_str(trade(1, x_time_ns=SIM_NS + 7))
        for socket in server.sockets:
            await socket.send_str(heartbeat(SIM_NS + 7))
        await until(lambda: any(isinstance(event, Trade) for event in out))
        made = [(type(event).__name__, int(event.time_ns) - SIM_NS) for event in out]
        assert made[0] == ("FeedStatus", 5) and made[-1] == ("Trade", 7)
        assert ("Quote", 5) in made

    play(scene, prepare=simulated)


def test_a_request_to_a_simulated_exchange_holds_the_market_until_it_is_answered() -> None:
    gate = asyncio.Event()

    async def depth(_query: dict[str, str], headers: dict[str, str]) -> web.Response:
        await gate.wait()
        at_ns = int(headers["X-Sim-Time-Ns"]) + 20_000_000
        return web.json_response(DEPTH, headers={"X-Time-Ns": str(at_ns)})

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["depth"] = depth  # type: ignore[assignment]
        await feed.fetch_server_time()
        await feed.start()
        await until(lambda: server.sockets)

        def sink(event: Event) -> None:
            out.append(event)
            if isinstance(event, Trade) and event.trade_id == 1:
                feed.perform(RequestBook(int(event.time_ns), "test"))

        feed.merge.sink = sink
        for number, offset_ms in enumerate((1, 2, 20, 21, 22), start=1):
            await server.sockets[0].send_str(trade(number, x_time_ns=SIM_NS + offset_ms * 1_000_000))
            await server.sockets[0].send_str(heartbeat(SIM_NS + offset_ms * 1_000_000))
        await until(lambda: any(isinstance(event, Trade) for event in out))
        await asyncio.sleep(0.1)
        assert [event.trade_id for event in out if isinstance(event, Trade)] == [1]
        gate.set()
        await until(lambda: isinstance(out[-1], Trade) and out[-1].trade_id == 5)
        kinds = [event.trade_id if isinstance(event, Trade) else type(event).__name__ for event in out]
        assert kinds[-6:] == [1, 2, 3, "BookSnapshot", 4, 5]
        assert next(event for event in out if isinstance(event, BookSnapshot)).time_ns == SIM_NS + 21_000_000

    play(scene, "spot", prepare=simulated)


def test_a_full_queue_pauses_the_socket_and_nothing_is_lost() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.fetch_server_time()
        await feed.start()
        await until(lambda: server.sockets)
        feed.merge.hold()
        for number in range(400):
            await server.sockets[0].send_str(trade(number, x_time_ns=SIM_NS + number))
            await server.sockets[0].send_str(heartbeat(SIM_NS + number))
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert 100 < feed.merge.queued() < 400
        feed.merge.release()
        await until(lambda: isinstance(out[-1], Trade) and out[-1].trade_id == 399)
        assert [event.trade_id for event in out if isinstance(event, Trade)] == list(range(400))

    play(scene, "spot", prepare=simulated, queue_events_max=100)
