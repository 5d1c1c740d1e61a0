"""What is found in data: to the minute, to the id; nothing invented, nothing changed, what is left out is named."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")

from supreme_system_v5.history.kinds import BARS, TRADES
from supreme_system_v5.history.open import open_data
from supreme_system_v5.history.report import (
    CONFLICT,
    DUPLICATE,
    GAP,
    IMPOSSIBLE,
    MISALIGNED,
    ORDER,
    OUTLIER,
    SILENCE,
    ZERO_VOLUME,
    Report,
    render,
)
from supreme_system_v5.history.validate import Checker, OutOfOrder, in_order
from tests.history.files import DAY0_MS, Row, bar_chunk, bar_rows, some_bars, some_trades, trade_chunk, trade_rows

MINUTE = 60_000


def checked(kind: str, rows: list[Row], piece: int = 7, from_ms: int = -1, to_ms: int = -1) -> tuple[Report, list[Row]]:
    """The report, and the rows that are kept, of rows that come in pieces."""
    report = Report("test", kind)
    checker = Checker(kind, report, from_ms)
    make = bar_chunk if kind == BARS else trade_chunk
    kept = [checker.check(make(rows[at : at + piece])) for at in range(0, len(rows), piece)]
    checker.finish(to_ms)
    found = [chunk for chunk in kept if chunk is not None]
    assert report.rows_in == len(rows) and report.rows_out == sum(chunk.rows for chunk in found)
    return report, bar_rows(found) if kind == BARS else trade_rows(found)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [BARS, TRADES])
@pytest.mark.parametrize("piece", [1, 2, 7, 1_000])
def test_good_data_is_left_alone(kind: str, piece: int) -> None:
    rows = some_bars(100) if kind == BARS else some_trades(100)
    report, kept = checked(kind, rows, piece)
    assert report.is_clean and kept == rows and not report.findings
    assert "no fault found" in render([report])


@pytest.mark.parametrize("piece", [1, 3, 1_000])
def test_missing_minutes(piece: int) -> None:
    rows = some_bars(100)
    report, kept = checked(BARS, rows[:10] + rows[14:50] + rows[51:], piece)
    assert [(gap.from_ms, gap.to_ms, gap.number) for gap in report.of(GAP)] == [
        (DAY0_MS + 10 * MINUTE, DAY0_MS + 14 * MINUTE, 4),
        (DAY0_MS + 50 * MINUTE, DAY0_MS + 51 * MINUTE, 1),
    ]
    text = render([report])
    assert "gap: 2024-08-01 00:10 to 2024-08-01 00:14: 4 bars missing (reported)" in text
    assert "gap: 2024-08-01 00:50 to 2024-08-01 00:51: 1 bar missing (reported)" in text
    assert "5 missing in 2 places" in text
    assert len(kept) == 95 and not report.is_clean


def test_missing_at_the_ends_of_what_was_asked_for() -> None:
    report, _ = checked(BARS, some_bars(10, DAY0_MS + 2 * MINUTE), 4, DAY0_MS, DAY0_MS + 15 * MINUTE)
    assert [(gap.from_ms - DAY0_MS, gap.to_ms - DAY0_MS) for gap in report.of(GAP)] == [
        (0, 2 * MINUTE),
        (12 * MINUTE, 15 * MINUTE),
    ]
    empty, _ = checked(BARS, [], 4, DAY0_MS, DAY0_MS + 15 * MINUTE)
    assert [gap.number for gap in empty.of(GAP)] == [15]


@pytest.mark.parametrize("piece", [1, 3, 1_000])
def test_missing_ids(piece: int) -> None:
    rows = some_trades(100)
    report, _ = checked(TRADES, rows[:40] + rows[47:], piece)
    (gap,) = report.of(GAP)
    assert gap == (GAP, rows[39][0], rows[47][0], 7, "ids 140 to 146", 140)
    assert "gap: 2024-08-01 00:00:39 to 2024-08-01 00:00:47: 7 trades missing, ids 140 to 146" in render([report])


@pytest.mark.parametrize("piece", [1, 2, 1_000])
@pytest.mark.parametrize("kind", [BARS, TRADES])
def test_repeats(kind: str, piece: int) -> None:
    rows = some_bars(20) if kind == BARS else some_trades(20)
    other = (*rows[9][:-2], rows[9][-2] - 1, rows[9][-1])
    report, kept = checked(kind, [*rows[:5], rows[4], rows[4], *rows[5:10], other, *rows[10:]], piece)
    assert kept == rows
    assert (report.totals[DUPLICATE], report.totals[CONFLICT]) == (2, 1)
    assert report.of(CONFLICT)[0].from_ms == rows[9][0]


def test_impossible_and_misplaced_bars_are_left_out_and_missed() -> None:
    rows = some_bars(10)
    broken = list(rows)
    broken[3] = (rows[3][0], rows[3][1], rows[3][3], rows[3][2], *rows[3][4:])  # high below low
    broken[5] = (rows[5][0], 0, 0, 0, 0, 0)
    broken[7] = (rows[7][0] + 1, *rows[7][1:])
    report, kept = checked(BARS, broken, 4)
    assert kept == [*rows[:3], rows[4], rows[6], *rows[8:]]
    assert [found.from_ms for found in report.of(IMPOSSIBLE)] == [rows[3][0], rows[5][0]]
    assert [found.from_ms for found in report.of(MISALIGNED)] == [rows[7][0] + 1]
    assert report.totals[GAP] == 3


def test_trades_of_nothing_are_left_out() -> None:
    rows = some_trades(6)
    nothing = (rows[2][0], 500, 0, 0, 0)
    report, kept = checked(TRADES, [*rows[:3], nothing, *rows[3:]])
    assert kept == rows and report.totals == {IMPOSSIBLE: 1}


def test_quiet_minutes_and_silences_are_told_and_are_no_fault() -> None:
    rows = [(*row[:5], 0) if 3 <= n < 9 or n == 15 else row for n, row in enumerate(some_bars(20))]
    report, kept = checked(BARS, rows, 4)
    assert kept == rows and report.is_clean
    assert [(f.from_ms - DAY0_MS, f.number) for f in report.of(ZERO_VOLUME)] == [(3 * MINUTE, 6), (15 * MINUTE, 1)]
    trades = some_trades(10)
    late = [trades[n] if n < 5 else (trades[n][0] + 400_000, *trades[n][1:]) for n in range(10)]
    report, _ = checked(TRADES, late, 3)
    assert report.is_clean and [f.from_ms for f in report.of(SILENCE)] == [trades[4][0]]


@pytest.mark.parametrize("piece", [1, 2, 3, 1_000])
def test_a_price_far_from_its_neighbours_is_told_and_kept(piece: int) -> None:
    rows = some_trades(30)
    rows[11] = (*rows[11][:2], rows[11][2] * 2, *rows[11][3:])
    report, kept = checked(TRADES, rows, piece)
    assert kept == rows and report.is_clean
    assert [found.from_ms for found in report.of(OUTLIER)] == [rows[11][0]]
    bars = some_bars(30)
    bars[11] = (*bars[11][:3], bars[11][3] * 8 // 10, *bars[11][4:])
    report, kept = checked(BARS, bars, piece)
    assert kept == bars and [found.from_ms for found in report.of(OUTLIER)] == [bars[11][0]]


@pytest.mark.parametrize("kind", [BARS, TRADES])
def test_rows_that_go_back_are_sorted_as_a_whole(kind: str) -> None:
    rows = some_bars(200) if kind == BARS else some_trades(200)
    mixed = list(rows)
    random.Random(7).shuffle(mixed)
    with pytest.raises(OutOfOrder):
        checked(kind, mixed)
    report = Report("test", kind)
    make = bar_chunk if kind == BARS else trade_chunk
    chunks = list(in_order(kind, [make(mixed[:50]), make(mixed[50:])], report))
    assert (bar_rows(chunks) if kind == BARS else trade_rows(chunks)) == rows  # type: ignore[arg-type]
    assert report.totals[ORDER] > 100 and report.of(ORDER)[0].from_ms == rows[0][0]


def test_times_that_do_not_follow_the_ids_are_sorted_and_ids_still_counted() -> None:
    rows = some_trades(50)
    mixed = [*rows[:20], (rows[20][0] - 5_000, *rows[20][1:]), *rows[21:30], rows[29], *rows[33:]]
    report = Report("test", TRADES)
    kept = trade_rows(in_order(TRADES, [trade_chunk(mixed)], report))  # type: ignore[arg-type]
    assert kept == sorted(set(mixed))
    assert (report.totals[DUPLICATE], report.totals[GAP]) == (1, 3)
    again = Checker(TRADES, report, is_sorted=True)
    assert again.check(trade_chunk(kept)) is not None


@given(
    removed=st.sets(st.integers(1, 98), max_size=40),
    repeated=st.sets(st.integers(0, 99), max_size=20),
    piece=st.integers(1, 40),
)
def test_any_holes_and_repeats_are_found_in_any_pieces(removed: set[int], repeated: set[int], piece: int) -> None:
    rows = some_bars(100)
    left = [row for n, row in enumerate(rows) if n not in removed]
    given_rows = [row for n, row in enumerate(rows) if n not in removed for _ in range(2 if n in repeated else 1)]
    report, kept = checked(BARS, given_rows, piece)
    missing = {(f.from_ms - DAY0_MS) // MINUTE + n for f in report.of(GAP) for n in range(f.number)}
    assert (kept, missing) == (left, removed)
    assert report.totals.get(DUPLICATE, 0) == len(repeated - removed)


def test_the_report_as_json() -> None:
    rows = some_bars(100)
    report, _ = checked(BARS, rows[:10] + rows[14:])
    document = json.loads(json.dumps(report.as_json()))
    (gap,) = document["findings"]
    assert (gap["kind"], gap["from"], gap["to"], gap["count"]) == (
        "gap",
        "2024-08-01 00:10",
        "2024-08-01 00:14",
        4,
    )
    assert gap["from_time_ns"] == (DAY0_MS + 10 * MINUTE) * 1_000_000
    assert (document["clean"], document["totals"]["gap"], document["rows_out"]) == (False, 4, 96)


def test_the_maintenance_gap_of_2021_to_the_minute(data_dir: Path) -> None:
    data = open_data(str(data_dir / "bars_1m" / "spot_ETHUSDT_20210420_20210520.csv.gz"), Path("none"))
    report = Report("bars of spot ETHUSDT", BARS)
    checker = Checker(BARS, report)
    for chunk in data.bars():
        checker.check(chunk)
    checker.finish()
    (gap,) = report.of(GAP)
    assert (report.rows_in, report.rows_out) == (42_915, 42_915)
    assert gap.number == (gap.to_ms - gap.from_ms) // MINUTE == 284
    assert "gap: 2021-04-25 04:01 to 2021-04-25 08:45: 284 bars missing" in render([report])
