"""A real daemon on a separate exchange process that plays a recording: until it has taken the very last event."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supreme_system_v5.commands.measuring import MAIN_CODE, READY_SECONDS, MeasureError, Processes, cli, end, fetch
from supreme_system_v5.config import Settings, load_settings

# The host must not have a say: no pressure event, whatever else runs on this machine.
CALM_HOST = {
    "SUPREME_MAX_CPU_PERCENT": "100",
    "SUPREME_MAX_RAM_MB": "100000",
    "SUPREME_LOOP_LAG_MS_MAX": "60000",
    "SUPREME_LOG_TO_FILE": "false",
}

# Bars of a second and narrow exits: with these the recordings bring signals, orders, partial fills and whole trades.
BUSY = {
    "BAR_SECONDS": "1",
    "SCALPING_CONFIRM_BARS": "30",
    "POSITION_SIZE_PCT": "0.1",
    "MAX_EXPOSURE_PCT": "0.5",
    "STOP_LOSS_PCT": "0.001",
    "TAKE_PROFIT_PCT": "0.001",
}


def settings_of(market: str, folder: Path, **keys: str) -> Settings:
    """The settings that both the loop and the daemon run with."""
    return load_settings({"MARKET": market, "SUPREME_HOME": str(folder), **CALM_HOST, **keys}, folder)


class RecordingRun(Processes):
    """Exchange and daemon for one run; ``keys`` are settings, ``options`` those of the exchange command."""

    def __init__(self, settings: Settings, folder: Path, recording: str, speed: float, **keys: str) -> None:
        own = {f"SUPREME_{key}": value for key, value in keys.items()}
        super().__init__(settings, folder, {**CALM_HOST, "SUPREME_MARKET": settings.market, **own})
        self._recording = recording
        self._speed = speed
        self.exit_code: int | None = None
        self.last_exchange_status: dict[str, Any] = {}

    def play(
        self, end_ns: int, seconds: float, options: Sequence[str] = (), env: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The daemon's last status, once it stands at ``end_ns`` and nothing more comes, at most ``seconds`` later."""
        exchange = self._open_exchange(options)
        daemon = self.start_daemon(None, **(env or {}))
        deadline = time.monotonic() + seconds
        before: dict[str, Any] = {}
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            time.sleep(0.25)
            assert exchange.poll() is None, self.said("exchange")
            assert daemon.poll() is None, self.said("daemon")
            before, status = status, self.status() or status
            if status and status["time_ns"] >= end_ns and status["frames"] == before.get("frames"):
                break  # the recording ends with the frame of end_ns, and the exchange says nothing after it
        self.last_exchange_status = self.exchange_status()
        end(daemon)
        self.exit_code = daemon.returncode
        return status

    def exchange_status(self) -> dict[str, Any]:
        """What the exchange says of itself."""
        said: dict[str, Any] = json.loads(fetch(f"http://127.0.0.1:{self.port}/x/status"))
        return said

    def _open_exchange(self, options: Sequence[str]) -> subprocess.Popen[bytes]:
        ready = self.folder / "exchange.ready"
        ready.unlink(missing_ok=True)
        command = cli(MAIN_CODE, "exchange", "--port", "0", "--ready-file", str(ready))
        command += ["--recording", self._recording, "--speed", str(self._speed), *options]
        process = self._start("exchange", command, {})
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if ready.exists():
                self.port = int(json.loads(ready.read_text())["port"])
                return process
            time.sleep(0.02)
        raise MeasureError(f"the exchange did not start{self.said('exchange')}")
