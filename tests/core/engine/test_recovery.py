"""What a restart is given, what it makes of it, and what it refuses to believe."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import (
    BooksRecord,
    FillRecord,
    FundingRecord,
    OrderRecord,
    StateRecord,
    SubmitOrder,
    TradeRecord,
)
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.domain.order import BUY, ROLE_ENTRY, SELL, TERMINAL_STATES, Order
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.recovery import SavedState, restore

from .rig import Rig


def journal_of(rig: Rig) -> SavedState:
    """What the journal holds after everything the rig did: the last row of each kind."""
    saved = SavedState(new_ledger(rig.parameters.initial_balance_e8), 1)
    orders: dict[str, OrderRecord] = {}
    for effect in rig.effects:
        if isinstance(effect, FillRecord):
            orders[effect.order.client_order_id] = effect.order
        elif isinstance(effect, OrderRecord):
            orders[effect.client_order_id] = effect
        elif isinstance(effect, StateRecord):
            saved.state[effect.key] = effect.value_json
        elif isinstance(effect, TradeRecord):
            saved.results_e8.append(effect.net_e8)
            saved.trades_closed += 1
        if isinstance(effect, (FillRecord, BooksRecord)):
            saved.position = json.loads(json.dumps(effect.position))
        if isinstance(effect, (FillRecord, BooksRecord, FundingRecord)):
            saved.ledger = effect.ledger
        if isinstance(effect, FundingRecord):
            saved.last_funding_ms = effect.funding_time_ms
    for record in orders.values():
        if record.state not in TERMINAL_STATES:
            saved.open_orders.append(_order(record))
    saved.next_sequence = rig.engine.state.next_sequence
    saved.last_time_ns = rig.time_ns
    saved.last_price_e8 = int(rig.view.last_trade_e8)
    return saved


def _order(record: OrderRecord) -> Order:
    order = Order(
        record.client_order_id,
        record.role,
        record.side,
        record.order_type,
        record.time_in_force,
        record.quantity_e8,
        record.price_e8,
        record.trigger_e8,
        record.is_reduce_only,
        record.created_ns,
        record.reason,
    )
    order.state = record.state
    order.filled_e8 = record.filled_e8
    return order


def restarted(rig: Rig) -> Rig:
    """A new engine with the other one's journal, protected again, on the same market and at the same time."""
    saved = journal_of(rig)
    new = Rig(rig.parameters, is_warm=False)
    new.time_ns, new.trade_id, new.quote_id = rig.time_ns, rig.trade_id, rig.quote_id
    new.effects += restore(new.engine, saved)
    state = new.engine.state
    new.venue.set_position(state.ledger.position_e8)
    position = state.position
    if position is not None:
        stop, target = state.orders[position.stop_order_id], state.orders[position.target_order_id]
        new.venue.place_protection(stop, target, new.time_ns)
    new.warm()
    return new


def test_flat() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    new = restarted(rig)
    state = new.engine.state
    assert state.position is None and state.ledger.fields() == rig.engine.state.ledger.fields()
    assert state.trades_closed == 1 and new.engine.risk.performance.results_e8 == [rig.trades[0].net_e8]
    assert new.engine.risk.performance.consecutive_losses == 1
    assert new.engine.day.baseline_e8 == rig.engine.day.baseline_e8
    assert state.allocate_order_id() not in {r.client_order_id for r in rig.effects if isinstance(r, OrderRecord)}


@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_open_position_goes_on_as_if_nothing_had_happened(side: int) -> None:
    rig = Rig(Parameters(position_timeout_minutes=5))
    rig.begin()
    rig.enter(side)
    new = restarted(rig)
    new.begin()
    rig.begin()
    for one in (rig, new):
        for _ in range(300):
            one.quote("2000.50", "2000.51", after=1)
    assert [t.exit_reason for t in rig.trades] == [t.exit_reason for t in new.trades] == ["timeout"]
    assert new.engine.state.ledger.fields() == rig.engine.state.ledger.fields()
    assert [(t.net_e8, t.closed_ns, t.opened_ns) for t in new.trades] == [
        (t.net_e8, t.closed_ns, t.opened_ns) for t in rig.trades
    ]


@given(
    market=st.sampled_from(["usdm", "spot"]),
    moves=st.lists(st.integers(-1200, 1200), min_size=1, max_size=12),
    cut=st.integers(0, 11),
)
@settings(max_examples=40, deadline=None)
def test_restored_state_and_the_same_events_give_the_same_books(market: str, moves: list[int], cut: int) -> None:
    fee_e8 = 100_000 if market == "spot" else 50_000
    rig = Rig(Parameters(market=market, taker_fee_e8=fee_e8, max_daily_drawdown_pct=0.9, position_timeout_minutes=600))
    rig.begin()
    rig.enter(BUY)
    funding_ms = rig.ms + 1_500
    new: Rig | None = None
    cents = 200_000
    for i, move in enumerate(moves):
        if i == cut:
            # Which liquidity an order took already is not journalled: one that is partly filled may take it again.
            assume(not any(order.filled_e8 for order in rig.engine.state.orders.values()))
            new = restarted(rig)
        cents += move
        for one in (rig, new):
            if one is not None:
                if market == "usdm":
                    one.mark("2000", 10_000, funding_ms if one.ms < funding_ms else funding_ms + 28_800_000)
                one.quote(f"{cents / 100:.2f}", f"{(cents + 1) / 100:.2f}", "0.04", after=1)
                one.trade(f"{cents / 100:.2f}", "0.0001")
    if new is None:
        new = restarted(rig)
    mine, theirs = rig.engine.state, new.engine.state
    assert theirs.ledger.fields() == mine.ledger.fields()
    assert (theirs.position is None) == (mine.position is None)
    if mine.position is not None and theirs.position is not None:
        assert theirs.position.fields(theirs.ledger) == mine.position.fields(mine.ledger)
    assert len(journal_of(rig).results_e8) == len(rig.trades)


