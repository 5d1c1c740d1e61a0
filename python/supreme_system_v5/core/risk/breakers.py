"""Circuit breakers: closed, open until a time (or an operator), then half-open for one probe."""

from __future__ import annotations

import json
from typing import Final

from mypy_extensions import i64

CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half_open"

PROBE_SIZE_FACTOR: Final = 0.25


class Breaker:
    """One breaker. While open it admits no entry; half-open it admits one at a quarter of the size.

    ``is_operator_only``: only close() by an operator ends it. State survives a restart (to_json, restore).
    """

    def __init__(self, name: str, cooldown_ns: i64, is_operator_only: bool) -> None:
        self.name = name
        self.cooldown_ns: i64 = cooldown_ns
        self.is_operator_only = is_operator_only
        self.state = CLOSED
        self.reason = ""
        self.until_ns: i64 = 0
        self.is_probing = False  # the half-open entry is under way

    def trip(self, time_ns: i64, reason: str) -> None:
        self.state = OPEN
        self.reason = reason
        self.until_ns = 0 if self.is_operator_only else time_ns + self.cooldown_ns
        self.is_probing = False

    def size_factor(self, time_ns: i64) -> float:
        """1.0 closed, 0.0 = no entry now, PROBE_SIZE_FACTOR when a probe may be sent. Changes nothing."""
        state = self.state_at(time_ns)
        if state == CLOSED:
            return 1.0
        if state == OPEN or self.is_probing:
            return 0.0
        return PROBE_SIZE_FACTOR

    def state_at(self, time_ns: i64) -> str:
        """The state now: an open breaker is half-open once its cool-down has passed."""
        if self.state == OPEN and not self.is_operator_only and time_ns >= self.until_ns:
            return HALF_OPEN
        return self.state

    def on_entry(self, time_ns: i64) -> None:
        """An entry was sent; if half-open, it is the probe."""
        self.state = self.state_at(time_ns)
        if self.state == HALF_OPEN:
            self.is_probing = True

    def on_entry_failed(self) -> None:
        """The probe came to nothing (not filled): another may be sent."""
        self.is_probing = False

    def on_result(self, time_ns: i64, net_e8: int) -> None:
        """A trade closed. A losing probe reopens the breaker, any other closes it."""
        if self.state != HALF_OPEN or not self.is_probing:
            return
        if net_e8 < 0:
            self.trip(time_ns, "the probe after the cool-down lost")
        else:
            self.close()

    def close(self) -> None:
        self.state = CLOSED
        self.reason = ""
        self.until_ns = 0
        self.is_probing = False

    def to_json(self) -> str:
        return json.dumps(
            {"state": self.state, "reason": self.reason, "until_ns": int(self.until_ns), "is_probing": self.is_probing}
        )

    def restore(self, text: str) -> None:
        """Raises ValueError for text that to_json did not write."""
        saved = json.loads(text)
        if saved["state"] not in (CLOSED, OPEN, HALF_OPEN):
            raise ValueError(f"breaker {self.name}: state {saved['state']!r}")
        self.state = saved["state"]
        self.reason = saved["reason"]
        self.until_ns = saved["until_ns"]
        self.is_probing = saved["is_probing"]
