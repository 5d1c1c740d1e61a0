"""A venue to download from: the exchange in a thread, and a way to it that can be cut, or that alters archives."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import select
import socket
import socketserver
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.exchange.server import ExchangeServer
from supreme_system_v5.history.download import Download, Outcome, Sources
from supreme_system_v5.history.kinds import Range, parse_range
from supreme_system_v5.history.store import Store
from tests.adapters.exchange.worlds import generated

# The exchange's now is 2025-11-20 12:00 and a little: these days are over.
FROM, TO = "2025-11-17", "2025-11-18"
SPAN = parse_range(FROM, TO)


class Venue:
    """A running exchange with both markets and their archives."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end: asyncio.Event | None = None
        self.server: ExchangeServer | None = None
        self._thread = threading.Thread(target=self._run, name="venue", daemon=True)
        self._thread.start()
        assert self._ready.wait(30)
        assert self.server is not None
        self.url = f"http://127.0.0.1:{self.server.port}"

    def _run(self) -> None:
        async def serve() -> None:
            self.server = ExchangeServer([generated("usdm"), generated("spot")], has_archives=True)
            self._end = asyncio.Event()
            await self.server.start()
            self._ready.set()
            await self._end.wait()
            await self.server.stop()
            late = asyncio.all_tasks() - {asyncio.current_task()}  # answers that a fault holds back
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

        self._loop.run_until_complete(serve())
        self._loop.close()

    def fault(self, kind: str, **args: Any) -> None:
        body = json.dumps({"kind": kind, "args": args}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/x/fault", body), timeout=10).close()

    def hits(self) -> list[str]:
        assert self.server is not None
        return [entry["fault"] for entry in self.server.faults.taken if "hit" in entry]

    def calm(self) -> None:
        """No fault is left."""
        assert self.server is not None
        self.server.faults._active.clear()
        self.server.faults.taken.clear()

    def close(self) -> None:
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)


def download(
    home: Path,
    url: str,
    market: str = "usdm",
    kinds: tuple[str, ...] = ("bars", "trades"),
    span: Range = SPAN,
    archive_url: str = "",
    waits: list[float] | None = None,
) -> Outcome:
    """A download into a home, which does not really wait where it should."""
    slept = waits if waits is not None else []
    sources = Sources(archive_url or url, url)
    return Download(Store(home), market, "ETHUSDT", kinds, span, sources, sleep=slept.append).run()


def day_files(home: Path) -> dict[str, bytes]:
    """Every stored day with its bytes; anything half done beside them is not one."""
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in sorted(home.rglob("*.parquet"))}


class Wire:
    """A TCP way to the venue that lets so many bytes back to the client, then calls ``on_cut`` and is dead."""

    def __init__(self, port: int, bytes_max: int, on_cut: Callable[[], None] = lambda: None) -> None:
        self.left = bytes_max
        self.is_cut = False
        self._port = port
        self._on_cut = on_cut
        self._lock = threading.Lock()
        wire = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if not wire.is_cut:
                    wire._serve(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _serve(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as venue, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, venue], [], [], 30)
                if client in ready:
                    asked = client.recv(65_536)
                    if not asked:
                        return
                    venue.sendall(asked)
                if venue in ready:
                    answer = venue.recv(65_536)
                    if not answer or not self._pass(client, answer):
                        return

    def _pass(self, client: socket.socket, answer: bytes) -> bool:
        with self._lock:
            allowed = answer[: self.left]
            self.left -= len(allowed)
            client.sendall(allowed)
            if self.left > 0:
                return True
            if not self.is_cut:
                self.is_cut = True
                self._on_cut()
            return False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextlib.contextmanager
def altered_archive(url: str, change: Callable[[str, list[str]], list[str]]) -> Iterator[str]:
    """The address of an archive whose files have other lines: ``change`` gets a file's name and its lines."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self._body(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self, path: str) -> bytes:
            if path.endswith(".CHECKSUM"):
                content = self._body(path.removesuffix(".CHECKSUM"))
                name = path.rpartition("/")[2].removesuffix(".CHECKSUM")
                return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode() if content else b""
            try:
                with urllib.request.urlopen(url + path, timeout=30) as answer:
                    content = answer.read()
            except urllib.error.HTTPError as error:
                error.close()
                return b""
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                (name,) = archive.namelist()
                lines = archive.read(name).decode().splitlines()
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w") as archive:
                archive.writestr(zipfile.ZipInfo(name), "\n".join(change(name, lines)) + "\n")
            return made.getvalue()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