def test_an_intent_without_an_answer_is_cancelled_and_its_id_never_used_again() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)
    entry = next(e.order for e in rig.effects if isinstance(e, SubmitOrder))
    new = restarted(rig)
    settled = [(e.client_order_id, e.state, e.role) for e in new.effects if isinstance(e, OrderRecord)]
    assert settled == [(entry.client_order_id, "CANCELED", ROLE_ENTRY)]
    assert new.engine.desk.working(ROLE_ENTRY) is None
    new.begin()
    new.enter(BUY)
    assert entry.target_order_id < next(e.order for e in new.effects if isinstance(e, SubmitOrder)).client_order_id


def test_a_stop_that_had_filled_in_part_never_repeats_an_execution_id() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.quote("1970.00", "1970.01", "0.01")
    rig.trade("1970.00", "0.0001")
    assert rig.engine.state.position is not None and len(rig.fills) == 2
    new = restarted(rig)
    for one in (rig, new):
        one.quote("1969.00", "1969.01")
        one.trade("1969.00", "0.0001")
    assert new.engine.state.position is None
    executions = [f.report.execution_id for f in rig.fills[:2]] + [f.report.execution_id for f in new.fills]
    assert len(set(executions)) == len(executions)
    assert new.engine.state.ledger.fields() == rig.engine.state.ledger.fields()


def test_an_overdue_position_is_closed_with_the_first_quote_and_not_before() -> None:
    rig = Rig(Parameters(position_timeout_minutes=1))
    rig.begin()
    rig.enter(BUY)
    rig.time_ns += 300 * 10**9
    new = restarted(rig)
    new.wait(3)
    assert new.engine.desk.wanted_exit == "" and new.engine.state.position is not None
    new.quote("2000.00", "2000.01")
    assert new.engine.desk.wanted_exit == "timeout"
    new.wait(0.1)
    assert new.engine.state.position is None


def test_equity_before_the_first_price_is_measured_at_the_last_known_one() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.trade("1990")
    new = restarted(rig)
    assert new.engine.state.equity_e8() == new.engine.state.ledger.equity_e8(parse_e8("1990"))


def test_breakers_come_back_and_a_probe_that_got_no_answer_is_no_probe() -> None:
    rig = Rig()
    rig.begin()
    breaker = rig.engine.risk.breaker("consecutive_losses")
    assert breaker is not None
    breaker.trip(rig.time_ns - 16 * 60 * 10**9, "a test")
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)  # the probe is on its way
    new = restarted(rig)
    restored = new.engine.risk.breaker("consecutive_losses")
    assert restored is not None and (restored.state, restored.is_probing) == ("half_open", False)
    rig.wait(0.1)
    assert rig.engine.state.position is not None
    new = restarted(rig)  # the probe is open
    new.begin()
    new.quote("1900.00", "1900.01")
    new.trade("1900.00")
    restored = new.engine.risk.breaker("consecutive_losses")
    assert restored is not None and restored.state == "open" and "probe" in restored.reason


def corrupt(what: str) -> SavedState:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    saved = journal_of(rig)
    if what == "no position":
        saved.position = {}
    elif what == "no ledger":
        saved.ledger = new_ledger(10_000 * E8)
    elif what == "quantity":
        saved.position["quantity_e8"] = 1
    elif what == "side":
        saved.position["side"] = SELL
    elif what == "no stop":
        saved.position["stop_trigger_e8"] = 0
    elif what == "missing key":
        del saved.position["stop_order_id"]
    elif what == "ledger":
        saved.ledger = saved.ledger.copy()
        saved.ledger.wallet_e8 += 1
    elif what == "day":
        saved.state["day"] = "[]"
    elif what == "breaker":
        saved.state["breaker:kelly"] = '{"state": "ajar"}'
    elif what == "not json":
        saved.state["breaker:kelly"] = "{"
    return saved


@pytest.mark.parametrize(
    "what",
    [
        "no position",
        "no ledger",
        "quantity",
        "side",
        "no stop",
        "missing key",
        "ledger",
        "day",
        "breaker",
        "not json",
    ],
)
def test_a_contradiction_stops_the_start(what: str) -> None:
    with pytest.raises(BooksError) as raised:
        restore(Rig(is_warm=False).engine, corrupt(what))
    assert raised.value.remedy
