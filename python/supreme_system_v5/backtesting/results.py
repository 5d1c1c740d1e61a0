"""The words of a finished backtest: what the runners fill in and the report reads.

Money is exact integers of 1e-8 quote units (quantities of base units), times are ns UTC unless a name says ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

BARS: Final = "bars"
TRADES: Final = "trades"
FRAMES: Final = "frames"


@dataclass
class RoundTrip:
    """One trade from entry to flat. ``net_e8`` = ``gross_e8`` - fees + funding; spread and slippage are inside gross.

    ``spread_e8`` is what crossing half the spread cost on all fills, ``slippage_e8`` what fills were worse than the
    best price (or the trigger) when the order was decided; both positive = a cost.
    """

    number: int
    side: int  # BUY (+1) = long, SELL (-1) = short
    opened_ns: int
    closed_ns: int
    quantity_e8: int
    entry_price_e8: int
    exit_price_e8: int
    gross_e8: int
    fees_e8: int
    funding_e8: int
    net_e8: int
    exit_reason: str
    spread_e8: int = 0
    slippage_e8: int = 0
    entry_reason: str = ""


@dataclass
class EquityPoint:
    """Equity, mark price and signed position at the end of a bar."""

    time_ns: int
    equity_e8: int
    mark_e8: int
    position_e8: int


@dataclass
class Candle:
    """A bar of the chart, maybe folded from several."""

    open_ms: int
    open_e8: int
    high_e8: int
    low_e8: int
    close_e8: int
    volume_e8: int


@dataclass
class DataSource:
    """A file (or a range of the store) that was read. ``sha256`` is over its bytes as stored."""

    name: str
    rows: int
    sha256: str


@dataclass
class BacktestResult:
    """Everything a report shows. Equity and candles are bounded by their collector (folded, never cut)."""

    granularity: str  # BARS, TRADES or FRAMES
    market: str
    symbol: str
    strategy: str
    core: str  # compiled | pure
    from_ns: int
    to_ns: int
    initial_e8: int
    final_equity_e8: int
    digest: str
    bar_seconds: int
    sources: list[DataSource] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    trades: list[RoundTrip] = field(default_factory=list)
    equity: list[EquityPoint] = field(default_factory=list)
    candles: list[Candle] = field(default_factory=list)
    candle_seconds: int = 60
    events: int = 0
    signals: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    skip_ratio: float = 0.0
    fees_e8: int = 0
    funding_e8: int = 0
    is_funding_known: bool = True
    open_position_e8: int = 0  # what is left at the end, at open_entry_e8
    open_entry_e8: int = 0
    first_mark_e8: int = 0  # for buy and hold
    last_mark_e8: int = 0
    unknown: list[str] = field(default_factory=list)  # what data of this granularity cannot know, in sentences
    model: dict[str, str] = field(default_factory=dict)  # how fills were made: latency, spread, depth, queue, costs
    elapsed_seconds: float = 0.0  # of the loop
    is_simulated: bool = False  # the data comes from a simulated exchange: every page and file says SIMULATED
