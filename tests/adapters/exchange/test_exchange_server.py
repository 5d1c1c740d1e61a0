"""The server over real sockets on loopback: streams, REST, the clock extras, back-pressure."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from supreme_system_v5.adapters.exchange.embedded import start_embedded_exchange
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from tests.adapters.exchange.worlds import SECOND, START_NS, generated, recorded, walk

STREAMS = {
    "public": "ethusdt@bookTicker/ethusdt@depth@100ms",
    "market": "ethusdt@aggTrade/ethusdt@markPrice@1s",
}
Body = Callable[[ExchangeServer, aiohttp.ClientSession], Awaitable[None]]


def serve(markets: SimMarket | list[SimMarket], body: Body, **options: Any) -> ExchangeServer:
    """Run a test's body against a running server."""
    server = ExchangeServer(markets, **options)

    async def run() -> None:
        await server.start()
        try:
            async with aiohttp.ClientSession(base_url=f"http://127.0.0.1:{server.port}") as session:
                await asyncio.wait_for(body(server, session), 30)
        finally:
            await server.stop()

    asyncio.run(run())
    return server


def ws(server: ExchangeServer, path: str) -> connect:
    path += ("&" if "?" in path else "?") + "x_time_ns=true"
    return connect(f"ws://127.0.0.1:{server.port}{path}", compression=None, close_timeout=0.2)


async def read_until(socket_: ClientConnection, time_ns: int) -> list[dict[str, Any]]:
    """Every message up to a market time."""
    messages: list[dict[str, Any]] = []
    while True:
        message = json.loads(await asyncio.wait_for(socket_.recv(), 10))
        messages.append(message)
        if message.get("x_time_ns", 0) >= time_ns:
            return messages


def stripped(messages: list[dict[str, Any]]) -> list[tuple[int, str, Any]]:
    return [(m["x_time_ns"], m["stream"], m["data"]) for m in messages if "stream" in m]


@pytest.mark.parametrize("speed", [0.0, 50.0])
def test_both_sockets_carry_the_market_whole_and_in_order(speed: float) -> None:
    end_ns = START_NS + 6 * SECOND
    expected = [(f.time_ns, f.stream, json.loads(f.payload)) for f in walk(generated(), 6)]

    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, f"/public/stream?streams={STREAMS['public']}") as public:  # noqa: SIM117
            async with ws(server, f"/market/stream?streams={STREAMS['market']}") as market:
                async with session.post("/x/start") as reply:
                    assert (await reply.json())["started"]
                got = await asyncio.gather(read_until(public, end_ns), read_until(market, end_ns))
        for messages, kinds in zip(got, (("bookTicker", "depth"), ("aggTrade", "markPrice")), strict=True):
            wanted = [item for item in expected if item[1].split("@")[1] in kinds]
            assert [item for item in stripped(messages) if item[0] <= end_ns] == wanted
            times = [m["x_time_ns"] for m in messages]
            assert times == sorted(times)
            # A heartbeat says that everything up to it was sent; they are at most a quarter second apart.
            assert max(b - a for a, b in itertools.pairwise(times)) <= 300_000_000

    serve(generated(), body, speed=speed, is_waiting=True)


def test_a_heartbeat_never_precedes_a_frame_it_covers() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/stream?streams=ethusdt@aggTrade") as spot:  # noqa: SIM117
            async with ws(server, f"/market/stream?streams={STREAMS['market']}") as market:
                async with session.post("/x/start"):
                    pass
                both = await asyncio.gather(
                    read_until(spot, START_NS + 8 * SECOND), read_until(market, START_NS + 8 * SECOND)
                )
        for messages in both:
            covered = 0
            for message in messages:
                if "data" in message:
                    assert message["x_time_ns"] > covered
                else:
                    covered = max(covered, message["x_time_ns"])

    serve([generated("spot"), generated("usdm")], body, speed=0.0, is_waiting=True)


def test_x_time_ns_is_the_last_key_raw_and_combined() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with (
            ws(server, "/ws/ethusdt@bookTicker") as raw,
            ws(server, "/stream?streams=ethusdt@bookTicker") as wrapped,
        ):
            for socket_, first in ((raw, "u"), (wrapped, "stream")):
                while True:
                    text = await socket_.recv()
                    keys = list(json.loads(text))
                    assert keys[-1] == "x_time_ns"
                    if keys[0] == first:
                        break

    serve(generated("spot"), body)


