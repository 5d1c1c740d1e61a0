"""The lines of recordings in blocks: the next block is unpacked by a thread while the last one is worked on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

from supreme_system_v5.core.domain.errors import ConfigError

_PACKED_BYTES: Final = 1 << 18  # read at once
_BLOCK_BYTES: Final = 1 << 20  # unpacked at once: about 3,000 frames
_GZIP: Final = 31  # zlib's word for a gzip head and tail


class LineBlocks:
    """``next_block()`` gives the next lines of the files, without their ends; [] after the last one.

    ``path`` and ``first_line`` say where the last block came from. Raises ConfigError for a file that cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.path = paths[0]
        self.lines: dict[Path, int] = dict.fromkeys(paths, 0)
        self.bytes_read = 0
        self.bytes_all = sum(path.stat().st_size for path in paths if path.is_file())
        self._worker = ThreadPoolExecutor(1, "frames")
        self._blocks = self._read(paths)

    def close(self) -> None:
        """End the thread."""
        self._blocks = iter(())
        self._worker.shutdown()

    def next_block(self) -> list[bytes]:
        return next(self._blocks, [])

    def place_of(self, number: int) -> tuple[Path, int]:
        """The file and the line in it of the recording's ``number``-th line (from 1)."""
        path = self.path
        for path, lines in self.lines.items():
            if number <= lines or path == self.path:
                break
            number -= lines
        return path, number

    def _read(self, paths: Sequence[Path]) -> Iterator[list[bytes]]:
        for path in paths:
            self.path = path
            rest = b""
            try:
                for text in self._texts(path):
                    lines = text.split(b"\n")
                    lines[0] = rest + lines[0]
                    rest = lines.pop()
                    if lines:
                        self.lines[path] += len(lines)
                        yield lines
            except (OSError, EOFError, zlib.error) as error:
                raise ConfigError(
                    f"recording {path} cannot be read after line {self.lines[path]}: {error}",
                    "check that the file exists, is readable and is complete",
                ) from None
            if rest:
                self.lines[path] += 1
                yield [rest]

    def _texts(self, path: Path) -> Iterator[bytes]:
        """The file's content piece by piece; a packed one is unpacked ahead of its use."""
        with path.open("rb") as file:
            if path.suffix != ".gz":
                while plain := self._next(file, _BLOCK_BYTES):
                    yield plain
                return
            text = b""
            unpacker = zlib.decompressobj(_GZIP)
            packed = self._next(file, _PACKED_BYTES)
            while packed or not unpacker.eof:
                # One call that needs no interpreter lock: the compiled loop never gives the lock up by itself.
                work: Future[bytes] = self._worker.submit(unpacker.decompress, packed, _BLOCK_BYTES)
                if text:
                    yield text
                text = work.result()
                if unpacker.eof:  # another member may follow, or the zeros that fill a tape's block
                    packed = (unpacker.unused_data or self._next(file, _PACKED_BYTES)).lstrip(b"\0")
                    if packed:
                        unpacker = zlib.decompressobj(_GZIP)
                    continue
                packed = unpacker.unconsumed_tail or self._next(file, _PACKED_BYTES)
                if not packed and not text:
                    raise EOFError("it ends in the middle")
            if text:
                yield text

    def _next(self, file: BinaryIO, size: int) -> bytes:
        data = file.read(size)
        self.bytes_read += len(data)
        return data
