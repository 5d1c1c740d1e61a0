"""Bad input that is not a frame: each is one clear sentence with its remedy, and a non-zero exit."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system import independent
from tests.system.world import FAST, FAST_EXCHANGE, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home that trades on its embedded simulated exchange."""
    with World({"DATA_SOURCES": "simulated"}, tmp_path / "h") as one:
        yield one


def refused(world: World, code: int, *words: str, verb: str = "run", **env: str) -> str:
    """The start fails with this code, in two lines at most, that hold the words; nothing runs on."""
    got, said = world.run(verb, "--duration", "3", **env)
    lines = [line for line in said.splitlines() if not line.startswith("created ")]
    assert got == code, said
    assert "Traceback" not in said and len(lines) <= 2, said
    for word in words:
        assert word in said, f"{word!r} is missing in:\n{said}"
    lock = world.home.lock_path
    assert not lock.exists() or lock.read_text() == "", "the lock was not given back"
    return said


def used_once(world: World) -> None:
    code, said = world.run("run", "--duration", "0.5")
    assert code == 0, said


def write_env(world: World, text: str) -> None:
    (world.root / ".env").write_text(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("STOP_LOS_PCT=0.01\n", ("STOP_LOS_PCT", "did you mean", "STOP_LOSS_PCT")),
        ("STOP_LOSS_PCT=lots\n", ("STOP_LOSS_PCT", "lots")),
        ("POSITION_SIZE_PCT=-1\n", ("POSITION_SIZE_PCT", "-1")),
        ("EXECUTION_MODE=live\n", ("EXECUTION_MODE", "live")),
        ("SIM_SPEED=nan\n", ("SIM_SPEED", "nan")),
        ("BAR_SECONDS=60\nBAR_SECONDS\n", ("BAR_SECONDS",)),
    ],
)
def test_a_broken_env_file(world: World, text: str, words: tuple[str, ...]) -> None:
    write_env(world, text)
    refused(world, 2, ".env" if "live" not in text else "EXECUTION_MODE", *words)
    assert not world.home.state_dir.exists(), "refused before anything was made"


def test_an_env_file_that_is_no_text(world: World) -> None:
    (world.root / ".env").write_bytes(b"\xff\xfe\x00SEED=1\n\x00")
    refused(world, 2, ".env")


def test_a_corrupt_journal_names_the_backup(world: World) -> None:
    used_once(world)
    world.home.journal_path.write_bytes(b"rubbish" * 3000)
    said = refused(world, 2, "journal.db", "corrupt", "backup")
    assert str(next(world.home.backup_dir.glob("journal-*.db"))) in said


def test_a_journal_with_a_flipped_page(world: World) -> None:
    used_once(world)
    with world.home.journal_path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(4096 * 3))
    refused(world, 2, "journal.db", "corrupt", "backup")


def test_a_lost_journal(world: World) -> None:
    used_once(world)
    for path in world.home.state_dir.glob("journal.db*"):
        path.unlink()
    refused(world, 2, "journal.db", "missing", "backup")


def test_a_newer_journal(world: World) -> None:
    used_once(world)
    db = sqlite3.connect(world.home.journal_path)
    db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    db.commit()
    db.close()
    refused(world, 2, "journal.db", "newer version", "update")


def test_books_that_contradict_themselves(world: World) -> None:
    used_once(world)
    db = sqlite3.connect(world.home.journal_path)
    db.execute("UPDATE ledger SET wallet_e8 = wallet_e8 + 1")
    db.commit()
    db.close()
    refused(world, 1, "does not add up", "backup")


