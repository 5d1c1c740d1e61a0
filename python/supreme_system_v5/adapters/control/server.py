"""The daemon's ear: a unix socket, one JSON object a line.

`{"id","command","args"}` -> `{"id","ok":true,"result"}` or `{"id","ok":false,"error"}`. Only the user that runs the
daemon can connect (mode 0600). Whatever arrives, the daemon answers or hangs up; it never crashes on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.core.domain.errors import ConfigError, SupremeError

LINE_BYTES_MAX: Final = 64 * 1024
CLIENTS_MAX: Final = 16
GRACE_SECONDS: Final = 1.0  # for answers under way when the server closes: `stop` and `emergency_stop` wait for theirs

Handler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlServer:
    """Serves commands to ``handler(command, args) -> result``.

    A handler says no by raising SupremeError (its text is the answer); KeyError and ValueError are taken as bad
    arguments, anything else as an internal error, counted in ``errors``.
    """

    def __init__(self, path: Path, handler: Handler) -> None:
        self.path = path
        self.errors = 0
        self.malformed = 0
        self._handler = handler
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._answering = 0
        self._is_idle = asyncio.Event()

    async def start(self) -> None:
        """Bind and listen. Call it with the home's lock held: a socket file left behind is replaced."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old_mask = os.umask(0o177)
        try:
            self.path.unlink(missing_ok=True)
            listener.bind(str(self.path))
        except OSError as error:
            listener.close()
            raise ConfigError(
                f"cannot make the control socket {self.path}: {error.strerror or error}",
                "give permission there, or set SUPREME_HOME to a short path on a local disk",
            ) from None
        finally:
            os.umask(old_mask)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_BYTES_MAX)

    async def close(self) -> None:
        """Stop listening, let the answers under way go out, hang up on everyone, remove the socket file."""
        if self._server is None:
            return
        self._server.close()
        if self._answering > 0:
            self._is_idle.clear()
            try:
                await asyncio.wait_for(self._is_idle.wait(), GRACE_SECONDS)
            except asyncio.TimeoutError:
                pass
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._server = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > CLIENTS_MAX:
                await self._send(writer, {"id": None, "ok": False, "error": "too many clients"})
                return
            while True:
                try:
                    line = await reader.readline()
                except ValueError:  # longer than the limit: where the next line begins is not known
                    self.malformed += 1
                    await self._send(writer, {"id": None, "ok": False, "error": "the line is too long"})
                    return
                if not line:
                    return
                self._answering += 1
                try:
                    await self._send(writer, await self._answer(line))
                finally:
                    self._answering -= 1
                    if self._answering == 0:
                        self._is_idle.set()
        except (ConnectionError, TimeoutError):
            pass  # the client went away
        except asyncio.CancelledError:
            pass  # close() ends us; there is nobody above to tell
        finally:
            self._clients.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("not an object")
            command = request.get("command")
            args = request.get("args") or {}
            if not isinstance(command, str) or not isinstance(args, dict):
                raise ValueError('needs "command" (text) and "args" (object)')
        except (ValueError, RecursionError) as error:
            self.malformed += 1
            return {"id": None, "ok": False, "error": f"malformed request: {error}"}
        name = request.get("id")
        try:
            return {"id": name, "ok": True, "result": await self._handler(command, args)}
        except SupremeError as error:
            return {"id": name, "ok": False, "error": str(error)}
        except (KeyError, ValueError) as error:
            return {"id": name, "ok": False, "error": f"bad arguments for {command}: {error}"}
        except Exception as error:
            self.errors += 1
            return {"id": name, "ok": False, "error": f"internal error: {type(error).__name__}: {error}"}

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
        writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        await writer.drain()
