"""stop: asks, waits until the process is gone, prints its last words."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import processes, stop

from .homes import arguments, end, load, settings_for, start_daemon


def test_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stop.main(settings_for(Home(tmp_path)), arguments()) == 0
    assert "not running" in capsys.readouterr().out
    assert stop.main(settings_for(Home(tmp_path)), arguments(json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "was_running": False}


def test_a_daemon_is_gone_when_stop_returns_and_its_summary_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    child = start_daemon(home, "closes")
    try:
        assert stop.main(settings_for(home), arguments()) == 0
        assert capsys.readouterr().out == "stop: 1 trade\n"
        assert child.wait(1) == 0
        assert load(home).position == {}
    finally:
        end(child)


def test_a_dead_daemon_is_not_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    end(start_daemon(home, "closes"))
    assert stop.main(settings_for(home), arguments()) == 0
    assert "not running" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["hung", "lingers"])
def test_a_daemon_that_does_not_end_points_to_emergency_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(stop, "STOP_SECONDS_MAX", 0.5)
    monkeypatch.setattr(stop, "wait_until_gone", lambda owner, _=0.5: processes.wait_until_gone(owner, 0.5))
    home = Home(tmp_path)
    child = start_daemon(home, "lingers")
    try:
        if mode == "hung":
            child.send_signal(signal.SIGSTOP)
        assert stop.main(settings_for(home), arguments()) == 1
        said = capsys.readouterr().err
        assert f"pid {child.pid}" in said and "emergency-stop" in said
        assert child.poll() is None, "an orderly stop kills nobody"
    finally:
        end(child)
