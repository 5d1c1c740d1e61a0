"""A home, the real daemon and the separate exchange as processes of their own, for the tests of this room."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import supreme_system_v5
from supreme_system_v5.adapters.control.client import ControlError, call
from supreme_system_v5.adapters.storage.home import Home

ROOT = Path(__file__).resolve().parents[2]
SOURCES = str(Path(supreme_system_v5.__file__).resolve().parents[1])
READY_SECONDS = 30.0
NOBODY = "127.0.0.1:9"  # the discard port: refused at once

# A market in which whole trades happen every few seconds of the wall clock.
FAST = {
    "BAR_SECONDS": "2",
    "SCALPING_INTERVAL_MIN": "1",
    "SCALPING_INTERVAL_MAX": "2",
    "MAX_ORDERS_PER_MINUTE": "10000",
    "MAX_CONSECUTIVE_LOSSES": "1000",
    "MAX_DAILY_DRAWDOWN_PCT": "0.9",
    "ENTRY_SLIPPAGE_BPS": "50",
    "MAX_SPREAD_BPS": "100",
    "PAPER_LATENCY_MS": "300",
}
FAST_EXCHANGE = ("--profile", "scripted", "--bar-seconds", "2", "--speed", "20", "--market-seed", "7")


class World:
    """One home with at most one exchange. Everything that was started is ended, and the home removed, at the end."""

    def __init__(self, env: dict[str, str] | None = None, root: Path | None = None) -> None:
        self.root = root or Path(tempfile.mkdtemp(prefix="s5-"))
        self.home = Home(self.root)
        self.python = sys.executable
        self.root.mkdir(exist_ok=True)
        if not (self.root / "main.py").exists():
            shutil.copy(ROOT / "main.py", self.root)
        self.exchange_url = ""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("SUPREME_")}
        self.env = {
            **inherited,
            "PYTHONPATH": SOURCES,
            "SUPREME_HOME": str(self.root),
            "METRICS_PORT": "0",
            "BINANCE_USDM_REST_URL": f"http://{NOBODY}",
            "BINANCE_USDM_WS_URL": f"ws://{NOBODY}",
            "COINGECKO_URL": f"http://{NOBODY}",
            **(env or {}),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._outputs = 0

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._started):
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- processes

    def start(self, *arguments: str, output: Path | None = None, **env: str) -> Daemon:
        """`python main.py <arguments>` in this home; its output goes to a file of its own."""
        self._outputs += 1
        path = output or self.root / f"out-{self._outputs}.txt"
        with path.open("wb") as out:
            process = subprocess.Popen(
                [self.python, "main.py", *arguments],
                cwd=self.root,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return Daemon(self, process, path)

    def run(
        self, *arguments: str, timeout_seconds: float = 60.0, output: Path | None = None, **env: str
    ) -> tuple[int, str]:
        """A command to its end: exit code and all it said."""
        daemon = self.start(*arguments, output=output, **env)
        code = daemon.wait(timeout_seconds)
        return code, daemon.said()

    def start_exchange(self, *options: str, output: Path | None = None) -> Daemon:
        """The separate exchange; the daemons started from now on know no other venue."""
        ready = self.root / "exchange.json"
        ready.unlink(missing_ok=True)
        exchange = self.start("exchange", "--port", "0", "--ready-file", str(ready), *options, output=output)
        wait_until(ready.exists, "the exchange is ready", said=exchange.said)
        self.exchange_url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
        self.env |= {
            "DATA_SOURCES": "binance",
            "BINANCE_USDM_REST_URL": self.exchange_url,
            "BINANCE_USDM_WS_URL": self.exchange_url.replace("http", "ws"),
        }
        return exchange

    # -- what the exchange says

    def ask_exchange(self, path: str, body: dict[str, object] | None = None) -> Any:
        """GET, or POST a JSON body."""
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.exchange_url + path, data=data), timeout=15.0) as reply:
            return json.loads(reply.read())

    def fault(self, kind: str, **args: object) -> None:
        self.ask_exchange("/x/fault", {"kind": kind, "args": args})

    def trades_between(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """(time ms, price 1e-8) of every aggTrade of [from_ms, to_ms], oldest first."""
        base = "/fapi/v1/aggTrades?symbol=ETHUSDT&limit=1000"
        page = self.ask_exchange(f"{base}&startTime={from_ms}&endTime={to_ms}")
        rows = list(page)
        while page and page[-1]["T"] < to_ms:
            page = self.ask_exchange(f"{base}&fromId={rows[-1]['a'] + 1}")
            rows += page
        return [(row["T"], price_e8(row["p"])) for row in rows if from_ms <= row["T"] <= to_ms]


class Daemon:
    """A process of the world, most often the daemon."""

    def __init__(self, world: World, process: subprocess.Popen[bytes], path: Path) -> None:
        self.world = world
        self.process = process
        self.path = path

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self.path.read_text(errors="replace")

    def status(self, timeout_seconds: float = 2.0) -> dict[str, Any]:
        """{} while it does not answer."""
        try:
            return call(self.world.home.socket_path, "status", {}, timeout_seconds)
        except ControlError:
            return {}

    def wait_active(self) -> dict[str, Any]:
        """Its first status once the engine has processed market data."""

        def flowing() -> bool:
            found.update(self.status())
            return bool(found.get("frames", {}).get("processed"))

        found: dict[str, Any] = {}
        wait_until(flowing, "the daemon trades", said=self.said, alive=self.process)
        return found

    def wait_position(self, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """A status with a position in it."""

        def has_position() -> bool:
            found.update(self.status())
            return bool(found.get("position"))

        found: dict[str, Any] = {}
        wait_until(has_position, "a position is open", seconds, self.said, self.process)
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        """Its exit code; a failure with its words when it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s, it said:\n{self.said()}") from None


def wait_until(
    condition: Callable[[], bool],
    what: str,
    seconds: float = READY_SECONDS,
    said: Callable[[], str] = lambda: "",
    alive: subprocess.Popen[bytes] | None = None,
) -> None:
    """Poll until the condition holds; AssertionError with what a process said when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if alive is not None and alive.poll() is not None:
            raise AssertionError(f"ended with {alive.returncode} before: {what}; it said:\n{said()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; it said:\n{said()[-3000:]}")
        time.sleep(0.01)


def price_e8(text: str) -> int:
    """A decimal string in 1e-8 units, exactly."""
    whole, _, rest = text.partition(".")
    return int(whole) * 100_000_000 + int((rest + "00000000")[:8])
