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
        assert server._runner is not None
        host = str(server._runner.addresses[0][0])
        await server.stop()
        return host

    assert asyncio.run(run()) == "127.0.0.1"
