"""What went wrong, in words a person understands."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Final

from supreme_system_v5.core.domain.errors import FrameError, VenueError

_BY_NUMBER: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ETIMEDOUT: "timed out",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
}
_BY_STATUS: Final = {
    403: "refused by its firewall",
    418: "banned for a while (too many requests)",
    429: "too many requests",
    451: "not offered at this location",
}


def explain_status(status: int) -> str:
    """An HTTP status as words."""
    words = _BY_STATUS.get(status, "")
    return f"HTTP {status}, {words}" if words else f"HTTP {status}"


def explain(error: BaseException, host: str = "") -> str:
    """One short line for an error of a connection or request; ``host`` is named where the name did not resolve."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, socket.gaierror):
            return f"cannot resolve {host}" if host else "name not resolved"
        if isinstance(seen, ssl.SSLError):
            return f"TLS: {seen.reason or seen}"
        if isinstance(seen, OSError) and seen.errno in _BY_NUMBER:
            return _BY_NUMBER[seen.errno]
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, VenueError):
        return f"{explain_status(error.status)}: {error.message}" if error.message else explain_status(error.status)
    if isinstance(error, FrameError):
        return f"its answer is not usable ({error})"
    response = getattr(error, "response", None)
    if response is not None and hasattr(response, "status_code"):
        return explain_status(int(response.status_code))
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return "timed out"
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
