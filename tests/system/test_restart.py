"""What a start makes of what it finds: a position left open, other accounts, a source that is only a fallback."""

from __future__ import annotations

import http.server
import json
import signal
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.core.domain.money import E8
from tests.system import independent
from tests.system.independent import Books
from tests.system.positions import REAL, SIMULATED, leave_open
from tests.system.world import FAST, FAST_EXCHANGE, Daemon, World, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HOUR_NS = 3_600 * 10**9
MINUTE_NS = 60 * 10**9
TICK_E8 = 1_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home on the embedded simulated exchange."""
    with World({"DATA_SOURCES": "simulated", "SIM_SEED": "7"}, tmp_path / "h") as one:
        yield one


def books_of(world: World, scratch: str = "scratch") -> Books:
    books = independent.read(world.home.journal_path, world.root / scratch)
    assert books is not None
    independent.check(books)
    return books


def market_of_last_night(world: World, hours: int) -> tuple[int, int]:
    """The state that the embedded market had saved when the session ended: its time and price."""
    then_ns = time.time_ns() - hours * HOUR_NS
    market = GeneratedMarket("usdm", 7, then_ns)
    world.home.create()
    market.save_state(world.home.state_dir / "sim_market_usdm.json")
    return then_ns, int(market.path.fair) * TICK_E8


def words_of(daemon: Daemon) -> str:
    """What it said, without the banner's line breaks."""
    return " ".join(daemon.said().split())


