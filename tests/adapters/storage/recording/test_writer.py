"""The writing side: order, haste, the bound, and a disk that refuses."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.recording import layout, writer
from supreme_system_v5.adapters.storage.recording.keeping import make_room, recordings, segments, size_of
from supreme_system_v5.adapters.storage.recording.reader import DamageError, Recording
from supreme_system_v5.adapters.storage.recording.tape import Tape
from supreme_system_v5.adapters.storage.recording.writer import SegmentWriter
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.events import Command, Tick

MB = 1024 * 1024


class Session:
    """A recording of its own in a home's artifacts."""

    def __init__(self, artifacts: Path, name: str = "20260101T000000Z-0001", max_mb: int = 64) -> None:
        self.folder = artifacts / name / layout.FOLDER
        self.folder.mkdir(parents=True)
        (self.folder / layout.HEADER_NAME).write_text('{"format": 1}')
        self.ended: list[str] = []
        self.writer = SegmentWriter(self.folder, artifacts, max_mb * MB, self.ended.append)
        self.tape = Tape(self.writer)

    def start(self) -> Session:
        self.writer.start()
        self.tape.begin_segment()
        return self

    def ticks(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.tape.event(Tick(1_000_000_000 + number * 1_000_000), number & 0xFFFF)

    def read(self) -> Recording:
        return Recording(self.folder)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    one = Session(tmp_path)
    yield one
    one.writer.close(5.0)


def checks(recording: Recording) -> list[int]:
    return [entry.check for entry in recording.entries() if entry.kind in layout.INPUTS]


def noise(number: int) -> Command:
    """An event of 64 KB that does not compress."""
    return Command(number, "stop", os.urandom(32 * 1024).hex())


def test_everything_is_there_in_its_order_after_an_end(session: Session) -> None:
    session.start().ticks(50_000)
    session.tape.end("over", True, 7)
    assert session.writer.close(10.0)
    recording = session.read()
    assert checks(recording) == [number & 0xFFFF for number in range(50_000)]
    assert recording.is_ended
    assert recording.cut == ""
    assert session.writer.bytes_written == size_of(session.folder)


def test_a_flush_has_handed_over_all_that_was_queued_before_it(session: Session) -> None:
    """What is in the file right after it counts: the process may be killed then."""
    session.start()
    for turn in range(200):
        session.ticks(100, turn * 100)
        session.writer.flush()
        if turn % 10 == 0:
            assert len(checks(session.read())) == (turn + 1) * 100


def test_flushes_beside_the_thread_lose_and_double_nothing(session: Session) -> None:
    """Another thread in haste, as the journal's is, while the queue fills and the own thread compresses."""
    session.start()
    is_over = threading.Event()

    def hurry() -> None:
        while not is_over.is_set():
            session.writer.flush()
            time.sleep(0.0005)

    thread = threading.Thread(target=hurry)
    thread.start()
    for turn in range(60):
        session.ticks(1_000, turn * 1_000)
        session.writer._wake.set()
    is_over.set()
    thread.join()
    assert session.writer.close(10.0)
    assert checks(session.read()) == [number & 0xFFFF for number in range(60_000)]


def test_quiet_inputs_are_written_within_two_seconds(session: Session) -> None:
    session.start().ticks(3)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(checks(session.read())) < 3:
        time.sleep(0.05)
    assert len(checks(session.read())) == 3


def test_segments_follow_one_another_and_each_can_be_read_alone(tmp_path: Path) -> None:
    session = Session(tmp_path, max_mb=16).start()  # segments of 2 MB
    for number in range(120):
        session.tape.event(noise(number), number)
        session.ticks(10, 1_000 + number * 10)
        if number % 8 == 7:
            session.writer.flush()
    session.tape.end("over", True, 0)
    assert session.writer.close(20.0)
    assert len(segments(session.folder)) >= 2
    recording = session.read()
    entries = list(recording.entries())
    assert [entry.event for entry in entries if entry.kind in layout.INPUTS] == list(range(1, 120 * 11 + 1))
    kinds = [entry.kind for entry in entries]
    assert kinds.count(layout.SEGMENT) == len(recording.segments)
    recording.segments[0].unlink()
    later = session.read()
    assert not later.is_whole
    assert next(later.entries()).kind == layout.SEGMENT


def test_a_segment_missing_in_the_middle_is_named(tmp_path: Path) -> None:
    session = Session(tmp_path, max_mb=16).start()
    for number in range(100):
        session.tape.event(noise(number), number)
        session.writer.flush()
    session.writer.close(20.0)
    found = segments(session.folder)
    assert len(found) >= 3
    found[1].unlink()
    with pytest.raises(DamageError, match="000002.s5r is missing".replace(".", r"\.")):
        list(session.read().entries())


# -- the bound -----------------------------------------------------------------------------------------------------


def test_the_oldest_sessions_go_first_then_the_oldest_segments(tmp_path: Path) -> None:
    older = [Session(tmp_path, f"2025010{day}T000000Z-0000") for day in (1, 2, 3)]
    for one in older:
        (one.folder / "000001.s5r").write_bytes(bytes(3 * MB))
        (one.folder.parent / "summary.txt").write_text("kept")
    current = Session(tmp_path, max_mb=16).start()
    for number in range(400):
        current.tape.event(noise(number), number)
        current.writer.flush()
        total = sum(size_of(folder) for folder in recordings(tmp_path))
        assert total <= 16 * MB + 2 * MB  # the segment that is being written is over before room is made
        if current.writer._is_room_due:
            current.writer._wake.set()
            while current.writer._is_room_due:
                time.sleep(0.002)
    assert current.writer.dropped.recordings == 3
    assert current.writer.dropped.segments >= 3
    assert recordings(tmp_path) == [current.folder]
    assert all((one.folder.parent / "summary.txt").exists() for one in older)
    current.writer.close(20.0)
    recording = current.read()
    assert recording.first_segment == current.writer.dropped.segments + 1
    assert size_of(current.folder) <= 16 * MB
    assert [entry.event for entry in recording.entries() if entry.kind in layout.INPUTS][-1] == 400


def test_of_two_sessions_of_one_second_the_first_goes_first(tmp_path: Path) -> None:
    names = ["20260101T000000Z-ffff", "20260101T000000Z-0000", "20260101T000000Z-aaaa", "20251231T235959Z-eeee"]
    folders = [Session(tmp_path, name).folder for name in names]
    for turn, folder in enumerate(folders):
        os.utime(folder / layout.HEADER_NAME, ns=(0, 10**18 + turn))
    assert recordings(tmp_path) == [folders[3], *folders[:3]]


def test_room_is_made_at_the_start_too(tmp_path: Path) -> None:
    old = Session(tmp_path, "20250101T000000Z-0000")
    (old.folder / "000001.s5r").write_bytes(bytes(20 * MB))
    current = Session(tmp_path, max_mb=16).start()
    assert not old.folder.exists()
    assert current.writer.dropped.recordings == 1
    current.writer.close(5.0)


def test_nothing_is_dropped_that_need_not_be(tmp_path: Path) -> None:
    one, two = Session(tmp_path, "20250101T000000Z-0000"), Session(tmp_path, "20250102T000000Z-0000")
    for session in (one, two):
        (session.folder / "000001.s5r").write_bytes(bytes(2 * MB))
    dropped = make_room(tmp_path, two.folder, 4 * MB)
    assert (dropped.recordings, dropped.segments) == (0, 0)
    dropped = make_room(tmp_path, two.folder, 4 * MB - 1)
    assert (dropped.recordings, dropped.segments) == (1, 0)
    assert two.folder.exists()


# -- a disk that refuses -------------------------------------------------------------------------------------------


def test_a_full_disk_ends_the_recording_with_a_sentence(session: Session) -> None:
    """A limit on the size of files is what a full disk looks like to a write."""
    session.start().ticks(10)
    session.writer.flush()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_of(session.folder) + 1_000, hard))
        for number in range(50):
            session.tape.event(noise(number), number)
            session.writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert len(session.ended) == 1
    assert "File too large" in session.ended[0]
    assert session.writer.fault == session.ended[0]
    assert not session.writer.close(5.0)
    recording = session.read()
    assert len(checks(recording)) == 10  # what was written stays usable
    assert recording.cut


