"""A recorded session as a recording of frames: what a backtest reads and the simulated exchange plays.

The frames that the engine took, in its order and at its times, one line each; before them a line that says which
session they are of. The books that it asked for are depth snapshots, its klines lie beside the file in `bars_1m`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from supreme_system_v5.adapters.exchange.market.recorded_bars import FOLDER as BARS_FOLDER
from supreme_system_v5.adapters.exchange.market.recording import SESSION_STREAM
from supreme_system_v5.adapters.exchange.market.sim_market import DEPTH, stream_kind
from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import CLASS
from supreme_system_v5.adapters.storage.recording.reader import Entry, Recording
from supreme_system_v5.backtesting.frames_venue import SYMBOL
from supreme_system_v5.backtesting.replay_parts import instrument_of
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.domain.order import BUY, SELL

HELD_MAX: Final = 50_000  # lines that wait for a book: about 20 MB, some minutes of a busy market
MINUTE_SECONDS: Final = 60
_PROGRESS_ENTRIES: Final = 4_096
_LEVELS_MAX: Final = 5_000  # a side, of a book that is put back from a segment
_PACKING: Final = 6

RestoreBook = Callable[[Recording, dict[str, Any]], "Book | None"]
OnProgress = Callable[[float], None]


class Book(msgspec.Struct):
    """A depth snapshot: the id of the last update in it, and levels as (price, quantity) in 1e-8 units."""

    last_update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Exported(msgspec.Struct):
    """What was written."""

    path: str
    bars_path: str = ""
    sessions: list[str] = []
    frames: int = 0
    books: int = 0
    bars: int = 0
    refused: int = 0  # frames that the session had refused: no data
    without_book: int = 0  # depth updates that no book was ever known for
    from_ns: int = 0
    to_ns: int = 0
    source_class: str = ""
    notes: list[str] = []


class _Frame(msgspec.Struct):
    stream: str
    data: msgspec.Raw
    x_time_ns: int = 0  # of the simulated exchange


class _Diff(msgspec.Struct):
    first_id: int = msgspec.field(name="U")
    final_id: int = msgspec.field(name="u")
    previous_id: int = msgspec.field(default=-1, name="pu")


_frame_of = msgspec.json.Decoder(_Frame).decode
_diff_of = msgspec.json.Decoder(_Diff).decode


def export_frames(
    recordings: Sequence[Recording],
    path: Path,
    restore: RestoreBook,
    on_progress: OnProgress = lambda _share: None,
) -> Exported:
    """Write the sessions, in the order given, to one file: whole, or not at all. ``restore`` gives the book that the
    engine held at the start of a segment.

    Raises ConfigError for sessions that do not belong together or hold no market, DamageError for an altered recording,
    OSError where the disk refuses.
    """
    told = Exported(str(path), sessions=[recording.session for recording in recordings], notes=[])
    told.source_class = _one_market(recordings)
    bars: dict[int, dict[str, Any]] = {}
    total = max(1, sum(recording.bytes for recording in recordings))
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw, _packed(raw, path) as file:
            done = 0
            for recording in recordings:
                tape = _SessionFrames(recording, file, told, bars, restore)
                for share in tape.write():
                    on_progress((done + share) / total)
                done += recording.bytes
        if not told.frames or not told.books:
            raise ConfigError(
                f"{', '.join(told.sessions)}: no order book was recorded, so there is no market to play",
                "the session ended too early; choose another",
            )
        _write_bars(recordings[0], bars, path, told)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    on_progress(1.0)
    return told


def _one_market(recordings: Sequence[Recording]) -> str:
    """The source class. Raises ConfigError for sessions of several kinds, or of a symbol that cannot be played."""
    accounts = [recording.header["account"] for recording in recordings]
    for name, remedy in (("market", "one market"), ("symbol", "one symbol"), ("source_class", "one kind of source")):
        found = sorted({str(account[name]) for account in accounts})
        if len(found) > 1:
            raise ConfigError(f"the sessions are of {' and '.join(found)}", f"export sessions of {remedy} together")
    if accounts[0]["symbol"] != SYMBOL:
        raise ConfigError(f"the session is of {accounts[0]['symbol']}", f"recordings are played of {SYMBOL} only")
    return str(accounts[0]["source_class"])


def _packed(raw: IO[bytes], path: Path) -> IO[bytes]:
    """The same bytes for the same session: neither name nor time stand in the file."""
    if path.suffix != ".gz":
        return raw
    return gzip.GzipFile("", "wb", _PACKING, raw, 0)  # type: ignore[return-value]


class _SessionFrames:
    """One session's entries as lines.

    Depth updates are of use only from a book on. After a break in their ids lines wait until the session got its next
    book; then that book goes before them, so that whoever plays them finds book and updates that fit together.
    """

    def __init__(
        self,
        recording: Recording,
        file: IO[bytes],
        told: Exported,
        bars: dict[int, dict[str, Any]],
        restore: RestoreBook,
    ) -> None:
        self._recording = recording
        self._file = file
        self._told = told
        self._bars = bars
        self._restore = restore
        self._is_usdm = instrument_of(recording.header).market == USDM
        self._is_begun = False
        self._time_ns = 0
        self._last_id = -1  # of the depth that was written; -1: a book is awaited
        self._is_first_due = False
        self._spare: Book | None = None  # came while none was missing, and is newer
        self._held: (
            list[tuple[int, str, bytes, _Diff | None]] | None
        ) = []  # None: too many waited, and the depth is left out

    def write(self) -> Iterator[float]:
        """Write everything; the bytes read so far, now and then."""
        for number, entry in enumerate(self._recording.entries()):
            if number % _PROGRESS_ENTRIES == 0:
                yield self._recording.bytes_read
            self._take(entry)
        self._give_up()
        self._told.to_ns = max(self._told.to_ns, self._time_ns)
        if self._recording.cut:
            self._told.notes.append(f"{self._recording.session}: {self._recording.cut}")

    # -- entries

    def _take(self, entry: Entry) -> None:
        kind = entry.kind
        if kind == layout.SEGMENT:
            self._segment(entry)
        elif kind == layout.TICK:
            self._time_ns += entry.delta_ns
        elif kind == layout.EVENT:
            self._event(json.loads(entry.body))
        elif kind == layout.REJECTED:
            self._told.refused += 1
        elif kind in layout.FRAMES:
            self._frame(entry)

    def _segment(self, entry: Entry) -> None:
        events, self._time_ns, _, graph = json.loads(entry.body)
        recording = self._recording
        if recording.is_whole or self._is_begun or graph is None:
            return
        self._told.notes.append(
            f"{recording.session}: its first {events:,} events were dropped by RECORD_MAX_MB;"
            " the frames begin after them"
        )
        book = self._restore(recording, graph)
        if book is not None:
            self._begin(self._time_ns)
            self._book(book)

    def _event(self, words: dict[str, Any]) -> None:
        self._time_ns = int(words["time_ns"])
        if words[CLASS] == "BookSnapshot":
            self._begin(self._time_ns)
            sides = [list(zip(side[::2], side[1::2], strict=True)) for side in (words["bids"], words["asks"])]
            self._book(Book(int(words["last_update_id"]), *sides))
        elif words[CLASS] == "Bars":
            for bar in words["bars"]:
                self._bars[int(bar["open_ms"])] = bar

    def _frame(self, entry: Entry) -> None:
        raw = entry.body
        if entry.kind == layout.FRAME_FULL:
            self._time_ns = layout.FULL_TIMES.unpack_from(raw)[0]
            raw = raw[layout.FULL_TIMES.size :]
        elif entry.kind == layout.FRAME:
            self._time_ns += entry.delta_ns
        try:
            frame = _frame_of(raw)
            diff = _diff_of(frame.data) if stream_kind(frame.stream) == DEPTH else None
        except msgspec.MsgspecError:
            self._told.refused += 1
            return
        if entry.kind == layout.FRAME_DATED:
            self._time_ns = frame.x_time_ns
        self._begin(self._time_ns)
        self._line(self._time_ns, frame.stream, bytes(frame.data), diff)

    # -- the book

    def _line(self, time_ns: int, stream: str, data: bytes, diff: _Diff | None) -> None:
        if self._last_id >= 0 and diff is not None and not self._joins(diff):
            spare, self._spare, self._last_id = self._spare, None, -1
            if spare is not None:
                self._book(spare)
                if not self._joins(diff):
                    self._last_id = -1
        if self._last_id >= 0:
            self._put(time_ns, stream, data)
            return
        if self._held is None:
            if diff is not None:
                self._told.without_book += 1
            else:
                self._put(time_ns, stream, data)
            return
        self._held.append((time_ns, stream, data, diff))
        if len(self._held) > HELD_MAX:
            self._give_up()

    def _joins(self, diff: _Diff) -> bool:
        """False where updates are missing before this one (the rules of `LocalBook`)."""
        last_id = self._last_id
        if diff.final_id < last_id or (diff.final_id == last_id and not (self._is_first_due and self._is_usdm)):
            return True  # older than the book: of no use, and no harm
        is_following = diff.first_id <= last_id + (0 if self._is_usdm else 1)
        if self._is_usdm:
            is_following = diff.previous_id == last_id or (self._is_first_due and is_following)
        if is_following:
            self._last_id = diff.final_id
            self._is_first_due = False
        return is_following

    def _book(self, book: Book) -> None:
        """A book that came while none was missing: the updates have built it, or those before it never came (a new
        connection) and the next one will show that.
        """
        if self._last_id >= 0:
            self._spare = book if book.last_update_id > self._last_id else None
            return
        held, self._held = self._held or [], []
        sides = [
            ",".join(f'["{plain_e8(price)}","{plain_e8(quantity)}"]' for price, quantity in side)
            for side in (book.bids, book.asks)
        ]
        text = f'{{"lastUpdateId":{book.last_update_id},"bids":[{sides[0]}],"asks":[{sides[1]}]}}'
        time_ns = held[0][0] if held else self._time_ns
        self._file.write(b'{"recv_ns":%d,"frame":%b}\n' % (time_ns, text.encode()))
        self._told.books += 1
        self._last_id = book.last_update_id
        self._is_first_due = True
        for line in held:
            self._line(*line)

    def _give_up(self) -> None:
        """No book came: what waits goes out without its depth."""
        held, self._held = self._held or [], None
        for line in held:
            self._line(*line)

    # -- lines

    def _begin(self, time_ns: int) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        told, header = self._told, self._recording.header
        if told.from_ns and time_ns <= told.to_ns:
            raise ConfigError(
                f"session {self._recording.session} begins before the one before it ended, by the market's clock",
                "export them one by one (a simulated exchange that was started again has a time of its own)",
            )
        told.from_ns = told.from_ns or time_ns
        words = {"session": self._recording.session, "version": header.get("version"), **header["account"]}
        self._write(time_ns, SESSION_STREAM, json.dumps(words, separators=(",", ":")).encode())

    def _put(self, time_ns: int, stream: str, data: bytes) -> None:
        self._told.frames += 1
        self._write(time_ns, stream, data)

    def _write(self, time_ns: int, stream: str, data: bytes) -> None:
        if b"\n" in data:  # white space: within a text it would be written \n
            data = data.replace(b"\n", b" ")
        self._file.write(b'{"recv_ns":%d,"frame":{"stream":"%b","data":%b}}\n' % (time_ns, stream.encode(), data))


def book_of(levels: Callable[[int, int], list[tuple[int, int]]], last_update_id: int, is_synced: bool) -> Book | None:
    """The book that an engine holds, as a snapshot; None where it does not follow the stream."""
    if not is_synced or last_update_id < 0:
        return None
    bids, asks = (list(levels(side, _LEVELS_MAX)) for side in (BUY, SELL))
    return Book(last_update_id, bids, asks)


def _write_bars(recording: Recording, bars: dict[int, dict[str, Any]], path: Path, told: Exported) -> None:
    """The klines of the warm-up and of repairs, as a file of 1-minute bars; none where they are of another length."""
    seconds = int(recording.header["parameters"]["bar_seconds"])
    if not bars:
        told.notes.append("no klines were recorded: what plays the frames begins without a warm-up")
        return
    if seconds != MINUTE_SECONDS:
        told.notes.append(
            f"the recorded klines are of {seconds} s: only those of {MINUTE_SECONDS} s can lie beside a recording,"
            " what plays the frames begins without a warm-up"
        )
        return
    opens = sorted(bars)
    venue_symbol = str(recording.header["instrument"]["venue_symbol"])
    market = str(recording.header["account"]["market"])
    folder = path.resolve().parent / BARS_FOLDER
    folder.mkdir(exist_ok=True)
    target = folder / f"{market}_{venue_symbol}_{opens[0]}_{opens[-1]}.csv.gz"
    names = ("open_e8", "high_e8", "low_e8", "close_e8", "volume_e8")
    rows = [f"{open_ms}," + ",".join(plain_e8(int(bars[open_ms][name])) for name in names) for open_ms in opens]
    text = "open_ms,open,high,low,close,volume\n" + "\n".join(rows) + "\n"
    part = target.with_name(target.name + ".part")
    try:
        part.write_bytes(gzip.compress(text.encode("ascii"), _PACKING, mtime=0))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    told.bars = len(rows)
    told.bars_path = str(target)
