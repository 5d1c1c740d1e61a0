"""Exponential moving average."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.optimized.limits import INPUT_MAX


class EMA:
    """EMA, TA-Lib's convention: seeded with the mean of the first ``period`` inputs, then v += (x - v) * 2/(period+1).

    Until ``is_warm`` the value is the mean so far: for display, not for decisions.
    """

    def __init__(self, period: i64) -> None:
        """Raises ValueError when ``period`` is below 1."""
        if period < 1:
            raise ValueError(f"period must be at least 1, not {period}")
        self.period: i64 = period
        self.value: float = 0.0
        self.is_warm: bool = False
        self._weight: float = 2.0 / float(period + 1)
        self._count: i64 = 0
        self._sum: float = 0.0

    def preview(self, x: float) -> float:
        """What ``update`` would return; changes nothing. Raises ValueError when ``x`` is not finite."""
        if not (-INPUT_MAX <= x <= INPUT_MAX):
            raise ValueError(f"not a finite number: {x!r}")
        if self.is_warm:
            return (x - self.value) * self._weight + self.value
        return (self._sum + x) / float(self._count + 1)

    def update(self, x: float) -> float:
        """Take one closed bar's input, return the value. Raises ValueError, state unchanged, when it is not finite."""
        value = self.preview(x)
        self.value = value
        if not self.is_warm:
            self._sum += x
            self._count += 1
            self.is_warm = self._count == self.period
        return value

    def state(self) -> list[float]:
        """What determines the future."""
        return [float(self._count), self._sum, self.value]
