"""Books that change without a fill: dust, and what a position has paid in funding."""

from __future__ import annotations

from pathlib import Path

from supreme_system_v5.adapters.journal.codec import decode_records, encode_records
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import BooksRecord, FundingRecord
from supreme_system_v5.core.domain.money import E8

from .books import KEY, START_NS


def test_ledger_and_position_are_replaced_together(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", KEY, lambda: START_NS)
    held = new_ledger(10_000 * E8).after_fill(1, E8 // 1000, 2000 * E8, 0, 100)
    journal.commit_sync([BooksRecord(START_NS, held, {"side": 1, "quantity_e8": held.position_e8}, "a test")])
    state = journal.load()
    assert state.ledger is not None and state.ledger.fields() == held.fields()
    assert state.position == {"side": 1, "quantity_e8": held.position_e8}
    paid = held.after_funding(-5)
    journal.commit_sync(
        [
            FundingRecord(START_NS + 1, 7, -5, 1, 2, paid),
            BooksRecord(START_NS + 1, paid, {"side": 1, "funding_e8": -5}, "funding"),
        ]
    )
    assert journal.load().position["funding_e8"] == -5
    flat = paid.with_dust()
    journal.commit_sync([BooksRecord(START_NS + 2, flat, {}, "dust")])
    state = journal.load()
    assert state.position == {} and state.ledger is not None and state.ledger.dust_e8 == held.position_e8
    assert state.last_time_ns == START_NS + 2
    assert journal.close()


def test_it_survives_the_spill_file_word_for_word() -> None:
    record = BooksRecord(START_NS, new_ledger(3), {"side": -1}, "dust")
    account, (again,) = decode_records(encode_records("abcd", [record]))
    assert account == "abcd" and isinstance(again, BooksRecord)
    assert (again.time_ns, again.reason, again.position) == (START_NS, "dust", {"side": -1})
    assert again.ledger.fields() == record.ledger.fields()
