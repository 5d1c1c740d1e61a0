"""What the person watching sees: lines as they happen, and one status line that stays at the bottom of a terminal."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime, timezone
from typing import TextIO


class Console:
    """Writes to ``out``. On a terminal the status line is redrawn in place, elsewhere it is a line of its own."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.is_live = self._out.isatty()
        self._has_status = False
        self._is_broken = False

    @property
    def width(self) -> int:
        """Columns available for the status line; 0 = any."""
        return shutil.get_terminal_size((100, 24)).columns - 1 if self.is_live else 0

    def line(self, text: str) -> None:
        """Print a line above the status line."""
        if self._has_status:
            text = "\r\x1b[K" + text
            self._has_status = False
        self._write(text + "\n")

    def event(self, time_ns: int, text: str, mark: str) -> None:
        """Print something that happened at engine time ``time_ns`` (shown as UTC)."""
        stamp = datetime.fromtimestamp(time_ns // 1_000_000_000, timezone.utc).strftime("%H:%M:%S")
        self.line(f"{stamp} {mark + ' ' if mark else ''}{text}")

    def status(self, text: str) -> None:
        """Show the status line."""
        if self.is_live:
            self._write("\r\x1b[K" + text)
            self._has_status = True
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        if self._is_broken:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except (BrokenPipeError, ValueError, OSError):
            # Whoever read us has gone; trading goes on.
            self._is_broken = True
