"""Columns of numbers as bytes."""

from __future__ import annotations

from array import array

import pytest

from supreme_system_v5.history.columns import int64_column


def test_a_column_is_little_endian_int64() -> None:
    values = [0, 1, -1, 2**63 - 1, -(2**63)]
    assert array("q", int64_column(values)).tolist() == values


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OverflowError):
        int64_column([2**63])
