"""Properties over generated market paths: exits fire on the very event, the books always add up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.core.domain.effects import FillRecord
from supreme_system_v5.core.domain.events import COMMAND_STOP
from supreme_system_v5.core.domain.money import E8, format_e8
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters

from .rig import Rig

SIDES = st.sampled_from([BUY, SELL])
# Steps of a path: a price move in cents and how long after the last event it comes.
STEPS = st.lists(st.tuples(st.integers(-1500, 1500), st.floats(0.001, 4.0)), min_size=5, max_size=60)


def walk(rig: Rig, cents: int, after: float, is_trade_skipped_by_gate: bool = True) -> str:
    """One quote and one trade at a price; the price as text."""
    price = format_e8(cents * 1_000_000, 2)
    ask = format_e8((cents + 1) * 1_000_000, 2)
    rig.quote(price, ask, after=after)
    rig.trade(price, "0.001" if is_trade_skipped_by_gate else "1000")
    return price


@given(side=SIDES, steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_stop_and_target_fire_on_the_event_that_crosses_them(side: int, steps: list[tuple[int, float]]) -> None:
    rig = Rig(Parameters(max_daily_drawdown_pct=0.5, position_timeout_minutes=600))
    rig.begin()
    rig.enter(side)
    position = rig.engine.state.position
    assert position is not None
    stop_e8, target_e8 = position.stop_trigger_e8, position.target_trigger_e8
    cents = 200_000
    for move, after in steps:
        cents = max(100_000, cents + move)
        walk(rig, cents, after)
        price_e8 = cents * 1_000_000
        is_stop = price_e8 <= stop_e8 if side == BUY else price_e8 >= stop_e8
        is_target = price_e8 >= target_e8 if side == BUY else price_e8 <= target_e8
        if is_stop or is_target:
            assert rig.engine.state.position is None, "crossed, and not closed by the very event"
            assert rig.trades[-1].exit_reason == ("stop" if is_stop else "target")
            assert rig.fills[-1].report.time_ns == rig.time_ns
            return
        assert rig.engine.state.position is not None


@given(
    market=st.sampled_from(["usdm", "spot"]),
    plan=st.lists(
        st.tuples(st.sampled_from([0, BUY, SELL]), st.integers(-900, 900), st.floats(0.01, 30.0)), max_size=50
    ),
)
@settings(max_examples=60, deadline=None)
def test_the_books_add_up_after_every_fill(market: str, plan: list[tuple[int, int, float]]) -> None:
    fee_e8 = 100_000 if market == "spot" else 50_000
    rig = Rig(Parameters(market=market, taker_fee_e8=fee_e8, max_orders_per_minute=60, max_daily_drawdown_pct=0.9))
    rig.begin()
    cents = 200_000
    for side, move, after in plan:
        cents = max(100_000, cents + move)
        if side:
            price = format_e8(cents * 1_000_000, 2)
            rig.quote(price, format_e8((cents + 1) * 1_000_000, 2), "0.04", after=after)
            rig.signal(side, price)
            rig.wait(0.06)
        walk(rig, cents, after)
    rig.command(COMMAND_STOP, "close")
    for _ in range(4):
        rig.quote(format_e8(cents * 1_000_000, 2), format_e8((cents + 1) * 1_000_000, 2), after=1.1)
    ledger = rig.engine.state.ledger
    # An independent account: cash flows and base flows of every fill, added up from nothing.
    cash_e8, base_e8, fees_e8 = 10_000 * E8, 0, 0
    for fill in rig.fills:
        report, side = fill.report, fill.order.side
        notional_e8 = int(report.last_quantity_e8) * int(report.last_price_e8) // E8
        cash_e8 -= side * notional_e8 + int(report.fee_quote_e8)
        base_e8 += side * int(report.last_quantity_e8) - int(report.fee_base_e8)
        fees_e8 += int(report.fee_quote_e8)
    assert ledger.identity_gap_e8() == 0
    assert base_e8 == ledger.position_e8 + ledger.dust_e8
    assert cash_e8 == ledger.wallet_e8 - ledger.cost_e8 - ledger.dust_cost_e8
    assert rig.engine.state.position is None
    assert not [order for order in rig.engine.state.orders.values() if order.is_open]
    assert sum(trade.net_e8 for trade in rig.trades) == ledger.wallet_e8 - ledger.initial_e8


@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_the_same_events_give_the_same_digest_and_another_event_another(steps: list[tuple[int, float]]) -> None:
    digests = []
    for extra in (0, 0, 1):
        rig = Rig()
        rig.begin()
        rig.enter(BUY)
        cents = 200_000
        for move, after in steps:
            cents = max(100_000, cents + move)
            walk(rig, cents, after)
        if extra:
            rig.quote("2100.00", "2100.01")
            rig.trade("2100.00", "7")
        rig.wait(130)
        digests.append(rig.engine.state.digest.hexdigest())
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_a_fill_record_carries_what_the_ledger_then_is() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    record = rig.fills[-1]
    assert isinstance(record, FillRecord)
    assert record.ledger.fields() == rig.engine.state.ledger.fields()
    assert record.position["stop_trigger_e8"] == rig.engine.state.position.stop_trigger_e8  # type: ignore[union-attr]
