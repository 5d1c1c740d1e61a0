"""Chunks of columns: how data on disk reaches a loop without an object a row.

Every column is bytes-like with little-endian int64 values (8 bytes a row), except ``is_buyer_maker`` (one byte a row).
Times are ms UTC, prices and quantities 1e-8 units. A chunk is valid until the next one is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

ROWS_MAX: Final = 65_536
NO_ID: Final = -1  # trade ids of data that has none

Column = bytes | memoryview


class TradeChunk(NamedTuple):
    """Trades in time order. ``trade_id`` counts aggTrades without holes within a file, or is NO_ID throughout."""

    rows: int
    time_ms: Column
    trade_id: Column
    price_e8: Column
    quantity_e8: Column
    is_buyer_maker: Column


class BarChunk(NamedTuple):
    """Closed bars in time order, of equal length; a hole in the times is a hole in the data."""

    rows: int
    open_ms: Column
    open_e8: Column
    high_e8: Column
    low_e8: Column
    close_e8: Column
    volume_e8: Column


class SourceFile(NamedTuple):
    """One file that was read; ``sha256`` over its bytes as stored."""

    path: str
    rows: int
    sha256: str


def int64_column(values: Sequence[int]) -> bytes:
    """A column of these numbers. Raises OverflowError outside of 64 bits."""
    return b"".join([value.to_bytes(8, "little", signed=True) for value in values])
