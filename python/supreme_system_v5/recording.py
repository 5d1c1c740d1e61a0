"""A session's recording as the composition root sees it: begun, told of what the start does, ended; or not there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5 import build_info, config
from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import plain
from supreme_system_v5.adapters.storage.recording.tape import Tape
from supreme_system_v5.adapters.storage.recording.writer import BYTES_PER_MB, SegmentWriter
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.engine.mark import check_of
from supreme_system_v5.orchestrator.recorded import Pump, RecordedPump

if TYPE_CHECKING:
    from supreme_system_v5.adapters.journal.words import AccountKey
    from supreme_system_v5.adapters.storage.home import Home, Session
    from supreme_system_v5.config import Settings
    from supreme_system_v5.core.engine.recovery import SavedState
    from supreme_system_v5.trading import Trading

CLOSE_SECONDS_MAX: Final = 0.3
SHED_LEVEL: Final = 1  # of the memory ladder: optional parts go


class Recording:
    """Without ``begin`` it is none: every call does nothing, and the pump stays the plain one.

    ``say(text)`` gets the sentences for people, on the loop.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.tape: Tape | None = None
        self._say = say
        self._why = ""
        self._writer: SegmentWriter | None = None
        self._pump: RecordedPump | None = None
        self._trading: Trading | None = None
        self._said: tuple[str, int, int] = ("", 0, 0)

    def begin(
        self, settings: Settings, home: Home, session: Session, trading: Trading, key: AccountKey, saved: SavedState
    ) -> str:
        """Make the folder, write the header, start the writer; a sentence for the banner, of success or failure."""
        folder = session.dir / layout.FOLDER
        writer = SegmentWriter(folder, home.artifacts_dir, settings.record_max_mb * BYTES_PER_MB, self._on_fault)
        try:
            folder.mkdir(mode=0o700)
            write_header(folder, header_of(settings, session.id, trading, key, saved))
            writer.start()
        except OSError as error:
            self._why = f"{error.strerror or error}: {folder}"
            return f"NOT RECORDED: {self._why}; trading goes on"
        self._writer = writer
        self._trading = trading
        self.tape = Tape(writer)
        self.tape.begin_segment()
        self._pump = RecordedPump(trading.pump, self.tape, trading.venue.state, trading.roots())
        trading.on_act = self._act
        return f"recorded in {folder} (all recordings: at most {settings.record_max_mb} MB); make replay checks it"

    def pump(self, trading: Trading) -> Pump:
        """What the events go through."""
        return trading.pump if self._pump is None else self._pump

    def flush(self) -> None:
        """Before a transaction of the journal, on its thread."""
        if self._writer is not None:
            self._writer.flush()

    # -- what the start does ---------------------------------------------------------------------------------------

    def _act(self, *words: object) -> None:
        if self.tape is not None and self._trading is not None:
            self.tape.act(check_of(self._trading.engine), *words)

    def out(self, effects: list[Effect]) -> list[Effect]:
        """What an act led to; the same list."""
        if self.tape is not None and effects:
            self.tape.out(effects)
        return effects

    def wrote(self, records: list[Effect]) -> list[Effect]:
        """Records that the start gives to the journal itself; the same list."""
        if self.tape is not None and records:
            self.tape.wrote(records)
        return records

    def unsent(self, client_order_id: str) -> None:
        """An order stays here: its intent could not be stored."""
        if self.tape is not None:
            self.tape.unsent(client_order_id)

    # -- the end ---------------------------------------------------------------------------------------------------

    def on_memory(self, level: int) -> None:
        """A step of the memory ladder: recording is the first thing to go, and does not come back in this session."""
        if self.tape is not None and level >= SHED_LEVEL:
            self._end("memory pressure", False)
            self._say("recording ended: memory pressure; what was recorded so far can be replayed")

    def close(self, reason: str) -> bool:
        """End in an orderly way and write everything. False when the disk did not let us."""
        self._end(reason, True)
        writer = self._writer
        if writer is None:
            return True
        writer.flush()
        is_written = writer.close(CLOSE_SECONDS_MAX)
        if writer.fault:
            try:
                (writer.folder / layout.FAULT_NAME).write_text(writer.fault + "\n", encoding="utf-8")
            except OSError:
                pass  # the disk again
        return is_written

    def _end(self, reason: str, is_session_over: bool) -> None:
        tape = self.tape
        if tape is not None and self._trading is not None:
            tape.end(reason, is_session_over, check_of(self._trading.engine))
            self._detach(reason)

    def _on_fault(self, text: str) -> None:
        """On a writing thread: only names change here, `look` tells people."""
        self._detach(text)

    def _detach(self, reason: str) -> None:
        self._why = reason
        if self.tape is not None:
            self.tape.is_closed = True
        self.tape = None
        if self._pump is not None:
            self._pump.end()

    # -- what people are told --------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The status dictionary's ``recording``."""
        writer = self._writer
        if writer is None:
            return {"state": "failed" if self._why else "off", "reason": self._why}
        return {
            "state": "ended" if self.tape is None else "on",
            "reason": self._why,
            "folder": str(writer.folder),
            "bytes": writer.bytes_written,
            "segments": writer.segment,
            "dropped_recordings": writer.dropped.recordings,
            "dropped_segments": writer.dropped.segments,
        }

    def look(self) -> None:
        """About once a second, on the loop: say what happened behind its back."""
        writer = self._writer
        if writer is None:
            return
        now = (writer.fault, writer.dropped.recordings, writer.dropped.segments)
        before, self._said = self._said, now
        if now[0] and not before[0]:
            self._say(f"recording ended: {now[0]}; trading goes on")
        if now[1:] != before[1:]:
            self._say(f"RECORD_MAX_MB: {now[1]} older recordings and {now[2]} segments of this one dropped so far")


def header_of(settings: Settings, session: str, trading: Trading, key: AccountKey, saved: SavedState) -> dict[str, Any]:
    """All that a replay needs beside the events. Secrets are masked, as check-config shows them."""
    return {
        "format": layout.FORMAT,
        **build_info.describe(),
        "session": session,
        "started_ns": time.time_ns(),
        "settings": {row["key"]: row["value"] for row in config.rows(settings)},
        "account": {"mode": key.mode, "source_class": key.source_class, "market": key.market, "symbol": key.symbol},
        "parameters": plain(trading.parameters),
        "instrument": plain(trading.engine.instrument),
        "saved": plain(saved),
    }


def write_header(folder: Path, header: dict[str, Any]) -> None:
    """Whole or not at all. Raises OSError."""
    part = folder / (layout.HEADER_NAME + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(header, file, indent=1)
    part.replace(folder / layout.HEADER_NAME)
