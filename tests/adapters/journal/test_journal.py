"""Committing, loading, duplicates, accounts, retention, the calls with and without a loop. Real files throughout."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.reading import read_funding_since
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import (
    Announce,
    DecisionRecord,
    Effect,
    EquityRecord,
    FundingRecord,
    OrderRecord,
    StateRecord,
)
from supreme_system_v5.core.domain.errors import ConfigError, JournalFault
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.order import CANCELED

from .books import KEY, REAL_KEY, SECOND_NS, START_NS, Books

DAY_NS = 86_400 * SECOND_NS


def open_journal(folder: Path, key: object = KEY, **options: int) -> Journal:
    return Journal.open(folder / "journal.db", key, **options)  # type: ignore[arg-type]


def test_a_whole_trade_comes_back_as_it_was(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    books = Books()
    for records in (books.intent(), books.entry_fill()):
        assert journal.commit_sync(records) == "committed"
    state = journal.load()
    assert state.ledger is not None and state.ledger.fields() == books.ledger.fields()
    assert [order.role for order in state.open_orders] == ["stop"]
    assert state.open_orders[0].trigger_e8 == 1_980 * E8
    assert state.position["quantity_e8"] == E8 // 10 and state.position["stop_order_id"] == f"s5-{KEY.id}-2"
    assert state.last_price_e8 == 2_000 * E8
    journal.commit_sync(books.exit_fill())
    assert journal.close()

    with JournalReader(tmp_path / "journal.db") as reader:
        state = reader.load(KEY)
    assert state.ledger is not None and state.ledger.position_e8 == 0 and state.ledger.identity_gap_e8() == 0
    assert state.open_orders == [] and state.position == {}
    (trade,) = state.recent_trades
    assert trade.net_e8 == trade.gross_e8 - trade.fees_e8 == E8 - 20_050_000
    assert trade.is_simulated and state.last_time_ns == trade.closed_ns
    assert state.next_sequence == books.sequence == 4


def test_the_sequence_passes_the_ids_of_the_protection_too(tmp_path: Path) -> None:
    """A stop's id is used up by the entry that carries it, whether or not the stop was ever placed."""
    journal = open_journal(tmp_path)
    journal.commit_sync(Books(sequence=41).intent())
    assert journal.load().next_sequence == 43
    journal.close()


def test_the_same_execution_is_booked_once_and_its_older_state_changes_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    books = Books()
    intent, entry, leave = books.intent(), books.entry_fill(), books.exit_fill()
    for records in (intent, entry, leave):
        journal.commit_sync(records)
    after = journal.load()
    assert journal.commit_sync(entry[:1]) == "duplicate"
    assert journal.commit_sync(leave) == "duplicate"
    assert after.trades_closed == 1 and after.position_funding_e8 == 0
    assert journal.duplicates == 3  # the entry's fill, the exit's fill, the trade
    again = journal.load()
    assert after.ledger is not None and again.ledger is not None
    assert again.ledger.fields() == after.ledger.fields() and again.position == {}
    assert len(again.recent_trades) == 1
    journal.close()


