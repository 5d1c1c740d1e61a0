"""Relative strength index, Wilder's."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.optimized.limits import INPUT_MAX

NEUTRAL: Final = 50.0


class RSI:
    """RSI in 0..100 (J. W. Wilder, New Concepts in Technical Trading Systems, 1978), TA-Lib's convention.

    The average gain and loss are seeded with the mean over the first ``period`` changes, so the first value comes
    with input ``period + 1``. Kept are ``period`` times the averages: the factor cancels in the ratio. One stated
    exception: where nothing ever moved the value is 50, not TA-Lib's 0, which would read as oversold. It is 50 until
    ``is_warm``.
    """

    def __init__(self, period: i64) -> None:
        """Raises ValueError when ``period`` is below 1."""
        if period < 1:
            raise ValueError(f"period must be at least 1, not {period}")
        self.period: i64 = period
        self.value: float = NEUTRAL
        self.is_warm: bool = False
        self._kept: float = float(period - 1) / float(period)
        self._count: i64 = 0  # inputs, while warming
        self._last: float = 0.0
        self._gain: float = 0.0  # sums while warming, then period x the averages
        self._loss: float = 0.0
        # What the last preview would have left behind; scratch, not state.
        self._next_gain: float = 0.0
        self._next_loss: float = 0.0

    def preview(self, x: float) -> float:
        """What ``update`` would return; changes no state. Raises ValueError when ``x`` is not finite."""
        if not (-INPUT_MAX <= x <= INPUT_MAX):
            raise ValueError(f"not a finite number: {x!r}")
        change = x - self._last if self._count > 0 else 0.0
        gain = self._gain
        loss = self._loss
        if self.is_warm:
            gain *= self._kept
            loss *= self._kept
        rise = max(change, 0.0)  # no branch on the sign: it is a coin toss, and a processor guesses those badly
        gain += rise
        loss += rise - change
        self._next_gain = gain
        self._next_loss = loss
        if self._count < self.period:
            return NEUTRAL
        total = gain + loss
        return 100.0 * (gain / total) if total > 0.0 else NEUTRAL

    def update(self, x: float) -> float:
        """Take one closed bar's input, return the value. Raises ValueError, state unchanged, when it is not finite."""
        value = self.preview(x)
        self.value = value
        self._gain = self._next_gain
        self._loss = self._next_loss
        self._last = x
        if not self.is_warm:
            self.is_warm = self._count == self.period
            if not self.is_warm:
                self._count += 1
        return value

    def state(self) -> list[float]:
        """What determines the future."""
        return [float(self._count), float(self.is_warm), self._last, self._gain, self._loss, self.value]
