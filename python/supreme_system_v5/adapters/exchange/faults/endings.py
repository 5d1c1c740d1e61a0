"""How a call ends that a fault has hit, as an HTTP reply."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

from aiohttp import web

from supreme_system_v5.adapters.exchange.faults.calls import CLOSED, SILENT, CallFault

SILENT_SECONDS: Final = 600.0
_JSON: Final = "application/json;charset=UTF-8"


async def end_request(request: web.Request, found: CallFault) -> web.Response:
    """The reply of the fault; none at all (the client waits, or is cut) where it says so."""
    transport = request.transport
    if found.outcome == CLOSED:
        if transport is not None:
            transport.abort()
        return web.Response(status=503)
    if found.outcome == SILENT:
        deadline = time.monotonic() + SILENT_SECONDS
        while transport is not None and not transport.is_closing() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.25)
        if transport is not None:
            transport.abort()
        return web.Response(status=503)
    headers = {"Content-Type": _JSON, **found.headers}
    return web.Response(status=found.status, body=ending_body(found), headers=headers)


def not_found(path: str) -> web.Response:
    """A path nobody serves, as the venue says it."""
    return _plain(404, "Not Found", path)


def wrong_verb(path: str) -> web.Response:
    """A path that is asked with a verb it does not have."""
    return _plain(405, "Method Not Allowed", path)


def _plain(status: int, error: str, path: str) -> web.Response:
    body = {"timestamp": "2026-01-01T00:00:00.000+00:00", "status": status, "error": error, "path": path}
    return web.Response(status=status, body=json.dumps(body).encode(), headers={"Content-Type": _JSON})


def ending_body(found: CallFault) -> bytes:
    """The body of a fault's reply."""
    if isinstance(found.body, str):
        return found.body.encode()
    return json.dumps(dict(found.body), separators=(",", ":")).encode()
