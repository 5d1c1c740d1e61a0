"""The checker itself: each kind of difference is seen, and each kind of exception is honoured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.exchange.shapes import Example, differences, extra_keys, pick, uncovered


@pytest.mark.parametrize(
    ("example", "ours", "fault"),
    [
        ({"a": 1}, {}, "a: missing"),
        ({"a": 1}, {"a": "1"}, "a: an integer expected, not '1'"),
        ({"a": 1}, {"a": True}, "a: like 1, not True"),
        ({"a": True}, {"a": 1}, "a: like True, not 1"),
        ({"a": "1.50"}, {"a": 1.5}, "a: a string expected like '1.50', not 1.5"),
        ({"a": "1.50"}, {"a": "x"}, "a: a decimal expected like '1.50', not 'x'"),
        ({"a": 0.5}, {"a": "0.5"}, "a: a number expected, not '0.5'"),
        ({"a": None}, {"a": 1}, "a: null expected, not 1"),
        ({"a": [1]}, {"a": []}, "a: empty, the example has 1"),
        ([{"k": [["1", "2"]]}], [{"k": [["1", 2]]}], "[].k[][]: a string expected like '1', not 2"),
        ([{"filterType": "A", "x": 1}], [{"filterType": "A"}, {"filterType": "B", "x": "1"}], "[].x: an integer"),
    ],
)
def test_a_difference_is_named(example: Any, ours: Any, fault: str) -> None:
    found = differences(example, ours)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_what_agrees_and_what_is_excepted() -> None:
    assert differences({"a": 0.5, "b": ["X"], "c": []}, {"a": 1, "b": ["Y", "Z"], "c": [3], "d": 1}) == []
    assert differences({"a": {"b": 1}}, {"a": {}}, {"a.b": "not ours"}) == []
    assert differences({"a": "1"}, {"a": None}, nullable={"a"}) == []
    assert differences({"a": "1"}, {"a": None}) == ["a: a string expected like '1', not None"]
    merged = [{"filterType": "A", "x": 1, "y": "2"}]  # one example object with the keys of several kinds
    assert differences(merged, [{"filterType": "A", "x": 1}, {"filterType": "B", "y": "2"}]) == []


def test_extras_and_coverage() -> None:
    assert extra_keys({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3}) == ["a[].c", "d"]
    rows = [Example("f", "one", "/p", {}), Example("f", "two", "/p", {}), Example("f", "three", "", {})]
    assert uncovered(rows, {"one"}, {"two": "retired"}) == ["three"]
    assert pick(rows, "/p", "two").name == "two"
    with pytest.raises(LookupError):
        pick(rows, "/p")
