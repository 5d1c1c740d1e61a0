"""One websocket: frames, reconnects, refusals, silence, planned changes; on real loopback sockets."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from supreme_system_v5.adapters.feeds.connection import (
    BACKOFF_SECONDS_MAX,
    AttemptBudget,
    Connection,
    ConnectionLimits,
    backoff_seconds,
)
from tests.adapters.feeds.stand_in import StandIn, quick_limits, until


class Owner:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.stamps: list[int] = []
        self.chunks = 0
        self.told: list[str] = []
        self.errors: list[Exception] = []
        self.fail = False

    def on_frame(self, number: int, raw: bytes, received_ns: int) -> None:
        if self.fail:
            raise RuntimeError("ours")
        self.frames.append(raw)
        self.stamps.append(received_ns)

    def on_chunk(self) -> None:
        self.chunks += 1

    def on_up(self, number: int) -> None:
        self.told.append("up")

    def on_down(self, number: int) -> None:
        self.told.append("down")

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


def play(
    scene: Callable[[StandIn, Owner, Connection], Awaitable[None]],
    limits: ConnectionLimits | None = None,
    loop_name: str = "asyncio",
    path: str = "/stream",
) -> None:
    async def run() -> None:
        server = await StandIn().start()
        owner = Owner()
        connection = Connection(
            0, "test", lambda: server.ws + path, owner, random.Random(1), AttemptBudget(), limits or quick_limits()
        )
        connection.start()
        try:
            await scene(server, owner, connection)
        finally:
            await connection.stop()
            await server.stop()

    if loop_name == "uvloop":
        uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(run())
        finally:
            loop.close()
    else:
        asyncio.run(run())


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_frames_arrive_whole_in_order_with_a_stamp(loop_name: str) -> None:
    sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000, 5]
    sent = [bytes([65 + index]) * size for index, size in enumerate(sizes)]

    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: owner.told == ["up"] and server.sockets)
        before_ns = time.monotonic_ns()
        for _ in range(3):
            for data in sent:
                await server.sockets[0].send_str(data.decode())
        await server.sockets[0].ping(b"are you there")
        await server.sockets[0].send_bytes(b"binary")
        await until(lambda: len(owner.frames) == 3 * len(sent) + 1)
        assert owner.frames == sent * 3 + [b"binary"]
        assert all(type(raw) is bytes for raw in owner.frames)
        assert before_ns <= owner.stamps[0] and owner.stamps == sorted(owner.stamps)
        assert owner.stamps[-1] <= time.monotonic_ns()
        assert connection.is_up and connection.reconnects == 0 and owner.chunks > 0

    play(scene, loop_name=loop_name)


def test_fragments_and_bytes_in_pieces() -> None:
    """A server that writes frames by hand: dribbled bytes, a message in fragments with a ping between."""

    async def run() -> None:
        owner = Owner()
        pongs: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            import base64
            import hashlib

            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            key = next(line for line in head.splitlines() if line.lower().startswith("sec-websocket-key")).split()[1]
            accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            answer += b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            writer.write(answer[:20])
            await writer.drain()
            await asyncio.sleep(0.02)
            # The end of the handshake, a whole frame and the start of the next in one write.
            writer.write(answer[20:] + b"\x81\x05first" + b"\x81\x06se")
            await asyncio.sleep(0.02)
            for byte in b"cond":
                writer.write(bytes([byte]))
                await asyncio.sleep(0.002)
            writer.write(b"\x01\x02ab\x89\x01?\x00\x02cd\x80\x02ef" + b"\x81\x04last")
            pong = await reader.readexactly(7)
            pongs.append(bytes(pong[:2]))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/"
        connection = Connection(0, "test", lambda: url, owner, random.Random(1), AttemptBudget(), quick_limits())
        connection.start()
        await until(lambda: "down" in owner.told)
        assert owner.frames == [b"first", b"second", b"abcdef", b"last"]
        assert pongs == [b"\x8a\x81"]  # a masked pong of one byte
        await connection.stop()
        server.close()
        await server.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize("bad", [b"\xc1\x01a", b"\x81\x81....a", b"\x81\x7f" + (1 << 40).to_bytes(8, "big")])
def test_a_broken_protocol_ends_the_connection_not_the_daemon(bad: bytes) -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        request = server.sockets[0]._req
        assert request is not None and request.transport is not None
        request.transport.write(b"\x81\x02ok" + bad)
        await until(lambda: owner.told == ["up", "down", "up"])
        assert owner.frames == [b"ok"] and owner.errors == []

    play(scene)


def test_reconnects_after_a_cut_and_after_a_goodbye() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        server.cut(server.sockets[0])
        await until(lambda: owner.told == ["up", "down", "up"])
        await until(lambda: server.sockets)
        await server.sockets[0].close()
        await until(lambda: owner.told == ["up", "down", "up", "down", "up"])
        assert connection.reconnects == 2
        assert connection.last_error == "connection lost"

    play(scene)


def test_says_why_and_backs_off_while_nobody_answers() -> None:
    async def run() -> None:
        owner = Owner()
        connection = Connection(
            0, "test", lambda: "ws://127.0.0.1:1/x", owner, random.Random(1), AttemptBudget(), quick_limits()
        )
        connection.start()
        await asyncio.sleep(1.2)
        await connection.stop()
        assert connection.last_error == "connection refused"
        assert 2 <= connection.attempts <= 4  # 0, then after 0.2, 0.4, 0.8 s
        assert owner.told == []

    asyncio.run(run())


def test_a_name_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def run() -> None:
        connection = Connection(
            0, "t", lambda: "ws://no-such-host.invalid/", Owner(), random.Random(1), AttemptBudget(), quick_limits()
        )
        connection.start()
        await until(lambda: connection.last_error)
        await connection.stop()
        assert connection.last_error == "cannot resolve no-such-host.invalid"

    asyncio.run(run())


@pytest.mark.parametrize("status", [429, 418])
def test_a_refused_handshake_waits_as_long_as_it_says(status: int) -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: connection.attempts == 1 and connection.last_error)
        assert str(status) in connection.last_error
        await asyncio.sleep(0.7)
        assert connection.attempts == 1  # would have been several by the ordinary backoff
        await until(lambda: owner.told == ["up"], 2.0)
        assert connection.attempts == 2

    async def run() -> None:
        server = StandIn()
        server.refuse.append(web.Response(status=status, headers={"Retry-After": "1"}, text="slow down"))
        await server.start()
        owner = Owner()
        url = server.ws + "/stream"
        connection = Connection(0, "test", lambda: url, owner, random.Random(1), AttemptBudget(), quick_limits())
        connection.start()
        try:
            await scene(server, owner, connection)
        finally:
            await connection.stop()
            await server.stop()

    asyncio.run(run())


def test_a_dead_socket_is_dropped_and_a_quiet_one_is_not() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        for _ in range(12):  # 1.2 s of silence in which the peer answers pings
            await asyncio.sleep(0.1)
            connection.check(time.monotonic_ns())
        assert owner.told == ["up"]
        request = server.sockets[0]._req
        assert request is not None and request.transport is not None
        request.transport.pause_reading()  # the peer hangs: no pong either
        for _ in range(15):
            await asyncio.sleep(0.1)
            connection.check(time.monotonic_ns())
            if owner.told != ["up"]:
                break
        assert owner.told == ["up", "down"]
        assert connection.last_error.startswith("silent for")
        await until(lambda: owner.told == ["up", "down", "up"])

    play(scene, quick_limits(silence=0.8))


def test_a_socket_that_only_answers_pings_is_dropped_in_the_end() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        for _ in range(15):
            await asyncio.sleep(0.1)
            connection.check(time.monotonic_ns())
        assert owner.told[:2] == ["up", "down"]
        assert connection.last_error.startswith("no data")
        connection.is_data_due = False  # a simulated market may stand still
        await until(lambda: connection.is_up)
        told = len(owner.told)
        for _ in range(13):
            await asyncio.sleep(0.1)
            connection.check(time.monotonic_ns())
        assert len(owner.told) == told

    play(scene, quick_limits(silence=0.6, data=1.0))


def test_a_planned_change_has_no_hole() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        connection.replace("server shutdown announced")
        await until(lambda: len(server.sockets) == 2)
        await server.sockets[0].send_str("old")
        await server.sockets[1].send_str("new")
        await until(lambda: sorted(owner.frames) == [b"new", b"old"])
        await until(lambda: len(server.sockets) == 1, 3.0)
        assert owner.told == ["up"] and connection.reconnects == 1 and connection.is_up

    play(scene)


def test_the_lifetime_ends_before_the_venue_ends_it() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        await asyncio.sleep(0.3)
        connection.check(time.monotonic_ns())
        await until(lambda: connection.connects == 2)
        assert owner.told == ["up"]

    play(scene, quick_limits(lifetime=0.2))


def test_paused_reading_loses_nothing_and_is_no_silence() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        connection.pause()
        for number in range(50):
            await server.sockets[0].send_str(str(number))
        await asyncio.sleep(0.5)
        connection.check(time.monotonic_ns())
        assert owner.frames == [] and owner.told == ["up"]
        connection.resume()
        connection.check(time.monotonic_ns())
        await until(lambda: len(owner.frames) == 50)
        assert owner.frames == [str(number).encode() for number in range(50)]

    play(scene, quick_limits(silence=0.3, data=0.3))


def test_an_exception_of_the_sink_is_reported_not_swallowed() -> None:
    async def scene(server: StandIn, owner: Owner, connection: Connection) -> None:
        await until(lambda: server.sockets)
        owner.fail = True
        await server.sockets[0].send_str("x")
        await until(lambda: owner.errors)
        assert str(owner.errors[0]) == "ours" and connection.is_up

    play(scene)


def test_attempts_stay_far_below_the_venues_limit() -> None:
    budget = AttemptBudget()
    rng = random.Random(3)
    attempts = []
    now = 0.0
    attempt = 0
    while now < 900.0:
        now += budget.wait_seconds(now)
        budget.spend(now)
        attempts.append(now)
        now += backoff_seconds(attempt, rng) / 2  # two sockets that fail at once
        attempt += 1
    for start in range(0, 600, 10):
        assert sum(1 for at in attempts if start <= at < start + 300) <= 150


def test_backoff_grows_with_jitter_and_ends_below_five_seconds() -> None:
    rng = random.Random(5)
    waits = [backoff_seconds(attempt, rng) for attempt in range(40)]
    assert waits[0] <= 0.2 and waits[3] > waits[0]
    assert max(waits) <= BACKOFF_SECONDS_MAX < 5.0
    assert len({round(wait, 6) for wait in waits[10:]}) > 20
    assert waits == [backoff_seconds(attempt, random.Random(5)) for attempt in range(1)] + waits[1:]
