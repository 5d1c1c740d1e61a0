"""What was found in data: gaps to the minute, duplicates, impossible rows; for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from supreme_system_v5.history.kinds import MINUTE_MS, time_text

GAP: Final = "gap"
DUPLICATE: Final = "duplicate"
CONFLICT: Final = "conflict"
ORDER: Final = "order"
IMPOSSIBLE: Final = "impossible"
MISALIGNED: Final = "misaligned"
ZERO_VOLUME: Final = "zero_volume"
SILENCE: Final = "silence"
OUTLIER: Final = "outlier"

REPORTED: Final = "reported"
LEFT_OUT: Final = "left out"
SORTED: Final = "sorted"

FINDINGS_MAX: Final = 1_000  # of each kind; the counts go on
_SHOWN_MAX: Final = 20

# kind -> (what it is, what is done about it)
WORDS: Final[dict[str, tuple[str, str]]] = {
    GAP: ("missing", REPORTED),
    DUPLICATE: ("given twice, the same", LEFT_OUT),
    CONFLICT: ("given twice, not the same: the first is kept", LEFT_OUT),
    ORDER: ("out of order", SORTED),
    IMPOSSIBLE: ("impossible (no price, or open or close outside of low to high)", LEFT_OUT),
    MISALIGNED: ("not on the minute", LEFT_OUT),
    ZERO_VOLUME: ("bars without a trade", REPORTED),
    SILENCE: ("no trade for a long time", REPORTED),
    OUTLIER: ("far from its neighbours", REPORTED),
}


class Finding(NamedTuple):
    """``number`` rows (of a gap: missing bars or ids) from ``from_ms`` up to, not including, ``to_ms``."""

    kind: str
    from_ms: int
    to_ms: int
    number: int
    detail: str = ""
    first_id: int = -1  # of missing trades


class Report:
    """The findings about one series, in the order of time. ``unit`` is what a row is: bars or trades."""

    def __init__(self, name: str, unit: str) -> None:
        self.name = name
        self.unit = unit
        self.rows_in = 0
        self.rows_out = 0
        self.first_ms = -1
        self.last_ms = -1
        self.findings: list[Finding] = []
        self.totals: dict[str, int] = {}  # rows a kind
        self.places: dict[str, int] = {}  # findings a kind, also those beyond FINDINGS_MAX

    def add(self, found: Finding) -> None:
        """Count a finding, and keep it while there is room."""
        places = self.places.get(found.kind, 0)
        self.places[found.kind] = places + 1
        self.totals[found.kind] = self.totals.get(found.kind, 0) + found.number
        if places < FINDINGS_MAX:
            self.findings.append(found)

    @property
    def is_clean(self) -> bool:
        """True when nothing is missing and nothing had to be left out or sorted; quiet minutes are no fault."""
        return not any(self.totals.get(kind) for kind in (GAP, DUPLICATE, CONFLICT, ORDER, IMPOSSIBLE, MISALIGNED))

    def of(self, kind: str) -> list[Finding]:
        """The findings of a kind that were kept."""
        return [found for found in self.findings if found.kind == kind]

    def as_json(self) -> dict[str, Any]:
        """Times as time_ns UTC, `to` not included."""
        return {
            "name": self.name,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "from_time_ns": self.first_ms * 1_000_000 if self.first_ms >= 0 else None,
            "to_time_ns": self.last_ms * 1_000_000 if self.last_ms >= 0 else None,
            "clean": self.is_clean,
            "totals": {kind: self.totals.get(kind, 0) for kind in WORDS},
            "findings": [
                {
                    "kind": f.kind,
                    "action": WORDS[f.kind][1],
                    "from_time_ns": f.from_ms * 1_000_000,
                    "to_time_ns": f.to_ms * 1_000_000,
                    "from": time_text(f.from_ms),
                    "to": time_text(f.to_ms),
                    "count": f.number,
                    "detail": f.detail,
                }
                for f in self.findings
            ],
        }


def render(reports: Sequence[Report]) -> str:
    """Readable text: one line a series, then what was found, gaps first and to the minute."""
    lines: list[str] = []
    for report in reports:
        span = f"{time_text(report.first_ms)} to {time_text(report.last_ms)} UTC" if report.rows_out else "nothing"
        verdict = "no fault found" if report.is_clean else _summary(report)
        lines.append(f"{report.name}: {report.rows_out:,} {report.unit}, {span}: {verdict}")
        for kind in WORDS:
            lines += _lines_of(report, kind)
    return "\n".join(lines)


def _summary(report: Report) -> str:
    parts = []
    for kind in (GAP, DUPLICATE, CONFLICT, ORDER, IMPOSSIBLE, MISALIGNED):
        total = report.totals.get(kind, 0)
        if total:
            where = f" in {report.places[kind]} places" if kind == GAP and report.places[kind] > 1 else ""
            parts.append(f"{total:,} {'missing' if kind == GAP else kind.replace('_', ' ')}{where}")
    return ", ".join(parts)


def _lines_of(report: Report, kind: str) -> list[str]:
    found = report.of(kind)
    if not found:
        return []
    words, action = WORDS[kind]
    if kind == ZERO_VOLUME and len(found) > _SHOWN_MAX:
        return [f"  {report.totals[kind]:,} {words} in {report.places[kind]} places ({action})"]
    lines = []
    for item in found[:_SHOWN_MAX]:
        until = f" to {time_text(item.to_ms)}" if item.to_ms - item.from_ms > MINUTE_MS or kind == GAP else ""
        detail = f", {item.detail}" if item.detail else ""
        lines.append(
            f"  {kind.replace('_', ' ')}: {time_text(item.from_ms)}{until}: "
            f"{_what(report, item, words)}{detail} ({action})"
        )
    more = report.places[kind] - _SHOWN_MAX
    if more > 0:
        lines.append(f"  {kind.replace('_', ' ')}: and {more:,} more places (all of them: --json)")
    return lines


def _what(report: Report, item: Finding, words: str) -> str:
    if item.kind in (ZERO_VOLUME, SILENCE):
        return f"{item.number:,} {words}" if item.kind == ZERO_VOLUME else words
    return f"{item.number:,} {report.unit if item.number != 1 else report.unit[:-1]} {words}"
