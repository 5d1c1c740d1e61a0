"""results: the newest report, or those of a named session."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from supreme_system_v5.adapters.monitoring.report import BENCH_LIGHT, SUMMARY, reports_in, save_report, session_dirs
from supreme_system_v5.adapters.monitoring.view import summary
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import HomeLock
from supreme_system_v5.commands import results
from tests.adapters.monitoring.sample import sample_status
from tests.commands.fake_daemon import arguments, settings_for

START_S = 1_794_000_000


def session(root: Path, second: int) -> Path:
    return Home(root).new_session((START_S + second) * 1_000_000_000).dir


def test_the_newest_session_with_a_report_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = sample_status()
    save_report(session(tmp_path, 1), SUMMARY, {"which": "old"}, "old")
    folder = session(tmp_path, 2)
    path = save_report(folder, SUMMARY, status, summary(status))
    session(tmp_path, 3)  # still running: nothing in it yet
    (Home(tmp_path).artifacts_dir / "README.md").write_text("x")
    assert results.main(settings_for(tmp_path), arguments()) == 0
    shown = capsys.readouterr().out
    assert "Session summary" in shown
    assert "SIMULATED" in shown
    assert str(path) in shown
    assert results.main(settings_for(tmp_path), arguments(json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["reports"][0]["report"] == status


def test_a_named_session_shows_all_its_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = session(tmp_path, 1)
    first = save_report(folder, SUMMARY, {}, "the summary")
    os.utime(first, (1, 1))
    save_report(folder, BENCH_LIGHT, {}, "the bench")
    (folder / "bench-light.html").write_text("<html>")
    save_report(session(tmp_path, 2), SUMMARY, {}, "another")
    assert results.main(settings_for(tmp_path), arguments(session=folder.name)) == 0
    shown = capsys.readouterr().out
    assert shown.index("the bench") < shown.index("the summary")
    assert "bench-light.html" in shown
    assert "another" not in shown


def test_a_newer_session_without_a_report_is_told_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_report(session(tmp_path, 1), SUMMARY, {}, "the older one")
    newest = session(tmp_path, 2).name
    assert results.main(settings_for(tmp_path), arguments()) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"session {newest} ended without a summary (killed); the report before it:")
    assert "the older one" in shown
    home = Home(tmp_path)
    home.create()
    lock = HomeLock(home.lock_path)
    lock.acquire(newest)
    try:
        assert results.main(settings_for(tmp_path), arguments()) == 0
        assert capsys.readouterr().out.startswith(f"session {newest} is running; the report before it:")
        assert results.main(settings_for(tmp_path), arguments(json=True)) == 0
        assert json.loads(capsys.readouterr().out)["unfinished"] == f"session {newest} is running"
    finally:
        lock.release()
    (home.artifacts_dir / newest / "exchange.out").touch()
    assert results.main(settings_for(tmp_path), arguments(session=newest)) == 1
    assert "is a bench that still measures, or was killed" in capsys.readouterr().out


def test_none_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results.main(settings_for(tmp_path), arguments()) == 1
    assert "make bench-light" in capsys.readouterr().out
    assert results.main(settings_for(tmp_path), arguments(session="2020")) == 1


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    assert session_dirs(tmp_path / "no") == []
    assert reports_in(tmp_path / "no") == []