def test_a_disk_that_stalls_does_not_hold_the_journal(session: Session) -> None:
    session.start().ticks(10)
    with session.writer._lock:  # a write that does not come back
        began = time.monotonic()
        session.writer.flush()
        assert time.monotonic() - began < 10 * writer.LOCK_SECONDS_MAX
    assert len(session.ended) == 1
    assert "stalls" in session.ended[0]
    session.writer.flush()  # from now on nothing
    assert len(session.ended) == 1


def test_a_queue_that_only_grows_ends_the_recording(session: Session) -> None:
    session.writer._lock.acquire()
    try:
        for number in range(writer.PENDING_BYTES_MAX // 65_000 + 20):
            session.tape.event(noise(number), number)
    finally:
        session.writer._lock.release()
    assert len(session.ended) == 1
    assert "does not keep up" in session.ended[0]


# -- what is no recording ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "there is no recording"),
        ("{", "cannot be read"),
        ('{"a": 1}', "not the header"),
        ('{"format": 99, "version": "9.1"}', "written by 9.1 in format 99"),
        ('{"format": 1}', "has no segments"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path, header: str | None, words: str) -> None:
    folder = tmp_path / "20260101T000000Z-0001" / layout.FOLDER
    folder.mkdir(parents=True)
    if header is not None:
        (folder / layout.HEADER_NAME).write_text(header)
    with pytest.raises(ConfigError, match=words) as error:
        Recording(folder)
    assert error.value.remedy
