"""The official SDKs, pointed at the exchange; what they parse is compared with what was sent, without changing them.

REST bodies are taken by a response hook of `requests`, WebSocket frames where the SDK's socket receives them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.clients.sdk_models import Ledger

WAIT_SECONDS = 12.0


class RestSdk:
    """``ask("new_order", symbol=...)`` -> the parsed data; every body goes into the ledger."""

    def __init__(self, rest_api: Any, ledger: Ledger, log: pytest.LogCaptureFixture) -> None:
        self.ledger = ledger
        self._api = rest_api
        self._log = log
        self._bodies: list[Any] = []
        rest_api._session.hooks["response"].append(self._keep)

    def _keep(self, response: Any, *_: object, **__: object) -> None:
        self._bodies.append(response.json())

    def ask(self, name: str, **params: Any) -> Any:
        """Raises the SDK's own errors, and AssertionError when the SDK had to bend or leave its model."""
        self._log.clear()
        with self._log.at_level(logging.WARNING):
            data = getattr(self._api, name)(**params).data()
        complaints = [record.getMessage() for record in self._log.records if record.name == "root"]
        assert not complaints, (name, complaints, self._bodies[-1])
        self.ledger.add(name, data, self._bodies[-1])
        return data

    def close(self) -> None:
        self._api._session.close()


class Frames:
    """The frames of the SDK's sockets, as they were received."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def listen(self, api: Any) -> None:
        """To all of its connections."""
        for connection in api.connections:
            self._listen(connection.websocket)

    def _listen(self, socket: Any) -> None:
        receive = socket.receive

        async def kept(*args: Any, **kwargs: Any) -> Any:
            message = await receive(*args, **kwargs)
            if message.type is aiohttp.WSMsgType.TEXT:
                self.all.append(json.loads(message.data))
            return message

        socket.receive = kept


class SocketSdk:
    """The SDK's WebSocket API: ``await ask("order_place", ...)`` -> the parsed result."""

    def __init__(self, api: Any, ledger: Ledger, frames: Frames) -> None:
        self.api = api
        self.ledger = ledger
        self.frames = frames

    async def ask(self, name: str, **params: Any) -> Any:
        """Raises AssertionError with the venue's error for a refusal."""
        response = await getattr(self.api, name)(**params)
        return self.check(name, response.data())

    def check(self, name: str, data: Any) -> Any:
        assert not isinstance(data, dict), (name, data)  # an error, or a body that no model took
        raw = next(frame for frame in reversed(self.frames.all) if "id" in frame)
        self.ledger.add(name, data, raw)
        return getattr(data, "actual_instance", None) or data


@asynccontextmanager
async def socket_sdk(api: Any, ledger: Ledger) -> AsyncIterator[SocketSdk]:
    frames = Frames()
    await api.create_connection()
    frames.listen(api)
    try:
        yield SocketSdk(api, ledger, frames)
    finally:
        await close(api)


async def close(api: Any) -> None:
    """Close its sockets, its session, and let its reader tasks end."""
    await api.close_connection(close_session=True)
    await asyncio.sleep(0.1)


async def wait_for(is_there: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_there()):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)
    return found
