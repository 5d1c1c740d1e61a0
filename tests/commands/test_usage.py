"""usage: memory, CPU and disk against the budget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import usage
from tests.adapters.monitoring.sample import sample_status
from tests.commands.fake_daemon import arguments, daemon, settings_for


def test_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path, sample_status()):
        assert usage.main(settings_for(tmp_path), arguments()) == 0
        shown = capsys.readouterr().out
        assert usage.main(settings_for(tmp_path), arguments(json=True)) == 0
        found = json.loads(capsys.readouterr().out)
    assert "52.0 of 450 MB, peak 54.0 MB" in shown
    assert "2.3 of 85 % of a core" in shown
    assert found["rss_bytes"] == 52 * 1048576
    assert found["max_ram_bytes"] == 450 * 1048576


def test_not_running_still_measures_the_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.create()
    (home.state_dir / "journal.db").write_bytes(b"x" * 3_000_000)
    (home.state_dir / "journal.db-wal").write_bytes(b"x" * 1_000_000)
    session = home.new_session(1_794_000_000_000_000_000)
    (session.dir / "a").write_bytes(b"x" * 500)
    facts = usage.collect(settings_for(tmp_path))
    assert facts["journal_bytes"] == 4_000_000
    assert facts["artifacts_bytes"] == 500
    assert facts["disk_free_bytes"] > 0
    assert usage.main(settings_for(tmp_path), arguments()) == 0
    assert "no daemon is running" in capsys.readouterr().out


def test_a_home_that_does_not_exist_yet(tmp_path: Path) -> None:
    facts = usage.collect(settings_for(tmp_path / "deep" / "home"))
    assert facts["state_bytes"] == 0
    assert facts["disk_free_bytes"] > 0
