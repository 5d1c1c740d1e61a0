"""Moving average convergence/divergence."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.optimized.limits import INPUT_MAX


class MACD:
    """MACD line, signal and histogram (G. Appel), TA-Lib's convention.

    Line = fast EMA - slow EMA, signal = EMA of the line, histogram = line - signal. The slow EMA is seeded with the
    mean of the first ``slow`` inputs, the fast one with the mean of the ``fast`` inputs that end there too, and the
    signal with the mean of the first ``signal`` line values: the first value comes with input slow + signal - 1.
    All three are 0 until ``is_warm``.
    """

    def __init__(self, fast: i64, slow: i64, signal: i64) -> None:
        """Raises ValueError unless 1 <= fast < slow and signal >= 1."""
        if not (1 <= fast < slow) or signal < 1:
            raise ValueError(f"periods need 1 <= fast < slow and signal >= 1, not {fast}, {slow}, {signal}")
        self.fast_period: i64 = fast
        self.slow_period: i64 = slow
        self.signal_period: i64 = signal
        self.line: float = 0.0
        self.signal: float = 0.0
        self.histogram: float = 0.0
        self.is_warm: bool = False
        self.preview_line: float = 0.0
        self.preview_signal: float = 0.0
        self.preview_histogram: float = 0.0
        self._fast_weight: float = 2.0 / float(fast + 1)
        self._slow_weight: float = 2.0 / float(slow + 1)
        self._signal_weight: float = 2.0 / float(signal + 1)
        self._bars_to_warm: i64 = slow + signal - 1
        self._count: i64 = 0  # inputs, while warming
        self._fast: float = 0.0  # each is a sum until its seed is complete, then an average
        self._slow: float = 0.0
        self._average: float = 0.0  # the signal's
        # What the last preview would have left behind; scratch, not state.
        self._next_fast: float = 0.0
        self._next_slow: float = 0.0
        self._next_average: float = 0.0

    def preview(self, x: float) -> None:
        """Set ``preview_*`` to what ``update`` would give; changes no state. Raises ValueError when not finite."""
        if not (-INPUT_MAX <= x <= INPUT_MAX):
            raise ValueError(f"not a finite number: {x!r}")
        if not self.is_warm:
            self._preview_warming(x)
            return
        fast = (x - self._fast) * self._fast_weight + self._fast
        slow = (x - self._slow) * self._slow_weight + self._slow
        line = fast - slow
        average = (line - self._average) * self._signal_weight + self._average
        self._next_fast = fast
        self._next_slow = slow
        self._next_average = average
        self.preview_line = line
        self.preview_signal = average
        self.preview_histogram = line - average

    def _preview_warming(self, x: float) -> None:
        number = self._count + 1  # of this input, from 1
        fast = self._fast
        slow = self._slow
        average = self._average
        self.preview_line = 0.0
        self.preview_signal = 0.0
        self.preview_histogram = 0.0
        if number <= self.slow_period:
            slow += x
            if number > self.slow_period - self.fast_period:
                fast += x
            if number == self.slow_period:
                slow /= float(self.slow_period)
                fast /= float(self.fast_period)
        else:
            fast = (x - fast) * self._fast_weight + fast
            slow = (x - slow) * self._slow_weight + slow
        if number >= self.slow_period:
            line = fast - slow
            average += line
            if number == self._bars_to_warm:
                average /= float(self.signal_period)
                self.preview_line = line
                self.preview_signal = average
                self.preview_histogram = line - average
        self._next_fast = fast
        self._next_slow = slow
        self._next_average = average

    def update(self, x: float) -> None:
        """Take one closed bar's input. Raises ValueError, state unchanged, when it is not finite."""
        self.preview(x)
        self._fast = self._next_fast
        self._slow = self._next_slow
        self._average = self._next_average
        self.line = self.preview_line
        self.signal = self.preview_signal
        self.histogram = self.preview_histogram
        if not self.is_warm:
            self._count += 1
            self.is_warm = self._count == self._bars_to_warm

    def state(self) -> list[float]:
        """What determines the future."""
        return [float(self._count), self._fast, self._slow, self._average, self.line, self.signal, self.histogram]