def test_a_port_in_use(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(world, 2, str(port), "METRICS_PORT", "in use", METRICS_PORT=str(port))


def test_a_missing_recording(world: World) -> None:
    refused(world, 2, "SIM_RECORDING", "no-such-file", SIM_RECORDING=str(world.root / "no-such-file.jsonl.gz"))


def test_a_recording_that_is_none(world: World) -> None:
    (world.root / "words.jsonl").write_text("these are words\n")
    refused(world, 2, "words.jsonl", SIM_RECORDING=str(world.root / "words.jsonl"))


def test_a_home_that_is_a_file(world: World) -> None:
    (world.root / "state").write_text("in the way")
    refused(world, 2, "state", "SUPREME_HOME")


def test_an_initial_balance_that_changed_is_a_note_not_a_new_account(world: World) -> None:
    used_once(world)
    code, said = world.run("run", "--duration", "0.5", INITIAL_BALANCE="500")
    assert code == 0 and "INITIAL_BALANCE=500.00 has no effect" in said and "reset" in said, said
    assert "10,000.00 USDT" in said


# -- permissions: as an unprivileged user


@pytest.fixture
def open_world() -> Iterator[World]:
    """A home that other users can reach, unlike pytest's own folders."""
    with World({"DATA_SOURCES": "simulated"}) as one:
        one.root.chmod(0o755)
        yield one


@pytest.fixture
def unprivileged(open_world: World) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs a command in that home as nobody."""
    world = open_world
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to become another user")

    def run(*arguments: str, **env: str) -> tuple[int, str]:
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", world.python, "main.py"]
        result = subprocess.run(
            [*command, *arguments],
            check=False,
            cwd=world.root,
            env={**world.env, **env},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return result.returncode, result.stdout + result.stderr

    code, said = run("help")
    if code != 0:
        pytest.skip(f"another user cannot run this environment: {said.strip().splitlines()[-1]}")
    yield run


def test_a_home_one_may_not_write(unprivileged: Callable[..., tuple[int, str]]) -> None:
    code, said = unprivileged("run", "--duration", "1")
    assert code == 2 and "Traceback" not in said and "permission" in said.lower() and "SUPREME_HOME" in said, said


def test_a_journal_one_may_not_write(open_world: World, unprivileged: Callable[..., tuple[int, str]]) -> None:
    world = open_world
    used_once(world)
    for folder in (world.root, world.home.state_dir, world.home.artifacts_dir):
        folder.chmod(0o777)
    for path in world.home.state_dir.iterdir():
        if path.name.startswith(("journal", "spill")):
            path.chmod(0o644)
        elif path.is_file():
            path.chmod(0o666)
    code, said = unprivileged("run", "--duration", "1")
    assert code == 2 and "Traceback" not in said and "permission" in said.lower() and "state" in said, said


# -- a disk that is full: a small tmpfs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if (
        not mounted
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take the last byte of a disk."""
    path = place / "ballast"
    with path.open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


def test_a_full_disk_at_the_start(small_disk: Path) -> None:
    with World({"DATA_SOURCES": "simulated"}, small_disk / "h") as world:
        world.home.state_dir.mkdir()
        world.home.artifacts_dir.mkdir()
        write_env(world, "SEED=1\n")
        (world.root / "out-1.txt").write_bytes(b" " * 8192)  # room for what it says
        ballast = fill(small_disk)
        code, said = world.run("run", "--duration", "1", output=world.root.parent.parent / "said.txt")
        ballast.unlink()
        assert code == 2 and "Traceback" not in said, said
        assert "full" in said or "No space left" in said, said
        assert "free space" in said


@pytest.mark.parametrize("log_to_file", ["false", pytest.param("true", marks=pytest.mark.long)])
def test_a_disk_that_fills_up_closes_the_position_and_keeps_the_fills(
    small_disk: Path, tmp_path: Path, log_to_file: str
) -> None:
    with World({**FAST, "LOG_TO_FILE": log_to_file}, small_disk / "h") as world:
        world.start_exchange(*FAST_EXCHANGE, output=tmp_path / "exchange.txt")
        daemon = world.start("run", output=tmp_path / "daemon.txt")
        daemon.wait_position()
        ballast = fill(small_disk)
        code = daemon.wait(60)
        said = daemon.said()
        assert code == 2 and "Traceback" not in said, said
        assert "JOURNAL FAULT" in said and "full" in said and "CLOSED" in said, said
        assert said.count(" ENTRY ") == 1 or said.rindex(" ENTRY ") < said.index("journal fault"), "an entry after it"
        assert "LEFT OPEN" not in said and "JOURNAL SPILL kept" in said
        ballast.unlink()
        code, again = world.run("run", "--duration", "1", ON_STOP="close", output=tmp_path / "again.txt")
        assert code == 0 and "were booked now" in again, again
        books = independent.read(world.home.journal_path, tmp_path / "scratch")
        assert books is not None and not books.position
        independent.check(books)
        told = said.count(" @ ") - said.count("SHORT 0") - said.count("LONG 0")
        assert len(books.fills) >= told, "a fill that was told of is not in the books"
