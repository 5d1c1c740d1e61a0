"""`main.py exchange` as its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest


def start(repository: Path, home: Path, *options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A running exchange and what its ready file says."""
    ready = home / "ready.json"
    (home / ".env").touch()  # else the first run would leave one in the clone
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SIM_", "SUPREME_"))}
    env.update(PYTHONPATH=str(repository / "python"), SUPREME_HOME=str(home))
    process = subprocess.Popen(
        [sys.executable, str(repository / "main.py"), "exchange", "--port", "0", "--ready-file", str(ready), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        cwd=home,
    )
    for _ in range(200):
        if ready.exists():
            return process, json.loads(ready.read_text())
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate()[0])


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.loads(reply.read())


def finish(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=10)
    return text


def test_it_prints_its_urls_marks_them_simulated_and_stops_on_interrupt(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path, "--market", "both", "--market-seed", "7", "--wait")
    try:
        for market, path in (("usdm", "/fapi/v1/time"), ("spot", "/api/v3/time")):
            assert get(ready["urls"][market]["rest"] + path)["serverTime"] > 0
        status = get(ready["urls"]["usdm"]["rest"] + "/x/status")
        assert (status["started"], status["markets"]["spot"]["seed"]) == (False, 7)
    finally:
        text = finish(process)
    assert process.returncode == 0
    assert ready["pid"] == process.pid
    for market in ("usdm", "spot"):
        for url in ready["urls"][market].values():
            assert any(line.startswith(f"SIMULATED {market}") and url in line for line in text.splitlines())
    assert "stands still until POST /x/start" in text
    assert text.rstrip().endswith("exchange stopped")


def test_duration_plan_and_faults_are_logged(repository: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('[{"kind":"gap","at_seconds":0.3,"args":{"stream":"quote"}}]')
    process, _ = start(
        repository, tmp_path, "--market", "spot", "--faults", str(plan), "--duration", "1", "--fault-seed", "4"
    )
    text, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    logged = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [(entry["fault"], entry["seed"]) for entry in logged] == [("gap", 4)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--faults", "nowhere.json"], "nowhere.json"),
        (["--recording", "nowhere.jsonl.gz"], "nowhere.jsonl.gz"),
        (["--speed", "-1"], "speed"),
    ],
)
def test_what_cannot_be_served_ends_with_2(repository: Path, tmp_path: Path, options: list[str], named: str) -> None:
    with pytest.raises(AssertionError, match=named):
        start(repository, tmp_path, *options)


def test_a_taken_port_is_said(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path)
    try:
        other = tmp_path / "other"
        other.mkdir()
        with pytest.raises(AssertionError, match=f"port {ready['port']} cannot be used"):
            start(repository, other, "--port", str(ready["port"]))
    finally:
        finish(process)
