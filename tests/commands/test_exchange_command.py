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

import psutil
import pytest

LIVE = "aB3xY9" * 10 + "Zq7w"  # as long and as plain as a real one


def start(repository: Path, home: Path, *options: str, **settings: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A running exchange and what its ready file says."""
    ready = home / "ready.json"
    (home / ".env").touch()  # else the first run would leave one in the clone
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SIM_", "SUPREME_"))}
    env.update(PYTHONPATH=str(repository / "python"), SUPREME_HOME=str(home), **settings)
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
        (["--rate-limits", "fast"], "--rate-limits: 'fast' is not known"),
        (["--balance-spot", "usdt=1"], "'usdt=1' is not ASSET=AMOUNT"),
        (["--balance-spot", "USDT=-1"], "--balance-spot USDT: '-1' is not an amount"),
        (["--balance-usdm", "much"], "--balance-usdm: 'much' is not an amount"),
        (["--fees-usdm", "0.1"], "--fees-usdm: '0.1' is not MAKER,TAKER"),
        (["--fault-rate", "-1"], "--fault-rate"),
        (["--api-key", "OnlyTheKeyOnlyTheKey"], "belong together"),
        (["--api-key", "short", "--api-secret", "alsoshort"], "16 to 128 letters and digits"),
        (["--no-trading", "--state", "x.state"], "--no-trading"),
        (["--state", "no/such/folder/x.state"], "a folder that exists"),
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


@pytest.mark.parametrize(
    ("options", "settings", "where"),
    [
        (["--api-key", LIVE, "--api-secret", "s" * 20], {}, "--api-key"),
        (["--api-key", "k" * 20, "--api-secret", LIVE], {}, "--api-secret"),
        ([], {"BINANCE_API_KEY": LIVE}, "BINANCE_API_KEY"),
        ([], {"SUPREME_BINANCE_API_SECRET": f"'{LIVE}'"}, "SUPREME_BINANCE_API_SECRET"),
        ([], {"EXCHANGE_API_KEY": LIVE, "EXCHANGE_API_SECRET": "s" * 20}, "EXCHANGE_API_KEY"),
        (["--no-trading"], {"API_SECRET": LIVE}, "API_SECRET"),
        ([], {"BINANCE_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\nMC4\n"}, "BINANCE_PRIVATE_KEY"),
    ],
)
def test_nothing_starts_near_a_live_key(
    repository: Path, tmp_path: Path, options: list[str], settings: dict[str, str], where: str
) -> None:
    with pytest.raises(AssertionError, match=f"{where} holds what looks like a live key") as caught:
        start(repository, tmp_path, *options, **settings)
    assert LIVE[:-4] not in str(caught.value)
    assert LIVE[10:30] not in str(caught.value)
    assert not (tmp_path / "ready.json").exists()


def test_a_live_key_in_the_env_file_counts_too(repository: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BINANCE_API_KEY={LIVE}\n")
    with pytest.raises(AssertionError) as caught:
        start(repository, tmp_path)
    assert "BINANCE_API_KEY" in str(caught.value)
    assert LIVE[:-4] not in str(caught.value)


def test_both_markets_run_unless_one_is_asked_for(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path, MARKET="spot")
    finish(process)
    assert set(ready["urls"]) == {"usdm", "spot"}
    assert ready["urls"]["spot"]["ws_api"].endswith("/ws-api/v3")
    assert ready["urls"]["usdm"]["ws_api"].endswith("/ws-fapi/v1")
    (tmp_path / "ready.json").unlink()
    process, ready = start(repository, tmp_path, "--market", "spot")
    finish(process)
    assert set(ready["urls"]) == {"spot"}


def test_json_is_one_document_a_line(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path, "--json")
    lines = [json.loads(line) for line in finish(process).splitlines()]
    assert lines == [ready, {"schema_version": 1, "stopped": True}]


def test_the_ready_file_is_its_owner_s_alone(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path)
    finish(process)
    assert (tmp_path / "ready.json").stat().st_mode & 0o777 == 0o600
    assert ready["secret"].startswith("SIMULATED")


def test_it_listens_on_loopback_and_nowhere_else(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path)
    try:
        sockets = psutil.Process(process.pid).net_connections(kind="inet")
        listening = [(one.laddr.ip, one.laddr.port) for one in sockets if one.status == psutil.CONN_LISTEN]
    finally:
        finish(process)
    assert listening == [("127.0.0.1", ready["port"])]


def test_anything_but_loopback_is_warned_of(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path, "--host", "0.0.0.0", "--market", "spot")
    text = finish(process)
    assert "warning: 0.0.0.0 is not loopback" in text
    assert ready["urls"]["spot"]["rest"] == f"http://0.0.0.0:{ready['port']}"


def test_market_data_only(repository: Path, tmp_path: Path) -> None:
    process, ready = start(repository, tmp_path, "--no-trading")
    try:
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(ready["urls"]["spot"]["rest"] + "/api/v3/account")
        caught.value.close()
        assert caught.value.code == 404
    finally:
        text = finish(process)
    assert "no accounts, no orders" in text
    assert "key" not in ready
