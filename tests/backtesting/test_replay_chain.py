"""What a session leaves in the journal, kept a second time; and where a kill may have come between the two."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.storage.recording.codec import plain
from supreme_system_v5.backtesting.replay_chain import Books, link
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.startup import saved_state
from supreme_system_v5.trading import account_key
from tests.backtesting.recorded_session import START_NS, folder_of, replay
from tests.determinism.daemon import settings_of
from tests.determinism.in_process import InProcess, Memory
from tests.system.world import FAST


class Kept(Memory):
    """A journal in memory that keeps every transaction, for a real one to be given afterwards."""

    def __init__(self) -> None:
        self.transactions: list[list[Effect]] = []

    async def commit(self, records: list[Effect]) -> str:
        self.transactions.append(records)
        return "committed"

    def commit_later(self, records: list[Effect]) -> None:
        self.transactions.append(records)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [30, 40, 58, 90])
def test_the_books_of_a_replay_are_what_the_journal_hands_out(tmp_path: Path, seconds: int) -> None:
    """A real journal is given the session's transactions; a start after it gets what the replay's books say."""
    market = GeneratedMarket("usdm", 7, START_NS, "scripted", 2.0)
    run = InProcess(market, tmp_path, START_NS + seconds * 1_000_000_000, 0.0, [], record=True, **FAST)
    kept = run.journal = Kept()
    run.run(30.0)
    outcome, books = replay(folder_of(run))
    assert outcome.difference is None
    settings = settings_of("usdm", tmp_path, **FAST)
    journal = Journal.open(tmp_path / "journal.db", account_key(settings, True, False))
    saved_state(journal, settings, START_NS - 1)  # opens the account

    async def give() -> None:
        for records in kept.transactions:
            await journal.commit(records)

    asyncio.run(give())
    saved, _ = saved_state(journal, settings, START_NS)
    journal.close()
    began = plain(saved)
    assert link(books, began, True).differences == []
    assert books.saved() == {name: began[name] for name in books.saved()}
    assert len(kept.transactions) > 3


def state_record(time_ns: int, key: str, value: str) -> dict[str, Any]:
    return {"is": "StateRecord", "time_ns": time_ns, "key": key, "value_json": value}


def equity_record(time_ns: int, mark_e8: int) -> dict[str, Any]:
    return {"is": "EquityRecord", "time_ns": time_ns, "mark_e8": mark_e8}


@pytest.fixture
def books() -> Books:
    saved = {
        "ledger": {"wallet_e8": 5},
        "next_sequence": 4,
        "position": {},
        "open_orders": [],
        "state": {},
        "results_e8": [],
        "trades_closed": 0,
        "last_funding_ms": 0,
        "last_time_ns": 10,
        "last_price_e8": 7,
    }
    return Books(saved, "0000")


def test_an_orderly_end_must_be_met_exactly(books: Books) -> None:
    books.take([[state_record(20, "day", "1")]])
    books.take([[equity_record(30, 99)]])
    left = books.saved()
    assert (left["last_time_ns"], left["last_price_e8"]) == (30, 99)
    assert link(books, left, True).differences == []
    found = link(books, {**left, "last_time_ns": 20}, True).differences
    assert [name for name, _, _ in found] == ["last_time_ns"]


def test_a_kill_may_come_before_any_transaction_of_the_last_commit(books: Books) -> None:
    books.take([[state_record(20, "day", "1")]])
    before = books.saved()
    books.take([[state_record(21, "day", "2")], [state_record(22, "breaker:x", "3")]])
    between = {**before, "state": {"day": "2"}, "last_time_ns": 21}
    for began, words in ((before, "had all of the last 2 records"), (between, "had all of the last 2 records")):
        joined = link(books, began, False)
        assert joined.differences == []
        assert words in joined.note
        assert link(books, began, True).differences != []  # in order it must be whole
    assert link(books, books.saved(), False).note == ""


def test_a_start_commits_what_it_gathered_at_once(books: Books) -> None:
    """Orders left unanswered and the start's own record are one transaction: a kill loses both."""
    before = books.saved()
    books.take([[state_record(20, "a", "1")]], True)
    books.take([[state_record(21, "b", "2")]], True)
    assert link(books, before, False).differences == []
    assert link(books, books.saved(), False).differences == []


def test_what_came_before_the_last_commit_must_be_there(books: Books) -> None:
    began = books.saved()
    books.take([[state_record(20, "day", "1")]])
    books.take([[state_record(21, "day", "2")]])
    joined = link(books, began, False)
    assert [name for name, _, _ in joined.differences] == ["state"]


def test_equity_that_had_not_reached_the_journal_is_told(books: Books) -> None:
    books.take([[state_record(20, "day", "1")]])
    began = books.saved()
    books.take([[equity_record(2_000_000_020, 99)]])
    joined = link(books, began, False)
    assert joined.differences == []
    assert "the last 2.0 s of equity and decisions" in joined.note


def test_a_journal_ahead_of_the_recording_is_a_difference(books: Books) -> None:
    """The recording is handed to the system first: this cannot be a kill."""
    books.take([[state_record(20, "day", "1")]])
    joined = link(books, {**books.saved(), "last_time_ns": 21}, False)
    assert [name for name, _, _ in joined.differences] == ["last_time_ns"]
