"""status against a real control socket, and against everything that can be in its place."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import status
from supreme_system_v5.commands.trades import open_words
from tests.adapters.monitoring.sample import sample_status
from tests.commands.fake_daemon import arguments, daemon, settings_for
from tests.commands.homes import leave_position


def test_page_and_json_of_a_running_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path)
    with daemon(tmp_path, sample_status()):
        assert status.main(settings, arguments()) == 0
        shown = capsys.readouterr().out
        assert status.main(settings, arguments(json=True)) == 0
        found = json.loads(capsys.readouterr().out)
    assert "SIMULATED" in shown
    assert "in position; exits are watched on every event" in shown
    assert "\x1b" not in shown
    assert found == sample_status()


def test_not_running_is_3_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.main(settings_for(tmp_path), arguments()) == 3
    shown = capsys.readouterr().out
    assert "no daemon is running" in shown
    assert "make run-ultra-local" in shown
    assert status.main(settings_for(tmp_path), arguments(json=True)) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["running"], found["halted"], found["schema_version"]) == (False, False, 1)


def test_halted_names_the_reason_and_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halt.latch(Home(tmp_path).halted_path, "operator was worried")
    assert status.main(settings_for(tmp_path), arguments()) == 3
    shown = capsys.readouterr().out
    assert "HALTED since" in shown
    assert "operator was worried" in shown
    assert "make clear-halt" in shown
    assert "make run-ultra-local" not in shown


def test_a_dead_owner_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.create()
    home.lock_path.write_text(json.dumps({"pid": 999_999_99, "identity": "boot:1", "session": "x"}))
    assert status.main(settings_for(tmp_path), arguments()) == 3
    assert "ended without its orderly stop" in capsys.readouterr().out


def test_an_unreadable_journal_does_not_hide_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.create()
    home.journal_path.write_bytes(b"not a database" * 100)
    assert status.main(settings_for(tmp_path), arguments()) == 3
    assert "LEFT OPEN  not known" in capsys.readouterr().out


def test_a_position_left_open_is_told_with_side_and_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_position(Home(tmp_path))
    assert status.main(settings_for(tmp_path), arguments()) == 3
    shown = next(line for line in capsys.readouterr().out.splitlines() if "LEFT OPEN" in line)
    with JournalReader(Home(tmp_path).journal_path) as reader:
        assert shown == f"  LEFT OPEN  {open_words(reader.open_positions()[0])}"
    assert ": LONG " in shown or ": SHORT " in shown
    assert ", stop " in shown


def test_a_daemon_that_hangs_is_not_called_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(status.read_status, "__defaults__", (0.2,))
    home = Home(tmp_path)
    home.create()
    with socket.socket(socket.AF_UNIX) as listener:  # it accepts (backlog) and never answers
        listener.bind(str(home.socket_path))
        listener.listen()
        assert status.main(settings_for(tmp_path), arguments()) == 1
    shown = capsys.readouterr().out
    assert "did not answer" in shown
    assert "emergency-stop" in shown


def test_color_only_on_a_terminal_and_never_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not status.is_color()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert status.is_color()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not status.is_color()


def test_looking_does_not_load_the_trading_system() -> None:
    code = (
        "import sys, supreme_system_v5.commands.status, supreme_system_v5.commands.monitor;"
        "bad = [m for m in ('asyncio', 'aiohttp', 'sqlite3', 'prometheus_client', 'loguru', 'rich', 'psutil',"
        " 'supreme_system_v5.core.engine') if m in sys.modules]; print(bad)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
