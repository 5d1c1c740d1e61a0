"""The writing side of a recording: one thread compresses what has queued and appends it to the segment.

The journal's thread calls ``flush`` before each of its transactions, so the system has every input that led to a
commit before the commit: after a kill the recording is never behind the journal. What is flushed in that haste is
stored as it is. A disk that refuses or stalls ends the recording, with a sentence for people, and nothing else.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.keeping import Dropped, make_room

BYTES_PER_MB: Final = 1024 * 1024
FLUSH_SECONDS: Final = 1.0  # what a kill may cost of the inputs since the journal's last commit
TAKE_BYTES: Final = 256 * 1024  # of entries in one block
PENDING_BYTES_MAX: Final = 32 * BYTES_PER_MB  # queued: more means that the disk does not keep up
SEGMENT_BYTES_MAX: Final = 8 * BYTES_PER_MB
SEGMENTS_MIN: Final = 8  # that fit into the bound: what is dropped at once is at most an eighth of it
LOCK_SECONDS_MAX: Final = 0.2  # the longest that the journal's thread waits for ours
LEVEL: Final = 6


class _Batch:
    """Entries on their way to the disk."""

    __slots__ = ("data", "first_event")

    def __init__(self, data: bytes, first_event: int) -> None:
        self.data = data
        self.first_event = first_event


class SegmentWriter:
    """Owns the segments of one session. ``put`` and ``is_segment_full`` are the engine thread's, the rest any thread's.

    ``on_end(text)`` is called once, on one of the writing threads, when the recording cannot go on.
    """

    def __init__(self, folder: Path, artifacts_dir: Path, max_bytes: int, on_end: Callable[[str], None]) -> None:
        self.folder = folder
        self.is_segment_full = False
        self.bytes_written = 0  # in this session's segments, dropped ones included
        self.segment = 0
        self.dropped = Dropped()
        self.fault = ""
        self.is_closed = False
        self._artifacts_dir = artifacts_dir
        self._max_bytes = max_bytes
        self._segment_bytes_max = min(SEGMENT_BYTES_MAX, max_bytes // SEGMENTS_MIN)
        self._on_end = on_end
        self._items: deque[bytes] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0
        self._events = 0  # inputs in what was taken
        self._lock = threading.Lock()
        self._batch: _Batch | None = None
        self._file = -1
        self._segment_bytes = 0
        self._deflate = zlib.compressobj(LEVEL)
        self._is_stream_due = True  # the next compressed block begins a zlib stream
        self._is_room_due = False
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        """Begin to write. Raises OSError when the first segment cannot be made."""
        self._room()
        self._open_next()
        self._thread.start()

    def put(self, entry: bytes) -> None:
        """Queue an entry. On the engine's thread: an append and a sum."""
        self._items.append(entry)
        self._put_bytes += len(entry)
        if self._put_bytes - self._taken_bytes > TAKE_BYTES:
            if self._put_bytes - self._taken_bytes > PENDING_BYTES_MAX:
                self._fail(f"the disk does not keep up: {PENDING_BYTES_MAX // BYTES_PER_MB} MB are waiting")
            self._wake.set()

    def flush(self) -> None:
        """Hand everything that is queued to the operating system (no fsync). Never raises, never waits for long."""
        if self.is_closed:
            return
        if not self._lock.acquire(timeout=LOCK_SECONDS_MAX):
            self._fail(f"the disk stalls: a write has not come back for {LOCK_SECONDS_MAX:g} s")
            return
        try:
            self._store_batch()
            while self._take():
                self._store_batch()
        except OSError as error:
            self._fail(f"{error.strerror or error}: {self.folder}")
        finally:
            self._lock.release()

    def close(self, timeout_seconds: float) -> bool:
        """Write what is queued and end the thread; False when that took too long or failed."""
        self._is_stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive() and not self.fault

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_stopping and not self.is_closed:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            self._pass()
        self._pass()
        with self._lock:
            self.is_closed = True
            self._close_file()

    def _pass(self) -> None:
        try:
            while self._compress_one():
                pass
            if self._is_room_due:
                self._is_room_due = False
                self._room()
        except OSError as error:
            self._fail(f"{error.strerror or error}: {self.folder}")

    def _compress_one(self) -> bool:
        with self._lock:
            if self.is_closed or (self._batch is None and not self._take()):
                return False
            batch = self._batch
            assert batch is not None
            if self._is_stream_due:
                self._deflate = zlib.compressobj(LEVEL)
            mode = layout.DEFLATED if self._is_stream_due else layout.CONTINUED
            self._is_stream_due = False
        packed = self._deflate.compress(batch.data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        with self._lock:
            if self._batch is batch and not self.is_closed:
                self._write(mode, batch, packed)
                self._batch = None
            else:  # stored in haste meanwhile: the stream has bytes in it that its reader never sees
                self._is_stream_due = True
        return True

    # -- under the lock --------------------------------------------------------------------------------------------

    def _take(self) -> bool:
        """The next batch out of the queue; False when there is none."""
        if self._batch is not None:
            return True
        items = self._items
        if not items:
            return False
        if items[0][0] == layout.SEGMENT and self._segment_bytes > layout.SEGMENT_HEAD.size:
            self._open_next()
            self._is_room_due = True
        first_event = self._events
        taken: list[bytes] = []
        size = 0
        while items and size < TAKE_BYTES and not (taken and items[0][0] == layout.SEGMENT):
            entry = items.popleft()
            taken.append(entry)
            size += len(entry)
            self._events += entry[0] <= layout.ACT
        self._taken_bytes += size
        self._batch = _Batch(b"".join(taken), first_event)
        return True

    def _store_batch(self) -> None:
        if self._batch is not None:
            self._write(layout.STORED, self._batch, self._batch.data)
            self._batch = None

    def _write(self, mode: int, batch: _Batch, stored: bytes) -> None:
        self._write_all(layout.pack_block(mode, len(batch.data), batch.first_event, stored))
        if self._segment_bytes > self._segment_bytes_max:
            self.is_segment_full = True

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._segment_bytes += len(data)
        self.bytes_written += len(data)

    def _open_next(self) -> None:
        self._close_file()
        path = self.folder / layout.segment_name(self.segment + 1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.segment += 1
        self._segment_bytes = 0
        self._is_stream_due = True
        self._write_all(layout.SEGMENT_HEAD.pack(layout.SEGMENT_MAGIC, layout.FORMAT, self.segment))

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- the bound and the end -------------------------------------------------------------------------------------

    def _room(self) -> None:
        """Drop the oldest until another segment fits."""
        self.dropped = self.dropped + make_room(
            self._artifacts_dir, self.folder, self._max_bytes - self._segment_bytes_max
        )

    def _fail(self, text: str) -> None:
        if self.fault or self.is_closed:
            return
        self.fault = text
        self.is_closed = True
        self._wake.set()
        self._on_end(text)
