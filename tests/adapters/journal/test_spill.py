"""The spill file: written in place, never grows, survives a torn write, keeps every kind of record word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.codec import decode_records, encode_records
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.spill import SpillFile
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import (
    DecisionRecord,
    Effect,
    EquityRecord,
    FundingRecord,
    StateRecord,
    TradeRecord,
)
from supreme_system_v5.core.domain.errors import JournalFault

from .books import KEY, REAL_KEY, START_NS, Books


def test_records_come_back_after_a_reopen_and_the_size_never_changes(tmp_path: Path) -> None:
    path = tmp_path / "spill.bin"
    spill = SpillFile(path, size_bytes=4096)
    assert spill.open() == []
    size = path.stat().st_size
    assert spill.append('{"n":1}') and spill.append('{"n":2}')
    spill.close()
    again = SpillFile(path, size_bytes=4096)
    assert again.open() == ['{"n":1}', '{"n":2}']
    assert again.append('{"n":3}')
    again.clear()
    assert again.append('{"n":4}')
    again.close()
    last = SpillFile(path, size_bytes=4096)
    assert last.open() == ['{"n":4}']
    last.close()
    assert path.stat().st_size == size == 4096


def test_what_does_not_fit_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    spill = SpillFile(tmp_path / "spill.bin", size_bytes=256)
    spill.open()
    assert spill.append("a" * 200)
    assert not spill.append("b" * 100)
    spill.close()
    assert SpillFile(tmp_path / "spill.bin", size_bytes=256).open() == ["a" * 200]


@pytest.mark.parametrize("torn_byte", [13, 20, 40])
def test_a_torn_record_ends_the_list(tmp_path: Path, torn_byte: int) -> None:
    path = tmp_path / "spill.bin"
    spill = SpillFile(path, size_bytes=1024)
    spill.open()
    spill.append("first")
    spill.append("second, and this one is torn in the middle of its write")
    spill.close()
    data = bytearray(path.read_bytes())
    data[12 + 5 + torn_byte] ^= 0xFF
    path.write_bytes(data)
    assert SpillFile(path, size_bytes=1024).open() == ["first"]


def test_every_kind_of_record_survives_the_file(tmp_path: Path) -> None:
    books = Books()
    records: list[Effect] = [*books.intent(), *books.entry_fill(), *books.exit_fill()]
    records += [
        FundingRecord(START_NS, 5, -7, 8, 9, new_ledger(1)),
        DecisionRecord(START_NS, "breaker", "losses", 'it said "no"'),
        EquityRecord(START_NS, 2**70, 2, -3, 4),
        StateRecord(START_NS, "day", "{}"),
    ]
    text = encode_records(KEY.id, records)
    account, decoded = decode_records(text)
    assert account == KEY.id
    assert [type(record) for record in decoded] == [type(record) for record in records]
    assert encode_records(account, decoded) == text


def test_spilled_transactions_are_booked_in_order_each_once_and_to_their_own_account(tmp_path: Path) -> None:
    """One of the two had reached the database before the fault: a commit that was late, not lost."""
    path = tmp_path / "journal.db"
    books = Books(REAL_KEY)
    intent, entry, leave = books.intent(), books.entry_fill(), books.exit_fill()
    journal = Journal.open(path, REAL_KEY)
    journal.commit_sync(intent)
    journal.commit_sync(entry)
    assert journal.spill(entry) and journal.spill(leave)
    journal.close()

    other = Journal.open(path, KEY)  # the next start may well be of another account
    assert other.drained_count == 2 and other.other_open_positions() == []
    other.close()
    again = Journal.open(path, REAL_KEY)
    state = again.load()
    assert state.ledger is not None and state.ledger.fields() == books.ledger.fields()
    assert [type(trade) for trade in state.recent_trades] == [TradeRecord] and state.next_sequence == 4
    again.close()


def test_a_spill_file_that_cannot_be_understood_stops_the_start(tmp_path: Path) -> None:
    spill = SpillFile(tmp_path / "spill.bin")
    spill.open()
    spill.append('{"account":"aaaa","records":[["martian",{}]]}')
    spill.close()
    with pytest.raises(JournalFault, match="spill file"):
        Journal.open(tmp_path / "journal.db", KEY)
