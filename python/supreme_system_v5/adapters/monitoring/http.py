"""The daemon's one HTTP port, on loopback: `/metrics` for Prometheus, `/healthz` for a supervisor.

A few dozen lines on asyncio's own streams: GET and HEAD, keep-alive, a bounded head. A web framework costs 2 MB and part
of the start for two pages that a scraper reads.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from supreme_system_v5.core.domain.errors import ConfigError

HOST: Final = "127.0.0.1"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
JSON_TYPE: Final = "application/json; charset=utf-8"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
# States in which the daemon does its work; anything else answers 503.
HEALTHY_STATES: Final = frozenset({"warming", "active", "reduce_only"})
HEAD_BYTES_MAX: Final = 8_192
IDLE_SECONDS_MAX: Final = 75.0
CLIENTS_MAX: Final = 16

Answer = tuple[int, str, bytes]  # status, content type, body


class HttpServer:
    """Serves ``render()`` at /metrics and ``health()`` at /healthz.

    ``port`` 0 takes a free one; ``port`` then holds it after ``start()``.
    ``health()`` gives at least {"state": ...}; 200 in a healthy state, 503 otherwise, the dict as JSON either way.
    """

    def __init__(
        self, port: int, render: Callable[[], bytes], health: Callable[[], Mapping[str, object]], host: str = HOST
    ) -> None:
        self.port = port
        self.host = host
        self._render = render
        self._health = health
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/metrics"

    async def start(self) -> None:
        """Bind and serve. Raises ConfigError when the port is taken or not allowed."""
        try:
            self._server = await asyncio.start_server(self._on_client, self.host, self.port, limit=HEAD_BYTES_MAX)
        except OSError as error:
            raise _bind_error(self.host, self.port, error) from None
        except OverflowError:
            raise ConfigError(f"METRICS_PORT={self.port} is not a port", "set METRICS_PORT to 1024..65535") from None
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and its connections; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for task in self._clients:
                task.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            await server.wait_closed()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) <= CLIENTS_MAX:
                while await self._serve_one(reader, writer):
                    pass
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # gone, silent, or not HTTP: the connection ends, nothing else
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; True when the connection stays open."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS_MAX)
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        target, _, version = rest.partition(" ")
        headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        status, kind, body = self.answer(method, target)
        is_kept = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close" and not has_body
        reply = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: {'keep-alive' if is_kept else 'close'}\r\n\r\n"
        )
        writer.write(reply.encode() + (b"" if method == "HEAD" else body))
        await writer.drain()
        return is_kept

    def answer(self, method: str, target: str) -> Answer:
        """Status, content type and body of a request."""
        path = target.partition("?")[0]
        if path not in ("/metrics", "/healthz"):
            return 404, TEXT_TYPE, b"there are /metrics and /healthz\n"
        if method not in ("GET", "HEAD"):
            return 405, TEXT_TYPE, b"GET only\n"
        if path == "/metrics":
            return 200, METRICS_TYPE, self._render()
        health = dict(self._health())
        is_healthy = health.get("state") in HEALTHY_STATES
        body = json.dumps({"ok": is_healthy, **health}).encode() + b"\n"
        return 200 if is_healthy else 503, JSON_TYPE, body


def _bind_error(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} on {host} is already in use (METRICS_PORT)",
            f"stop the other program or set another port: METRICS_PORT={port + 1 if port < 65535 else 9108}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(f"port {port} needs more rights (METRICS_PORT)", "set METRICS_PORT to 1024 or above")
    return ConfigError(f"port {port} on {host} cannot be opened (METRICS_PORT): {error.strerror or error}")
