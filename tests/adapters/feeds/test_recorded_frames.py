"""The reader of recordings."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from supreme_system_v5.adapters.feeds.recorded import read_frames
from supreme_system_v5.core.domain.errors import ConfigError

WRAPPED = b'{"recv_ns":5,"frame":{"stream":"ethusdt@trade","data":{"e":"trade" , "p":"1.0"}}}\n'
SNAPSHOT = b'{"recv_ns":6,"frame":{"lastUpdateId":7,"bids":[],"asks":[]}}\n'


def test_frames_come_out_as_they_went_in(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(WRAPPED + b"\n")
    packed.write_bytes(gzip.compress(SNAPSHOT))
    first, second = read_frames([plain, str(packed)])
    assert first.recv_ns == 5
    assert first.stream == "ethusdt@trade"
    assert first.payload == b'{"e":"trade" , "p":"1.0"}'
    assert first.raw == b'{"stream":"ethusdt@trade","data":{"e":"trade" , "p":"1.0"}}'
    assert (second.recv_ns, second.stream) == (6, "")
    assert second.payload == second.raw == b'{"lastUpdateId":7,"bids":[],"asks":[]}'


def test_reading_is_lazy(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(WRAPPED + b"broken\n")
    frames = read_frames([path, tmp_path / "missing.jsonl"])
    assert next(frames).recv_ns == 5
    with pytest.raises(ConfigError, match="line 2"):
        next(frames)


@pytest.mark.parametrize("content", [b"[]\n", b'{"recv_ns":"x","frame":{}}\n', b'{"recv_ns":1}\n', b"\xff\n"])
def test_lines_that_are_no_recording_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(WRAPPED + content)
    with pytest.raises(ConfigError, match=r"a\.jsonl, line 2"):
        list(read_frames([path]))


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(WRAPPED * 1000)[:-20])
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_frames([path]))
    path.write_bytes(b"this is no gzip")
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_frames([path]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.jsonl"):
        list(read_frames([tmp_path / "missing.jsonl"]))
