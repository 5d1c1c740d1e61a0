"""Trades that came over REST, page by page, kept until their day is whole: a run that was killed goes on after them.

A file of blocks: a line with the number of rows and a CRC, then the columns. A torn block at the end is cut off.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from supreme_system_v5.history.columns import TradeChunk

_HEAD_BYTES: Final = 16
_ROW_BYTES: Final = 4 * 8 + 1
_ROWS_LIMIT: Final = 1 << 20


class Pages:
    """The pages of one day. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.last_id = -1
        self.last_ms = -1
        size = 0
        for chunk, end in self._blocks():
            self._note(chunk)
            size = end
        if path.exists() and path.stat().st_size != size:
            with path.open("r+b") as stream:
                stream.truncate(size)

    def add(self, chunk: TradeChunk) -> None:
        """Append a page."""
        body = b"".join([bytes(column) for column in chunk[1:]])
        head = chunk.rows.to_bytes(8, "little") + zlib.crc32(body).to_bytes(8, "little")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write(head + body)
        self._note(chunk)

    def chunks(self) -> Iterator[TradeChunk]:
        """All pages, oldest first."""
        for chunk, _ in self._blocks():
            yield chunk

    def _note(self, chunk: TradeChunk) -> None:
        self.rows += chunk.rows
        self.last_id = int.from_bytes(bytes(chunk.trade_id[-8:]), "little", signed=True)
        self.last_ms = int.from_bytes(bytes(chunk.time_ms[-8:]), "little", signed=True)

    def _blocks(self) -> Iterator[tuple[TradeChunk, int]]:
        """Each whole block and where it ends."""
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            while len(head := stream.read(_HEAD_BYTES)) == _HEAD_BYTES:
                rows = int.from_bytes(head[:8], "little")
                if not 0 < rows <= _ROWS_LIMIT:
                    return
                body = stream.read(rows * _ROW_BYTES)
                if len(body) != rows * _ROW_BYTES or zlib.crc32(body) != int.from_bytes(head[8:], "little"):
                    return
                columns = [body[8 * rows * n : 8 * rows * (n + 1)] for n in range(4)]
                yield TradeChunk(rows, columns[0], columns[1], columns[2], columns[3], body[32 * rows :]), stream.tell()
