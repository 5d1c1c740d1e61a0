"""The spill file: where the records of exits go when the disk is full or the journal does not answer.

It is written full of zeros while all is well, so that a later write in place needs no new block. (A copy-on-write file
system needs one all the same; there the append can fail, and the caller still has stderr.) Layout: records of
``magic, length, CRC-32, payload`` one after another; the first thing that is not whole ends the list.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Final

SPILL_BYTES: Final = 256 * 1024
_HEAD: Final = struct.Struct("<4sII")
_MAGIC: Final = b"S5SP"


class SpillFile:
    """A file of fixed size, appended in place. Not for several writers at once."""

    def __init__(self, path: Path, size_bytes: int = SPILL_BYTES) -> None:
        self.path = path
        self._size_bytes = size_bytes
        self._handle = -1
        self._end = 0

    def open(self) -> list[str]:
        """Allocate the file and return the records an earlier run left in it. Raises OSError."""
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        present = os.fstat(self._handle).st_size
        zeros = bytes(64 * 1024)
        while present < self._size_bytes:
            present += os.pwrite(self._handle, zeros[: self._size_bytes - present], present)
        os.fsync(self._handle)
        return self._scan()

    def _scan(self) -> list[str]:
        found: list[str] = []
        offset = 0
        data = os.pread(self._handle, self._size_bytes, 0)
        while offset + _HEAD.size <= len(data):
            magic, length, checksum = _HEAD.unpack_from(data, offset)
            payload = data[offset + _HEAD.size : offset + _HEAD.size + length]
            if magic != _MAGIC or len(payload) != length or zlib.crc32(payload) != checksum:
                break
            found.append(payload.decode())
            offset += _HEAD.size + length
        self._end = offset
        return found

    def append(self, record_json: str) -> bool:
        """Write one record and sync it; False when it does not fit or cannot be written."""
        payload = record_json.encode()
        frame = _HEAD.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload
        if self._handle < 0 or self._end + len(frame) > self._size_bytes:
            return False
        try:
            written = os.pwrite(self._handle, frame, self._end)
            os.fdatasync(self._handle)
        except OSError:
            return False
        if written != len(frame):
            return False
        self._end += written
        return True

    def clear(self) -> None:
        """Forget the records, in place: zeros over everything that was written. Raises OSError."""
        os.pwrite(self._handle, bytes(max(self._end, _HEAD.size)), 0)
        os.fsync(self._handle)
        self._end = 0

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
