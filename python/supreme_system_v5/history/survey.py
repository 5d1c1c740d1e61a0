"""Look at a range of the store as a whole: one report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supreme_system_v5.history.day_maker import found_notes
from supreme_system_v5.history.kinds import ALL_TIME, DAY_MS, Range, day_of, day_start_ms
from supreme_system_v5.history.parquet import DayFile
from supreme_system_v5.history.report import Report
from supreme_system_v5.history.store import Series, Store, publish, writing
from supreme_system_v5.history.validate import Checker

REPORT_NAME = "report.json"


def survey_store(store: Store, wanted: Series, span: Range, on_day: Callable[[], None] = lambda: None) -> Report:
    """The stored days within a range, as one line of time.

    Bars are missed at an end of the range where it was asked for; an open end is where the data ends.
    """
    report = Report(f"{wanted}", wanted.kind)
    inside = [day for day in store.days(wanted) if day_of(span.from_ms) <= day <= day_of(span.to_ms - 1)]
    if not inside:
        return report
    checker = Checker(wanted.kind, report, span.from_ms if span.from_ms != ALL_TIME.from_ms else -1)
    end_ms = 0
    if store.source(wanted, inside[0]):
        report.name = f"{store.source(wanted, inside[0]).upper()} {report.name}"
    for day in inside:
        file = DayFile(store.path(wanted, day))
        found_notes(file.notes, report)
        for chunk in file.chunks(span.from_ms, span.to_ms):
            checker.check(chunk)
        until = file.notes.get("until_ms", "")
        end_ms = int(until) if until else day_start_ms(day) + DAY_MS
        file.close()
        on_day()
    checker.finish(min(end_ms, span.to_ms) if span.to_ms != ALL_TIME.to_ms else -1)
    return report


def save_report(store: Store, wanted: Series, report: Report) -> Path:
    """Keep a report beside the days it is about. Raises ConfigError."""
    path = store.folder_of(wanted) / REPORT_NAME
    document: dict[str, Any] = {"schema_version": 1, **report.as_json()}
    with writing(store.folder):
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(document, indent=2) + "\n")
        publish(part, path)
    return path
