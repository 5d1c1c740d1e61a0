"""trades: the table and the JSON, of every account of the home, while a daemon runs or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import trades
from supreme_system_v5.core.domain.errors import JournalFault
from tests.adapters.journal.books import KEY, REAL_KEY, Books

from .homes import arguments, leave_position, settings_for


def trade(home: Home, count: int) -> None:
    home.create()
    journal = Journal.open(home.journal_path, KEY)
    books = Books()
    for _ in range(count):
        journal.commit_sync([*books.intent(), *books.entry_fill(), *books.exit_fill()])
    journal.close()


def test_nothing_traded_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trades.main(settings_for(Home(tmp_path)), arguments()) == 0
    assert capsys.readouterr().out == "no trade yet\n"


def test_the_table_shows_results_marks_totals_and_what_is_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    trade(home, 3)
    leave_position(home, REAL_KEY)
    assert trades.main(settings_for(home), arguments(limit=2)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["closed", "UTC", "account"]
    assert len({len(line) for line in lines[1:3]}) == 1, "columns are aligned"
    assert "SIMULATED" in lines[1] and "0.7995" in lines[1] and "2010.00" in lines[1]
    assert lines[3] == "paper usdm ETH-USDT SIMULATED: the last 2 of 3 trades, net 1.60"
    assert lines[4] == "OPEN paper usdm ETH-USDT: LONG 0.1 at 2000.00, stop 1980.00"


def test_json_has_exact_money_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    trade(home, 1)
    leave_position(home, REAL_KEY)
    assert trades.main(settings_for(home), arguments(json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    (closed,) = document["trades"]
    assert (closed["gross"], closed["fees"], closed["net"]) == ("1", "0.2005", "0.7995")
    assert closed["is_simulated"] is True and closed["closed_time_ns"] > closed["opened_time_ns"]
    (left,) = document["open"]
    assert (left["side"], left["quantity"], left["stop"], left["source_class"]) == ("LONG", "0.1", "1980", "real")


def test_it_reads_beside_a_running_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.create()
    journal = Journal.open(home.journal_path, KEY)
    books = Books()
    journal.commit_sync([*books.intent(), *books.entry_fill(), *books.exit_fill()])
    assert trades.main(settings_for(home), arguments()) == 0
    assert "0.7995" in capsys.readouterr().out
    assert journal.commit_sync(books.intent()) == "committed"
    journal.close()


def test_an_unreadable_journal_is_not_no_trade(tmp_path: Path) -> None:
    home = Home(tmp_path)
    trade(home, 1)
    home.journal_path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(JournalFault, match="corrupt"):
        trades.main(settings_for(home), arguments())
