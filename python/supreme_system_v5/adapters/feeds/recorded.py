"""Recorded frames, as the exchange sent them: one JSON line each, `{"recv_ns": int, "frame": <unmodified JSON>}`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from supreme_system_v5.core.domain.errors import ConfigError


class RecordedFrame(NamedTuple):
    """One frame. ``recv_ns`` is the recorder's clock, ns UTC (in the 2024-08 files 1.27 s behind exchange time)."""

    recv_ns: int
    stream: str  # "ethusdt@trade"; "" for what came without one (REST depth snapshots, raw streams)
    payload: bytes  # the data object alone
    raw: bytes  # the whole frame


class _Line(Struct):
    recv_ns: int
    frame: msgspec.Raw


class _Frame(Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


def read_frames(paths: Iterable[str | Path]) -> Iterator[RecordedFrame]:
    """The frames of the files in the order given, read as they are asked for (plain or gzip).

    Several files in a row are one continuous recording. Raises ConfigError naming file and line when a file is
    missing, damaged or not a recording.
    """
    line_decoder = msgspec.json.Decoder(_Line)
    frame_decoder = msgspec.json.Decoder(_Frame)
    for path in paths:
        number = 0
        try:
            with _open(Path(path)) as lines:
                for text in lines:
                    number += 1
                    if not text.strip():
                        continue
                    line = line_decoder.decode(text)
                    raw = bytes(line.frame)
                    frame = frame_decoder.decode(raw)
                    payload = bytes(frame.data) if frame.stream else raw
                    yield RecordedFrame(line.recv_ns, frame.stream, payload, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"recording {path}, line {number}: {error}",
                'each line must be {"recv_ns": ns, "frame": {...}}; record the file again or name another one',
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise ConfigError(
                f"recording {path} cannot be read after line {number}: {error}",
                "check that the file exists, is readable and is complete",
            ) from None


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb")