def test_funding_is_booked_once_per_announced_time(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    ledger = new_ledger(100 * E8).after_funding(-5)
    record = FundingRecord(START_NS, 1_700_000_000_000, -5, 10_000, 2_000 * E8, ledger)
    assert journal.commit_sync([record]) == "committed"
    later = FundingRecord(START_NS, 1_700_000_000_000, -5, 10_000, 2_000 * E8, ledger.after_funding(-5))
    assert journal.commit_sync([later]) == "duplicate"
    stored = journal.load().ledger
    assert stored is not None and stored.funding_e8 == -5
    db = sqlite3.connect(journal.path)
    assert read_funding_since(db, KEY.id, START_NS) == -5
    assert read_funding_since(db, KEY.id, START_NS + 1) == 0
    db.close()
    journal.close()


def test_a_transaction_is_whole_or_not_there(tmp_path: Path) -> None:
    """A list with something that is no record: nothing of it is booked, and the journal goes on."""
    journal = open_journal(tmp_path)
    books = Books()
    bad: list[Effect] = [*books.intent(), Announce(START_NS, "trade", "not a record")]
    with pytest.raises(TypeError, match="Announce"):
        journal.commit_sync(bad)
    assert journal.load().open_orders == []
    assert journal.fault is None
    assert journal.commit_sync(Books(sequence=9).intent()) == "committed"
    journal.close()


def test_amounts_beyond_64_bits_stay_exact(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    huge = new_ledger(2**63 * 1000 + 7)
    journal.open_account(huge, START_NS)
    stored = journal.load().ledger
    assert stored is not None and stored.wallet_e8 == 2**63 * 1000 + 7
    journal.close()


def test_the_opening_balance_is_written_once(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    assert journal.load().ledger is None
    journal.open_account(new_ledger(10_000 * E8), START_NS)
    journal.open_account(new_ledger(77 * E8), START_NS)
    stored = journal.load().ledger
    assert stored is not None and stored.initial_e8 == 10_000 * E8
    journal.close()


def test_state_survives_by_key_and_the_last_value_wins(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.commit_sync([StateRecord(1, "day", '{"a":1}'), StateRecord(2, "breakers", "[]")])
    journal.commit_sync([StateRecord(3, "day", '{"a":2}')])
    assert journal.load().state == {"day": '{"a":2}', "breakers": "[]"}
    journal.close()


def test_accounts_do_not_see_each_other_but_their_open_positions_are_named(tmp_path: Path) -> None:
    real = open_journal(tmp_path, REAL_KEY)
    books = Books(REAL_KEY)
    real.commit_sync(books.intent())
    real.commit_sync(books.entry_fill())
    assert real.other_open_positions() == []
    real.close()
    simulated = open_journal(tmp_path, KEY)
    assert simulated.load().ledger is None and simulated.load().next_sequence == 1
    (left,) = simulated.other_open_positions()
    assert left.key == REAL_KEY and left.quantity_e8 == E8 // 10 and left.entry_price_e8 == 2_000 * E8
    simulated.close()


def test_two_accounts_with_the_same_four_digits_are_refused(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("UPDATE accounts SET symbol = 'ELSE-USDT'")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match="same id"):
        open_journal(tmp_path)


def test_the_last_price_is_the_later_of_mark_and_fill(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    books = Books()
    journal.commit_sync(books.intent())
    journal.commit_sync(books.entry_fill(2_001 * E8))
    journal.commit_sync([EquityRecord(books.time_ns - SECOND_NS, 1, 1, 0, 1_500 * E8)])
    assert journal.load().last_price_e8 == 2_001 * E8
    journal.commit_sync([EquityRecord(books.time_ns + SECOND_NS, 1, 1, 0, 2_300 * E8)])
    journal.commit_sync([EquityRecord(books.time_ns + 2 * SECOND_NS, 1, 1, 0, 0)])  # no mark known: not a price
    assert journal.load().last_price_e8 == 2_300 * E8
    journal.close()


def test_only_the_last_hundred_trades_are_handed_out_oldest_first(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    books = Books()
    for _ in range(103):
        journal.commit_sync([*books.intent(), *books.entry_fill(), *books.exit_fill()])
    trades = journal.load().recent_trades
    assert len(trades) == 100
    assert [trade.closed_ns for trade in trades] == sorted(trade.closed_ns for trade in trades)
    assert trades[-1].closed_ns == books.time_ns
    journal.close()


def test_commits_that_wait_together_share_a_transaction(tmp_path: Path) -> None:
    async def run() -> Journal:
        journal = open_journal(tmp_path)
        many = [journal.commit([DecisionRecord(n, "signal", "long", "")]) for n in range(200)]
        assert set(await asyncio.gather(*many)) == {"committed"}
        journal.commit_later([DecisionRecord(201, "signal", "short", "")])
        return journal

    journal = asyncio.run(run())
    assert journal.close()
    assert journal.records == 201 and journal.commits < 100
    with JournalReader(journal.path) as reader:
        assert reader.counts(KEY)["decisions"] == 201


def test_a_bad_record_does_not_take_its_neighbours_with_it(tmp_path: Path) -> None:
    async def run() -> list[object]:
        journal = open_journal(tmp_path)
        bad: list[Effect] = [Announce(1, "mode", "")]
        lists: list[list[Effect]] = [[DecisionRecord(1, "a", "", "")], bad, [DecisionRecord(2, "b", "", "")]]
        results = await asyncio.gather(*(journal.commit(records) for records in lists), return_exceptions=True)
        journal.close()
        return list(results)

    first, second, third = asyncio.run(run())
    assert (first, third) == ("committed", "committed") and isinstance(second, TypeError)


def test_another_program_that_locks_the_file_is_a_fault_within_a_second(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def run() -> float:
        started = time.monotonic()
        with pytest.raises(JournalFault, match="locked"):
            await journal.commit(Books().intent())
        return time.monotonic() - started

    assert asyncio.run(run()) < 2.0
    other.execute("ROLLBACK")
    other.close()
    # The first fault is final: a hole in the books must not be papered over by a later commit.
    with pytest.raises(JournalFault, match="locked"):
        journal.commit_sync(Books().intent())
    assert not journal.close()


def test_a_commit_over_a_second_is_a_fault_for_the_one_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's disk is made to hang by holding the thread inside a transaction."""
    journal = open_journal(tmp_path)
    release = threading.Event()
    transaction = journal._writer._transaction

    def hang(jobs: object) -> list[str]:
        release.wait(10)
        return transaction(jobs)  # type: ignore[arg-type]

    monkeypatch.setattr(journal._writer, "_transaction", hang)

    async def run() -> float:
        started = time.monotonic()
        with pytest.raises(JournalFault, match="did not commit within 1 s"):
            await journal.commit(Books().intent())
        return time.monotonic() - started

    assert 0.9 < asyncio.run(run()) < 2.0
    assert journal.fault is not None
    release.set()
    journal.close()


def test_a_fault_of_records_nobody_waits_for_is_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def run() -> JournalFault:
        told: asyncio.Future[JournalFault] = asyncio.get_running_loop().create_future()
        journal.on_fault = told.set_result
        journal.commit_later([DecisionRecord(1, "signal", "long", "")])
        return await asyncio.wait_for(told, 5)

    assert "locked" in str(asyncio.run(run()))
    other.close()
    journal.close()


def test_old_decisions_and_equity_go_trades_and_fills_stay(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, journal_days=2)
    books = Books()
    journal.commit_sync([*books.intent(), *books.entry_fill(), *books.exit_fill()])
    old: list[Effect] = [DecisionRecord(START_NS + n, "refused", "spread", "") for n in range(450)]
    old += [EquityRecord(START_NS + n, 1, 1, 0, 1) for n in range(450)]
    journal.commit_sync(old)
    journal.commit_sync([DecisionRecord(START_NS + 3 * DAY_NS, "signal", "long", "")])
    deadline = time.monotonic() + 10
    with JournalReader(journal.path) as reader:
        while reader.counts(KEY)["decisions"] > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        counts = reader.counts(KEY)
    assert counts["decisions"] == 1 and counts["equity"] == 0
    assert counts["fills"] == 2 and counts["trades"] == 1 and counts["orders"] == 3
    journal.close()


def test_backups_one_a_day_three_kept_and_usable(tmp_path: Path) -> None:
    for day in range(5):
        journal = Journal.open(tmp_path / "journal.db", KEY, clock=lambda day=day: START_NS + day * DAY_NS)  # type: ignore[misc]
        journal.commit_sync([DecisionRecord(START_NS + day, "mode", "start", "")])
        journal.close()
        again = Journal.open(tmp_path / "journal.db", KEY, clock=lambda day=day: START_NS + day * DAY_NS)  # type: ignore[misc]
        assert again.notices == []
        again.close()
    names = sorted(path.name for path in (tmp_path / "backup").iterdir())
    assert names == ["journal-20231116.db", "journal-20231117.db", "journal-20231118.db"]
    with JournalReader(tmp_path / "backup" / names[-1]) as reader:
        assert reader.counts(KEY)["decisions"] == 4  # as the fifth day's start found it


def test_a_canceled_order_is_not_handed_out_as_open(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    books = Books()
    journal.commit_sync(books.intent())
    assert books.entry is not None
    books.entry.move_to(CANCELED)
    journal.commit_sync([OrderRecord(books.entry, books.time_ns)])
    assert journal.load().open_orders == []
    with JournalReader(journal.path) as reader:
        order = reader.order(KEY, books.entry.client_order_id)
    assert order is not None and order.state == CANCELED and order.reason == "signal"
    journal.close()


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    assert journal.close() and journal.close()
    with pytest.raises(JournalFault, match="closed"):
        journal.commit_sync(Books().intent())


def test_a_folder_with_a_difficult_name(tmp_path: Path) -> None:
    folder = tmp_path / "50% of #1 & ü?"
    folder.mkdir()
    journal = open_journal(folder)
    assert journal.commit_sync(Books().intent()) == "committed"
    assert len(journal.load().open_orders) == 1
    journal.close()
    assert (folder / "journal.db").is_file()
