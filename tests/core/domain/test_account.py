"""The ledger: its identity after anything, against a plain cash account that knows no cost basis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.account import Ledger, account_id, new_ledger
from supreme_system_v5.core.domain.money import E8, multiply_e8

INITIAL = 10_000 * E8
QUANTITY = st.integers(1, 50 * E8)
PRICE = st.integers(1, 10_000 * E8)
FEE = st.integers(0, 5 * E8)
FILL = st.tuples(st.just("fill"), st.sampled_from([1, -1]), QUANTITY, PRICE, FEE)
SPOT_BUY = st.tuples(st.just("spot_buy"), st.just(1), QUANTITY, PRICE, st.integers(1, E8 // 100))
FUNDING = st.tuples(st.just("funding"), st.just(0), st.integers(-(10**9), 10**9), st.just(0), st.just(0))
CLOSE = st.tuples(st.just("close"), st.just(0), st.just(0), PRICE, FEE)
DUST = st.tuples(st.just("dust"), st.just(0), st.just(0), st.just(0), st.just(0))
STEPS = st.lists(st.one_of(FILL, FILL, SPOT_BUY, FUNDING, CLOSE, DUST), max_size=40)


def step(ledger: Ledger, kind: str, side: int, amount: int, price: int, fee: int) -> tuple[Ledger, int, int]:
    """The ledger after a step, and what the step did to cash and to the holding."""
    if kind == "funding":
        return ledger.after_funding(amount), amount, 0
    if kind == "dust":
        return ledger.with_dust(), 0, 0
    if kind == "close":
        if ledger.position_e8 == 0:
            return ledger, 0, 0
        side, amount = (-1 if ledger.position_e8 > 0 else 1), abs(ledger.position_e8)
    if kind == "spot_buy":
        base = min(fee, amount)
        return ledger.after_fill(1, amount, price, 0, base), -multiply_e8(amount, price), amount - base
    return ledger.after_fill(side, amount, price, fee, 0), -side * multiply_e8(amount, price) - fee, side * amount


@given(STEPS, PRICE)
def test_identity_and_cash(steps: list[tuple[str, int, int, int, int]], mark: int) -> None:
    ledger = new_ledger(INITIAL)
    cash, held = INITIAL, 0
    for kind, side, amount, price, fee in steps:
        before = ledger.fields()
        after, cash_change, held_change = step(ledger, kind, side, amount, price, fee)
        assert ledger.fields() == before, "a ledger is a value: steps make a new one"
        ledger = after
        cash += cash_change
        held += held_change
        assert ledger.identity_gap_e8() == 0
        assert ledger.position_e8 + ledger.dust_e8 == held
        # The quote balance, exact to the unit, however the cost was shared out.
        assert ledger.wallet_e8 - ledger.cost_e8 - ledger.dust_cost_e8 == cash
        # Equity = cash + holding at the mark, whatever the route (nothing held: no mark is needed).
        assert ledger.equity_e8(mark) == cash + multiply_e8(held, mark) or held == 0
        if ledger.position_e8 == 0:
            assert ledger.cost_e8 == 0
        if kind == "close":
            assert ledger.position_e8 == 0
    assert Ledger(*ledger.fields().values()).fields() == ledger.fields()


@given(st.sampled_from([1, -1]), QUANTITY, PRICE, PRICE, FEE, FEE)
def test_round_trip_result(side: int, quantity: int, entry: int, exit_: int, fee_in: int, fee_out: int) -> None:
    ledger = new_ledger(INITIAL).after_fill(side, quantity, entry, fee_in, 0)
    assert abs(ledger.entry_price_e8() - entry) <= E8 // quantity + 1
    ledger = ledger.after_fill(-side, quantity, exit_, fee_out, 0)
    gross = side * (multiply_e8(quantity, exit_) - multiply_e8(quantity, entry))
    assert (ledger.realized_e8, ledger.fees_e8) == (gross, fee_in + fee_out)
    assert ledger.wallet_e8 == ledger.equity_e8(1) == INITIAL + gross - fee_in - fee_out


@given(st.sampled_from([1, -1]), QUANTITY, PRICE, st.lists(st.tuples(QUANTITY, PRICE), max_size=8))
def test_partial_closes_lose_nothing(side: int, quantity: int, entry: int, parts: list[tuple[int, int]]) -> None:
    """The shares of the cost add up to the cost: no unit is made or lost by closing in parts."""
    ledger = new_ledger(INITIAL).after_fill(side, quantity, entry, 0, 0)
    left, brought = quantity, 0
    for wanted, price in [*parts, (quantity, entry)]:
        size = min(wanted, left)
        if size == 0:
            continue
        ledger = ledger.after_fill(-side, size, price, 0, 0)
        brought += multiply_e8(size, price)
        left -= size
    assert left == ledger.position_e8 == ledger.cost_e8 == 0
    assert ledger.realized_e8 == side * (brought - multiply_e8(quantity, entry))


def test_a_fill_through_zero_opens_the_rest_anew() -> None:
    ledger = new_ledger(INITIAL).after_fill(1, E8, 2_000 * E8, 0, 0).after_fill(-1, 3 * E8, 2_100 * E8, 0, 0)
    assert (ledger.position_e8, ledger.realized_e8, ledger.entry_price_e8()) == (-2 * E8, 100 * E8, 2_100 * E8)


def test_spot_fee_in_base_is_a_fee_in_the_books() -> None:
    ledger = new_ledger(INITIAL).after_fill(1, E8, 2_000 * E8, 0, E8 // 1_000)
    assert ledger.position_e8 == E8 - E8 // 1_000
    assert ledger.fees_e8 == 2 * E8
    assert ledger.equity_e8(2_000 * E8) == INITIAL - 2 * E8


def test_accounts_are_told_apart() -> None:
    ids = {
        account_id(mode, source, market, symbol)
        for mode in ("paper", "live")
        for source in ("real", "simulated")
        for market in ("usdm", "spot")
        for symbol in ("ETH-USDT", "BTC-USDT")
    }
    assert len(ids) == 16
    assert all(len(name) == 4 and int(name, 16) >= 0 for name in ids)
