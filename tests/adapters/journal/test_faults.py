"""The journal broken: every broken file, folder and disk gives one sentence, the file, the remedy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.core.domain.errors import ConfigError, JournalFault

from .books import KEY, START_NS, Books

PACKAGE_ROOT = Path(__file__).resolve().parents[3]


def journal_with_backup(folder: Path) -> Path:
    """A journal with a trade in it and a backup of the day before."""
    path = folder / "journal.db"
    for day in range(2):
        journal = Journal.open(path, KEY, clock=lambda day=day: START_NS + day * 86_400 * 10**9)  # type: ignore[misc]
        books = Books(sequence=1 + day * 100)
        journal.commit_sync([*books.intent(), *books.entry_fill(), *books.exit_fill()])
        journal.close()
    return path


def test_a_corrupt_page_is_found_at_open_and_the_backup_is_named(tmp_path: Path) -> None:
    path = journal_with_backup(tmp_path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(JournalFault, match="corrupt") as caught:
        Journal.open(path, KEY)
    assert str(tmp_path / "backup" / "journal-20231115.db") in caught.value.remedy
    assert caught.value.exit_code == 2
    with pytest.raises(JournalFault, match="corrupt"):
        JournalReader(path)


def test_the_named_backup_restores(tmp_path: Path) -> None:
    path = journal_with_backup(tmp_path)
    path.write_bytes(b"this is not a database at all, not even close" * 10)
    with pytest.raises(JournalFault, match="not a database"):
        Journal.open(path, KEY)
    shutil.copy(tmp_path / "backup" / "journal-20231115.db", path)
    journal = Journal.open(path, KEY)
    assert len(journal.load().recent_trades) == 1
    journal.close()


@pytest.mark.parametrize("content", [None, b""])
def test_a_lost_or_empty_journal_with_a_backup_is_no_first_start(tmp_path: Path, content: bytes | None) -> None:
    """Starting over by silence would restart the order ids and forget a position."""
    path = journal_with_backup(tmp_path)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JournalFault, match="empty" if content is not None else "missing") as caught:
        Journal.open(path, KEY)
    assert "backup" in caught.value.remedy


def test_an_empty_file_without_backups_is_a_first_start_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch()
    journal = Journal.open(path, KEY)
    assert journal.commit_sync(Books().intent()) == "committed"
    journal.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = journal_with_backup(tmp_path)
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = '9' WHERE key = 'schema_version'")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match=r"newer version \(schema 9; this one knows 1\)"):
        Journal.open(path, KEY)


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE songs (title TEXT)")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match="another program"):
        Journal.open(path, KEY)


def test_reading_where_nothing_was_ever_traded(tmp_path: Path) -> None:
    with pytest.raises(JournalFault, match="there is no journal"):
        JournalReader(tmp_path / "journal.db")


# A daemon's life on a disk that fills up: says what happened, so that the test can check it from outside.
FILL_UP = """
import sys
from pathlib import Path
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.core.domain.effects import DecisionRecord
from supreme_system_v5.core.domain.errors import SupremeError
from tests.adapters.journal.books import KEY, Books
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
try:
    journal = Journal.open(folder / "journal.db", KEY, is_backed_up=False)
except SupremeError as error:
    print("REFUSED", error.exit_code, error)
    sys.exit(0)
books = Books()
journal.commit_sync(books.intent())
journal.commit_sync(books.entry_fill())
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    for n in range(100_000):
        journal.commit_sync([DecisionRecord(n, "refused", "spread", "x" * 2000)])
    print("NEVER FULL")
except SupremeError as error:
    print("FAULT", error)
exit_records = books.exit_fill()
try:
    journal.commit_sync(exit_records)
    print("COMMITTED ANYWAY")
except SupremeError:
    print("SPILLED", journal.spill(exit_records))
journal.close()
"""


def run_child(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join([*sys.path, str(PACKAGE_ROOT)]), "PATH": os.environ.get("PATH", "")},
    )


def assert_spilled_exit_is_booked(folder: Path) -> None:
    journal = Journal.open(folder / "journal.db", KEY, is_backed_up=False)
    assert journal.drained_count == 1 and "were booked now" in journal.notices[0]
    state = journal.load()
    assert state.ledger is not None and state.ledger.position_e8 == 0 and state.ledger.identity_gap_e8() == 0
    assert len(state.recent_trades) == 1 and state.position == {} and state.open_orders == []
    journal.close()
    again = Journal.open(folder / "journal.db", KEY, is_backed_up=False)
    assert again.drained_count == 0 and len(again.load().recent_trades) == 1
    again.close()


def test_files_that_may_not_grow_spill_the_exit_which_is_booked_at_the_next_start(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for the full disk where nobody may mount one: same path, any user."""
    child = run_child(FILL_UP, str(tmp_path), str(700_000))
    assert "FAULT cannot write the journal" in child.stdout, child.stdout + child.stderr
    assert "SPILLED True" in child.stdout
    assert "JOURNAL SPILL kept" in child.stderr and "Traceback" not in child.stderr
    assert_spilled_exit_is_booked(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1.5 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1536k,mode=0777", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"this user may not mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_spills_the_exit_which_is_booked_at_the_next_start(small_disk: Path) -> None:
    child = run_child(FILL_UP, str(small_disk), "0")
    assert "the disk is full" in child.stdout, child.stdout + child.stderr
    assert "SPILLED True" in child.stdout
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert_spilled_exit_is_booked(small_disk)


def test_a_disk_that_is_full_at_the_start_is_refused(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_500 * 1024))
    child = run_child(FILL_UP, str(small_disk), "0")
    assert child.stdout.startswith("REFUSED 2 cannot open the journal"), child.stdout + child.stderr
    assert "the disk is full" in child.stdout and "free space" in child.stdout
    assert "Traceback" not in child.stderr


# The rights are given up after the imports: the interpreter itself may be out of reach for other users.
OPEN_ONLY = """
import os
import sys
from pathlib import Path
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.core.domain.errors import SupremeError
from tests.adapters.journal.books import KEY
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Journal.open(Path(sys.argv[1]), KEY)
    print("OPENED")
except SupremeError as error:
    print("REFUSED", error.exit_code, error)
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder anybody can reach (pytest's own is private to its user)."""
    folder = Path(tempfile.mkdtemp(prefix="supreme-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_user_without_permission_is_told_so(public_folder: Path, what: str) -> None:
    path = public_folder / "journal.db"
    if what == "file":
        Journal.open(path, KEY).close()
        path.chmod(0o444)
    public_folder.chmod(0o555)
    child = run_child(OPEN_ONLY, str(path))
    public_folder.chmod(0o755)
    assert child.stdout.startswith("REFUSED 2"), child.stdout + child.stderr
    assert "permission" in child.stdout and str(public_folder) in child.stdout
    assert "Traceback" not in child.stderr
