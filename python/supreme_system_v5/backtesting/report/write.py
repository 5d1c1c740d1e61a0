"""The files of a report in a folder: report.html, report.json, trades.csv, trades.json; each whole or not there."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.backtesting.report.build import Report, build_report
from supreme_system_v5.backtesting.report.document import TRADE_COLUMNS, report_document, trade_row, trades_head
from supreme_system_v5.backtesting.report.page import render_page
from supreme_system_v5.backtesting.results import BacktestResult, RoundTrip
from supreme_system_v5.core.domain.errors import ConfigError

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def write_report(result: BacktestResult, folder: Path, report: Report | None = None) -> list[Path]:
    """Write the four files, the page first; the folder is made where it is missing. Returns their paths.

    A file that was there is replaced as a whole. Raises ConfigError when the folder cannot be written.
    """
    report = report or build_report(result)
    pieces: dict[str, Iterable[str]] = {
        "report.html": (render_page(report),),
        "report.json": (to_json(report_document(report)),),
        "trades.csv": csv_lines(result.trades, result.is_simulated),
        "trades.json": json_lines(result),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [_replace(folder / name, texts) for name, texts in pieces.items()]
    except OSError as error:
        raise ConfigError(
            f"cannot write the report into {folder}: {error.strerror or error}",
            "free space or give permission there, or name another folder",
        ) from None


def to_json(document: dict[str, Any]) -> str:
    """Strict JSON (no NaN), for a person to read too."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_lines(trades: Iterable[RoundTrip], is_simulated: bool = False) -> Iterator[str]:
    """RFC 4180, a record at a time: a header, commas, CRLF, quotes where they are needed; exact decimals.

    A reason that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    yield _csv_record(TRADE_COLUMNS)
    for trade in trades:
        *exact, entry_reason, exit_reason, mark = trade_row(trade, is_simulated)
        yield _csv_record([*exact, _plain(str(entry_reason)), _plain(str(exit_reason)), str(mark).lower()])


def _csv_record(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue()


def json_lines(result: BacktestResult) -> Iterator[str]:
    """trades.json, a trade on a line: a long run is never one text in memory."""
    head = json.dumps(trades_head(result), ensure_ascii=False)
    yield f'{head[:-1]}, "trades": ['
    between = "\n"
    for trade in result.trades:
        row = dict(zip(TRADE_COLUMNS, trade_row(trade, result.is_simulated), strict=True))
        yield between + json.dumps(row, ensure_ascii=False, allow_nan=False)
        between = ",\n"
    yield "\n]}\n"


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _replace(path: Path, texts: Iterable[str]) -> Path:
    """Beside it first, to the disk, then in its place: a reader never sees half a file."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.writelines(texts)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
