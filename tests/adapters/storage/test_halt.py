"""The latch: existence is all that counts, and it is there before anything else can fail."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.core.domain.errors import HaltedError


def test_latch_read_refuse_clear(tmp_path: Path) -> None:
    path = tmp_path / "state" / "HALTED"
    assert not halt.is_halted(path)
    halt.refuse_if_halted(path)
    before_ns = time.time_ns()
    halt.latch(path, "a test")
    assert halt.is_halted(path)
    said = halt.read(path)
    assert said["reason"] == "a test" and before_ns <= int(str(said["time_ns"])) <= time.time_ns()
    with pytest.raises(HaltedError, match=r"halted since \d{4}-.* UTC: a test") as caught:
        halt.refuse_if_halted(path)
    assert caught.value.exit_code == 4 and "clear-halt" in caught.value.remedy
    halt.clear(path)
    halt.clear(path)
    assert not halt.is_halted(path)


def test_a_latch_that_is_set_keeps_its_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "HALTED"
    halt.latch(path, "first")
    halt.latch(path, "second")
    assert halt.read(path)["reason"] == "first"


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"time_ns": "soon"}'])
def test_an_unreadable_latch_still_halts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "HALTED"
    path.write_text(text)
    assert halt.is_halted(path)
    with pytest.raises(HaltedError):
        halt.refuse_if_halted(path)


def test_a_disk_that_is_full_takes_the_latch_all_the_same(tmp_path: Path) -> None:
    """Its name needs no block; what it would say does not matter."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this user may not mount a tmpfs: {mounted.stderr.strip()}")
    try:
        with (folder / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        halt.latch(folder / "HALTED", "full")
        assert halt.is_halted(folder / "HALTED")
    finally:
        subprocess.run(["umount", str(folder)], check=True)
