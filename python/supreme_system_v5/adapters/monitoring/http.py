"""The daemon's one HTTP port, on loopback: `/metrics` for Prometheus, `/healthz` for a supervisor."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from aiohttp import web

HOST: Final = "127.0.0.1"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# States in which the daemon does its work; anything else answers 503.
HEALTHY_STATES: Final = frozenset({"warming", "active", "reduce_only"})


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
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/metrics"

    async def start(self) -> None:
        """Bind and serve. Raises ConfigError when the port is taken or not allowed."""
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        # No access log: one line a scrape would be a line a second.
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise _bind_error(self.host, self.port, error) from None
        except OverflowError:
            await runner.cleanup()
            raise ConfigError(f"METRICS_PORT={self.port} is not a port", "set METRICS_PORT to 1024..65535") from None
        self._runner = runner
        self.port = int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port; safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, _request: web.Request) -> web.Response:
        from aiohttp import web

        return web.Response(body=self._render(), headers={"Content-Type": METRICS_TYPE})

    async def _healthz(self, _request: web.Request) -> web.Response:
        from aiohttp import web

        health = dict(self._health())
        is_healthy = health.get("state") in HEALTHY_STATES
        return web.json_response({"ok": is_healthy, **health}, status=200 if is_healthy else 503)


def _bind_error(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} on {host} is already in use (METRICS_PORT)",
            f"stop the other program or set another port: METRICS_PORT={port + 1 if port < 65535 else 9108}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(f"port {port} needs more rights (METRICS_PORT)", "set METRICS_PORT to 1024 or above")
    return ConfigError(f"port {port} on {host} cannot be opened (METRICS_PORT): {error.strerror or error}")
