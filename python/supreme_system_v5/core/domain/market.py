"""Bars and the names of streams."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

NS_PER_MS: Final = 1_000_000
NS_PER_SECOND: Final = 1_000_000_000

# Streams the engine knows; each has its own staleness.
STREAM_TRADE: Final = "trade"
STREAM_QUOTE: Final = "quote"
STREAM_DEPTH: Final = "depth"
STREAM_MARK: Final = "mark"

# Sources of prices.
SOURCE_BINANCE: Final = "binance"
SOURCE_COINGECKO: Final = "coingecko"
SOURCE_SIMULATED: Final = "simulated"


class Bar:
    """One OHLCV bar. Prices and volume in 1e-8 units; ``open_ms`` is exchange time, ms since the epoch UTC."""

    def __init__(
        self, open_ms: i64, open_e8: i64, high_e8: i64, low_e8: i64, close_e8: i64, volume_e8: i64, trades: i64
    ) -> None:
        self.open_ms: i64 = open_ms
        self.open_e8: i64 = open_e8
        self.high_e8: i64 = high_e8
        self.low_e8: i64 = low_e8
        self.close_e8: i64 = close_e8
        self.volume_e8: i64 = volume_e8
        self.trades: i64 = trades
        self.is_provisional = False  # touched by a start, a gap or a reconnect: not to be traded on
        self.is_backfilled = False  # came from REST: warms indicators, fires nothing

    def key(self) -> tuple[int, int, int, int, int, int]:
        """What two bars must share to be the same bar (the trade count differs between sources)."""
        return (
            int(self.open_ms),
            int(self.open_e8),
            int(self.high_e8),
            int(self.low_e8),
            int(self.close_e8),
            int(self.volume_e8),
        )
