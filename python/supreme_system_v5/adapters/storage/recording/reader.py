"""Reading a recording: its header, then its entries in order; a torn tail is cut, damage is named."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.keeping import segments
from supreme_system_v5.core.domain.errors import ConfigError, SupremeError


class Entry(NamedTuple):
    """One entry; ``event`` is the number of the input that it is or belongs to (0 = before the first)."""

    kind: int
    socket: int
    check: int
    delta_ns: int
    body: bytes
    event: int


class DamageError(SupremeError):
    """A recording that is not what was written: which file, which block, which events."""


class Recording:
    """A session's recording. ``entries`` may be read once; then ``cut`` and ``is_ended`` say how it ends."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when there is no recording, or none that this version can read."""
        self.folder = folder
        self.session = folder.parent.name
        self.header = read_header(folder)
        self.segments = segments(folder)
        if not self.segments:
            raise ConfigError(
                f"{folder} has no segments", "its session ended before anything was recorded; choose another"
            )
        self.first_segment = int(self.segments[0].stem)
        self.bytes = sum(path.stat().st_size for path in self.segments)
        self.bytes_read = 0
        self.cut = ""  # what was left out at the end, in words
        self.is_ended = False  # an orderly end was recorded
        self.fault = _text_of(folder / layout.FAULT_NAME)  # why the disk ended it before its session
        self._event = 0
        self._inflate = zlib.decompressobj()

    @property
    def is_whole(self) -> bool:
        """False when RECORD_MAX_MB has dropped its beginning."""
        return self.first_segment == 1

    def entries(self) -> Iterator[Entry]:
        """All of them. Raises DamageError for a block that was altered, or a segment that is missing between others."""
        for place, path in enumerate(self.segments):
            number = self.first_segment + place
            if int(path.stem) != number:
                raise DamageError(
                    f"{self.folder / layout.segment_name(number)} is missing: the events after {self._event} are gone",
                    "the recording can be replayed up to there only",
                )
            yield from self._segment(path, number, place == len(self.segments) - 1)

    def _segment(self, path: Path, number: int, is_last: bool) -> Iterator[Entry]:
        data = path.read_bytes()
        head = layout.SEGMENT_HEAD
        if len(data) < head.size and is_last:
            self._cut_at(path, len(data))
            return
        if len(data) < head.size or head.unpack_from(data) != (layout.SEGMENT_MAGIC, self.header["format"], number):
            raise DamageError(f"{path} does not begin as a segment does; its events begin after {self._event}")
        at = head.size
        block_number = 0
        self.bytes_read += at
        while at < len(data):
            block_number += 1
            block = layout.read_head(memoryview(data)[at:])
            end = at + layout.BLOCK_HEAD.size + (block.stored_bytes if block is not None else 0)
            if block is None or end > len(data):
                if is_last and (block is not None or _is_torn(data, at)):
                    self._cut_at(path, len(data) - at)
                    return
                raise self._damage(path, block_number, at, "its head is not one")
            stored = data[at + layout.BLOCK_HEAD.size : end]
            if layout.crc_of(data[at:end], stored) != block.crc:
                raise self._damage(path, block_number, at, "its check sum does not fit", block, data, end)
            yield from self._block(path, block_number, at, block, stored)
            self.bytes_read += end - at
            at = end

    def _block(self, path: Path, number: int, at: int, block: layout.Block, stored: bytes) -> Iterator[Entry]:
        raw = stored
        if block.first_event != self._event and (self._event > 0 or self.is_whole):
            raise self._damage(path, number, at, f"it begins at event {block.first_event + 1}")
        self._event = block.first_event
        if block.mode != layout.STORED:
            if block.mode == layout.DEFLATED:
                self._inflate = zlib.decompressobj()
            try:
                raw = self._inflate.decompress(stored)
            except zlib.error as error:
                raise self._damage(path, number, at, str(error)) from None
        if len(raw) != block.raw_bytes:
            raise self._damage(path, number, at, "it has another length")
        offset = 0
        while offset < len(raw):
            if offset + layout.ENTRY_HEAD.size > len(raw):
                raise self._damage(path, number, at, "an entry is cut short")
            kind, socket, check, delta_ns, size = layout.ENTRY_HEAD.unpack_from(raw, offset)
            offset += layout.ENTRY_HEAD.size
            if kind not in layout.KINDS or offset + size > len(raw):
                raise self._damage(path, number, at, f"an entry of kind {kind} is none")
            if kind in layout.INPUTS:
                self._event += 1
            elif kind == layout.END:
                self.is_ended = True
            yield Entry(kind, socket, check, delta_ns, raw[offset : offset + size], self._event)
            offset += size

    def _cut_at(self, path: Path, size: int) -> None:
        self.bytes_read += size
        self.cut = f"the last {size:,} bytes of {path.name} are an unfinished block and were cut"

    def _damage(
        self,
        path: Path,
        number: int,
        at: int,
        why: str,
        block: layout.Block | None = None,
        data: bytes = b"",
        end: int = 0,
    ) -> DamageError:
        following = layout.read_head(memoryview(data)[end:]) if block is not None else None
        last = f" to {following.first_event:,}" if following is not None else " and later"
        return DamageError(
            f"{path}: block {number} (at byte {at:,}) was altered: {why};"
            f" it holds the events {self._event + 1:,}{last}",
            "the recording can be replayed up to there only",
        )


def _is_torn(data: bytes, at: int) -> bool:
    """True for the beginning of a head that was never finished (the rest may be zeros of an unwritten page)."""
    rest = data[at:]
    return not rest.strip(b"\0") or (len(rest) < layout.BLOCK_HEAD.size and layout.BLOCK_MAGIC.startswith(rest[:4]))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def read_header(folder: Path) -> dict[str, Any]:
    """The header of a recording. Raises ConfigError."""
    path = folder / layout.HEADER_NAME
    try:
        header: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"there is no recording in {folder.parent}",
            "RECORD=true or `make record` makes one; `make info` lists sessions",
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "choose another session") from None
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise ConfigError(f"{path} is not the header of a recording", "choose another session")
    if header["format"] > layout.FORMAT:
        raise ConfigError(
            f"{path} was written by {header.get('version', 'a newer version')} in format {header['format']};"
            f" this version reads up to {layout.FORMAT}",
            "replay it with the version that recorded it",
        )
    return header
