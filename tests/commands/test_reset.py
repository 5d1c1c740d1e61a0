"""reset: refuses while a daemon runs or a position is open, backs up, and the order ids go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import HomeLock, read_owner
from supreme_system_v5.commands import reset
from supreme_system_v5.core.domain.errors import AlreadyRunningError
from tests.adapters.journal.books import KEY, REAL_KEY, Books

from .homes import arguments, leave_position, load, settings_for


def test_nothing_to_reset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reset.main(settings_for(Home(tmp_path)), arguments()) == 0
    assert "nothing to reset" in capsys.readouterr().out


def test_history_goes_the_sequence_stays_and_the_old_journal_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    home.create()
    journal = Journal.open(home.journal_path, KEY)
    books = Books()
    journal.commit_sync([*books.intent(), *books.entry_fill(), *books.exit_fill()])
    journal.close()
    assert reset.main(settings_for(home), arguments()) == 0
    assert "new accounts" in capsys.readouterr().out
    state = load(home)
    assert state.ledger is None and state.recent_trades == [] and state.last_price_e8 == 0
    assert state.next_sequence == books.sequence == 4
    (backup,) = home.backup_dir.glob("journal-before-reset-*.db")
    with JournalReader(backup) as reader:
        assert len(reader.load(KEY).recent_trades) == 1
    assert read_owner(home.lock_path) is None, "the lock is given back"


def test_an_open_position_of_any_account_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    leave_position(home, REAL_KEY)
    assert reset.main(settings_for(home), arguments()) == 1
    assert "0.1 open in paper usdm ETH-USDT" in capsys.readouterr().err
    assert load(home, REAL_KEY).position["quantity_e8"] == 10_000_000
    assert list(home.backup_dir.glob("*before-reset*")) == []


def test_a_position_closed_in_the_spill_file_does_not_refuse(tmp_path: Path) -> None:
    home = Home(tmp_path)
    books = leave_position(home)
    journal = Journal.open(home.journal_path, KEY)
    journal.spill(books.exit_fill())
    journal.close()
    assert reset.main(settings_for(home), arguments()) == 0
    assert load(home).next_sequence == 4


def test_a_running_daemon_refuses(tmp_path: Path) -> None:
    home = Home(tmp_path)
    leave_position(home)
    lock = HomeLock(home.lock_path)
    lock.acquire()
    with pytest.raises(AlreadyRunningError):
        reset.main(settings_for(home), arguments())
    lock.release()
