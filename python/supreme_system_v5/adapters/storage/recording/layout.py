"""The bytes of a recording: segments of blocks, blocks of entries. docs/recording.md has the picture."""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

FORMAT: Final = 1  # of everything in a recording's folder; a reader refuses a higher one
FOLDER: Final = "recording"  # in the session's folder
HEADER_NAME: Final = "header.json"
FAULT_NAME: Final = "fault.txt"  # why it ended before its session, where the disk was the reason
SEGMENT_SUFFIX: Final = ".s5r"
SEGMENT_MAGIC: Final = b"S5REC\x00\r\n"
SEGMENT_HEAD: Final = struct.Struct("<8sII")  # magic, format, number of the segment (1 is the session's first)

# A block: magic, how its entries are stored, their bytes before and after, the number of the first event in it, CRC-32
# of all that and of the stored bytes.
BLOCK_MAGIC: Final = b"S5RB"
BLOCK_HEAD: Final = struct.Struct("<4sB3xIIQI")
STORED: Final = 0  # as they are: written in haste, before a commit of the journal
DEFLATED: Final = 1  # a zlib stream of the segment begins here
CONTINUED: Final = 2  # and goes on here
BLOCK_BYTES_MAX: Final = 64 << 20

# An entry: kind, socket, check of the state before it, a time difference in ns, length of the body; then the body.
ENTRY_HEAD: Final = struct.Struct("<BBHiI")
DELTA_MAX: Final = 2**31 - 1
FULL_TIMES: Final = struct.Struct("<qq")  # before the body of a FRAME_FULL: engine time, receive stamp

FRAME_DATED: Final = 1  # a frame that carries its engine time; delta = receive stamp since the one before
FRAME: Final = 2  # delta = engine time (the receive stamp) since the event before
FRAME_FULL: Final = 3  # a frame whose engine time was raised, or whose delta is too large
TICK: Final = 4  # delta = engine time since the event before
EVENT: Final = 5  # any other event, as JSON
ACT: Final = 6  # what the start did to engine and venue directly, as JSON
INPUTS: Final = frozenset({FRAME_DATED, FRAME, FRAME_FULL, TICK, EVENT, ACT})  # these are numbered
FRAMES: Final = frozenset({FRAME_DATED, FRAME, FRAME_FULL})
REJECTED: Final = 16  # a frame that was no event: reason, line feed, bytes
OUT: Final = 17  # effects, as JSON: what the event above led to
MARK: Final = 18  # the state after the event above, as JSON: what has changed since the mark before in this segment
WROTE: Final = 19  # records that the start gave to the journal itself, as JSON
UNSENT: Final = 20  # the id of an order that was not sent because its intent could not be stored
SEGMENT: Final = 21  # the first entry of a segment: the event number, engine time and stamp that deltas count from
END: Final = 22  # the orderly end, why, and whether the session ended with it
KINDS: Final = INPUTS | {REJECTED, OUT, MARK, WROTE, UNSENT, SEGMENT, END}

# What a start does to engine and venue without an event. A recording notes it, a replay does the same in its place.
ACT_RESTORE: Final = "restore"  # the saved state goes into the engine
ACT_POSITION: Final = "position"  # the venue is told what is held
ACT_PROTECT: Final = "protect"  # stop and target rest at the venue again, at a time
ACT_EXIT_ORDER: Final = "exit_order"  # an order is made for an exit that may have happened meanwhile
ACT_FORGET: Final = "forget"  # and it had not


class Block(NamedTuple):
    """The head of a block that was read."""

    mode: int
    raw_bytes: int
    stored_bytes: int
    first_event: int
    crc: int


def pack_block(mode: int, raw_bytes: int, first_event: int, stored: bytes) -> bytes:
    """A block with its head."""
    head = BLOCK_HEAD.pack(BLOCK_MAGIC, mode, raw_bytes, len(stored), first_event, 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(stored, zlib.crc32(head))) + stored


def read_head(data: bytes | memoryview) -> Block | None:
    """The head of a block; None when there is none here (too short, another magic, impossible sizes)."""
    if len(data) < BLOCK_HEAD.size:
        return None
    magic, mode, raw_bytes, stored_bytes, first_event, crc = BLOCK_HEAD.unpack_from(data)
    if magic != BLOCK_MAGIC or mode > CONTINUED or max(raw_bytes, stored_bytes) > BLOCK_BYTES_MAX:
        return None
    return Block(mode, raw_bytes, stored_bytes, first_event, crc)


def crc_of(head: bytes, stored: bytes) -> int:
    """What the block's CRC must be."""
    return zlib.crc32(stored, zlib.crc32(head[: BLOCK_HEAD.size - 4]))


def segment_name(number: int) -> str:
    return f"{number:06d}{SEGMENT_SUFFIX}"
