"""The exchange as its users run it: `main.py exchange` in a process of its own, found by its ready file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import supreme_system_v5

READY_SECONDS = 20.0
# The tests ask faster than a client may, and more often than a purse is made for.
_OPTIONS = ("--rate-limits", "off", "--balance-spot", "USDT=5000000,ETH=2000", "--balance-usdm", "100000")


class Venue:
    """A running exchange: its bases, and the key and secret it said it accepts."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any], output: Path) -> None:
        self.process = process
        self.ready = ready
        self.output = output
        self.rest = str(ready["urls"]["spot"]["rest"])
        self.ws = str(ready["urls"]["spot"]["ws"])
        # Without trading (--no-trading) there is no WebSocket API and no key.
        self.ws_api = str(ready["urls"]["spot"].get("ws_api", ""))
        self.ws_fapi = str(ready["urls"]["usdm"].get("ws_api", ""))
        self.key = str(ready.get("key", ""))
        self.secret = str(ready.get("secret", ""))
        self.account = str(ready.get("account", ""))

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def ask(self, path: str, body: dict[str, object] | None = None) -> Any:
        """GET, or POST a JSON body, to the exchange's own calls."""
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.rest + path, data=data), timeout=10.0) as reply:
            return json.loads(reply.read())

    def fault(self, kind: str, **args: object) -> None:
        self.ask("/x/fault", {"kind": kind, "args": args})

    def move(self, fraction: float, seconds: float = 1.0) -> None:
        """The prices of both markets drift by a fraction."""
        self.fault("move", fraction=fraction, seconds=seconds)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start(repository: Path, home: Path, *options: str) -> Venue:
    """Raises AssertionError with the exchange's own words when it does not come up."""
    home.mkdir(parents=True, exist_ok=True)
    ready, output = home / "ready.json", home / "exchange.txt"
    (home / ".env").touch()  # else the first run would leave one in the clone
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SIM_", "SUPREME_"))}
    package = str(Path(supreme_system_v5.__file__).parent.parent)  # the very code the other tests run on
    env.update(PYTHONPATH=package, SUPREME_HOME=str(home), PYTHONUNBUFFERED="1")
    command = [sys.executable, str(repository / "main.py"), "exchange", "--market", "both", "--port", "0"]
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--ready-file", str(ready), "--market-seed", "11", *_OPTIONS, *options],
            cwd=home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if ready.exists():
            try:
                return Venue(process, json.loads(ready.read_text()), output)
            except KeyError:
                process.kill()
                process.wait()
                raise
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(output.read_text(errors="replace"))
