"""monitor: the status page, live. Alternate screen, once a second, q or Ctrl-C ends it; survives daemon restarts."""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from supreme_system_v5.adapters.control.client import ControlError, ControlUnavailableError
from supreme_system_v5.adapters.monitoring.text import fit, paint, to_encoding
from supreme_system_v5.adapters.monitoring.view import status_page
from supreme_system_v5.commands.status import is_color, not_running_facts, read_status, show
from supreme_system_v5.config import Settings

REFRESH_SECONDS = 1.0
PLAIN_REFRESH_SECONDS = 10.0
ENTER = "\x1b[?1049h\x1b[?25l"
LEAVE = "\x1b[?25h\x1b[?1049l"
QUIT_KEYS = frozenset("qQ\x03\x04")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Show until asked to stop (or for --duration seconds). Without a terminal: a page every 10 s."""
    end = time.monotonic() + args.duration if args.duration else float("inf")
    try:
        if sys.stdout.isatty():
            with _terminal():
                _live(settings, end)
        else:
            _plain(settings, end)
    except KeyboardInterrupt:
        pass
    return 0


def _live(settings: Settings, end: float) -> None:
    while time.monotonic() < end:
        size = shutil.get_terminal_size((80, 24))
        lines = _lines(settings, size.columns, size.lines - 1, is_color())
        foot = f"q or Ctrl-C ends this view, not the daemon · {time.strftime('%H:%M:%S')}"
        lines = lines[: size.lines - 1]
        lines += [""] * (size.lines - 1 - len(lines)) + [paint(fit(foot, size.columns), "dim", is_color())]
        # One write a frame, each line cleared behind its text: nothing flickers.
        frame = "\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J"
        sys.stdout.write(to_encoding(frame, sys.stdout.encoding))
        sys.stdout.flush()
        if _is_quit(min(REFRESH_SECONDS, max(0.0, end - time.monotonic()))):
            return


def _plain(settings: Settings, end: float) -> None:
    while True:
        show("\n".join(_lines(settings, 100, 0, False)) + "\n")
        sys.stdout.flush()
        if time.monotonic() + PLAIN_REFRESH_SECONDS >= end:
            return
        time.sleep(PLAIN_REFRESH_SECONDS)


def _lines(settings: Settings, width: int, height: int, color: bool) -> list[str]:
    try:
        status: dict[str, Any] = read_status(settings, 2.0)
    except ControlUnavailableError:
        facts = not_running_facts(settings)
        why = ["no daemon is running, waiting for one ...", "", "  make run-ultra-local starts it (another terminal)"]
        if facts["halted"]:
            why = ["halted, waiting ...", "", f"  {facts['halted_reason']}", "  make clear-halt lifts the latch"]
        return [fit(line, width) for line in why + [f"  LEFT OPEN  {text}" for text in facts["open_positions"]]]
    except ControlError as error:
        return [fit(f"{error.message}, waiting ...", width)]
    return status_page(status, width, height, color).split("\n")


def _is_quit(seconds: float) -> bool:
    """Wait for a key; True when it ends the view."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        if not sys.stdin.isatty():
            time.sleep(max(0.0, left))
            return False
        ready, _, _ = select.select([sys.stdin], [], [], max(0.0, left))
        if not ready:
            return False
        keys = os.read(sys.stdin.fileno(), 64).decode("ascii", "ignore")
        if not keys or QUIT_KEYS & set(keys):
            return True


def _terminated(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _terminal() -> Iterator[None]:
    """The alternate screen and unbuffered keys; whatever happens, the terminal is given back as it was."""
    import termios
    import tty

    saved = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    # Both, as a shell that starts us in the background has SIGINT ignored.
    before = {number: signal.signal(number, _terminated) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if saved is not None:
            tty.setcbreak(sys.stdin)
        sys.stdout.write(ENTER)
        sys.stdout.flush()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if saved is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
