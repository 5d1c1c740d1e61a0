"""The HTTP port: real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from supreme_system_v5.adapters.monitoring.http import HttpServer
from supreme_system_v5.adapters.monitoring.metrics import Exposition
from supreme_system_v5.core.domain.errors import ConfigError
from tests.adapters.monitoring.sample import sample_status


async def fetch(server: HttpServer, path: str) -> tuple[int, str, str]:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return reply.status, reply.headers["Content-Type"], await reply.text()


def serve(health: dict[str, Any], *paths: str) -> list[tuple[int, str, str]]:
    async def run() -> list[tuple[int, str, str]]:
        server = HttpServer(0, Exposition(sample_status, {}).render, lambda: health)
        await server.start()
        try:
            assert str(server.port) in server.url
            return [await fetch(server, path) for path in paths]
        finally:
            await server.stop()
            await server.stop()

    return asyncio.run(run())


def test_metrics_and_health() -> None:
    metrics, healthy, missing = serve({"state": "active", "session": "x"}, "/metrics", "/healthz", "/other")
    assert metrics[0] == 200
    assert metrics[1].startswith("text/plain; version=0.0.4")
    assert any(family.name == "equity" for family in text_string_to_metric_families(metrics[2]))
    assert (healthy[0], json.loads(healthy[2])) == (200, {"ok": True, "state": "active", "session": "x"})
    assert missing[0] == 404


@pytest.mark.parametrize("state", ["halted", "stopping", "", None])
def test_not_healthy_is_503(state: str | None) -> None:
    (found,) = serve({"state": state}, "/healthz")
    assert found[0] == 503
    assert json.loads(found[2])["ok"] is False


def test_a_port_in_use_names_the_port_and_the_key() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            asyncio.run(HttpServer(port, lambda: b"", dict).start())
    assert f"port {port}" in str(caught.value)
    assert "METRICS_PORT" in str(caught.value)
    assert caught.value.remedy


def test_a_number_that_is_no_port_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="METRICS_PORT"):
        asyncio.run(HttpServer(70_000, lambda: b"", dict).start())


def test_it_listens_on_loopback_only() -> None:
    async def run() -> str:
        server = HttpServer(0, lambda: b"", dict)
        await server.start()
        assert server._server is not None
        host = str(server._server.sockets[0].getsockname()[0])
        await server.stop()
        return host

    assert asyncio.run(run()) == "127.0.0.1"


def converse(requests: list[bytes], pause_s: float = 0.0) -> bytes:
    """What the server sends back on one connection, to the end."""

    async def run() -> bytes:
        server = HttpServer(0, lambda: b"equity 1.0\n", lambda: {"state": "active"})
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for request in requests:
            writer.write(request)
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5.0)
        writer.close()
        await server.stop()
        return answer

    return asyncio.run(run())


def test_a_connection_is_kept_for_the_next_scrape_and_closed_when_asked() -> None:
    scrape = b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = converse([scrape[:9], scrape[9:], scrape + last + scrape], 0.02)
    assert answer.count(b"HTTP/1.1 200 OK") == 3, "two kept, one closing; nothing after it"
    assert answer.count(b"equity 1.0\n") == 3
    assert answer.count(b"Connection: keep-alive") == 2


@pytest.mark.parametrize(
    ("request_bytes", "begin"),
    [
        (b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 405"),
        (b"DELETE /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 405"),
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 404"),
        (b"\x00\xff\r\n\r\n", b"HTTP/1.1 404"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 20_000, b""),
        (b"GET /met", b""),
        (b"", b""),
    ],
)
def test_odd_requests(request_bytes: bytes, begin: bytes) -> None:
    answer = converse([request_bytes])
    assert answer.startswith(begin)
    assert bool(answer) == bool(begin)
    if request_bytes.startswith(b"HEAD"):
        assert answer.endswith(b"\r\n\r\n")
        assert b"Content-Length: 11" in answer


def test_stopping_ends_an_idle_connection() -> None:
    async def run() -> bytes:
        server = HttpServer(0, lambda: b"", dict)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(0.05)
        await asyncio.wait_for(server.stop(), 2.0)
        rest = await asyncio.wait_for(reader.read(), 2.0)
        writer.close()
        return rest

    assert asyncio.run(run()) == b""
