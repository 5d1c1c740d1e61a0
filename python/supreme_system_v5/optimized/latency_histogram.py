"""Latencies counted in fixed, log-spaced buckets."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

# 16 buckets an octave: a bucket is at most 1/16 = 6.25 % wide. Below 32 ns each ns has its own.
_STEPS: Final = 16
_STEP_BITS: Final = 4
_OCTAVES: Final = 37
BUCKETS: Final = (_OCTAVES + 1) * _STEPS  # up to 2**41 ns, 36 minutes; the last bucket takes what is longer


class LatencyHistogram:
    """Counts of durations in ns; fixed size, relative error of a percentile at most 6.25 %."""

    def __init__(self) -> None:
        self.count: i64 = 0
        self.sum_ns: i64 = 0
        self.max_ns: i64 = 0
        self._counts: list[i64] = [0] * BUCKETS

    def reset(self) -> None:
        """Forget everything."""
        self.count = 0
        self.sum_ns = 0
        self.max_ns = 0
        self._counts = [0] * BUCKETS

    def observe(self, ns: i64) -> None:
        """Count one duration; a negative one (a clock that was set back) counts as 0."""
        ns = max(ns, 0)
        shift: i64 = 0
        top = ns >> 5
        while top > 0:
            shift += 1
            top >>= 1
        index = (shift << _STEP_BITS) + (ns >> shift)
        if index >= BUCKETS:
            index = BUCKETS - 1
        self._counts[index] += 1
        self.count += 1
        self.sum_ns += ns
        self.max_ns = max(self.max_ns, ns)

    def percentile_ns(self, p: float) -> int:
        """The ``p``-th percentile (p in percent, 1..100 or 0 for the least): the upper bound of the bucket that holds
        it, at most ``max_ns``; 0 when nothing was observed.

        Raises ValueError outside that range; so a fraction (0.95 for 95) is refused instead of read as "0.95 %".
        """
        if not (p == 0.0 or 1.0 <= p <= 100.0):
            raise ValueError(f"a percentile is a percentage, 1..100, not {p!r}")
        rank = p / 100.0 * float(self.count)
        seen: i64 = 0
        index: i64 = 0
        while index < BUCKETS:
            seen += self._counts[index]
            if seen > 0 and float(seen) >= rank:
                return min(_upper_bound_ns(index), int(self.max_ns)) if index < BUCKETS - 1 else int(self.max_ns)
            index += 1
        return 0

    @property
    def buckets(self) -> tuple[list[int], list[int]]:
        """(inclusive upper bounds in ns, counts); the last bucket takes everything longer, whatever its bound says."""
        return [_upper_bound_ns(index) for index in range(BUCKETS)], [int(count) for count in self._counts]


def _upper_bound_ns(index: i64) -> int:
    if index < 2 * _STEPS:
        return int(index)
    shift = (index >> _STEP_BITS) - 1
    return int((((index - (shift << _STEP_BITS)) + 1) << shift) - 1)
