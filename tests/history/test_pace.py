"""What keeps a download polite and a person informed: the request weights of a minute, and the progress line."""

from __future__ import annotations

import io

import pytest

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.http import LIMIT_SHARE, Pace
from supreme_system_v5.history.kinds import ALL_TIME, parse_range, time_text
from supreme_system_v5.history.progress import Progress


def test_weight_is_counted_by_the_minute() -> None:
    pace = Pace(100)
    assert pace.wait_seconds(20, 1_200.0) == 0.0
    for second in range(4):
        assert pace.wait_seconds(20, 1_200.0 + second) == 0.0
        pace.spend(20, 1_200.0 + second)
    assert LIMIT_SHARE == 0.8 and 50.0 < pace.wait_seconds(20, 1_209.0) < 52.0
    assert pace.wait_seconds(20, 1_260.0) == 0.0  # the next minute


def test_what_the_venue_says_counts_too() -> None:
    pace = Pace(100)
    pace.told("75", 1_200.0)
    pace.told("nonsense", 1_200.0)
    assert pace.wait_seconds(5, 1_201.0) == 0.0
    assert pace.wait_seconds(6, 1_201.0) > 0.0
    pace.told("", 1_201.0)
    assert pace.wait_seconds(6, 1_201.0) > 0.0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        progress = Progress("days", 4, stream)
        progress.step("bars 2024-08-01")
        progress.add_bytes(2_000_000)
        progress.say("the venue asks to wait (HTTP 429): 5 s")
        progress.step("bars 2024-08-02", 3)
        progress.close()
    drawn = terminal.getvalue().replace("\x1b[K", "").replace("\r", "\n").splitlines()
    assert any(line.startswith("[######..................] days 1/4 (25%)") for line in drawn)
    assert drawn[-1].startswith("[########################] days 4/4 (100%), 2.0 MB")
    lines = pipe.getvalue().splitlines()
    assert lines[0] == "the venue asks to wait (HTTP 429): 5 s"
    assert lines[-1].startswith("days 4/4 (100%), 2.0 MB") and "\r" not in pipe.getvalue()
    quiet = io.StringIO()
    hidden = Progress("days", 4, quiet, is_shown=False)
    hidden.step("x", 4)
    hidden.close()
    assert quiet.getvalue() == ""


def test_ranges_of_time() -> None:
    assert parse_range("", "") == ALL_TIME and ALL_TIME.is_open
    assert parse_range("2024-08-01", "2024-08-01") == (1_722_470_400_000, 1_722_556_800_000)
    assert parse_range("2024-08-01T12:30", "2024-08-01T13:00:30Z") == (1_722_515_400_000, 1_722_517_230_000)
    assert parse_range("2024-08-01T02:00+02:00", "").from_ms == 1_722_470_400_000
    assert (time_text(1_722_515_400_000), time_text(1_722_515_401_007)) == (
        "2024-08-01 12:30",
        "2024-08-01 12:30:01.007",
    )
    for begin, end in [("2024-08-02", "2024-08-01"), ("today", ""), ("", "2024-13-01"), ("1700-01-01", "")]:
        with pytest.raises(ConfigError, match=r"FROM|TO"):
            parse_range(begin, end)
