"""SHA-256 over decisions (as they are made) and canonical engine state (once a bar).

Without session id, host measurements and wall-time counters: same events and seed give the same digest, compiled or
pure, on any machine. Floats enter by their exact hexadecimal form.
"""

from __future__ import annotations

import hashlib

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.strategies.base import Strategy
from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer
from supreme_system_v5.optimized.smart_events import SmartEventProcessor


class Digest:
    """An append-only hash with a count of what went in."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.entries = 0

    def add(self, text: str) -> None:
        self._hash.update((text + "\n").encode())
        self.entries += 1

    def add_floats(self, name: str, values: list[float]) -> None:
        self.add(name + ":" + ",".join([value.hex() for value in values]))

    def add_numbers(self, name: str, fields: dict[str, int]) -> None:
        self.add(name + " " + " ".join([str(fields[key]) for key in fields]))

    def add_bar(self, bar: Bar) -> None:
        self.add(
            f"bar {bar.open_ms} {bar.open_e8} {bar.high_e8} {bar.low_e8} {bar.close_e8} {bar.volume_e8}"
            f" {bar.is_provisional} {bar.is_backfilled}"
        )

    def add_state(
        self,
        bar: Bar,
        analyzer: OptimizedTechnicalAnalyzer,
        gate: SmartEventProcessor,
        strategy: Strategy,
        ledger: Ledger,
    ) -> None:
        """The state that goes with a committed bar."""
        self.add_bar(bar)
        self.add_floats("analyzer", analyzer.state())
        self.add_floats("gate", gate.state())
        self.add_floats("strategy", strategy.state())
        self.add_numbers("ledger", ledger.fields())

    def hexdigest_with(self, text: str) -> str:
        """The digest as if ``text`` had been added; nothing is."""
        copy = self._hash.copy()
        copy.update(text.encode())
        return copy.hexdigest()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
