"""Average true range, Wilder's."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.optimized.limits import INPUT_MAX


class ATR:
    """ATR in price units (J. W. Wilder, New Concepts in Technical Trading Systems, 1978), TA-Lib's convention.

    The true range needs a previous close, so the seed is the mean over bars 2 .. ``period + 1`` and the first value
    comes with bar ``period + 1``. Until ``is_warm`` the value is the mean so far: for display, not for decisions.
    """

    def __init__(self, period: i64) -> None:
        """Raises ValueError when ``period`` is below 1."""
        if period < 1:
            raise ValueError(f"period must be at least 1, not {period}")
        self.period: i64 = period
        self.value: float = 0.0
        self.is_warm: bool = False
        self._weight: float = 1.0 / float(period)
        self._count: i64 = 0  # bars, while warming
        self._sum: float = 0.0
        self._last_close: float = 0.0

    def preview(self, high: float, low: float, close: float) -> float:
        """What ``update`` would return; changes nothing.

        Raises ValueError when a price is not finite or not low <= close <= high.
        """
        if not (-INPUT_MAX <= low <= close <= high <= INPUT_MAX):
            raise ValueError(f"not a bar: high {high!r}, low {low!r}, close {close!r}")
        if self._count == 0:
            return 0.0
        true_range = self._true_range(high, low)
        if self.is_warm:
            return (true_range - self.value) * self._weight + self.value
        return (self._sum + true_range) / float(self._count)

    def update(self, high: float, low: float, close: float) -> float:
        """Take one closed bar, return the value. Raises ValueError, state unchanged, as ``preview`` does."""
        value = self.preview(high, low, close)
        if not self.is_warm:
            if self._count > 0:
                self._sum += self._true_range(high, low)
            if self._count == self.period:
                self.is_warm = True
            else:
                self._count += 1
        self.value = value
        self._last_close = close
        return value

    def _true_range(self, high: float, low: float) -> float:
        """The largest of high - low, |high - previous close|, |low - previous close|."""
        # No `max` and `min`: to an interpreter they are two calls, most of what this costs it.
        close = self._last_close
        if close > high:
            return close - low
        if close < low:
            return high - close
        return high - low

    def state(self) -> list[float]:
        """What determines the future."""
        return [float(self._count), float(self.is_warm), self._sum, self._last_close, self.value]
