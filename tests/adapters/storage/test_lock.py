"""One daemon a home; a pid proves nothing without its start time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.lock import HomeLock, Owner, kill_owner, process_identity, read_owner
from supreme_system_v5.core.domain.errors import AlreadyRunningError, ConfigError

HOLDER = """
import sys, time
from pathlib import Path
from supreme_system_v5.adapters.storage.lock import HomeLock
lock = HomeLock(Path(sys.argv[1]))
lock.acquire("20251120T120000Z-abcd")
print("held", flush=True)
time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def test_a_second_start_is_refused_and_names_the_running_pid(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    child = hold(path)
    try:
        with pytest.raises(AlreadyRunningError, match=f"pid {child.pid}") as caught:
            HomeLock(path).acquire()
        assert caught.value.exit_code == 5
        owner = read_owner(path)
        assert owner is not None and owner.is_alive and not owner.is_pid_reused
        assert owner.pid == child.pid and owner.session == "20251120T120000Z-abcd"
    finally:
        end(child)


def test_the_lock_of_a_killed_process_is_free_and_its_owner_known_as_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    end(hold(path))
    owner = read_owner(path)
    assert owner is not None and not owner.is_alive
    lock = HomeLock(path)
    lock.acquire()
    mine = read_owner(path)
    assert lock.is_held and mine is not None and mine.pid == os.getpid() and mine.is_alive
    lock.release()
    assert not lock.is_held and read_owner(path) is None
    lock.acquire()
    lock.release()


def test_a_zombie_counts_as_gone(tmp_path: Path) -> None:
    child = hold(tmp_path / "lock")
    owner = read_owner(tmp_path / "lock")
    assert owner is not None
    try:
        child.kill()  # and not waited for: it stays a zombie
        deadline = time.monotonic() + 5
        while owner.is_alive and time.monotonic() < deadline:
            time.sleep(0.01)
        assert Path(f"/proc/{child.pid}/stat").exists()
        assert not owner.is_alive
        assert process_identity(child.pid) == ""
    finally:
        end(child)


def test_a_pid_that_belongs_to_another_process_now_is_never_signalled(tmp_path: Path) -> None:
    """The lock file of a crash, and a stranger who got the pid since."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stale = Owner(stranger.pid, process_identity(stranger.pid) + "0", "old")
        assert stale.is_pid_reused and not stale.is_alive
        assert not kill_owner(stale)
        time.sleep(0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_recorded_owner_is_killed_even_when_it_is_stopped(tmp_path: Path) -> None:
    child = hold(tmp_path / "lock")
    try:
        owner = read_owner(tmp_path / "lock")
        assert owner is not None
        child.send_signal(signal.SIGSTOP)
        assert kill_owner(owner)
        assert child.wait(5) == -signal.SIGKILL
        assert not kill_owner(owner)
    finally:
        end(child)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}', "null"])
def test_a_lock_file_that_says_nothing_has_no_owner(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    path.write_text(text)
    assert read_owner(path) is None
    lock = HomeLock(path)
    lock.acquire()
    assert json.loads(path.read_text())["pid"] == os.getpid()
    lock.release()


def test_a_lock_that_cannot_be_opened_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot open the lock"):
        HomeLock(tmp_path / "nowhere" / "lock").acquire()
