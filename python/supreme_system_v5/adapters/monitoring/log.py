"""Logging: JSON lines in the session's folder, warnings for people on stderr, secrets in neither.

LOG_LEVEL is what a person sees on stderr. The file takes INFO at least, so that `make logs` shows what happened;
there is no line per tick at any level above DEBUG.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable
from datetime import timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from loguru import Record

FILE_NAME: Final = "daemon.jsonl"
ROTATION_BYTES: Final = 10_000_000
FILES_MAX: Final = 3
MASK: Final = "***"
_MASKED_LENGTH_MIN: Final = 4
# key=value, "key": "value", key: value; also in URLs and headers.
_SECRET_PATTERN: Final = re.compile(
    r"(?i)(\b[\w-]*(?:api[_-]?key|apikey|secret|signature|passw(?:or)?d|token|authorization)[\w-]*['\"]?\s*[=:]\s*)"
    r"(['\"]?)(?:(?:bearer|basic)\s+)?[^\s'\"&,;}\]]+"
)
_URL_PASSWORD: Final = re.compile(r"(://[^/\s:@]+:)[^/\s@]+@")


class Masker:
    """Hides the known secret values, and whatever looks like one by its name."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret that contains another one is replaced whole.
        self._secrets = sorted({s for s in secrets if len(s) >= _MASKED_LENGTH_MIN}, key=len, reverse=True)

    def mask(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = _URL_PASSWORD.sub(lambda found: f"{found.group(1)}{MASK}@", text)
        return _SECRET_PATTERN.sub(lambda found: f"{found.group(1)}{found.group(2)}{MASK}", text)


def _json_line(record: Record, masker: Masker) -> str:
    line: dict[str, Any] = {
        "time": record["time"].astimezone(timezone.utc).isoformat(timespec="milliseconds"),
        "time_ns": int(record["time"].timestamp() * 1e6) * 1000,
        "level": record["level"].name,
        "message": masker.mask(record["message"]),
        "where": f"{record['name']}:{record['line']}",
    }
    extra = {key: value for key, value in record["extra"].items() if key != "line"}
    if extra:
        line["extra"] = {key: masker.mask(str(value)) for key, value in extra.items()}
    error = record["exception"]
    if error is not None and error.value is not None:
        # Standard traceback: loguru's own shows the values of variables, secrets among them.
        lines = traceback.format_exception(error.type, error.value, error.traceback)
        line["error"] = masker.mask("".join(lines))
    return json.dumps(line, ensure_ascii=False)


class _ToLoguru(logging.Handler):
    """What libraries say by the standard logging goes the same way, masked."""

    def emit(self, record: logging.LogRecord) -> None:
        from loguru import logger

        known = record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        level = record.levelname if known else "WARNING"
        logger.opt(exception=record.exc_info).bind(library=record.name).log(level, "{}", record.getMessage())


def _install_hooks(masker: Masker, out: TextIO) -> None:
    """Libraries' warnings into loguru; a crash's traceback on stderr without secrets."""
    root = logging.getLogger()
    root.handlers = [_ToLoguru(logging.WARNING)]

    def crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        out.write(masker.mask("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = crash


def setup_logging(
    level: str,
    session_dir: Path | None,
    secrets: Iterable[str] = (),
    stderr: TextIO | None = None,
    rotation_bytes: int = ROTATION_BYTES,
) -> Path | None:
    """Set up loguru: stderr at ``level``, and with a ``session_dir`` the JSON lines file in it (returned).

    Also takes over the standard logging of libraries and the traceback of a crash, so that both are masked.
    Raises ValueError for a level that is none; OSError when the file cannot be opened.
    """
    from loguru import logger

    masker = Masker(secrets)

    def human(record: Record) -> str:
        text = f"{record['level'].name.lower():8}{masker.mask(record['message'])}"
        error = record["exception"]
        if error is not None and error.value is not None:
            text += f" ({masker.mask(f'{type(error.value).__name__}: {error.value}')})"
        record["extra"]["line"] = text
        return "{extra[line]}\n"

    def machine(record: Record) -> str:
        record["extra"]["line"] = _json_line(record, masker)
        return "{extra[line]}\n"

    logger.remove()
    out = stderr or sys.stderr
    _install_hooks(masker, out)
    logger.add(out, level=level, format=human, colorize=False, backtrace=False, diagnose=False, catch=True)
    if session_dir is None:
        return None
    path = session_dir / FILE_NAME
    file_level = min(level, "INFO", key=lambda name: logger.level(name).no)
    logger.add(
        path,
        level=file_level,
        format=machine,
        rotation=rotation_bytes,
        retention=FILES_MAX - 1,  # loguru counts those besides the one being written
        encoding="utf-8",
        backtrace=False,
        diagnose=False,
        catch=True,
    )
    return path
