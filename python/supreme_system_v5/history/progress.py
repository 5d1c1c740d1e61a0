"""How far a long job is: a bar on a terminal, a line every few seconds elsewhere; on stderr either way."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

LINE_SECONDS: Final = 5.0
_DRAW_SECONDS: Final = 0.1
_WIDTH: Final = 24


class Progress:
    """``total`` steps to do. ``is_shown`` False: only what ``say`` says."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None, is_shown: bool = True) -> None:
        self._label = label
        self._total = max(1, total)
        self._stream = stream or sys.stderr
        self._is_shown = is_shown
        self._is_terminal = self._stream.isatty()
        self._done = 0
        self._bytes = 0
        self._note = ""
        self._start = time.monotonic()
        self._shown = self._start
        self._has_bar = False

    def step(self, note: str, count: int = 1) -> None:
        """So many more steps are done; ``note`` says at what it is."""
        self._done += count
        self._note = note
        self._show(False)

    def at(self, note: str) -> None:
        """What is being done now."""
        self._note = note
        self._show(False)

    def add_bytes(self, count: int) -> None:
        """So many more bytes came."""
        self._bytes += count
        self._show(False)

    def say(self, text: str) -> None:
        """A line for people, above the bar."""
        self._clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()
        if self._is_terminal:
            self._show(True)

    def close(self) -> None:
        """The last state stays as a line."""
        self._clear()
        if self._is_shown:
            self._stream.write(self._text() + "\n")
            self._stream.flush()

    def _show(self, is_urgent: bool) -> None:
        now = time.monotonic()
        wait = _DRAW_SECONDS if self._is_terminal else LINE_SECONDS
        if not self._is_shown or (not is_urgent and now - self._shown < wait):
            return
        self._shown = now
        if self._is_terminal:
            self._stream.write(f"\r{self._text()}\x1b[K")
            self._has_bar = True
        else:
            self._stream.write(self._text() + "\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._has_bar:
            self._stream.write("\r\x1b[K")
            self._has_bar = False

    def _text(self) -> str:
        seconds = max(1e-6, time.monotonic() - self._start)
        share = min(1.0, self._done / self._total)
        parts = [f"{self._label} {self._done}/{self._total} ({share:.0%})"]
        if self._is_terminal:
            full = int(share * _WIDTH)
            parts.insert(0, f"[{'#' * full}{'.' * (_WIDTH - full)}]")
        if self._bytes:
            parts.append(f"{self._bytes / 1e6:.1f} MB, {self._bytes / 1e6 / seconds:.1f} MB/s")
        if 0 < share < 1:
            parts.append(f"about {_span(seconds / share - seconds)} left")
        if self._note and share < 1:
            parts.append(self._note)
        return ", ".join(parts) if not self._is_terminal else f"{parts[0]} {', '.join(parts[1:])}"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
