"""The recordings of a home: which there are, how large they are, and the oldest dropped where a bound is passed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from supreme_system_v5.adapters.storage.recording.layout import FOLDER, HEADER_NAME, SEGMENT_SUFFIX

STAMP_LENGTH: Final = 16  # of a session's name: 20261120T123601Z


class Dropped:
    """What the bound has cost so far: whole recordings of older sessions, and segments of this one."""

    def __init__(self, recordings: int = 0, segments: int = 0) -> None:
        self.recordings = recordings
        self.segments = segments

    def __add__(self, other: Dropped) -> Dropped:
        return Dropped(self.recordings + other.recordings, self.segments + other.segments)


def recordings(artifacts_dir: Path) -> list[Path]:
    """The recordings' folders, the oldest first.

    Sessions are named by the second of their start; of two within one the header that was written first goes first.
    """
    found = []
    try:
        for path in artifacts_dir.iterdir():
            header = path / FOLDER / HEADER_NAME
            if path.name[:1].isdigit() and header.is_file():
                found.append((path.name[:STAMP_LENGTH], header.stat().st_mtime_ns, path.name, path / FOLDER))
    except OSError:
        return []
    return [folder for *_, folder in sorted(found)]


def segments(folder: Path) -> list[Path]:
    """The segments of a recording, the oldest first."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == SEGMENT_SUFFIX and path.stem.isdigit()]
    except OSError:
        return []
    return sorted(found, key=lambda path: int(path.stem))


def size_of(folder: Path) -> int:
    """Bytes of a recording; what vanishes meanwhile does not count."""
    total = 0
    for path in segments(folder):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def make_room(artifacts_dir: Path, current: Path, bytes_max: int) -> Dropped:
    """Remove the oldest recordings, then the oldest segments of ``current`` but its last, until ``bytes_max`` holds.

    Only recordings go; what else a session left stays. Raises OSError when something cannot be removed.
    """
    sizes = {folder: size_of(folder) for folder in recordings(artifacts_dir) if folder != current}
    own = [(path, path.stat().st_size) for path in segments(current)]
    total = sum(sizes.values()) + sum(size for _, size in own)
    dropped = Dropped()
    for folder, size in sizes.items():
        if total <= bytes_max:
            return dropped
        shutil.rmtree(folder)
        total -= size
        dropped = dropped + Dropped(recordings=1)
    for path, size in own[:-1]:
        if total <= bytes_max:
            return dropped
        path.unlink()
        total -= size
        dropped = dropped + Dropped(segments=1)
    return dropped
