"""Open data for reading, whatever it is: CSV, Parquet, a recording of frames, or days of the store.

    data = open_data(text, store_dir, SourceQuery(...))
    if data.kind == TRADES:
        for chunk in data.trades(): ...

What a file holds is told by its content; its name only helps where the content cannot (market and symbol).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.columns import BarChunk, SourceFile, TradeChunk
from supreme_system_v5.history.kinds import ALL_TIME, BARS, FRAMES, TRADES, Range

__all__ = ["BARS", "FRAMES", "TRADES", "Data", "SourceQuery", "open_data"]

KINDS: Final = (BARS, TRADES)


class SourceQuery(NamedTuple):
    """What of the data is wanted. ``market``, ``symbol`` ("ETH-USDT") and ``kind`` matter for the store only."""

    market: str = "usdm"
    symbol: str = "ETH-USDT"
    kind: str = ""  # bars, trades; "" = the store's trades where it has them for the whole range, else its bars
    span: Range = ALL_TIME


class Data:
    """Data that can be read more than once. ``kind`` is BARS, TRADES or FRAMES.

    ``market`` ("spot", "usdm") and ``symbol`` ("ETH-USDT") are "" where the data does not say. ``paths`` are the files
    in the order of time; of FRAMES they are all there is (backtesting reads frames itself).
    """

    def __init__(self, kind: str, market: str, symbol: str, paths: tuple[Path, ...], span: Range = ALL_TIME) -> None:
        self.kind = kind
        self.market = market
        self.symbol = symbol
        self.paths = paths
        self.span = span
        self.bytes_total = sum(path.stat().st_size for path in paths)
        self.bytes_read = 0  # grows while a reader runs: progress = bytes_read / bytes_total

    def trades(self) -> Iterator[TradeChunk]:
        """The trades in time order. Raises DataError for a file that cannot be read or goes back in time."""
        raise NotImplementedError

    def bars(self) -> Iterator[BarChunk]:
        """The bars in time order. Raises DataError."""
        raise NotImplementedError

    @property
    def bar_ms(self) -> int:
        """The length of a bar, from the smallest step between two; 0 where the data has no bars."""
        raise NotImplementedError

    def sources(self) -> list[SourceFile]:
        """The files with their SHA-256 and the rows in them (of frames: lines). Reads each file once."""
        raise NotImplementedError


def open_data(text: str, store_dir: Path, query: SourceQuery | None = None) -> Data:
    """``text``: files joined by commas, or "" for the store in ``store_dir`` (``Home.data_dir``).

    Raises ConfigError for a file that is missing or of no known kind, or days that the store does not have.
    """
    del text, store_dir, query
    raise ConfigError("not published yet")