def fetch(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as reply:
        return json.loads(reply.read())


@pytest.mark.parametrize("side", [1, -1])
def test_a_position_left_open_overnight_is_settled_from_the_generated_night(world: World, side: int) -> None:
    then_ns, price_e8 = market_of_last_night(world, 10)
    position = leave_open(world.home, SIMULATED, side, then_ns, price_e8)
    daemon = world.start("run")
    daemon.wait_active()
    books = books_of(world)
    assert not books.position and len(books.trades) == 1, daemon.said()
    trade = books.trades[0]
    assert trade["is_while_down"] and trade["exit_reason"] in ("stop", "target", "exit", "timeout")
    assert then_ns <= trade["closed_ns"] <= position.timeout_ns + MINUTE_NS, "not booked at its time"
    klines = _klines(books, trade["closed_ns"] // 10**6 - 120_000, 4)
    slack = price_e8 // 1_000
    low, high = min(row[3] for row in klines) * E8 - slack, max(row[2] for row in klines) * E8 + slack
    assert low <= trade["exit_price_e8"] <= high, "a price that the market of the night did not have"
    day = books.state["day"]
    assert day["start_ns"] == (time.time_ns() // (24 * HOUR_NS)) * 24 * HOUR_NS
    assert "was down for" in words_of(daemon) and "it was closed meanwhile" in words_of(daemon)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0


def _klines(books: Books, from_ms: int, count: int) -> list[list[float]]:
    base = f"{books.state['exchange_url']}/fapi/v1/klines?symbol=ETHUSDT&interval=1m"
    return [[float(x) for x in row] for row in fetch(f"{base}&startTime={from_ms}&limit={count}")]


def test_a_position_that_outlives_the_night_pays_its_funding_once_and_keeps_its_stop(world: World) -> None:
    then_ns, price_e8 = market_of_last_night(world, 10)
    position = leave_open(world.home, SIMULATED, 1, then_ns, price_e8, 45.0, 45.0, 10_000.0)
    for _ in range(2):  # the second start finds that it has been paid
        daemon = world.start("run")
        status = daemon.wait_active()
        assert status["position"]["side"] == "LONG" and status["position"]["is_protected"], status["position"]
        books = books_of(world)
        due = [time_ms for time_ms in range(0, time.time_ns() // 10**6, 28_800_000) if time_ms > then_ns // 10**6]
        rates = {row["fundingTime"]: float(row["fundingRate"]) for row in _funding(books, then_ns)}
        assert [time_ms for time_ms, _ in books.funding] == [time_ms for time_ms in due if rates.get(time_ms)]
        wait_until(lambda: position.stop_order_id in books_of(world).orders, "the stop rests again", said=daemon.said)
        assert books_of(world).orders[position.stop_order_id]["state"] == "OPEN"
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(10) == 0 and "LEFT OPEN" in daemon.said()
    code, said = world.run("emergency-stop")
    assert code == 0, said
    books = books_of(world)
    assert books.trades[0]["funding_e8"] == books.ledger["funding_e8"], "the round trip forgot its funding"


def _funding(books: Books, from_ns: int) -> list[dict[str, Any]]:
    base = f"{books.state['exchange_url']}/fapi/v1/fundingRate?symbol=ETHUSDT&limit=100"
    return list(fetch(f"{base}&startTime={from_ns // 10**6}"))


@pytest.mark.long
def test_the_embedded_market_goes_on_where_it_was_and_time_never_goes_back(world: World) -> None:
    prices: list[float] = []
    last_ns = 0
    for _ in range(2):
        daemon = world.start("run", SIM_SPEED="50")
        daemon.wait_active()
        wait_until(lambda one=daemon: float(one.status().get("price") or 0) > 0, "there is a price")
        status = daemon.status()
        prices.append(float(status["price"]))
        assert status["time_ns"] >= last_ns, "market time went back behind what the journal knows"
        time.sleep(2.5)
        prices.append(float(daemon.status()["price"]))
        daemon.kill()  # its market had run ahead of the wall clock, and had not been saved since
        last_ns = books_of(world).last_time_ns
        assert last_ns > time.time_ns(), "the test is to run ahead of the clock"
    assert abs(prices[2] / prices[1] - 1) < 0.02, f"another market: {prices}"


def test_a_simulated_session_leaves_a_position_of_the_real_market_alone(world: World) -> None:
    leave_open(world.home, REAL, 1, time.time_ns() - HOUR_NS, 1_000 * E8)
    before = _rows(world, REAL.id)
    code, said = world.run("run", "--duration", "1")
    assert code == 0 and said.count("LEFT OPEN") >= 1 and "real" in said.lower() and "0.05" in said, said
    assert _rows(world, REAL.id) == before, "a simulated session changed a real account"
    code, said = world.run("status")
    assert "LEFT OPEN" in said, said


def _rows(world: World, account: str) -> list[Any]:
    db = sqlite3.connect(world.home.journal_path)
    try:
        tables = ("orders", "fills", "ledger", "position", "trades", "equity", "state", "sequence", "decisions")
        return [db.execute(f"SELECT * FROM {table} WHERE account = ?", (account,)).fetchall() for table in tables]
    finally:
        db.close()


@pytest.mark.long
def test_the_demo_has_an_account_of_its_own(world: World) -> None:
    for verb in ("run", "demo"):
        code, said = world.run(verb, "--duration", "1")
        assert code == 0, said
    db = sqlite3.connect(world.home.journal_path)
    assert sorted(db.execute("SELECT mode, source_class, market FROM accounts").fetchall()) == [
        ("demo", "simulated", "usdm"),
        ("paper", "simulated", "usdm"),
    ]
    db.close()


def test_a_mistake_of_ours_is_one_line_and_its_traceback_is_in_the_log(world: World) -> None:
    code, said = world.run("run", "--duration", "0.5")
    assert code == 0, said
    db = sqlite3.connect(world.home.journal_path)
    account = db.execute("SELECT account FROM ledger").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO sequence VALUES (?, 'many')", (account,))  # the program would never write that
    db.commit()
    db.close()
    code, said = world.run("run")
    lines = said.splitlines()
    assert code == 1 and len(lines) == 1 and "unexpected error" in lines[0] and "ValueError" in lines[0], said
    log = Path(lines[0].partition("traceback is in ")[2].partition(" (")[0])
    assert "Traceback" in log.read_text() and "ValueError" in log.read_text()
    code, said = world.run("run", LOG_TO_FILE="false")
    log = Path(said.partition("traceback is in ")[2].partition(" (")[0])
    assert code == 1 and log.name == "crash.txt" and "ValueError" in log.read_text()
    assert world.home.lock_path.read_text() == ""


# -- CoinGecko alone: it may reduce risk and opens nothing


@contextmanager
def coingecko(price: float) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"ethereum": {"usd": price, "last_updated_at": int(time.time())}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.long
def test_coingecko_alone_starts_protects_and_stops_in_order(tmp_path: Path) -> None:
    with coingecko(2_000.0) as url, World({"COINGECKO_URL": url}, tmp_path / "h") as world:
        leave_open(world.home, REAL, 1, time.time_ns() - MINUTE_NS, 2_010 * E8)
        daemon = world.start("run", DATA_SOURCES="binance,coingecko")
        wait_until(lambda: daemon.status().get("source") == "coingecko", "CoinGecko is the source", said=daemon.said)
        status = daemon.status()
        assert status["source_class"] == "real" and status["position"]["side"] == "LONG"
        assert "cannot be had" in words_of(daemon)
        daemon.signal(signal.SIGTERM)
        started = time.monotonic()
        assert daemon.wait(10) == 0 and time.monotonic() - started < 5.0, daemon.said()
        assert "LEFT OPEN" in daemon.said() and "SIMULATED" not in daemon.said()
        code, said = world.run("run", "--duration", "1", DATA_SOURCES="binance,coingecko", ON_STOP="close")
        assert code == 1 and "NOT FLAT" in said, "no Binance quote: the exit cannot be filled, and that is said"


def test_the_market_that_went_through_the_stop_while_nobody_was_there(tmp_path: Path) -> None:
    with World(FAST, tmp_path / "h") as world:
        world.start_exchange(*FAST_EXCHANGE)
        for _ in range(10):  # a position may close in the moment of the kill
            daemon = world.start("run")
            daemon.wait_position()
            daemon.kill()
            before = books_of(world)
            if before.position:
                break
        assert before.position, "no position was open at any of ten kills"
        side, stop = before.position["side"], before.position["stop_trigger_e8"]
        world.fault("move", fraction=-side * 0.06, seconds=1)
        time.sleep(0.5)
        daemon = world.start("run")
        daemon.wait_active()
        wait_until(lambda: len(books_of(world).trades) > len(before.trades), "it is closed", said=daemon.said)
        books = books_of(world)
        trade = books.trades[len(before.trades)]
        fill = next(fill for fill in books.fills[len(before.fills) :] if fill.side == -side)
        assert fill.is_while_down and trade["is_while_down"] and fill.order_id == before.position["stop_order_id"]
        assert (fill.price - stop) * side < 0, "a gap fills through the stop, not at it"
        assert "was closed meanwhile" in words_of(daemon)


def test_a_stop_that_rests_again_fires_again(world: World) -> None:
    then_ns, price_e8 = market_of_last_night(world, 0)
    position = leave_open(world.home, SIMULATED, 1, then_ns, price_e8, 20.0, 45.0, 1_000.0)
    daemon = world.start("run", SIM_SPEED="20")
    status = daemon.wait_active()
    assert status["position"]["is_protected"]
    wait_until(lambda: position.stop_order_id in books_of(world).orders, "the stop rests again", said=daemon.said)
    world.exchange_url = books_of(world).state["exchange_url"]
    world.fault("move", fraction=-0.24, seconds=20)
    wait_until(lambda: len(books_of(world).trades) == 1, "the stop fires", said=daemon.said)
    books = books_of(world)
    assert books.fills[-1].order_id == position.stop_order_id and not books.fills[-1].is_while_down
    assert books.state["unwatched_since"] == 0
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
