"""The 1-minute bars that lie beside a recording (`bars_1m/<market>_<symbol>_<from>_<to>.csv.gz`)."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.money import E8, parse_e8

FOLDER: Final = "bars_1m"
_BEFORE_MS: Final = 1_500 * 60_000
_AFTER_MS: Final = 240 * 60_000


def bars_folder(recording: Path) -> Path:
    """Where the bars of a recording lie: `bars_1m` in its own folder, else beside that folder."""
    own = recording.resolve().parent / FOLDER
    return own if own.is_dir() else own.parent.parent / FOLDER


class FoundBars(NamedTuple):
    """Kline rows around a start time, the market they are of, and where they come from."""

    market: str
    rows: list[list[int]]
    note: str


def find_bars(folder: Path, market: str, symbol: str, start_ms: int) -> FoundBars | None:
    """Bars that overlap ``start_ms``: the market's own file, else spot's; None when there is neither."""
    for source in (market, "spot"):
        for path in sorted(folder.glob(f"{source}_{symbol}_*.csv.gz")):
            rows = _read(path, start_ms - _BEFORE_MS, start_ms + _AFTER_MS)
            if rows and rows[0][0] < start_ms <= rows[-1][0] + 60_000:
                note = f"1-minute bars of {path.name}"
                if source != market:
                    note += f" ({source} prices) before the recording; during it folded from its own trades"
                return FoundBars(source, rows, note)
    return None


def _read(path: Path, from_ms: int, to_ms: int) -> list[list[int]]:
    rows: list[list[int]] = []
    with gzip.open(path, "rt", encoding="ascii") as file:
        next(file, None)
        for line in file:
            open_text, rest = line.split(",", 1)
            open_ms = int(open_text)
            if open_ms < from_ms:
                continue
            if open_ms > to_ms:
                break
            o, h, low, c, v = (parse_e8(text) for text in rest.strip().split(","))
            turnover = v * c // E8
            rows.append([open_ms, o, h, low, c, v, turnover, max(1, v // E8), v // 2, turnover // 2])
    return rows
