"""A strategy to copy: the smallest that is whole. STRATEGY=template runs it, in a backtest and in paper trading alike.

To make one of your own: copy this file to `my_idea.py`, change the class's name, ``name`` and the rule, add one
function and one line to `catalogue.py`, then `make backtest STRATEGY=my_idea DATA=...`. It need not be compiled: this
file is plain Python on every build, and fast all the same, as the gate asks it only about the trades that matter.

The rule here follows a trend: long when the price stands above its EMA while the MACD histogram rises above zero, short
when both turn. It makes no money; it shows where yours goes.
"""

from __future__ import annotations

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.optimized.analyzer import Snapshot


class TemplateStrategy(Strategy):
    """What the engine asks of a strategy, method by method."""

    name = "template"

    def __init__(self) -> None:
        self.side = 0  # of the last signal: one per change of the trend
        self.quiet_until_ns = 0

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        """A bar was committed. Remember here what your rule needs of closed bars; read the snapshot, never keep it.

        ``is_live`` is False for bars that only warm the indicators.
        """

    def evaluate(self, snapshot: Snapshot, time_ns: int, cooldown_ns: int) -> Signal | None:
        """Asked after every committed bar and every trade that passed the gate: a signal, or None.

        The snapshot is of the forming bar as if it closed now. ``confidence`` (0.5 to 1) scales the size; the risk
        manager decides about the rest: size, stop, target, limits.
        """
        if not snapshot.is_warm or time_ns < self.quiet_until_ns:
            return None
        histogram = snapshot.macd_histogram
        if self.side != BUY and histogram > 0.0 and snapshot.price > snapshot.ema:
            side = BUY
        elif self.side != SELL and histogram < 0.0 and snapshot.price < snapshot.ema:
            side = SELL
        else:
            return None
        self.side = side
        self.quiet_until_ns = time_ns + cooldown_ns
        return Signal(side, 0.5, [f"MACD histogram {histogram:.4f}", f"EMA {snapshot.ema:.2f}"])

    def unmet(self, snapshot: Snapshot) -> str:
        """For the status line: the first condition that is not met, with its value."""
        if not snapshot.is_warm:
            return f"warming up: {snapshot.bars} bars"
        return f"no new trend: MACD histogram {snapshot.macd_histogram:.4f}"

    def state(self) -> list[float]:
        """Everything that decides what it will do next, for the digest: what is missing here breaks a replay."""
        return [float(self.side), float(self.quiet_until_ns // 1_000_000)]
