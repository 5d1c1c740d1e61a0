"""Parameters by type: the exact values, and the venue's words for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.adapters.exchange.api.params import Params, bad_combination
from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal


def refusal(ask: Callable[[Params], Any], market: str = "spot", **values: str) -> tuple[int, str]:
    with pytest.raises(Refusal) as found:
        ask(Params(values, market))
    return found.value.code, found.value.message


@given(st.integers(0, 10**19), st.integers(0, 8))
def test_decimals_are_exact(value: int, places: int) -> None:
    value_e8 = value * 10 ** (8 - places)
    assert Params({"price": format_e8(value_e8, places)}).decimal("price") == value_e8


def test_decimals() -> None:
    params = Params({"a": "0.10000000", "b": "5", "c": "1.123000000000"})
    assert [params.decimal(name) for name in "abc"] == [10_000_000, 500_000_000, 112_300_000]
    assert params.decimal("missing") is None
    assert Params({"a": "1.10"}).decimal("a", 1) == 110_000_000  # zeros at the end are no precision
    assert refusal(lambda p: p.decimal("q"), q="0.123456789") == (-1111, "Parameter 'q' has too much precision.")
    assert refusal(lambda p: p.decimal("q", 3), "usdm", q="0.1234") == (
        -1111,
        "Precision is over the maximum defined for this asset.",
    )


@pytest.mark.parametrize("text", ["-1", "1e5", "nan", "Infinity", "1.", ".5", "1,5", " 1", "0x1", "１", "1" * 21])
def test_no_decimals(text: str) -> None:
    assert refusal(lambda p: p.decimal("price"), price=text) == (
        -1100,
        r"Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    )


@pytest.mark.parametrize(
    ("ask", "values", "code", "message"),
    [
        (lambda p: p.require("x"), {}, -1102, "Mandatory parameter 'x' was not sent, was empty/null, or malformed."),
        (lambda p: p.text("x"), {"x": ""}, -1105, "Parameter 'x' was empty."),
        (lambda p: p.symbol(), {"symbol": "NOPE"}, -1121, "Invalid symbol."),
        (lambda p: p.symbol(), {"symbol": "ethusdt"}, -1100, "Illegal characters found in parameter 'symbol'; legal"),
        (lambda p: p.has_symbol(), {"symbol": "BTCUSDT"}, -1121, "Invalid symbol."),
        (lambda p: p.require_one("a", "b"), {}, -1102, "Param 'a' or 'b' must be sent, but both were empty/null!"),
        (lambda p: p.forbid("c"), {"c": "1"}, -1106, "Parameter 'c' sent when not required."),
        (lambda p: p.integer("n"), {"n": "-5"}, -1100, "Illegal characters found in parameter 'n'; legal range is '^["),
        (lambda p: p.integer("n"), {"n": "9" * 20}, -1108, "Parameter 'n' overflowed."),
        (lambda p: p.require_integer("n"), {}, -1102, "Mandatory parameter 'n' was not sent"),
        (lambda p: p.limit(5, 10), {"limit": "0"}, -1130, "Data sent for parameter 'limit' is not valid."),
        (lambda p: p.boolean("b"), {"b": "yes"}, -1130, "Data sent for parameter 'b' is not valid."),
        (lambda p: p.side(), {"side": "LONG"}, -1117, "Invalid side."),
        (lambda p: p.order_type(("LIMIT",)), {"type": "limit"}, -1116, "Invalid orderType."),
        (lambda p: p.time_in_force(("GTC",)), {"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
        (lambda p: p.choice("c", ("A",)), {"c": "B"}, -1130, "Data sent for parameter 'c' is not valid."),
        (
            lambda p: p.client_id("id"),
            {"id": "a b"},
            -1100,
            "Illegal characters found in parameter 'id'; legal range is",
        ),
        (lambda p: p.done(), {"x": "1"}, -1101, "Too many parameters; expected '0' and received '1'."),
    ],
)
def test_refusals(ask: Callable[[Params], Any], values: dict[str, str], code: int, message: str) -> None:
    found = refusal(ask, **values)
    assert found[0] == code
    assert found[1].startswith(message)


def test_words_of_usdm() -> None:
    assert refusal(lambda p: p.require("timeInForce"), "usdm")[1].startswith("Mandatory parameter 'timeinforce' was")
    assert refusal(lambda p: p.client_id("c"), "usdm", c="x" * 37)[0] == -4015
    assert Params({"c": "web_1:/.x"}, "usdm").client_id("c") == "web_1:/.x"
    Params({"unknown": "1"}, "usdm").done()


def test_unread_parameters_are_counted() -> None:
    params = Params({"symbol": "ETHUSDT", "timestamp": "1", "signature": "s", "foo": "1", "bar": "2"})
    params.symbol()
    with pytest.raises(Refusal) as found:
        params.done()
    assert found.value.code == -1104
    assert found.value.message == "Not all sent parameters were read; read '3' parameter(s) but was sent '5'."
    assert params.has("foo")
    params.text("bar")
    params.done()


def test_right_words_and_times() -> None:
    params = Params({"side": "SELL", "limit": "5000", "b": "TRUE", "symbol": "ETHUSDT"}, offset_ns=1_000)
    assert (params.side(), params.limit(500, 1_000), params.boolean("b"), params.symbol()) == (
        -1,
        1_000,
        True,
        "ETHUSDT",
    )
    assert params.boolean("absent") is None
    assert params.limit(500, 1_000) == 1_000
    assert params.stamp(1_999_999) == 2  # the offset counts
    assert Params({}, is_micro=True).stamp(1_999_999) == 1_999
    assert bad_combination("a, b").message == "Fields [a, b] must be sent together or omitted entirely."
    assert bad_combination().code == -1128
