"""monitor in a real pseudo-terminal: frames, keys, a restart of the daemon, the terminal given back."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supreme_system_v5.commands import monitor
from tests.adapters.monitoring.sample import sample_status
from tests.commands.fake_daemon import arguments, daemon, settings_for

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from pathlib import Path
from tests.commands.fake_daemon import arguments, settings_for
from supreme_system_v5.commands import monitor
sys.exit(monitor.main(settings_for(Path(sys.argv[1])), arguments()))
"""


class View:
    """The monitor in a terminal of 100 x 40."""

    def __init__(self, root: Path, **env: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        path = os.pathsep.join([str(ROOT / "python"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        base = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(root)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**base, "PYTHONPATH": path, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **env},
            cwd=ROOT,
        )
        self.slave = slave
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 10.0) -> str:
        """Read until ``text`` shows; what came since the last call."""
        end, start = time.monotonic() + seconds, len(self.seen)
        while text not in self.seen[start:]:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} never showed; got {self.seen[start:][-600:]!r}"
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
        return self.seen[start:]

    def end(self) -> int:
        self.wait_for(monitor.LEAVE)
        return self.process.wait(5)


@contextmanager
def view(root: Path, **env: str) -> Iterator[View]:
    shown = View(root, **env)
    try:
        yield shown
    finally:
        if shown.process.poll() is None:
            shown.process.kill()
            shown.process.wait(5)
        os.close(shown.master)
        os.close(shown.slave)


def test_it_waits_follows_a_restart_and_ends_by_q(tmp_path: Path) -> None:
    with view(tmp_path) as shown:
        assert monitor.ENTER in shown.wait_for("waiting for one")
        for _ in range(2):  # a start, and a restart
            with daemon(tmp_path, sample_status()):
                shown.wait_for("LONG")
            shown.wait_for("waiting for one")
        os.write(shown.master, b"q")
        assert shown.end() == 0
        assert termios.tcgetattr(shown.slave) == shown.before


def test_ctrl_c_and_sigterm_give_the_terminal_back(tmp_path: Path) -> None:
    for how in (signal.SIGINT, signal.SIGTERM):
        with view(tmp_path) as shown:
            shown.wait_for("waiting for one")
            shown.process.send_signal(how)
            assert shown.end() == 0
            assert termios.tcgetattr(shown.slave) == shown.before


def test_no_color_is_respected(tmp_path: Path) -> None:
    with daemon(tmp_path, sample_status()):
        with view(tmp_path) as shown:
            assert "\x1b[1;36m" in shown.wait_for("ends this view")
        with view(tmp_path, NO_COLOR="1") as shown:
            assert "\x1b[1;36m" not in shown.wait_for("ends this view")


def test_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    with daemon(tmp_path, sample_status()), view(tmp_path, PYTHONIOENCODING="ascii") as shown:
        assert "-- MARKET (SIMULATED) ---" in shown.wait_for("ends this view")


def test_without_a_terminal_it_prints_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path)
    with daemon(tmp_path, sample_status()):
        assert monitor.main(settings, arguments(duration=1.0)) == 0
    shown = capsys.readouterr().out
    assert "SUPREME SYSTEM V5" in shown
    assert "\x1b" not in shown
    assert monitor.main(settings, arguments(duration=1.0)) == 0
    assert "waiting for one" in capsys.readouterr().out
