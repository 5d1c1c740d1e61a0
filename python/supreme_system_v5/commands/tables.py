"""Plain aligned text tables, and JSON documents, for the commands' output."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final

SCHEMA_VERSION: Final = 1


def render_table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str] = ()) -> str:
    """Columns two spaces apart, right-aligned but for those named in ``left``."""
    widths = [max([len(header), *(len(row[n]) for row in rows)]) for n, header in enumerate(headers)]
    is_left = [header in left for header in headers]
    lines = []
    for row in [headers, *rows]:
        cells = [
            cell.ljust(width) if at_left else cell.rjust(width)
            for cell, width, at_left in zip(row, widths, is_left, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def say(text: str) -> None:
    """One answer of a command to the person who asked."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """What went wrong, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_json(document: dict[str, Any]) -> None:
    """One JSON document; money is a decimal string, time is `time_ns` UTC."""
    say(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2))
