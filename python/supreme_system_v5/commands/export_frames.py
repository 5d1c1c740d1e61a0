"""`export-frames`: recorded sessions as a file of frames, for backtests and for the exchange. See docs/recording.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from supreme_system_v5.adapters.monitoring.text import duration
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.recording.keeping import recordings
from supreme_system_v5.adapters.storage.recording.reader import Recording
from supreme_system_v5.backtesting.export_frames import Book, Exported, book_of, export_frames
from supreme_system_v5.backtesting.replay_parts import instrument_of, parameters_of
from supreme_system_v5.backtesting.replay_restore import overlay
from supreme_system_v5.commands.replay import Progress, find
from supreme_system_v5.commands.tables import say, say_json
from supreme_system_v5.core.domain.errors import ConfigError, SupremeError
from supreme_system_v5.trading import Trading

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

SESSION_WORD: Final = "session:"  # before the name of a session, as DATA
FILE_NAME: Final = "frames.jsonl.gz"  # in the session's folder, where FILE says nothing
SUFFIXES: Final = (".jsonl", ".jsonl.gz")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 when the file is whole. Raises ConfigError (2), and DamageError (1) for a recording that was altered."""
    told = export(settings, args.session or "", args.file or "")
    if args.json:
        say_json(msgspec.to_builtins(told))
        return 0
    mark = "SIMULATED market, " if told.source_class == "simulated" else ""
    books = "1 book" if told.books == 1 else f"{told.books} books"
    say(f"{told.path}: {mark}{told.frames:,} frames and {books} of {', '.join(told.sessions)}")
    say(f"  {duration((told.to_ns - told.from_ns) / 1e9)} of the market")
    if told.bars:
        say(f"  {told.bars:,} klines for the warm-up in {told.bars_path}")
    if told.refused:
        say(f"  {told.refused:,} frames that the session had refused or that were answers are left out")
    if told.without_book:
        say(f"  {told.without_book:,} depth updates for which it had no book are left out")
    for note in told.notes:
        say(f"  {note}")
    say(f"  make backtest DATA={told.path}")
    return 0


def export(settings: Settings, sessions: str, file: str) -> Exported:
    """Write the named sessions (a part of the name each; "" = the newest) to ``file``, by default into the folder of
    the first. Raises ConfigError, DamageError.
    """
    artifacts_dir = Home(settings.home).artifacts_dir
    named: list[str | None] = [name.strip() for name in sessions.split(",") if name.strip()] or [None]
    wanted = {find(artifacts_dir, name) for name in named}
    found = [Recording(folder) for folder in recordings(artifacts_dir) if folder in wanted]
    path = Path(file).expanduser() if file else found[0].folder.parent / FILE_NAME
    if not path.name.endswith(SUFFIXES):
        raise ConfigError(f"FILE={file} does not say what it is", f"a name that ends with {' or '.join(SUFFIXES)}")
    progress = Progress(found[0].session, "exporting")
    try:
        return export_frames(found, path, restored_book, progress.show)
    except OSError as error:
        raise SupremeError(
            f"the frames cannot be written to {path}: {error.strerror or error}",
            "free space or give permission there, or give another FILE; nothing was changed",
        ) from None
    finally:
        progress.end()


def exported(settings: Settings, text: str) -> str:
    """``DATA=session:<name>``: the path of its frames, written where they are missing or older than the recording."""
    name = text.removeprefix(SESSION_WORD)
    if "," in name:
        raise ConfigError(f"DATA={text} names several sessions", f"make export-frames SESSION={name} joins them")
    recording = Recording(find(Home(settings.home).artifacts_dir, name or None))
    path = recording.folder.parent / FILE_NAME
    newest_ns = max(segment.stat().st_mtime_ns for segment in recording.segments)
    if path.is_file() and path.stat().st_mtime_ns > newest_ns:
        return str(path)
    return export(settings, recording.session, "").path


def restored_book(recording: Recording, graph: dict[str, Any]) -> Book | None:
    """The book that the engine held at the start of a segment. Raises ConfigError for a graph of another version."""
    trading = Trading(parameters_of(recording.header), instrument_of(recording.header))
    overlay(trading.roots(), graph)
    local = trading.engine.view.local_book
    return book_of(local.book.levels, int(local.last_update_id), local.is_synced)
