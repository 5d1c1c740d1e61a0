"""Rounding to tick and step, and the venue's filters."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import E8, multiply_e8

MARKETS = st.sampled_from(["usdm", "spot"])
PRICE = st.integers(1, 1_000_000 * E8)
QUANTITY = st.integers(0, 20_000 * E8)


@given(MARKETS, PRICE)
def test_prices_round_to_the_neighbouring_ticks(market: str, price: int) -> None:
    one = eth_usdt(market)
    down, up = one.price_down(price), one.price_up(price)
    assert down <= price <= up
    assert down % one.tick_e8 == up % one.tick_e8 == 0
    assert up - down == (0 if price % one.tick_e8 == 0 else one.tick_e8)


@given(MARKETS, QUANTITY)
def test_sizes_only_ever_round_down(market: str, quantity: int) -> None:
    one = eth_usdt(market)
    assert 0 <= quantity - one.quantity_down(quantity) < one.step_e8
    assert one.quantity_down(quantity) % one.step_e8 == 0


@given(MARKETS, QUANTITY, st.integers(40 * E8, 300_000 * E8), st.booleans(), st.booleans())
def test_an_accepted_order_keeps_every_filter(
    market: str, raw_quantity: int, raw_price: int, is_market: bool, is_reduce_only: bool
) -> None:
    one = eth_usdt(market)
    quantity, price = one.quantity_down(raw_quantity), one.price_down(raw_price)
    if one.order_fault(quantity, price, is_market, is_reduce_only) == "":
        assert one.min_quantity_e8 <= quantity <= (one.market_max_quantity_e8 if is_market else one.max_quantity_e8)
        assert (is_reduce_only and not one.is_spot) or multiply_e8(quantity, price) >= one.min_notional_e8
        assert one.order_fault(quantity + 1, price, is_market, is_reduce_only) != ""
        assert is_market or one.order_fault(quantity, price + 1, is_market, is_reduce_only) != ""


@given(MARKETS, st.integers(-100 * E8, 100 * E8), st.integers(40 * E8, 300_000 * E8))
def test_dust_is_exactly_what_no_closing_order_is_accepted_for(market: str, position: int, raw_price: int) -> None:
    one = eth_usdt(market)
    assume(position != 0)
    price = one.price_down(raw_price)
    fault = one.order_fault(one.quantity_down(abs(position)), price, True, True)
    assert one.is_dust(position, price) == (fault != "")


@pytest.mark.parametrize(
    ("quantity", "price", "is_market", "reduce_only", "fault"),
    [
        (E8, 2_000 * E8, False, False, ""),
        (E8, 2_000 * E8 + 1, False, False, "PRICE_FILTER tick 0.01000000"),
        (E8, 2_000 * E8 + 1, True, False, ""),
        (E8, 0, True, True, "PRICE_FILTER"),
        (E8, 39 * E8, False, False, "PRICE_FILTER range"),
        (E8 // 1_000, 2_000 * E8, False, False, "NOTIONAL below 20.00"),
        (E8 // 1_000, 2_000 * E8, False, True, ""),
        (2_001 * E8, 2_000 * E8, True, False, "LOT_SIZE"),
        (2_001 * E8, 2_000 * E8, False, False, ""),
        (E8 + 1, 2_000 * E8, False, False, "LOT_SIZE step"),
        (-E8, 2_000 * E8, False, False, "LOT_SIZE"),
    ],
)
def test_filters(quantity: int, price: int, is_market: bool, reduce_only: bool, fault: str) -> None:
    said = eth_usdt("usdm").order_fault(quantity, price, is_market, reduce_only)
    assert said.startswith(fault) and bool(said) == bool(fault)


def test_a_symbol_that_does_not_trade_refuses_everything() -> None:
    one = eth_usdt("usdm")
    one.status = "CANCEL_ONLY"
    assert one.order_fault(E8, 2_000 * E8, True, True) == "SYMBOL_STATUS CANCEL_ONLY"
