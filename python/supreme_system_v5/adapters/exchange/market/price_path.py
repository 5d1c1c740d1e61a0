"""The fair price of the generated market: a random walk with clustered volatility and jumps, or a script.

Volatility is lognormal with a fast (8 minutes) and a slow (6 hours) component; measured against recorded 1-minute
bars in `benchmarks/compare_market.py`. Only +, -, *, / and sqrt touch the price; exp is rounded before use.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from supreme_system_v5.adapters.exchange.market.profiles import SCRIPT, Profile

CEILING_TICKS: Final = 10_000_000.0  # 100,000 USDT
_FAST_SECONDS: Final = 480.0
_SLOW_SECONDS: Final = 21_600.0
_FAST_SIGMA: Final = 0.45
_SLOW_SIGMA: Final = 0.55
_JUMP_SECONDS: Final = 3.0
_SQRT3: Final = math.sqrt(3.0)


def normal(rng: Random) -> float:
    """A nearly normal draw from four uniforms (no libm: the same everywhere); never beyond 3.5 sigma."""
    draw = rng.random
    return (draw() + draw() + draw() + draw() - 2.0) * _SQRT3


class PricePath:
    """The fair price in ticks. ``advance`` moves it by some seconds, ``turn_second`` the volatility."""

    def __init__(self, rng: Random, profile: Profile, price_ticks: float) -> None:
        self._rng = rng
        self._profile = profile
        self.fair = price_ticks
        self.anchor = price_ticks  # what the script is relative to
        self.fast = 0.0
        self.slow = 0.0
        self.multiplier = 1.0
        self.script_seconds = 0.0
        self._drift_ticks = 0.0  # a jump or a move under way, ticks a second
        self._drift_seconds = 0.0

    def sigma_ticks(self) -> float:
        """Standard deviation of the fair price over one second, in ticks."""
        return self.fair * self._profile.volatility_bps * self.multiplier * (1e-4 / math.sqrt(60.0))

    def activity(self) -> float:
        """How busy trading is relative to the profile: it follows volatility."""
        return min(2.5, max(0.5, round(math.exp((self.fast + self.slow) * 0.35), 6)))

    def turn_second(self, seconds: float = 1.0) -> None:
        """Let volatility (and jumps) move on by some seconds."""
        self.fast = self._revert(self.fast, seconds / _FAST_SECONDS, _FAST_SIGMA)
        self.slow = self._revert(self.slow, seconds / _SLOW_SECONDS, _SLOW_SIGMA)
        self.multiplier = round(math.exp(self.fast + self.slow), 6)
        if self._rng.random() < self._profile.jumps_per_hour * seconds / 3_600.0:
            size = normal(self._rng) * 3.0 * self._profile.volatility_bps * self.multiplier * 1e-4
            self.push(size, max(_JUMP_SECONDS, seconds))

    def calm(self) -> None:
        """Back toward typical volatility."""
        self.fast *= 0.25
        self.slow *= 0.25
        self.multiplier = round(math.exp(self.fast + self.slow), 6)

    def _revert(self, value: float, share: float, sigma: float) -> float:
        keep = max(0.0, 1.0 - share)
        return value * keep + sigma * math.sqrt(1.0 - keep * keep) * normal(self._rng)

    def push(self, fraction: float, seconds: float) -> None:
        """Drift by a fraction of the price within some seconds."""
        self._drift_ticks = self.fair * fraction / seconds
        self._drift_seconds = seconds
        self.anchor *= 1.0 + fraction

    def advance(self, seconds: float) -> float:
        """Move the fair price on; returns it."""
        if self._profile.script_bar_seconds > 0.0:
            self.script_seconds += seconds
            target = self.anchor * script_level(self.script_seconds / self._profile.script_bar_seconds)
            self.fair = target * (1.0 + normal(self._rng) * 0.00002)
            return self.fair
        self.fair += self.sigma_ticks() * math.sqrt(seconds) * normal(self._rng)
        if self._drift_seconds > 0.0:
            span = min(seconds, self._drift_seconds)
            self.fair += self._drift_ticks * span
            self._drift_seconds -= span
        if self.fair < 1_000.0:  # 10 USDT: reflect, so that a price can never reach zero
            self.fair = 2_000.0 - self.fair
        elif self.fair > CEILING_TICKS:  # the book is walked tick by tick: a price without bounds would stop it
            self.fair = 2.0 * CEILING_TICKS - self.fair
        return self.fair


def script_level(bars: float) -> float:
    """The scripted market's price relative to its anchor, after a number of bars."""
    lengths = [sum(part[0] for part in cycle) for cycle in SCRIPT]
    rest = bars % sum(lengths)
    index = 0
    while rest >= lengths[index]:
        rest -= lengths[index]
        index += 1
    level = 1.0
    for length, change in SCRIPT[index]:
        if rest < length:
            return level + change * (rest / length)
        level += change
        rest -= length
    return level
