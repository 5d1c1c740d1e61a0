"""Percentiles within a bucket's width of the exact ones; nothing grows."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.optimized.latency_histogram import BUCKETS, LatencyHistogram


def exact(values: list[int], p: float) -> int:
    """Nearest rank."""
    rank = max(1, -(-len(values) * p // 100))
    return sorted(values)[int(rank) - 1]


def test_buckets_are_log_spaced_at_most_a_tenth_wide() -> None:
    bounds, counts = LatencyHistogram().buckets
    assert len(bounds) == len(counts) == BUCKETS
    assert all(a < b for a, b in pairwise(bounds))
    assert all(b - a <= max(1, 0.1 * a) for a, b in pairwise(bounds))
    assert bounds[-1] >= 60 * 10**9


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=50), st.sampled_from([1.0, 50.0, 95.0, 99.0, 100.0]))
def test_percentiles_are_never_low_and_at_most_a_bucket_high(values: list[int], p: float) -> None:
    histogram = LatencyHistogram()
    for value in values:
        histogram.observe(value)
    truth = exact(values, p)
    assert truth <= histogram.percentile_ns(p) <= truth * 1.0625 + 1
    assert (histogram.count, histogram.sum_ns, histogram.max_ns) == (len(values), sum(values), max(values))


@given(st.integers(0, 2**41 - 1))
def test_a_value_is_counted_in_the_bucket_that_holds_it(value: int) -> None:
    histogram = LatencyHistogram()
    histogram.observe(value)
    bounds, counts = histogram.buckets
    index = counts.index(1)
    assert value <= bounds[index]
    assert index == 0 or value > bounds[index - 1]


def test_the_ends() -> None:
    histogram = LatencyHistogram()
    assert histogram.percentile_ns(50.0) == 0
    histogram.observe(-5)
    assert (histogram.percentile_ns(100.0), histogram.sum_ns) == (0, 0)
    histogram.observe(2**50)
    assert histogram.percentile_ns(100.0) == 2**50
    histogram.reset()
    assert (histogram.count, histogram.sum_ns, histogram.max_ns, histogram.percentile_ns(99.0)) == (0, 0, 0, 0)
    assert sum(histogram.buckets[1]) == 0


@pytest.mark.parametrize("p", [0.5, 0.95, -1.0, 100.1, float("nan")])
def test_a_fraction_is_no_percentage(p: float) -> None:
    with pytest.raises(ValueError, match="percent"):
        LatencyHistogram().percentile_ns(p)


def test_a_long_run_stays_exact() -> None:
    rng = random.Random(7)
    values = [int(rng.lognormvariate(9, 1)) for _ in range(20_000)]
    histogram = LatencyHistogram()
    for value in values:
        histogram.observe(value)
    for p in (50.0, 95.0, 99.0):
        assert exact(values, p) <= histogram.percentile_ns(p) <= exact(values, p) * 1.0625
