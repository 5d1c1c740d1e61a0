"""The gate: is this trade worth an analysis, and why."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.optimized.circular_buffer import RollingAverage
from supreme_system_v5.optimized.limits import INPUT_MAX

SKIP: Final = 0
FIRST: Final = 1
PRICE: Final = 2
VOLUME: Final = 3
INTERVAL: Final = 4
BAR_CLOSE: Final = 5
REASON_NAMES: Final = ("skip", "first", "price", "volume", "interval", "bar_close")

MULTIPLIER_MIN: Final = 0.5
MULTIPLIER_MAX: Final = 5.0
# How far one trade moves the multiplier in target mode. The sum of all moves stays within MULTIPLIER_MAX - _MIN, so
# the skip ratio over N trades is off by at most 4.5 / (0.02 * N): 1.5 % at 15,000 trades, where it is not saturated.
STEER_STEP: Final = 0.02
JITTER: Final = 0.1
INTERVAL_MAX_SECONDS: Final = 86_400.0

_MASK32: Final = 0xFFFFFFFF


def _mix(x: i64) -> i64:
    """A 32-bit integer hash (two multiply-xorshift rounds). Every product stays below 2**63, compiled or pure."""
    x = (((x >> 16) ^ x) * 0x45D9F3B) & _MASK32
    x = (((x >> 16) ^ x) * 0x45D9F3B) & _MASK32
    return (x >> 16) ^ x


class _Count:
    """A counter. An object, because counting in a list of Python integers takes 12 ns, this way 2."""

    def __init__(self) -> None:
        self.count: i64 = 0


class SmartEventProcessor:
    """Decides for each trade whether it is processed. It saves analysis, never protection.

    A trade passes when it is the first, when its price moved by at least ``min_price_change_pct`` since the price of
    the last pass, when its quantity is above ``volume_multiplier`` x the mean of the ``volume_window`` trades before
    it (processed or not), or when the interval has passed. The interval restarts at every pass; the n-th one is a
    function of (seed, n), so the draw does not depend on the machine.

    ``target_skip`` 0 keeps the multiplier at ``volume_threshold``; above 0 an integral controller moves it within
    [0.5, 5] so that this share of the trades is skipped.
    """

    def __init__(
        self,
        min_price_change_pct: float,
        volume_threshold: float,
        interval_min_seconds: float,
        interval_max_seconds: float,
        seed: int,
        target_skip: float,
        volume_window: i64 = 20,
    ) -> None:
        """Fractions are fractions (0.002 = 0.2 %). Raises ValueError when a parameter is out of range."""
        if not (0.0 < min_price_change_pct < 1.0):
            raise ValueError(f"min_price_change_pct must be between 0 and 1, not {min_price_change_pct!r}")
        if not (0.0 < volume_threshold <= 1e6):
            raise ValueError(f"volume_threshold must be above 0, not {volume_threshold!r}")
        if not (0.0 < interval_min_seconds <= interval_max_seconds <= INTERVAL_MAX_SECONDS):
            raise ValueError(f"bad interval {interval_min_seconds!r}..{interval_max_seconds!r} s")
        if not (0.0 <= target_skip < 1.0):
            raise ValueError(f"target_skip must be 0 (literal) or below 1, not {target_skip!r}")
        self.due_ns: i64 = 0
        self.interval_seconds: float = 0.0
        self.interval_ns: i64 = 0
        self.interval_multiplier: i64 = 1
        self.volume_multiplier: float = volume_threshold
        self.trades_seen: i64 = 0
        self.trades_skipped: i64 = 0
        self._passes: Final = [_Count() for _ in REASON_NAMES]
        self._min_change: float = min_price_change_pct
        self._interval_min: float = interval_min_seconds
        self._interval_max: float = interval_max_seconds
        self._target_skip: float = target_skip
        if target_skip > 0.0:
            self.volume_multiplier = min(max(volume_threshold, MULTIPLIER_MIN), MULTIPLIER_MAX)
        low: i64 = seed & _MASK32
        high: i64 = (seed >> 32) & _MASK32
        self._mixed_seed: i64 = _mix(_mix(high) ^ low)
        self._mixed_start: i64 = _mix(self._mixed_seed)  # of the first 2**32 draws
        self._draws: i64 = 0
        self._pass_ns: i64 = 0
        self._pass_price: float = 0.0
        self._last_price: float = 0.0
        self._volumes: RollingAverage = RollingAverage(volume_window)
        self._draw()

    def on_trade(self, time_ns: i64, price: float, quantity: float) -> int:
        """The reason this trade passes, or SKIP. Raises ValueError, state unchanged, unless both are > 0 and finite."""
        if not (0.0 < price <= INPUT_MAX and 0.0 < quantity <= INPUT_MAX):
            raise ValueError(f"not a trade: price {price!r}, quantity {quantity!r}")
        volumes = self._volumes
        reason = SKIP
        moved = price - self._pass_price
        least = self._min_change * self._pass_price
        if self.trades_seen == 0:
            reason = FIRST
        elif moved >= least or -moved >= least:
            reason = PRICE
        elif volumes.is_warm and quantity > self.volume_multiplier * volumes.mean:
            reason = VOLUME
        elif time_ns >= self.due_ns:
            # Normally the timer has restarted the interval before this; a caller without one still gets its passes.
            reason = INTERVAL
        volumes.update(quantity)
        self._last_price = price
        self.trades_seen += 1
        if reason == SKIP:
            self.trades_skipped += 1
            if self._target_skip > 0.0:
                multiplier = self.volume_multiplier - STEER_STEP * (1.0 - self._target_skip)
                if multiplier < MULTIPLIER_MIN:
                    multiplier = MULTIPLIER_MIN
                self.volume_multiplier = multiplier
            return SKIP
        if self._target_skip > 0.0:
            self.volume_multiplier = min(self.volume_multiplier + STEER_STEP * self._target_skip, MULTIPLIER_MAX)
        self._pass(time_ns, price, reason)
        return reason

    def on_interval(self, time_ns: i64) -> int:
        """The timer fired: INTERVAL; SKIP when it is stale (a pass has moved ``due_ns`` on) or nothing passed yet."""
        if self.due_ns == 0 or time_ns < self.due_ns:
            return SKIP
        self._pass(time_ns, self._last_price, INTERVAL)
        return INTERVAL

    def on_bar_close(self, time_ns: i64, price: float) -> int:
        """A bar closed at ``price``; always passes. Raises ValueError, state unchanged, unless it is > 0 and finite."""
        if not (0.0 < price <= INPUT_MAX):
            raise ValueError(f"not a price: {price!r}")
        self._last_price = price
        self._pass(time_ns, price, BAR_CLOSE)
        return BAR_CLOSE

    def _pass(self, time_ns: i64, price: float, reason: int) -> None:
        self._passes[reason].count += 1
        self._pass_price = price
        self._pass_ns = time_ns
        self._draw()
        self.due_ns = time_ns + self.interval_ns * self.interval_multiplier

    def _draw(self) -> None:
        """Interval n = f(seed, n): uniform over the range, then +-10 % jitter, clamped to the range."""
        n = self._draws
        mixed = self._mixed_start
        if n > _MASK32:
            mixed = _mix(self._mixed_seed ^ (n >> 32))
        base = _mix(mixed ^ (n & _MASK32))
        uniform = float(base) / 4294967296.0
        jitter = float(_mix(base ^ 0x5BD1E995)) / 4294967296.0
        low = self._interval_min
        high = self._interval_max
        seconds = (low + uniform * (high - low)) * (1.0 + JITTER * (2.0 * jitter - 1.0))
        if seconds < low:
            seconds = low
        elif seconds > high:
            seconds = high
        self._draws = n + 1
        self.interval_seconds = seconds
        self.interval_ns = int(seconds * 1e9)

    def set_interval_multiplier(self, m: i64) -> None:
        """The CPU ladder's 1, 2 or 4; stretches the running interval too. Raises ValueError outside 1..1000."""
        if not (1 <= m <= 1000):
            raise ValueError(f"interval multiplier must be 1..1000, not {m}")
        self.interval_multiplier = m
        if self.due_ns != 0:
            self.due_ns = self._pass_ns + self.interval_ns * m

    @property
    def passes(self) -> list[int]:
        """How often each reason let something pass, by reason."""
        return [int(each.count) for each in self._passes]

    def skip_ratio(self) -> float:
        """Skipped trades / trades; 0.0 before the first."""
        if self.trades_seen == 0:
            return 0.0
        return float(self.trades_skipped) / float(self.trades_seen)

    def state(self) -> list[float]:
        """Everything that determines the future, in a fixed order; times as whole seconds and the ns within one."""
        return [
            float(self.trades_seen),
            float(self.trades_skipped),
            float(self._draws),
            float(self._pass_ns // 1_000_000_000),
            float(self._pass_ns % 1_000_000_000),
            float(self.due_ns // 1_000_000_000),
            float(self.due_ns % 1_000_000_000),
            float(self.interval_multiplier),
            self.interval_seconds,
            self.volume_multiplier,
            self._pass_price,
            self._last_price,
            *self._volumes.state(),
        ]
