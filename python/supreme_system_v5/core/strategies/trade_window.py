"""A second strategy to copy: one that looks at every trade, past the gate. STRATEGY=trade_window runs it.

It keeps the last 50 trades and asks to be evaluated when their volume leans to one side. Plain Python
like `template.py`; what a look at every trade costs is among the figures of `make bench-backtest`.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.optimized.analyzer import Snapshot

WINDOW_TRADES = 50
LEAN = 0.6  # how far the volume must lean to one side: buys less sells, as a share of all


class TradeWindowStrategy(Strategy):
    """Follows a burst of trades on one side, with the EMA."""

    name = "trade_window"
    sees_trades: ClassVar[bool] = True

    def __init__(self) -> None:
        self.window: deque[float] = deque([0.0] * WINDOW_TRADES, WINDOW_TRADES)  # signed quantities: buys are positive
        self.net = 0.0
        self.total = 0.0
        self.trades = 0
        self.quiet_until_ns = 0

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        """Sums of floats drift: they are made anew with every bar."""
        self.net = sum(self.window)
        self.total = sum(abs(quantity) for quantity in self.window)

    def on_trade(self, price: float, quantity: float, is_buyer_maker: bool) -> bool:
        """Every trade; True asks for an evaluation now."""
        signed = -quantity if is_buyer_maker else quantity
        window = self.window
        oldest = window[0]
        window.append(signed)
        self.net += signed - oldest
        self.total += quantity - abs(oldest)
        self.trades += 1
        return abs(self.net) > LEAN * self.total

    def evaluate(self, snapshot: Snapshot, time_ns: int, cooldown_ns: int) -> Signal | None:
        if not snapshot.is_warm or self.trades < WINDOW_TRADES or time_ns < self.quiet_until_ns:
            return None
        if self.net > LEAN * self.total and snapshot.price > snapshot.ema:
            side = BUY
        elif -self.net > LEAN * self.total and snapshot.price < snapshot.ema:
            side = SELL
        else:
            return None
        self.quiet_until_ns = time_ns + cooldown_ns
        lean = abs(self.net) / self.total
        return Signal(side, 0.5, [f"{100 * lean:.0f} % more of the last {WINDOW_TRADES} trades' volume on one side"])

    def unmet(self, snapshot: Snapshot) -> str:
        if not snapshot.is_warm or self.trades < WINDOW_TRADES:
            return f"warming up: {snapshot.bars} bars, {self.trades} trades"
        lean = self.net / self.total if self.total > 0.0 else 0.0
        return f"no burst on one side: {100 * lean:+.0f} %, needs {100 * LEAN:.0f} %"

    def state(self) -> list[float]:
        return [self.net, self.total, float(self.trades), float(self.quiet_until_ns // 1_000_000), *self.window]
