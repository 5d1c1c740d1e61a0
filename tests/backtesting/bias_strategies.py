"""Strategies for the bias checks: one that knows the future, and some that need more history than they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.history.columns import BarChunk, TradeChunk
from supreme_system_v5.optimized.analyzer import Snapshot

Chunks = Callable[[], Iterator[BarChunk | TradeChunk]]


class Simple(Strategy):
    """Decides from a number of its own at every evaluation; ``side`` says the wish, 0 = none."""

    name = "simple"

    def __init__(self) -> None:
        self.closes: list[float] = []
        self._last = 0

    def side(self, snapshot: Snapshot) -> int:
        raise NotImplementedError

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        self.closes.append(snapshot.price)

    def evaluate(self, snapshot: Snapshot, time_ns: int, cooldown_ns: int) -> Signal | None:
        side = self.side(snapshot)
        was, self._last = self._last, side
        return Signal(side, 0.75, [f"price {snapshot.price}"]) if side not in (0, was) else None

    def unmet(self, snapshot: Snapshot) -> str:
        return "nothing to wait for"

    def state(self) -> list[float]:
        return [float(self._last)]


class Clairvoyant(Simple):
    """Knows the close that comes five bars later: it was given the whole data, as a column computed in one go is."""

    name = "clairvoyant"

    def __init__(self, chunks: Chunks) -> None:
        super().__init__()
        self.known: dict[float, float] = {}
        closes: list[float] = []
        for chunk in chunks():
            assert isinstance(chunk, BarChunk)
            closes += [value / 1e8 for value in memoryview(bytes(chunk.close_e8)).cast("q")]
        for now, later in zip(closes, closes[5:], strict=False):
            self.known.setdefault(now, later)

    def side(self, snapshot: Snapshot) -> int:
        later = self.known.get(snapshot.price, snapshot.price)
        return BUY if later > snapshot.price * 1.0005 else SELL if later < snapshot.price * 0.9995 else 0


class Normalised(Simple):
    """Measures prices against the mean of the whole data: the usual way to look ahead without noticing."""

    name = "normalised"

    def __init__(self, chunks: Chunks) -> None:
        super().__init__()
        total, count = 0, 0
        for chunk in chunks():
            assert isinstance(chunk, BarChunk)
            total += sum(memoryview(bytes(chunk.close_e8)).cast("q"))
            count += chunk.rows
        self.mean = total / count / 1e8

    def side(self, snapshot: Snapshot) -> int:
        return BUY if snapshot.price < self.mean else SELL


class Slow(Simple):
    """Looks at the last digits of an average of so many bars: whatever is missing of them shows."""

    name = "slow"

    def __init__(self, bars: int) -> None:
        super().__init__()
        self.bars = bars

    def side(self, snapshot: Snapshot) -> int:
        recent = self.closes[-self.bars :]
        if not recent:
            return 0
        return BUY if int(1_000.0 * sum(recent) / len(recent)) % 2 else SELL
