"""clean: artifacts and caches go; state/, the README, the running session and what links point to stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import HomeLock
from supreme_system_v5.commands import clean

from .homes import arguments, settings_for


@pytest.mark.parametrize("is_session_named", [True, False])
def test_sessions_go_state_and_readme_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_session_named: bool
) -> None:
    home = Home(tmp_path / "home")
    home.create()
    (home.state_dir / "journal.db").write_text("precious")
    (home.artifacts_dir / "README.md").write_text("what this is")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("not yours")
    (home.artifacts_dir / "link").symlink_to(outside)
    (home.new_session(10**18).dir / "log.jsonl").write_text("{}")
    running = home.new_session(2 * 10**18)
    lock = HomeLock(home.lock_path)
    lock.acquire(running.id if is_session_named else "")
    assert clean.main(settings_for(home), arguments()) == 0
    lock.release()
    assert sorted(path.name for path in home.artifacts_dir.iterdir()) == sorted(["README.md", running.id])
    assert (home.state_dir / "journal.db").read_text() == "precious"
    assert (outside / "mine.txt").exists()
    assert f"the running session {running.id} stays" in capsys.readouterr().out


def test_caches_go_only_in_a_clone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    cache = tmp_path / "python" / "supreme_system_v5" / "core" / "__pycache__"
    cache.mkdir(parents=True)
    (cache / "x.pyc").write_text("")
    (tmp_path / ".mypy_cache").mkdir()
    kept = tmp_path / ".venv" / "lib" / "__pycache__"
    kept.mkdir(parents=True)
    assert clean.main(settings_for(home), arguments()) == 0
    assert cache.exists(), "without a pyproject.toml this is no clone"
    (tmp_path / "pyproject.toml").write_text("")
    assert clean.main(settings_for(home), arguments(json=True)) == 0
    assert not cache.exists() and not (tmp_path / ".mypy_cache").exists()
    assert kept.exists(), "the environment that runs this is not a cache"


def test_an_empty_home(tmp_path: Path) -> None:
    assert clean.main(settings_for(Home(tmp_path)), arguments()) == 0
