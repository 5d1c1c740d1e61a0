"""The ring against a deque, the rolling mean against exact fractions."""

from __future__ import annotations

import statistics
from collections import deque
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.optimized.circular_buffer import CircularBuffer, RollingAverage

finite = st.floats(-1e12, 1e12)


@given(st.integers(1, 9), st.lists(finite, max_size=40))
def test_a_buffer_is_a_bounded_deque(capacity: int, numbers: list[float]) -> None:
    buffer, model = CircularBuffer(capacity), deque[float](maxlen=capacity)
    for x in numbers:
        buffer.append(x)
        model.append(x)
        assert buffer.values() == list(model)
        assert [buffer[i] for i in range(len(buffer))] == list(model)
        assert [buffer[-i - 1] for i in range(len(buffer))] == list(reversed(model))
        assert buffer.latest() == x
        assert buffer.is_full == (len(model) == capacity)
    assert len(buffer) == len(model)
    for outside in (len(buffer), -len(buffer) - 1):
        with pytest.raises(IndexError):
            buffer[outside]


def test_clear_empties_and_the_copy_is_a_copy() -> None:
    buffer = CircularBuffer(3)
    for x in (1.0, 2.0, 3.0, 4.0):
        buffer.append(x)
    copy = buffer.values()
    copy[0] = 99.0
    assert buffer.values() == [2.0, 3.0, 4.0]
    buffer.clear()
    assert (len(buffer), buffer.values(), buffer.is_full, buffer.capacity) == (0, [], False, 3)
    with pytest.raises(IndexError):
        buffer.latest()
    buffer.append(7.0)
    assert (buffer.values(), buffer.latest(), buffer[0]) == ([7.0], 7.0, 7.0)


def test_a_buffer_iterates_oldest_first() -> None:
    buffer = CircularBuffer(2)
    for x in (1.0, 2.0, 3.0):
        buffer.append(x)
    assert list(buffer) == [2.0, 3.0]


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 40), st.lists(st.one_of(finite, st.sampled_from([0.0, 1.0, 1.0000000000000002])), max_size=60))
def test_median_and_extremes_are_those_of_the_sorted_numbers(capacity: int, numbers: list[float]) -> None:
    buffer = CircularBuffer(capacity)
    for x in numbers:
        buffer.append(x)
        kept = buffer.values()
        assert (buffer.lowest(), buffer.highest()) == (min(kept), max(kept))
        assert buffer.median() == statistics.median(kept)
        for ceiling in (kept[0], buffer.median(), buffer.lowest(), buffer.highest(), 0.0):
            assert buffer.median_up_to(ceiling) == min(statistics.median(kept), ceiling)


def test_an_empty_buffer_has_no_median() -> None:
    for ask in (CircularBuffer(3).median, CircularBuffer(3).lowest, CircularBuffer(3).highest):
        with pytest.raises(IndexError):
            ask()


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 8), st.lists(st.one_of(st.floats(1e-9, 1e-3), st.floats(1.0, 1e15)), min_size=1, max_size=60))
def test_the_mean_is_exact_to_rounding_whatever_passed_through(period: int, numbers: list[float]) -> None:
    """Relative to the mean of what is in the window: nothing that has left it may be felt."""
    average = RollingAverage(period)
    for end, x in enumerate(numbers, 1):
        window = numbers[max(0, end - period) : end]
        truth = float(sum(map(Fraction, window)) / len(window))
        promised = average.preview(x)
        assert average.update(x) == promised == average.mean
        assert average.mean == pytest.approx(truth, rel=1e-14)
        assert average.count == len(window)
        assert average.is_warm == (end >= period)


def test_a_huge_print_is_forgotten_at_once() -> None:
    average = RollingAverage(20)
    for x in [0.001] * 25 + [1e15] + [0.001] * 19:
        average.update(x)
    assert average.mean > 1e13
    assert average.update(0.001) == pytest.approx(0.001, rel=1e-14)


def test_equal_numbers_have_that_mean_through_many_turns() -> None:
    average = RollingAverage(7)
    assert {average.update(0.5) for _ in range(50)} == {0.5}
