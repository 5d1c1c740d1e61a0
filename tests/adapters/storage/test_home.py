"""Home, sessions, the control socket's path."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.home import SOCKET_PATH_BYTES_MAX, Home
from supreme_system_v5.core.domain.errors import ConfigError

NOON_NS = 1_763_640_000_000_000_000  # 2025-11-20T12:00:00Z


def test_paths_are_under_the_home_and_nothing_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.journal_path == tmp_path / "home" / "state" / "journal.db"
    assert home.halted_path.parent == home.lock_path.parent == home.state_dir
    assert not home.root.exists()
    home.create()
    home.create()
    assert home.state_dir.is_dir() and home.artifacts_dir.is_dir()


def test_a_session_is_named_by_utc_start_time_and_four_hex(tmp_path: Path) -> None:
    home = Home(tmp_path)
    names = {home.new_session(NOON_NS).id for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"20251120T120000Z-[0-9a-f]{4}", name) for name in names)
    assert {path.name for path in home.artifacts_dir.iterdir()} == names


def test_a_home_that_cannot_be_made_names_the_folder_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot create") as caught:
        Home(tmp_path / "file").create()
    assert "SUPREME_HOME" in caught.value.remedy
    with pytest.raises(ConfigError, match="cannot create"):
        Home(tmp_path / "file").new_session(NOON_NS)


def test_the_socket_is_in_state_where_that_is_short_enough() -> None:
    assert Home(Path("/h")).socket_path == Path("/h/state/control.sock")
    assert Home(Path("/h")).prepare_socket_path() == Path("/h/state/control.sock")


def test_a_deep_home_gets_a_short_private_socket_path_which_others_find(tmp_path: Path) -> None:
    home = Home(tmp_path / ("deep" * 40))
    home.create()
    path = home.prepare_socket_path()
    try:
        assert len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX
        assert path.parent.stat().st_mode & 0o077 == 0
        assert Home(home.root).socket_path == path
        assert home.prepare_socket_path() == path, "the next start uses the same folder again"
        path.parent.chmod(0o777)
        assert home.socket_path != path, "a folder that others may enter is not trusted"
    finally:
        shutil.rmtree(path.parent)
    assert home.socket_path.parent == home.state_dir
