"""What a strategy is: told of committed bars and of previews, it answers with a signal or with why not."""

from __future__ import annotations

from typing import ClassVar

from mypy_extensions import i64, mypyc_attr

from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.optimized.analyzer import Snapshot


class Signal:
    """A wish to be long (side +1) or short (-1). ``confidence`` in [0.5, 1]; ``reasons`` are for people."""

    def __init__(self, side: int, confidence: float, reasons: list[str]) -> None:
        self.side = side
        self.confidence = confidence
        self.reasons = reasons

    def name(self) -> str:
        return "long" if self.side == BUY else "short"


@mypyc_attr(allow_interpreted_subclasses=True)
class Strategy:
    """Base class. The snapshot passed in is reused by its owner: read it, never keep it."""

    name = "base"
    sees_trades: ClassVar[bool] = False  # True: on_trade is called with every trade, whatever the gate says

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        """A bar was committed. ``is_live`` is False for warm-up and backfilled bars, which never fire a signal."""
        raise NotImplementedError

    def evaluate(self, snapshot: Snapshot, time_ns: i64, cooldown_ns: i64) -> Signal | None:
        """Is there a signal now? ``cooldown_ns`` is how long the strategy stays silent after one."""
        raise NotImplementedError

    def on_trade(self, price: float, quantity: float, is_buyer_maker: bool) -> bool:
        """A trade of the stream, before the gate. True asks for an evaluation now, also where the gate skips."""
        return False

    def unmet(self, snapshot: Snapshot) -> str:
        """The first condition that is not met, with its value, in words."""
        raise NotImplementedError

    def state(self) -> list[float]:
        """Everything that determines its future, in a fixed order (digest)."""
        raise NotImplementedError
