"""troubleshoot: each usual fault is found, named and given a remedy."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import process_identity
from supreme_system_v5.commands import troubleshoot
from supreme_system_v5.commands.validate import FAIL, OK, WARN, Result
from tests.adapters.monitoring.sample import sample_status
from tests.commands.fake_daemon import arguments, daemon, settings_for


def by_name(results: list[Result]) -> dict[str, Result]:
    return {result.name: result for result in results}


def test_a_fresh_home_without_a_network_has_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = troubleshoot.main(settings_for(tmp_path), arguments(json=True))
    document = json.loads(capsys.readouterr().out)
    found = {item["name"]: item for item in document["checks"]}
    own = ("config", "daemon", "lock", "latch", "journal")
    assert {name: found[name]["verdict"] for name in own} == dict.fromkeys(own, OK)
    assert found["binance"]["verdict"] == WARN, "the simulated market stands in"
    assert "simulated" in found["binance"]["remedy"]
    assert code == (0 if document["ok"] else 1)
    assert document["ok"] == all(item["verdict"] != FAIL for item in document["checks"])


def test_without_another_market_an_unreachable_venue_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path, DATA_SOURCES="binance")
    assert troubleshoot.main(settings, arguments()) == 1
    shown = capsys.readouterr().out
    assert "FAIL  binance    127.0.0.1: port 9: " in shown
    assert "check network, DNS and firewall" in shown


def test_a_reachable_venue_is_ok(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        results = troubleshoot.check_network(settings_for(tmp_path, BINANCE_USDM_REST_URL=url))
        assert results[0].verdict == OK


def test_a_resolver_that_fails_or_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is the one part a test may not use for real: it would ask the network."""

    def fail(*_args: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert troubleshoot.reach("https://venue.invalid", 0.1) == "name not resolved (Name or service not known)"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: time.sleep(1.0))
    began = time.monotonic()
    # It goes on by itself when its answer comes: a closed port of this machine.
    assert troubleshoot.reach("http://127.0.0.1:9", 0.1) == "name not resolved within 0.2 s"
    assert time.monotonic() - began < 0.8


def test_halted_is_a_failure(tmp_path: Path) -> None:
    halt.latch(Home(tmp_path).halted_path, "worried")
    found = troubleshoot.check_latch(settings_for(tmp_path))
    assert (found.verdict, "worried" in found.found, "clear-halt" in found.remedy) == (FAIL, True, True)


def test_lock_held_left_and_reused(tmp_path: Path) -> None:
    settings, home = settings_for(tmp_path), Home(tmp_path)
    home.create()
    for pid, identity, verdict, words in (
        (os.getpid(), process_identity(os.getpid()), OK, "held by"),
        (99_999_999, "boot:1", WARN, "which is gone"),
        (os.getpid(), "boot:1", WARN, "another program, which is left alone"),
    ):
        home.lock_path.write_text(json.dumps({"pid": pid, "identity": identity, "session": "s"}))
        found = troubleshoot.check_lock(settings)
        assert found.verdict == verdict
        assert words in found.found


def test_an_unreadable_journal_is_a_failure_with_a_remedy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    home.journal_path.write_bytes(b"not a database" * 100)
    found = troubleshoot.check_journal(settings_for(tmp_path))
    assert found.verdict == FAIL
    assert str(home.journal_path) in found.found + found.remedy


def test_a_running_daemon_says_why_it_does_not_trade(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with daemon(tmp_path, sample_status()):
        is_running, found = troubleshoot.check_daemon(settings)
    assert is_running
    assert (found.verdict, "in position" in found.found) == (OK, True)
    with daemon(tmp_path, {**sample_status(), "state": "reduce_only"}):
        assert troubleshoot.check_daemon(settings)[1].verdict == WARN


def test_a_broken_configuration_is_the_first_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert troubleshoot.main(settings_for(tmp_path), arguments(config_error="SEED=x is not allowed")) == 1
    assert capsys.readouterr().out.startswith("FAIL  config     SEED=x is not allowed")
