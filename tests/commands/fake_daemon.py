"""A control socket that answers like a daemon, on the real server, in a thread of its own."""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.control.server import ControlServer
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.config import Settings, load_settings


def settings_for(root: Path, **env: str) -> Settings:
    """Settings whose home is ``root`` and whose venues are ports of this machine that nobody listens on."""
    closed = {
        "BINANCE_USDM_REST_URL": "http://127.0.0.1:9",
        "BINANCE_USDM_WS_URL": "ws://127.0.0.1:9",
        "COINGECKO_URL": "http://127.0.0.1:9",
        "METRICS_PORT": "0",
    }
    return load_settings({**closed, **env, "SUPREME_HOME": str(root)}, root)


def arguments(**given: Any) -> argparse.Namespace:
    """What the command line gives every command."""
    base = {"json": False, "duration": None, "session": None, "name": None, "port": None, "config_error": ""}
    return argparse.Namespace(**{**base, **given})


@contextmanager
def daemon(root: Path, status: dict[str, Any]) -> Iterator[None]:
    """A listening control socket in the home ``root`` that answers `status` with this dict."""
    home = Home(root)
    home.create()
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def handler(command: str, args: dict[str, Any]) -> dict[str, Any]:
        assert command == "status", args
        return status

    async def serve() -> None:
        server = ControlServer(home.prepare_socket_path(), handler)
        await server.start()
        ready.set()
        await stop.wait()
        await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(5)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
