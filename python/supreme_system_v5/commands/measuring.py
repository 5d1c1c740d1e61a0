"""A real daemon on a separate simulated exchange, and the kernel's own figures about it: for benches and profiles."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from supreme_system_v5.adapters.control.client import ControlError, call
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.config import Settings
from supreme_system_v5.core.domain.errors import SupremeError

READY_SECONDS: Final = 30.0
END_SECONDS: Final = 10.0
# Options of the measuring command itself, which the make target put into the environment.
OWN_KEYS: Final = frozenset({"DURATION", "PORT", "SESSION", "NAME", "SAMPLES"})

MAIN_CODE: Final = (
    "import sys; from pathlib import Path; from supreme_system_v5.cli import main;"
    "sys.exit(main(sys.argv[2:], Path(sys.argv[1]) if sys.argv[1] else None))"
)


class MeasureError(SupremeError):
    """The daemon or the exchange did not do what the measurement needs."""


def clone_root() -> str:
    """The folder of the main.py that this process runs; "" for an installed wheel."""
    script = Path(sys.argv[0])
    return str(script.resolve().parent) if script.name == "main.py" else ""


def cli(code: str, *arguments: str) -> list[str]:
    """A command line that runs ``code`` with sys.argv = [-c, clone root, *arguments]."""
    return [sys.executable, "-c", code, clone_root(), *arguments]


def free_port() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """One exchange and one daemon in a home of their own; both are ended, and the home removed, at the end.

    Their output goes to ``folder`` (exchange.out, daemon.out). ``env`` goes to both, on top of this environment.
    """

    def __init__(self, settings: Settings, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.home = Home(Path(tempfile.mkdtemp(prefix="supreme-")))
        self.port = free_port()
        self._settings = settings
        inherited = {key: value for key, value in os.environ.items() if key not in OWN_KEYS}
        self._env = {**inherited, **(env or {}), "SUPREME_HOME": str(self.home.root)}
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._started):
            end(process)
        shutil.rmtree(self.home.root, ignore_errors=True)

    def start_exchange(
        self, arguments: Sequence[str] = (), command: Sequence[str] | None = None, **env: str
    ) -> subprocess.Popen[bytes]:
        """Start it with these options (or ``command`` with --port and them in its place); wait until it answers.

        Raises MeasureError with the end of its output.
        """
        line = [*(command or cli(MAIN_CODE, "exchange")), "--port", str(self.port), *arguments]
        process = self._start("exchange", line, env)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                fetch(f"http://127.0.0.1:{self.port}/x/status")
                return process
            except OSError:
                time.sleep(0.05)
        raise MeasureError(f"the exchange did not start{self.said('exchange')}")

    def start_daemon(self, command: Sequence[str] | None = None, **env: str) -> subprocess.Popen[bytes]:
        """Start a daemon (or ``command`` in its place) that knows no other venue than this exchange.

        ``env`` is on top of the environment and of what names the venue.
        """
        market = self._settings.market.upper()
        venue = {
            "SUPREME_MARKET": self._settings.market,
            "SUPREME_DATA_SOURCES": "binance",
            f"SUPREME_BINANCE_{market}_REST_URL": f"http://127.0.0.1:{self.port}",
            f"SUPREME_BINANCE_{market}_WS_URL": f"ws://127.0.0.1:{self.port}",
            "SUPREME_METRICS_PORT": "0",
            "SUPREME_EXECUTION_MODE": "paper",
        }
        return self._start("daemon", list(command or cli(MAIN_CODE, "run")), {**venue, **env})

    def _start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**self._env, **env}
            )
        self._started.append(process)
        return process

    def start_monitor(self) -> subprocess.Popen[bytes]:
        """`monitor` on a terminal of its own, as a person has it open: it asks for the status once a second."""
        import pty

        master, terminal = pty.openpty()
        threading.Thread(target=_discard, args=(master,), daemon=True).start()
        process = subprocess.Popen(
            cli(MAIN_CODE, "monitor"),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**self._env, "TERM": "xterm"},
        )
        os.close(terminal)
        self._started.append(process)
        return process

    def status(self, timeout_seconds: float = 2.0) -> dict[str, Any]:
        """The daemon's status; {} while it does not answer."""
        try:
            return call(self.home.socket_path, "status", {}, timeout_seconds)
        except ControlError:
            return {}

    def said(self, name: str) -> str:
        """The last lines of what a process printed, for an error message."""
        try:
            lines = (self.folder / f"{name}.out").read_text(errors="replace").strip().splitlines()[-12:]
        except OSError:
            lines = []
        return ", it said:\n    " + "\n    ".join(lines) if lines else " (it said nothing)"


def _discard(master: int) -> None:
    """What a terminal shows, read and thrown away until it is closed."""
    try:
        while os.read(master, 65_536):
            pass
    except OSError:
        pass
    os.close(master)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started: in order, and by force when it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fetch(url: str) -> bytes:
    """The body of a loopback URL, past any proxy. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=2.0) as reply:
        return bytes(reply.read())


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all its threads. Raises OSError when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> tuple[int, int]:
    """RSS now and its peak (VmHWM) of a process. Raises OSError when it is gone."""
    found = {"VmRSS": 0, "VmHWM": 0}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in found:
            found[key] = int(value.split()[0]) * 1024
    return found["VmRSS"], found["VmHWM"]


def host() -> dict[str, Any]:
    """The machine a figure was measured on."""
    import platform

    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def as_json(value: object) -> str:
    return json.dumps(value, indent=2, default=str)
