"""Sessions recorded over real sockets in this process, and ways to alter what was recorded."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.keeping import recordings, segments
from supreme_system_v5.adapters.storage.recording.reader import Recording
from supreme_system_v5.backtesting.replay import Outcome, Replay
from supreme_system_v5.backtesting.replay_chain import Books
from supreme_system_v5.backtesting.replay_parts import instrument_of, parameters_of
from supreme_system_v5.trading import Trading
from tests.determinism.in_process import InProcess
from tests.system.world import FAST

SECOND = 1_000_000_000
START_NS = 1_764_000_000 * SECOND
Plan = list[dict[str, Any]]


def record(folder: Path, seed: int = 7, seconds: int = 90, plan: Plan | None = None, market: str = "usdm") -> InProcess:
    """A session on a scripted market that brings trades, as fast as it goes."""
    source = GeneratedMarket(market, seed, START_NS, "scripted", 2.0)
    end_ns = START_NS + seconds * SECOND
    return InProcess(source, folder, end_ns, 0.0 if not plan else 20.0, plan or [], record=True, **FAST).run(60.0)


def folder_of(run: InProcess) -> Path:
    return recordings(run.home.artifacts_dir)[-1]


def replay(folder: Path, alter: Callable[[dict[str, Any]], None] = lambda _header: None) -> tuple[Outcome, Books]:
    """Replay a recording, with its header altered first."""
    recording = Recording(folder)
    alter(recording.header)
    parameters = parameters_of(recording.header)
    books = Books(recording.header["saved"], parameters.account)
    return Replay(recording, Trading(parameters, instrument_of(recording.header)), books.take).run(), books


class Block:
    """A block of a segment as it lies in the file."""

    def __init__(self, at: int, end: int, first_event: int, raw: bytes) -> None:
        self.at = at
        self.end = end
        self.first_event = first_event
        self.raw = raw


def blocks_of(path: Path) -> list[Block]:
    """Read without the product's reader but for the head's layout."""
    data = path.read_bytes()
    at = layout.SEGMENT_HEAD.size
    found = []
    stream = zlib.decompressobj()
    while at < len(data):
        _, mode, size, stored_bytes, first_event, _ = layout.BLOCK_HEAD.unpack_from(data, at)
        end = at + layout.BLOCK_HEAD.size + stored_bytes
        stored = data[at + layout.BLOCK_HEAD.size : end]
        if mode == layout.DEFLATED:
            stream = zlib.decompressobj()
        raw = stored if mode == layout.STORED else stream.decompress(stored)
        assert len(raw) == size
        found.append(Block(at, end, first_event, raw))
        at = end
    return found


def rewrite(folder: Path, alter: Callable[[int, int, bytes], bytes]) -> None:
    """Every entry through ``alter(kind, event number, body)``, all check sums made to fit again."""
    event = 0
    for path in segments(folder):
        out = bytearray(path.read_bytes()[: layout.SEGMENT_HEAD.size])
        for block in blocks_of(path):
            raw = bytearray()
            at = 0
            while at < len(block.raw):
                kind, socket, check, delta, size = layout.ENTRY_HEAD.unpack_from(block.raw, at)
                at += layout.ENTRY_HEAD.size
                event += kind in layout.INPUTS
                body = alter(kind, event, block.raw[at : at + size])
                raw += layout.ENTRY_HEAD.pack(kind, socket, check, delta, len(body)) + body
                at += size
            out += layout.pack_block(layout.STORED, len(raw), block.first_event, bytes(raw))
        path.write_bytes(out)


def entries_of(folder: Path) -> list[tuple[int, int, bytes]]:
    return [(entry.kind, entry.event, entry.body) for entry in Recording(folder).entries()]


def decided(body: bytes) -> list[str]:
    """The classes of a recorded list of effects."""
    return [effect["is"] for effect in json.loads(body)]
