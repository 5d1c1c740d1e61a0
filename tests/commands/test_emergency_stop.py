"""emergency-stop with the daemon healthy, hung, dead, never started, and with an unreadable journal."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import process_identity
from supreme_system_v5.commands import emergency_stop
from supreme_system_v5.core.domain.effects import EquityRecord, FundingRecord, StateRecord
from supreme_system_v5.core.domain.money import E8
from tests.adapters.journal.books import KEY, REAL_KEY, SECOND_NS

from .homes import arguments, end, leave_position, load, settings_for, start_daemon


class Exchange:
    """A REST endpoint with a book; ``sim_time_ns`` makes it a simulated exchange."""

    def __init__(self, bids: list[tuple[str, str]], sim_time_ns: int = 0) -> None:
        self.asked: list[str] = []
        exchange = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                exchange.asked.append(self.path)
                body = json.dumps({"lastUpdateId": 7, "bids": bids, "asks": [["2100.00", "5"]]}).encode()
                self.send_response(200)
                if sim_time_ns:
                    self.send_header("X-Time-Ns", str(sim_time_ns))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run(home: Home, capsys: pytest.CaptureFixture[str], url: str | None = None) -> tuple[int, str]:
    """Run the command; its exit code and all it said."""
    settings = settings_for(home) if url is None else settings_for(home, url)
    code = emergency_stop.main(settings, arguments())
    said = capsys.readouterr()
    return code, said.out + said.err


def spoil(home: Home) -> None:
    """An unreadable journal; without its WAL, which would heal it."""
    for name in ("journal.db-wal", "journal.db-shm"):
        (home.state_dir / name).unlink(missing_ok=True)
    home.journal_path.write_bytes(b"rubbish" * 1000)


def assert_flat(home: Home) -> None:
    state = load(home)
    assert halt.is_halted(home.halted_path)
    assert state.ledger is not None and state.ledger.position_e8 == 0 and state.ledger.identity_gap_e8() == 0
    assert state.position == {} and state.open_orders == [] and len(state.recent_trades) == 1


def test_healthy_the_daemon_closes_and_ends(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    child = start_daemon(home, "closes")
    try:
        code, said = run(home, capsys)
        assert code == 0 and "is healthy" in said and "emergency_stop: 1 trade" in said and "FLAT" in said
        assert child.wait(5) == 0
        assert_flat(home)
        assert load(home).recent_trades[0].exit_reason == "exit", "closed by the daemon, not on the journal"
    finally:
        end(child)


def test_hung_it_is_ended_by_pid_and_closed_on_the_journal(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency_stop, "ANSWER_SECONDS_MAX", 0.5)
    child = start_daemon(home, "closes")
    try:
        child.send_signal(signal.SIGSTOP)
        code, said = run(home, capsys)
        assert code == 0 and "is hung" in said and f"pid {child.pid} killed" in said
        assert child.wait(5) == -signal.SIGKILL
        assert_flat(home)
        trade = load(home).recent_trades[0]
        assert trade.exit_reason == "emergency_stop" and trade.is_forced_mark and "forced_mark=true" in said
        assert "LONG 0.1 closed at 2000.00" in said and "SIMULATED" in said
    finally:
        end(child)


@pytest.mark.parametrize("mode", ["lingers", "deaf"])
def test_a_daemon_that_does_not_end_or_does_not_listen_is_ended(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(emergency_stop, "ANSWER_SECONDS_MAX", 0.5)
    monkeypatch.setattr(emergency_stop, "END_SECONDS_MAX", 0.5)
    child = start_daemon(home, mode)
    try:
        code, said = run(home, capsys)
        assert code == 0 and f"pid {child.pid} killed" in said
        assert_flat(home)
    finally:
        end(child)


def test_dead_its_position_is_closed_on_the_journal(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    end(start_daemon(home, "closes"))
    code, said = run(home, capsys)
    assert code == 0 and "the daemon is dead" in said and "is gone" in said
    assert_flat(home)
    code, said = run(home, capsys)
    assert code == 0 and len(load(home).recent_trades) == 1, "a second time there is nothing left to do"


def test_a_stale_pid_of_another_process_is_left_alone(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    leave_position(home)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        home.lock_path.write_text(
            json.dumps({"pid": stranger.pid, "identity": process_identity(stranger.pid) + "9", "session": "old"})
        )
        code, said = run(home, capsys)
        assert code == 0 and "another process now, which is left alone" in said
        time.sleep(0.1)
        assert stranger.poll() is None
        assert_flat(home)
    finally:
        stranger.kill()
        stranger.wait()


def test_never_started(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(home, capsys)
    assert code == 0 and "no daemon was ever started" in said and "FLAT" in said
    assert halt.is_halted(home.halted_path) and not home.journal_path.exists()


def test_unreadable_journal_and_a_living_daemon_closes_from_memory(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    child = start_daemon(home, "memory")
    try:
        spoil(home)
        code, said = run(home, capsys)
        assert code == 0 and "is healthy" in said and "closed from memory" in said and "corrupt" in said
        assert halt.is_halted(home.halted_path)
    finally:
        end(child)


@pytest.mark.parametrize("broken", ["rubbish", "gone"])
def test_unreadable_journal_and_a_dead_daemon_is_position_unknown(
    home: Home, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    end(start_daemon(home, "closes"))
    spoil(home)
    if broken == "gone":
        home.journal_path.unlink()
    code, said = run(home, capsys)
    assert code == 1 and "POSITION UNKNOWN" in said and "FLAT:" not in said
    assert str(home.journal_path) in said and str(home.backup_dir) in said
    assert halt.is_halted(home.halted_path)


def test_a_broken_configuration_does_not_keep_it_from_closing(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    leave_position(home)
    code = emergency_stop.main(settings_for(home), arguments(config_error="MAX_RAM_MB=lots is not allowed"))
    assert code == 0 and "MAX_RAM_MB=lots" in capsys.readouterr().err
    assert_flat(home)


def test_a_latch_that_cannot_be_set_is_said_and_the_rest_is_done(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_position(home)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(halt, "latch", refuse)
    code, said = run(home, capsys)
    assert code == 1 and "could not be set: No space left on device" in said
    assert load(home).position == {}


def test_a_real_account_closes_over_the_fresh_book(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    books = leave_position(home, REAL_KEY)
    opened_ns = books.time_ns
    journal = Journal.open(home.journal_path, REAL_KEY)
    assert books.ledger is not None
    paid = books.ledger.after_funding(-3_000_000)
    journal.commit_sync([FundingRecord(opened_ns + SECOND_NS, 1_700_000_100_000, -3_000_000, 1, 1, paid)])
    journal.close()
    exchange = Exchange([("1990.00", "0.04"), ("1989.00", "0.02"), ("1980.00", "1")])
    try:
        code, said = run(home, capsys, exchange.url)
    finally:
        exchange.stop()
    assert code == 0 and "forced_mark" not in said and "SIMULATED" not in said
    assert exchange.asked == ["/fapi/v1/depth?symbol=ETHUSDT&limit=100"]
    state = load(home, REAL_KEY)
    assert state.ledger is not None and state.ledger.position_e8 == 0 and state.ledger.identity_gap_e8() == 0
    (trade,) = state.recent_trades
    # 0.04 x 1990 + 0.02 x 1989 + 0.04 x 1980 = 198.58, bought for 200; 0.05 % of both; funding as booked.
    assert trade.gross_e8 == -142_000_000
    assert trade.fees_e8 == 10_000_000 + 9_929_000
    assert trade.funding_e8 == -3_000_000
    assert trade.net_e8 == trade.gross_e8 - trade.fees_e8 + trade.funding_e8
    assert state.ledger.wallet_e8 == 10_000 * E8 + trade.net_e8
    assert trade.exit_price_e8 == 198_580_000_000 and not trade.is_forced_mark
    assert state.next_sequence == 4, "the close took the next order id of the account"


def test_a_book_too_thin_is_taken_and_the_rest_goes_at_the_last_price(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_position(home, REAL_KEY)
    exchange = Exchange([("1990.00", "0.04")])
    try:
        code, said = run(home, capsys, exchange.url)
    finally:
        exchange.stop()
    assert code == 0 and "forced_mark=true" in said
    (trade,) = load(home, REAL_KEY).recent_trades
    assert trade.is_forced_mark and trade.gross_e8 == -40_000_000


@pytest.mark.parametrize("key", [REAL_KEY, KEY])
def test_real_and_simulated_markets_never_price_each_other(
    home: Home, capsys: pytest.CaptureFixture[str], key: object
) -> None:
    leave_position(home, key)  # type: ignore[arg-type]
    last_ns = 2_000_000_000_000_000_000
    exchange = Exchange([("1.00", "100")], sim_time_ns=last_ns if key is REAL_KEY else 0)
    try:
        code, said = run(home, capsys, exchange.url)
    finally:
        exchange.stop()
    assert code == 0 and "forced_mark=true" in said and "simulated exchange" in said
    assert load(home, key).recent_trades[0].exit_price_e8 == 2_000 * E8  # type: ignore[arg-type]


def test_a_simulated_exchange_that_still_runs_prices_its_own_account(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_position(home)
    then_ns = 2_000_000_000_000_000_000
    exchange = Exchange([("2050.00", "1")], sim_time_ns=then_ns)
    journal = Journal.open(home.journal_path, KEY)
    journal.commit_sync([StateRecord(then_ns - 1, "exchange_url", json.dumps(exchange.url))])
    journal.close()
    try:
        code, said = run(home, capsys)
    finally:
        exchange.stop()
    assert code == 0 and "forced_mark" not in said and "SIMULATED" in said
    (trade,) = load(home).recent_trades
    assert trade.closed_ns == then_ns and trade.gross_e8 == 5 * E8 and trade.is_simulated


def test_every_account_is_closed_and_the_last_mark_is_the_forced_price(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_position(home, REAL_KEY)
    books = leave_position(home, KEY)
    journal = Journal.open(home.journal_path, KEY)
    journal.commit_sync([EquityRecord(books.time_ns + 1, 0, 0, 0, 2_222 * E8)])
    journal.close()
    assert emergency_stop.main(settings_for(home), arguments(json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1 and document["is_flat"] is True and document["case"] == "stopped"
    assert {item["source_class"]: item["exit_price"] for item in document["closed"]} == {
        "real": "2000",
        "simulated": "2222",
    }
    for key in (KEY, REAL_KEY):
        assert load(home, key).position == {}


def test_an_exit_in_the_spill_file_is_booked_and_not_closed_twice(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    books = leave_position(home)
    journal = Journal.open(home.journal_path, KEY)
    assert journal.spill(books.exit_fill())
    journal.close()
    code, said = run(home, capsys)
    assert code == 0 and "closed at" not in said
    assert_flat(home)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield
