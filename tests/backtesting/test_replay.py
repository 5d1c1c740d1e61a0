"""A recorded session replays with no difference; what was altered afterwards is found and named."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.storage.recording import layout, writer
from supreme_system_v5.adapters.storage.recording.keeping import segments
from supreme_system_v5.adapters.storage.recording.reader import DamageError, Recording
from supreme_system_v5.backtesting.replay_difference import render
from supreme_system_v5.commands.replay import replay_one
from tests.backtesting.recorded_session import blocks_of, decided, entries_of, folder_of, record, replay, rewrite
from tests.determinism.for_loop import digest_of
from tests.determinism.in_process import InProcess
from tests.determinism.recordings import long_test

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    """One session with whole trades in it. Tests that alter it work on a copy."""
    return record(tmp_path_factory.mktemp("session"))


@pytest.fixture
def copied(session: InProcess, tmp_path: Path) -> Path:
    """Its recording, to be altered."""
    target = tmp_path / "20260101T000000Z-0000" / layout.FOLDER
    target.mkdir(parents=True)
    for path in folder_of(session).iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_a_session_replays_without_a_difference(session: InProcess) -> None:
    outcome, books = replay(folder_of(session))
    engine = session.trading.engine
    assert outcome.difference is None
    assert outcome.digest == digest_of(engine)
    assert engine.state.trades_closed >= 2  # it was worth comparing
    assert outcome.decisions >= 4 * engine.state.trades_closed
    assert outcome.marks >= 90  # one a second, and one a decision
    assert outcome.frames > 10_000
    assert session.frames_waiting <= session.feeds.binance.merge.queued()  # nothing else is kept
    assert (outcome.is_ended, outcome.cut, outcome.failure) == (True, "", "")
    left = books.saved()
    assert left["ledger"]["wallet_e8"] == engine.state.ledger.wallet_e8
    assert left["trades_closed"] == engine.state.trades_closed
    assert left["next_sequence"] == engine.state.next_sequence


SEEDS = [*range(1, 4), *[pytest.param(seed, marks=long_test) for seed in range(4, 21)]]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_seed_replays(tmp_path: Path, seed: int) -> None:
    run = record(tmp_path, seed, 60, market="spot" if seed % 3 == 0 else "usdm")
    outcome, _ = replay(folder_of(run))
    assert outcome.difference is None
    assert outcome.digest == digest_of(run.trading.engine)
    assert outcome.is_ended


def entry(kind: str, at_seconds: float, **args: object) -> dict[str, Any]:
    return {"kind": kind, "args": args, "at_seconds": at_seconds}


FAULTS = {
    "disconnects": [
        entry("disconnect", 8, stream="trade"),
        entry("disconnect", 16),
        entry("disconnect", 22, stream="depth"),
    ],
    "gaps": [entry("gap", 6, stream="depth", count=4), entry("gap", 12, stream="trade", count=5)],
    "garbage": [
        entry("garbage", 5, stream="quote", count=5, form="bytes"),
        entry("garbage", 9, stream="trade", count=5, form="nan"),
        entry("garbage", 13, stream="depth", count=5, form="truncated"),
    ],
    "silence": [entry("silence", 8, stream="all", seconds=7), entry("duplicate", 20, stream="trade", count=20)],
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_sessions_with_faults_replay(tmp_path: Path, name: str) -> None:
    run = record(tmp_path, 5, 40, FAULTS[name])
    outcome, _ = replay(folder_of(run))
    assert run.server.faults.count == len(FAULTS[name])
    assert outcome.difference is None
    assert outcome.digest == digest_of(run.trading.engine)
    assert outcome.rejected == sum(run.feeds.counters()["frames"]["rejected"].values())
    assert (outcome.rejected == 15) is (name == "garbage")


# -- an altered recording ------------------------------------------------------------------------------------------


def test_an_altered_byte_anywhere_is_found_and_its_block_and_events_named(copied: Path) -> None:
    (path,) = segments(copied)
    data = path.read_bytes()
    blocks = blocks_of(path)
    rng = random.Random(3)
    for number, block in enumerate(blocks, 1):
        for at in (block.at, block.at + 8, rng.randrange(block.at + layout.BLOCK_HEAD.size, block.end), block.end - 1):
            altered = bytearray(data)
            altered[at] ^= 1 << rng.randrange(8)
            path.write_bytes(altered)
            with pytest.raises(DamageError) as error:
                list(Recording(copied).entries())
            assert f"{path}: block {number} (at byte {block.at:,}) was altered" in error.value.message
            assert f"the events {block.first_event + 1:,}" in error.value.message
    for at in range(layout.SEGMENT_HEAD.size):
        altered = bytearray(data)
        altered[at] ^= 1
        path.write_bytes(altered)
        with pytest.raises(DamageError, match="does not begin as a segment does"):
            list(Recording(copied).entries())
    path.write_bytes(data)
    assert len(list(Recording(copied).entries())) > 10_000


def test_what_lies_before_the_damage_is_replayed(copied: Path) -> None:
    (path,) = segments(copied)
    block = blocks_of(path)[1]
    data = bytearray(path.read_bytes())
    data[block.end - 5] ^= 4
    path.write_bytes(data)
    report = replay_one(Recording(copied))
    assert report.exit_code == 1
    assert report.outcome.difference is None
    assert report.outcome.events == block.first_event
    assert "DAMAGED" in report.text() and "block 2" in report.text() and "0 differences up to there" in report.text()


def test_an_altered_price_with_check_sums_repaired_is_found_at_its_event(copied: Path) -> None:
    quotes = [event for kind, event, body in entries_of(copied) if kind in layout.FRAMES and b"bookTicker" in body]
    target = quotes[len(quotes) // 2]

    def alter(kind: int, event: int, body: bytes) -> bytes:
        if event != target or kind not in layout.FRAMES:
            return body
        before, _, after = body.partition(b'"B":"')
        return before + b'"B":"' + (b"1" if after[:1] != b"1" else b"2") + after[1:]

    rewrite(copied, alter)
    outcome, _ = replay(copied)
    assert outcome.difference is not None
    assert outcome.difference.event == target
    assert "bookTicker" in outcome.difference.kind
    assert "market.checksum" in {name for name, _, _ in outcome.difference.fields}


def test_an_altered_decision_is_shown_beside_the_one_that_the_engine_takes(copied: Path) -> None:
    target = next(
        event for kind, event, body in entries_of(copied) if kind == layout.OUT and "SubmitOrder" in decided(body)
    )

    def alter(kind: int, event: int, body: bytes) -> bytes:
        if event != target or kind != layout.OUT:
            return body
        effects = json.loads(body)
        for effect in effects:
            if effect["is"] == "SubmitOrder":
                effect["order"]["quantity_e8"] += 100_000
        return json.dumps(effects, separators=(",", ":"), sort_keys=True).encode()

    rewrite(copied, alter)
    outcome, _ = replay(copied)
    found = outcome.difference
    assert found is not None
    assert (found.event, found.what) == (target, "the decision")
    page = render(found, "now")
    assert page.count("* SubmitOrder") == 2  # one of each side, marked as different
    assert "SubmitOrder: order.quantity_e8  recorded" in page
    assert page.count("  OrderRecord") >= 2  # the same on both sides


# -- altered code --------------------------------------------------------------------------------------------------


def test_another_threshold_is_found_at_its_first_decision(session: InProcess) -> None:
    def alter(header: dict[str, Any]) -> None:
        header["parameters"]["stop_loss_pct"] *= 1.01

    outcome, _ = replay(folder_of(session), alter)
    found = outcome.difference
    assert found is not None
    assert found.what == "the decision"
    assert "SubmitOrder" in decided(found.recorded.encode())
    recorded, replayed = json.loads(found.recorded), json.loads(found.replayed)
    assert recorded != replayed
    assert any(name.startswith("order.") or name == "digest" for name, _, _ in found.fields)


def test_a_state_that_only_will_matter_later_is_found_within_a_second(session: InProcess) -> None:
    """Another balance changes no decision at once: the first mark shows it."""

    def alter(header: dict[str, Any]) -> None:
        header["saved"]["ledger"]["wallet_e8"] += 1
        header["saved"]["ledger"]["initial_e8"] += 1

    outcome, _ = replay(folder_of(session), alter)
    assert outcome.difference is not None
    assert {name for name, _, _ in outcome.difference.fields} >= {"ledger.wallet_e8", "ledger.initial_e8"}
    assert outcome.events < 10


@pytest.mark.parametrize("market", ["usdm", "spot"])
def test_a_session_whose_beginning_was_dropped_replays_from_any_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: str
) -> None:
    """Segments as small as they can be, so that some begin with a position open and orders at the venue."""
    monkeypatch.setattr(writer, "SEGMENT_BYTES_MAX", 60_000)
    monkeypatch.setattr(writer, "TAKE_BYTES", 30_000)
    folder = folder_of(record(tmp_path, 7, 120, market=market))
    found = segments(folder)
    assert len(found) >= 8
    with_position = 0
    for place, path in enumerate(found):
        outcome, _ = replay(folder)
        assert outcome.difference is None, render(outcome.difference, f"from segment {place + 1}")
        assert (outcome.events_dropped > 0) is (place > 0)
        assert outcome.is_ended
        first = next(Recording(folder).entries())
        graph = json.loads(first.body)[3]
        names = [node[1] for node in graph["nodes"] if node[0] == "o"] if graph else []
        with_position += "Position" in names and "WorkingOrder" in names
        path.unlink()
    assert with_position >= 1


def test_a_tail_torn_at_any_byte_is_cut_and_the_rest_replays(copied: Path) -> None:
    (path,) = segments(copied)
    data = path.read_bytes()
    last = blocks_of(path)[-2:]
    rng = random.Random(11)
    places = [last[0].at + 1, last[0].at + 27, last[1].at - 1, last[1].at, last[1].end - 1]
    for place in [*places, *(rng.randrange(last[0].at, last[1].end) for _ in range(20))]:
        path.write_bytes(data[:place])
        recording = Recording(copied)
        count = sum(1 for one in recording.entries())
        assert count > 1_000
        assert (recording.cut != "") is (place not in (last[0].at, last[1].at))
        assert not recording.is_ended
    outcome, _ = replay(copied)
    assert outcome.difference is None
    assert not outcome.is_ended
    path.write_bytes(data[: last[1].at] + bytes(4_096))  # what a power cut leaves of a page
    recording = Recording(copied)
    assert sum(1 for one in recording.entries()) > 1_000
    assert recording.cut