def test_subscribe_list_unsubscribe_and_categories() -> None:
    async def ask(socket_: ClientConnection, request: dict[str, Any]) -> dict[str, Any]:
        await socket_.send(json.dumps(request))
        while True:
            message: dict[str, Any] = json.loads(await asyncio.wait_for(socket_.recv(), 5))
            if "id" in message or "error" in message:
                return message

    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/public/ws") as socket_:
            names = ["ethusdt@bookTicker", "ethusdt@depth@100ms"]
            assert await ask(socket_, {"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}
            assert (await ask(socket_, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["result"] == names
            wrong = await ask(socket_, {"method": "SUBSCRIBE", "params": ["ethusdt@aggTrade"], "id": 3})
            assert wrong["error"]["code"] == 2
            await ask(socket_, {"method": "UNSUBSCRIBE", "params": names[:1], "id": 4})
            assert (await ask(socket_, {"method": "LIST_SUBSCRIPTIONS", "id": 5}))["result"] == names[1:]
            await asyncio.sleep(1.1)  # 10 messages a second are allowed
            await socket_.send("{")
            assert "error" in await ask(socket_, {"method": "NOTHING", "id": 6})

    serve(generated(), body)


def test_retired_and_unknown_paths() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        for path, status in (
            ("/ws/ethusdt@aggTrade", 410),
            ("/stream?streams=ethusdt@aggTrade", 410),
            ("/private/ws?listenKey=x", 404),
            ("/market/stream?streams=ethusdt@depth@100ms", 400),
        ):
            with pytest.raises(InvalidStatus) as caught:
                async with ws(server, path):
                    pass
            assert caught.value.response.status_code == status, path

    serve(generated(), body)


def test_too_many_messages_end_the_connection() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/ws") as socket_:
            for number in range(8):
                await socket_.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            with pytest.raises(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket_.recv(), 5)

    serve(generated("spot"), body)


def test_pings_are_answered() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/ws/ethusdt@aggTrade") as socket_:
            await asyncio.wait_for(await socket_.ping(b"hello"), 5)

    serve(generated("spot"), body)


def test_rest_headers_weights_and_refusal() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with session.get("/fapi/v1/depth?symbol=ETHUSDT&limit=1000") as reply:
            assert reply.status == 200
            assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "20"
            assert int(reply.headers["X-Time-Ns"]) >= START_NS
        async with session.get("/fapi/v1/depth?symbol=NOPE") as reply:
            assert (reply.status, await reply.json()) == (400, {"code": -1121, "msg": "Invalid symbol."})
        async with session.get("/fapi/v1/aggTrades?symbol=ETHUSDT") as reply:
            assert reply.status == 429
            assert (await reply.json())["code"] == -1003
            assert 1 <= int(reply.headers["Retry-After"]) <= 61

    serve(generated(), body, weight_limit=35)


def test_a_reply_is_as_of_the_asked_time_past_or_to_come() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        path = "/fapi/v1/depth?symbol=ETHUSDT&limit=100"
        async with session.get(path) as reply:
            assert reply.headers["X-Time-Ns"] == str(START_NS)  # frozen: as of the start
        reference = generated()
        replies = {}
        # One that names a time gets the same answer, whether it or the start of the clock comes first.
        early = asyncio.ensure_future(session.get(path, headers={"X-Sim-Time-Ns": str(START_NS)}))
        await asyncio.sleep(0.05)
        assert not early.done()
        async with session.post("/x/start"):
            pass
        async with await early as reply:
            replies[int(reply.headers["X-Time-Ns"])] = await reply.read()
        assert list(replies) == [START_NS + 20_000_000]
        for at_ns in (START_NS + SECOND, START_NS + SECOND // 2, START_NS + 2 * SECOND):
            async with session.get(path, headers={"X-Sim-Time-Ns": str(at_ns)}) as reply:
                assert int(reply.headers["X-Time-Ns"]) == at_ns + 20_000_000
                replies[at_ns + 20_000_000] = await reply.read()
        for at_ns, got in sorted(replies.items()):
            walk(reference, (at_ns - START_NS) / SECOND)
            assert got == reference.rest("/fapi/v1/depth", {"symbol": "ETHUSDT", "limit": "100"}, at_ns)[1]

    serve(generated(), body, speed=10.0, is_waiting=True)


def test_a_recording_stands_still_until_started_and_ends(data_dir: Path) -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        source = server.markets["usdm"]
        async with ws(server, f"/public/stream?streams={STREAMS['public']}") as socket_:
            assert json.loads(await socket_.recv()) == {"x_time_ns": source.start_ns}
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(socket_.recv(), 0.2)
            async with session.post("/x/start"):
                pass
            got = stripped(await read_until(socket_, source.start_ns + 4 * SECOND))
            twin = recorded("usdm", data_dir)
            wanted = [(f.time_ns, f.stream, json.loads(f.payload)) for f in walk(twin, 5) if "aggTrade" not in f.stream]
            assert got == wanted[: len(got)]
            assert len(got) > 300
        async with session.get("/x/status") as reply:
            status = await reply.json()
            assert status["started"] is True
            assert status["markets"]["usdm"]["missing_streams"] == ["markPrice"]

    serve(recorded("usdm", data_dir), body, speed=20.0)


def test_market_seconds_end_the_market() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, f"/market/stream?streams={STREAMS['market']}") as socket_:
            await read_until(socket_, START_NS + 2_800_000_000)
            await asyncio.sleep(0.1)
            assert server.is_ended
        async with session.get("/fapi/v1/time", headers={"X-Sim-Time-Ns": str(START_NS + 9 * SECOND)}) as reply:
            assert reply.headers["X-Time-Ns"] == str(START_NS + 9 * SECOND + 20_000_000)

    server = serve(generated(), body, speed=0.0, end_ns=START_NS + 3 * SECOND)
    assert server.clock.shown_ns <= START_NS + 3 * SECOND


async def stalled_client(server: ExchangeServer) -> socket.socket:
    """A client that subscribes and never reads."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        b"GET /public/stream?streams=ethusdt@bookTicker/ethusdt@depth@100ms HTTP/1.1\r\nHost: x\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await asyncio.sleep(0.2)
    return raw


def test_a_slow_client_slows_a_market_without_pace() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        raw = await stalled_client(server)
        await asyncio.sleep(0.8)
        stuck_ns = server.clock.shown_ns
        await asyncio.sleep(0.5)
        assert server.clock.shown_ns == stuck_ns
        raw.close()
        async with ws(server, f"/public/stream?streams={STREAMS['public']}") as socket_:
            await read_until(socket_, stuck_ns + 5 * SECOND)
        assert server.cuts == 0

    serve(generated(), body, speed=0.0)


def test_a_slow_client_is_cut_at_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supreme_system_v5.adapters.exchange.pump.BUFFERED_CUT", 20_000)
    # A great many frames are due at once, as after a pause of the process.
    monkeypatch.setattr(
        "supreme_system_v5.adapters.exchange.clock.MarketClock.now_ns", lambda self: self.shown_ns + 2 * SECOND
    )

    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        raw = await stalled_client(server)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if server.cuts:
                break
        raw.close()
        assert server.cuts == 1

    serve(generated(), body)


def test_the_socket_buffer_is_small() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, f"/public/stream?streams={STREAMS['public']}"):
            transport = server._clients[0].transport
            size = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert size <= 2 * 131_072

    serve(generated(), body)


def test_status_tells_clients_subscriptions_and_faults() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/public/stream?streams=ethusdt@bookTicker"), session.get("/x/status") as reply:
            status = await reply.json()
        assert status["simulated"] is True
        assert status["clients"] == 1
        assert status["subscriptions"] == [["ethusdt@bookTicker"]]
        assert status["faults_taken"] == 0
        assert status["markets"]["usdm"]["source"] == "generated"

    serve(generated(), body, faults=FaultBox(START_NS, seed=3))


def test_a_taken_port_is_an_error() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        with pytest.raises(OSError, match="in use"):
            await ExchangeServer(generated(), port=server.port).start()

    serve(generated(), body)


class _Settings:
    market = "usdm"
    sim_seed = 3
    sim_speed = 1.0
    sim_recording = ""
    bar_seconds = 1

    def __init__(self, home: Path) -> None:
        self.home = home


def test_embedded_goes_on_from_the_state_in_home(tmp_path: Path) -> None:
    async def run(profile: str) -> SimMarket:
        server = await start_embedded_exchange(_Settings(tmp_path), profile)
        try:
            rest, stream = server.urls("usdm")
            assert rest.startswith("http://127.0.0.1:")
            assert stream.startswith("ws://127.0.0.1:")
            await asyncio.sleep(0.1)
        finally:
            await server.stop()
        return server.markets["usdm"]

    first = asyncio.run(run("normal"))
    second = asyncio.run(run("normal"))
    assert second.start_ns > first.last_ns
    assert second.describe()["restarts"] == 1
    assert second.trades.next_agg_id >= first.trades.next_agg_id
    assert asyncio.run(run("demo")).describe()["profile"] == "scripted"
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["sim_market_usdm.json"]
