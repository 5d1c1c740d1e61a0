"""`main.py exchange` alone, as a stranger's client meets it: key, orders, faults, control calls, restarts."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_exchange_command import finish, start
from tests.system.signed_client import SignedClient

pytestmark = pytest.mark.slow


class Running:
    """The process of a test, restarted at will."""

    def __init__(self, repository: Path, home: Path) -> None:
        self._repository = repository
        self._home = home
        self.process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}

    def launch(self, *options: str, timeout_seconds: float = 10.0) -> SignedClient:
        self.end()
        (self._home / "ready.json").unlink(missing_ok=True)
        self.process, self.ready = start(self._repository, self._home, "--market-seed", "5", *options)
        return SignedClient(self.ready, timeout_seconds)

    def end(self, by: int = signal.SIGINT) -> str:
        process, self.process = self.process, None
        if process is None:
            return ""
        if by == signal.SIGINT:
            return finish(process)
        process.send_signal(by)
        return process.communicate(timeout=10)[0]


@pytest.fixture
def running(repository: Path, tmp_path: Path) -> Any:
    made = Running(repository, tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.communicate()


def test_it_says_a_key_that_it_accepts(running: Running) -> None:
    client = running.launch()
    assert client.balances() == {"ETH": ("50.00000000", "0.00000000"), "USDT": ("100000.00000000", "0.00000000")}
    stranger = SignedClient({**running.ready, "secret": "x" * 40})
    assert stranger.call("GET", "/api/v3/account")[1]["code"] == -1022
    text = running.end()
    assert client.key in text
    assert client.secret in text
    assert client.key.startswith("SIMULATED")


def test_the_key_of_the_options_and_their_balances(running: Running) -> None:
    own = {"EXCHANGE_API_KEY": "OwnKeyOwnKeyOwnKey1", "EXCHANGE_API_SECRET": "OwnSecretOwnSecret1"}
    options = ["--api-key", own["EXCHANGE_API_KEY"], "--api-secret", own["EXCHANGE_API_SECRET"]]
    client = running.launch(*options, "--balance-spot", "USDT=7.5,BTC=1", "--balance-usdm", "12")
    assert (client.key, client.secret) == tuple(own.values())
    assert client.balances() == {
        "BTC": ("1.00000000", "0.00000000"),
        "ETH": ("0.00000000", "0.00000000"),
        "USDT": ("7.50000000", "0.00000000"),
    }
    assert client.good("GET", "/fapi/v3/balance")[0]["balance"] == "12.00000000"


def test_accounts_and_deposits_by_control_call(running: Running) -> None:
    client = running.launch()
    status, made = client.control("/x/account", {"name": "second", "spot": {"USDT": "1000"}, "usdm": "5"})
    assert (status, made["key_type"], made["is_new"]) == (200, "HMAC", True)
    second = SignedClient({**running.ready, "key": made["api_key"], "secret": made["api_secret"]})
    assert second.balances()["USDT"] == ("1000.00000000", "0.00000000")
    deposit = {"account": "second", "market": "spot", "asset": "ETH", "amount": "0.25"}
    assert client.control("/x/deposit", deposit)[0] == 200
    assert second.balances()["ETH"][0] == "0.25000000"
    assert client.control("/x/deposit", {**deposit, "amount": "-1"})[0] == 400
    assert client.control("/x/account", {"name": "../x"})[0] == 400
    live = {"name": "third", "api_key": "aB3" * 21 + "Z", "api_secret": "s" * 32}
    status, body = client.control("/x/account", live)
    assert (status, "looks like one of the real venue" in body["error"]) == (400, True)
    status = client.control("/x/status")[1]["trading"]
    assert (status["spot"]["accounts"], status["usdm"]["accounts"]) == (2, 2)


def test_an_ed25519_key_by_its_public_part(running: Running) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519", reason="cryptography is missing")
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    status, made = running.launch().control("/x/account", {"name": "main", "public_key": pem})
    assert (status, made["key_type"], made["api_secret"], made["is_new"]) == (200, "ED25519", "", False)


# Faults ----------------------------------------------------------------------------------------------------------


def test_timeouts_before_and_after_the_execution(running: Running) -> None:
    client = running.launch(timeout_seconds=1.0)
    price = client.bid() * 0.97
    client.fault("timeout", when="before")
    with pytest.raises(TimeoutError):
        client.place("before", price)
    assert client.order("before")[1]["code"] == -2013
    client.fault("timeout", when="after")
    with pytest.raises(TimeoutError):
        client.place("after", price)
    assert client.order("after")[1]["status"] == "NEW"
    client.fault("timeout", when="after", form="closed")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.cancel("after")
    assert client.order("after")[1]["status"] == "CANCELED"
    client.fault("timeout", when="after", form="answer")
    assert client.place("told", price)[1]["code"] == -1007
    assert client.order("told")[1]["status"] == "NEW"


def test_a_cancel_race(running: Running) -> None:
    client = running.launch()
    before = client.balances()
    assert client.place("race", client.bid() * 0.97)[0] == 200
    client.fault("cancel_race")
    assert client.cancel("race") == (400, {"code": -2011, "msg": "Unknown order sent."})
    order = client.order("race")[1]
    assert (order["status"], order["executedQty"]) == ("FILLED", "0.02000000")
    after = client.balances()
    assert float(after["ETH"][0]) == pytest.approx(float(before["ETH"][0]) + 0.02 * 0.999)
    assert after["USDT"][1] == "0.00000000"
    assert len(client.good("GET", "/api/v3/myTrades", symbol="ETHUSDT")) == 1


def test_partial_fills(running: Running) -> None:
    client = running.launch()
    client.fault("partial_fill", fraction=0.5)
    status, order = client.place("part", client.bid() * 1.001)
    assert (status, order["status"], order["executedQty"]) == (200, "PARTIALLY_FILLED", "0.01000000")
    client.fault("partial_fill", fraction=0.25)
    order = client.good("POST", "/api/v3/order", symbol="ETHUSDT", side="SELL", type="MARKET", quantity="0.04")
    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.01000000")


def test_a_late_rejection(running: Running) -> None:
    client = running.launch()
    client.fault("late_reject", delay_ms=200, status="REJECTED")
    assert client.place("late", client.bid() * 0.97)[1]["status"] == "NEW"
    assert client.balances()["USDT"][1] != "0.00000000"
    deadline = time.monotonic() + 5
    while client.order("late")[1]["status"] == "NEW" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.order("late")[1]["status"] == "REJECTED"
    assert client.balances()["USDT"][1] == "0.00000000"


def test_the_clock_the_limits_and_5xx(running: Running) -> None:
    client = running.launch()
    client.fault("clock_skew", offset_ms=-7_000, seconds=2)
    server_ms = client.call("GET", "/api/v3/time", is_signed=False)[1]["serverTime"]
    assert -9_000 < server_ms - time.time() * 1_000 < -5_000
    assert client.call("GET", "/api/v3/account")[1]["code"] == -1021
    client.fault("http_5xx", form="unavailable", path="/api/v3/depth")
    assert client.call("GET", "/api/v3/ping", is_signed=False)[0] == 200
    assert client.call("GET", "/api/v3/depth", is_signed=False, symbol="ETHUSDT") == (
        503,
        {"code": -1001, "msg": "Service Unavailable."},
    )
    client.fault("http_5xx", status=502)
    assert client.call("GET", "/fapi/v1/ping", is_signed=False)[0] == 502
    client.fault("error", code=-1008, on="place")
    assert client.place("busy", client.bid() * 0.97)[1]["code"] == -1008
    assert client.order("busy")[1]["code"] in (-1021, -2013)


def test_a_stale_snapshot(running: Running) -> None:
    client = running.launch()
    time.sleep(2.5)
    fresh = client.call("GET", "/fapi/v1/depth", is_signed=False, symbol="ETHUSDT", limit=5)[1]
    client.fault("stale_snapshot", age_seconds=2)
    stale = client.call("GET", "/fapi/v1/depth", is_signed=False, symbol="ETHUSDT", limit=5)[1]
    assert stale["lastUpdateId"] < fresh["lastUpdateId"]
    again = client.call("GET", "/fapi/v1/depth", is_signed=False, symbol="ETHUSDT", limit=5)[1]
    assert again["lastUpdateId"] >= fresh["lastUpdateId"]


def test_maintenance(running: Running) -> None:
    client = running.launch()
    client.fault("maintenance", seconds=1, break_seconds=1)
    assert client.call("GET", "/api/v3/account")[0] == 503
    time.sleep(1.2)
    symbol = client.call("GET", "/api/v3/exchangeInfo", is_signed=False, symbol="ETHUSDT")[1]["symbols"][0]
    assert symbol["status"] == "BREAK"
    assert client.place("closed", client.bid() * 0.97)[1] == {"code": -1013, "msg": "Market is closed."}
    time.sleep(1.2)
    assert client.place("open", client.bid() * 0.97)[0] == 200


def test_faults_drawn_from_a_seed_are_logged_with_seed_and_time(running: Running) -> None:
    running.launch("--market", "spot", "--fault-rate", "300", "--fault-seed", "12")
    time.sleep(2.0)
    logged = [json.loads(line) for line in running.end().splitlines() if line.startswith("{")]
    assert len(logged) >= 3
    assert all(entry["seed"] == 12 and entry["time_ns"] > 0 for entry in logged)


# Restarts --------------------------------------------------------------------------------------------------------


def picture(client: SignedClient) -> dict[str, Any]:
    """What must not change over a restart."""
    orders = client.good("GET", "/api/v3/allOrders", symbol="ETHUSDT")
    algos = client.good("GET", "/fapi/v1/openAlgoOrders", symbol="ETHUSDT")
    return {
        "balances": client.balances(),
        "orders": orders,
        "trades": client.good("GET", "/api/v3/myTrades", symbol="ETHUSDT"),
        "open": client.good("GET", "/api/v3/openOrders", symbol="ETHUSDT"),
        "algos": [(algo["algoId"], algo["triggerPrice"]) for algo in algos],
        "position": [row["positionAmt"] for row in client.good("GET", "/fapi/v3/positionRisk", symbol="ETHUSDT")],
        "futures trades": client.good("GET", "/fapi/v1/userTrades", symbol="ETHUSDT"),
    }


def trade_a_little(client: SignedClient) -> None:
    bid = client.bid()
    assert client.place("rests", bid * 0.9)[0] == 200
    assert client.place("gone", bid * 0.9)[0] == 200
    assert client.cancel("gone")[0] == 200
    assert client.place("taken", bid * 1.01)[1]["status"] == "FILLED"
    client.good("POST", "/fapi/v1/order", symbol="ETHUSDT", side="BUY", type="MARKET", quantity="0.5")
    stop = {
        "algoType": "CONDITIONAL",
        "type": "STOP_MARKET",
        "closePosition": "true",
        "triggerPrice": f"{bid * 0.8:.2f}",
    }
    client.good("POST", "/fapi/v1/algoOrder", symbol="ETHUSDT", side="SELL", **stop)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_restart_loses_nothing_and_doubles_nothing(running: Running, tmp_path: Path, by: int) -> None:
    state = tmp_path / "exchange.state"
    client = running.launch("--state", str(state))
    time.sleep(1.2)  # USD-M takes orders from its first mark price on
    trade_a_little(client)
    before = picture(client)
    if by == signal.SIGKILL:
        saved = state.stat().st_mtime_ns if state.exists() else 0
        for _ in range(140):  # saved every 5 s
            if state.exists() and state.stat().st_mtime_ns > saved + 4_000_000_000 * bool(saved):
                break
            time.sleep(0.1)
    running.end(by)
    again = running.launch("--state", str(state))
    assert (again.key, again.secret) == (client.key, client.secret)
    assert picture(again) == before
    status, order = again.place("newer", again.bid() * 0.9)
    assert status == 200
    assert order["orderId"] > max(row["orderId"] for row in before["orders"])
    assert again.cancel("rests")[1]["status"] == "CANCELED"


def test_a_damaged_state_is_named_and_refused(running: Running, repository: Path, tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    running.launch("--state", str(state))
    running.end()
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AssertionError, match=r"exchange\.state is damaged") as caught:
        running.launch("--state", str(state))
    assert "mv " in str(caught.value)
    assert state.read_bytes() == whole[: len(whole) // 2]


def test_a_state_of_another_market_is_refused(running: Running, tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    running.launch("--state", str(state), "--market", "spot")
    running.end()
    with pytest.raises(AssertionError, match="made with --market spot, not both"):
        running.launch("--state", str(state), "--market", "both")


def test_two_exchanges_do_not_share_a_state(running: Running, repository: Path, tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    running.launch("--state", str(state))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(AssertionError, match="used by another exchange"):
        start(repository, other, "--state", str(state))
    assert os.path.exists(state.with_name("exchange.state.lock"))
