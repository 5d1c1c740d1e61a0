"""What strangers send, read without harm: bodies, JSON of any depth; and what of their mistakes is logged."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError


class BadBody(ValueError):
    """A body that cannot be read: not of the encoding it says it is of, or no text."""


class _NoMistakesOfClients(logging.Filter):
    """Malformed requests and cut connections are answered, not logged: a stranger must not fill the output."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (HttpProcessingError, RequestPayloadError, ConnectionError))


http_log: Final = logging.getLogger("supreme.exchange.http")
http_log.addFilter(_NoMistakesOfClients())


async def read_body(request: web.Request) -> bytes:
    """The body. Raises BadBody when it is not what its headers say."""
    if not request.can_read_body:
        return b""
    try:
        return await request.read()
    except RequestPayloadError:
        raise BadBody("the body is not encoded as its headers say") from None


async def read_text(request: web.Request) -> str:
    """The body as UTF-8 text, whatever it says it is. Raises BadBody."""
    try:
        return (await read_body(request)).decode()
    except UnicodeDecodeError:
        raise BadBody("the body must be UTF-8") from None


def read_json(text: str) -> Any:
    """What a JSON text says. Raises ValueError, also for one that is nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
