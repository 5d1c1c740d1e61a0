"""The recording as the composition root uses it: it never costs the session anything but itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.storage.home import Home, Session
from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.reader import Recording as Recorded
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.errors import JournalFault
from supreme_system_v5.core.domain.events import Tick
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.engine.recovery import SavedState
from supreme_system_v5.recording import Recording
from supreme_system_v5.trading import Trading, account_key, make_parameters, restore_trading
from tests.backtesting.recorded_session import START_NS, entries_of, folder_of, replay
from tests.determinism.daemon import settings_of
from tests.determinism.in_process import InProcess, Memory
from tests.system.world import FAST

SECOND = 1_000_000_000


class Desk:
    """A recording of an engine that gets nothing but ticks."""

    def __init__(self, folder: Path, **keys: str) -> None:
        self.settings = settings_of("usdm", folder, **keys)
        self.home = Home(folder)
        self.home.create()
        self.session = self.home.new_session(START_NS)
        key = account_key(self.settings, True, False)
        self.trading = Trading(make_parameters(self.settings, key), eth_usdt("usdm"))
        self.said: list[str] = []
        self.recording = Recording(self.said.append)
        saved = SavedState(new_ledger(self.trading.parameters.initial_balance_e8), 1)
        self.note = self.recording.begin(self.settings, self.home, self.session, self.trading, key, saved)
        self.recording.out(restore_trading(self.trading, saved))
        self.pump = self.recording.pump(self.trading)

    @property
    def folder(self) -> Path:
        return self.session.dir / layout.FOLDER

    def tick(self, number: int) -> None:
        effects = self.pump.process(Tick(START_NS + number * SECOND))
        while effects or self.pump.is_busy:
            effects = self.pump.resume()


def test_a_folder_that_cannot_be_made_is_said_and_the_session_goes_on(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    desk = Desk(tmp_path)
    lost = Recording(desk.said.append)
    session = Session("20260101T000000Z-0000", tmp_path / "not" / "there")
    key = account_key(desk.settings, True, False)
    note = lost.begin(desk.settings, home, session, desk.trading, key, SavedState(new_ledger(1), 1))
    assert "NOT RECORDED" in note
    assert lost.pump(desk.trading) is desk.trading.pump
    assert lost.status()["state"] == "failed"
    assert lost.close("over")
    desk.recording.close("over")


def test_secrets_of_the_settings_are_masked_in_the_header(tmp_path: Path) -> None:
    desk = Desk(tmp_path, BINANCE_USDM_REST_URL="http://name:geheim@127.0.0.1:1")
    desk.recording.close("over")
    text = (desk.folder / layout.HEADER_NAME).read_text()
    assert "BINANCE_USDM_REST_URL" in text
    assert "geheim" not in text
    assert json.loads(text)["session"] == desk.session.id


def test_memory_pressure_ends_it_once_and_what_there_is_replays(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(5):
        desk.tick(number)
    desk.recording.on_memory(0)
    assert desk.recording.status()["state"] == "on"
    desk.recording.on_memory(1)
    desk.recording.on_memory(2)
    desk.tick(6)
    desk.recording.close("over")
    assert desk.said == ["recording ended: memory pressure; what was recorded so far can be replayed"]
    assert desk.recording.status()["state"] == "ended"
    outcome, _ = replay(desk.folder)
    assert (outcome.difference, outcome.reason, outcome.is_ended) == (None, "memory pressure", True)
    assert outcome.is_early


def test_a_disk_fault_is_said_once_and_costs_the_pump_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tick(1)
    writer = desk.recording._writer
    assert writer is not None
    writer.flush()
    writer._close_file()  # as if the disk were gone: the next write fails
    desk.tick(2)
    writer.flush()
    desk.recording.look()
    desk.recording.look()
    assert len(desk.said) == 1
    assert "recording ended" in desk.said[0] and "trading goes on" in desk.said[0]
    desk.tick(3)
    assert desk.trading.engine.state.now_ns == START_NS + 3 * SECOND
    assert desk.recording.tape is None
    desk.recording.close("over")
    outcome, _ = replay(desk.folder)
    assert outcome.difference is None
    assert outcome.is_early
    assert Recorded(desk.folder).fault in desk.said[0]


def test_what_the_bound_dropped_is_said(tmp_path: Path) -> None:
    old = tmp_path / "run_artifacts" / "20200101T000000Z-0000" / layout.FOLDER
    old.mkdir(parents=True)
    (old / layout.HEADER_NAME).write_text("{}")
    (old / "000001.s5r").write_bytes(bytes(20 << 20))
    desk = Desk(tmp_path, RECORD_MAX_MB="16")
    desk.recording.look()
    assert not old.exists()
    assert desk.said == ["RECORD_MAX_MB: 1 older recordings and 0 segments of this one dropped so far"]
    assert desk.recording.status()["dropped_recordings"] == 1
    desk.recording.close("over")
    shutil.rmtree(desk.folder)


def test_frames_that_come_after_the_end_are_not_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tape = desk.recording.tape
    assert tape is not None
    desk.recording.on_memory(1)
    tape.frame(0, b"{}", Tick(1), True)
    tape.reject(0, b"{}", "malformed")
    assert tape.waiting == 0
    desk.recording.close("over")
    assert sum(1 for entry in Recorded(desk.folder).entries() if entry.kind == layout.REJECTED) == 0


class Failing(Memory):
    """A journal whose disk fails at the n-th awaited commit, and stays so."""

    def __init__(self, at: int) -> None:
        self.left = at

    async def commit(self, records: list[Effect]) -> str:
        self.left -= 1
        if self.left < 0:
            raise JournalFault("the disk is gone")
        return "committed"


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2, 4, 7])
def test_a_session_whose_journal_fails_replays(tmp_path: Path, at: int) -> None:
    """The entry that could not be journalled was not sent, and the replay does not send it either."""
    market = GeneratedMarket("usdm", 7, START_NS, "scripted", 2.0)
    run = InProcess(market, tmp_path, START_NS + 90 * SECOND, 0.0, [], record=True, **FAST)
    run.journal = Failing(at)
    run.run(30.0)
    outcome, _ = replay(folder_of(run))
    assert outcome.difference is None
    assert run.trading.engine.state.is_journal_broken
    found: list[Any] = entries_of(folder_of(run))
    assert any(kind == layout.EVENT and b"journal_fault" in body for kind, _, body in found)
    unsent = [body for kind, _, body in found if kind == layout.UNSENT]
    refused = [body for kind, _, body in found if kind == layout.EVENT and b'"is":"ExecutionReport"' in body]
    assert len(unsent) == len(refused) == (1 if at == 1 else 0)  # the first entry's intent
