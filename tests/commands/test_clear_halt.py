"""clear-halt lifts the latch only when nothing runs and the books can be read; close-breaker beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5.adapters.control.client import ControlError
from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import clear_halt, close_breaker

from .homes import arguments, end, leave_position, settings_for, start_daemon


def test_not_halted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert clear_halt.main(settings_for(Home(tmp_path)), arguments()) == 0
    assert "not halted" in capsys.readouterr().out


def test_the_latch_is_lifted_and_its_reason_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    leave_position(home)
    halt.latch(home.halted_path, "the market went mad")
    assert clear_halt.main(settings_for(home), arguments()) == 0
    assert "the market went mad" in capsys.readouterr().out
    assert not halt.is_halted(home.halted_path)


def test_a_home_where_nothing_was_ever_started_can_be_cleared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    halt.latch(home.halted_path, "x")
    assert clear_halt.main(settings_for(home), arguments(json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["was_halted"] is True and document["reason"] == "x"


@pytest.mark.parametrize("broken", ["rubbish", "gone"])
def test_it_refuses_while_the_position_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    home = Home(tmp_path)
    leave_position(home)
    halt.latch(home.halted_path, "x")
    if broken == "gone":
        home.journal_path.unlink()
    else:
        home.journal_path.write_bytes(b"rubbish" * 1000)
    assert clear_halt.main(settings_for(home), arguments()) == 1
    assert "position is not known" in capsys.readouterr().err
    assert halt.is_halted(home.halted_path)


def test_it_refuses_while_a_daemon_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    child = start_daemon(home, "closes")
    try:
        halt.latch(home.halted_path, "x")
        assert clear_halt.main(settings_for(home), arguments()) == 1
        assert f"pid {child.pid}" in capsys.readouterr().err
        assert halt.is_halted(home.halted_path)
    finally:
        end(child)


def test_close_breaker_needs_a_name_and_a_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    monkeypatch.delenv("NAME", raising=False)
    assert close_breaker.main(settings_for(home), arguments(name=None)) == 2
    assert "NAME=" in capsys.readouterr().err
    assert close_breaker.main(settings_for(home), arguments(name="losses")) == 2
    assert "not running" in capsys.readouterr().err


def test_close_breaker_asks_the_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    monkeypatch.setenv("NAME", "kelly")
    child = start_daemon(home, "lingers")
    try:
        assert close_breaker.main(settings_for(home), arguments()) == 0
        assert capsys.readouterr().out == "breaker kelly closed\n"
        with pytest.raises(ControlError):
            monkeypatch.setattr(close_breaker, "call", _says_no)
            close_breaker.main(settings_for(home), arguments())
    finally:
        end(child)


def _says_no(*_: object) -> dict[str, object]:
    raise ControlError("there is no breaker kelly")
