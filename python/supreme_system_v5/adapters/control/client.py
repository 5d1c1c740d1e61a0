"""Asking a running daemon something over its control socket. Synchronous: commands need no loop."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

from supreme_system_v5.core.domain.errors import SupremeError


class ControlError(SupremeError):
    """The daemon answered, and the answer is no."""


class ControlUnavailableError(ControlError):
    """Nobody listens on the socket."""


class ControlTimeoutError(ControlError):
    """Somebody listens and does not answer in time: the daemon hangs or is stopped."""


def call(path: Path, command: str, args: dict[str, Any] | None = None, timeout_seconds: float = 5.0) -> dict[str, Any]:
    """Send one command and return its result.

    Raises ControlUnavailableError, ControlTimeoutError (both without a result), or ControlError with the daemon's
    own words. The time-out covers the whole exchange.
    """
    deadline = time.monotonic() + timeout_seconds
    request = json.dumps({"id": 1, "command": command, "args": args or {}}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            _connect(connection, path, deadline)
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            with contextlib.suppress(BrokenPipeError):  # hung up on before we spoke: it has said why
                connection.sendall(request)
            answer = _read_line(connection, deadline)
        except TimeoutError:
            raise ControlTimeoutError(f"the daemon did not answer within {timeout_seconds:g} s") from None
        except OSError as error:
            raise ControlUnavailableError(f"no daemon listens on {path}: {error.strerror or error}") from None
    try:
        value = json.loads(answer)
        is_ok, result, said = bool(value["ok"]), value.get("result"), value.get("error")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ControlError("the daemon's answer is not understood") from None
    if not is_ok:
        raise ControlError(str(said))
    return result if isinstance(result, dict) else {}


def _connect(connection: socket.socket, path: Path, deadline: float) -> None:
    """Connect; a full backlog (EAGAIN) is a daemon that does not accept, so it is waited for like an answer."""
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        try:
            connection.connect(str(path))
            return
        except BlockingIOError:
            time.sleep(min(0.05, remaining))


def _read_line(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("the daemon hung up")
        received += chunk
    return bytes(received)
