"""Orders that go wrong, remainders that cannot be sold, exits that must be repeated."""

from __future__ import annotations

import json

import pytest

from supreme_system_v5.core.domain.effects import (
    BooksRecord,
    CancelOrder,
    DecisionRecord,
    OrderRecord,
    StateRecord,
    SubmitOrder,
    TradeRecord,
)
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.domain.order import BUY, ROLE_ENTRY, ROLE_EXIT, ROLE_STOP, SELL
from supreme_system_v5.core.domain.parameters import Parameters

from .rig import Rig

SPOT = Parameters(market="spot", taker_fee_e8=100_000, maker_fee_e8=100_000)


def submitted(rig: Rig, role: str) -> list[SubmitOrder]:
    return [effect for effect in rig.effects if isinstance(effect, SubmitOrder) and effect.order.role == role]


def say(rig: Rig, client_order_id: str, state: str, reason: str = "venue") -> None:
    """The venue says something about an order without a fill."""
    rig.send(ExecutionReport(rig.time_ns, client_order_id, state, 0, 0, 0, 0, False, "", reason))


def dusty(rig: Rig, offered: str = "0.001") -> None:
    """An entry on spot of which only 2 USDT are filled."""
    rig.begin()
    rig.quote("2000.00", "2000.01", offered)
    rig.signal(BUY)
    rig.wait(0.1)


# -- remainders


def test_an_entry_filled_below_the_minimum_is_dust_and_counts_as_flat() -> None:
    rig = Rig(SPOT)
    dusty(rig)
    state = rig.engine.state
    (fill,) = rig.fills
    assert fill.position, "journalled as a position while its order could still fill"
    assert state.position is None and state.ledger.position_e8 == 0
    assert state.ledger.dust_e8 == 100_000 - 100  # less the fee, which a spot buy pays in ETH
    (record,) = [effect for effect in rig.effects if isinstance(effect, BooksRecord)]
    assert record.is_durable and record.position == {} and record.ledger.fields() == state.ledger.fields()
    (trade,) = rig.trades
    assert trade.exit_reason == "dust" and trade.gross_e8 == 0 and trade.net_e8 == -state.ledger.fees_e8
    assert trade.exit_price_e8 == trade.entry_price_e8
    assert rig.venue.position_e8 == 0 and not rig.venue.open_orders()
    assert not state.orders


def test_dust_is_not_in_the_next_position_and_a_whole_round_trip_leaves_it_alone() -> None:
    rig = Rig(SPOT)
    dusty(rig)
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)
    rig.wait(0.1)
    state = rig.engine.state
    assert state.position is not None and state.position.protected_e8 > 0
    assert rig.venue.position_e8 == state.ledger.position_e8
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    assert state.position is None and state.ledger.position_e8 == 0
    assert 99_900 <= state.ledger.dust_e8 < 99_900 + rig.instrument.step_e8
    assert sum(trade.net_e8 for trade in rig.trades) == state.ledger.wallet_e8 - state.ledger.initial_e8


def test_a_partial_entry_that_can_be_sold_is_a_position() -> None:
    rig = Rig(SPOT)
    dusty(rig, "0.01")
    state = rig.engine.state
    assert state.position is not None and not rig.trades
    assert state.position.protected_e8 == rig.instrument.quantity_down(state.ledger.position_e8)
    assert [o.role for o in rig.venue.open_orders()] == ["stop", "target"]


def test_a_position_whose_value_fell_below_the_minimum_becomes_dust_instead_of_rejected_exits() -> None:
    rig = Rig(SPOT)
    dusty(rig, "0.0026")  # 5.20 USDT
    assert rig.engine.state.position is not None
    rig.quote("1900.00", "1900.01")  # 4.94: no trade has triggered the stop yet
    rig.command("stop", "close")
    assert rig.engine.state.position is None and rig.engine.state.ledger.dust_e8 > 0
    assert not submitted(rig, ROLE_EXIT)


def test_an_entry_that_could_not_be_sold_at_its_stop_is_refused() -> None:
    rig = Rig(Parameters(market="spot", taker_fee_e8=100_000, max_order_notional_e8=505 * E8 // 100))
    rig.begin()
    rig.signal(BUY)
    assert rig.engine.state.refusals == {"below_minimum": 1}


# -- partial fills


def test_protection_follows_the_partial_fill_of_an_entry() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2000.01", "0.030")
    rig.signal(BUY)
    rig.wait(0.1)
    state = rig.engine.state
    assert state.ledger.position_e8 == parse_e8("0.030")
    assert state.position is not None and state.position.protected_e8 == parse_e8("0.030")
    records = [effect for effect in rig.effects if isinstance(effect, OrderRecord) and effect.role == ROLE_STOP]
    assert records[-1].quantity_e8 == parse_e8("0.030")
    entry = [effect for effect in rig.effects if isinstance(effect, OrderRecord) and effect.role == ROLE_ENTRY][-1]
    assert entry.state == "EXPIRED" and entry.filled_e8 == parse_e8("0.030")
    assert rig.engine.desk.working(ROLE_ENTRY) is None


def test_an_exit_that_fills_in_part_is_repeated_until_flat() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.quote("2000.00", "2000.01", "0.010")
    rig.signal(SELL)
    rig.wait(0.06)
    assert rig.engine.state.position is not None
    assert rig.engine.state.ledger.position_e8 > 0 and rig.engine.desk.wanted_exit == "opposite_signal"
    for i in range(12):
        rig.quote("2000.00", "2000.01", f"0.01{i % 5}", after=1)
        rig.wait(0.06)
    assert rig.engine.state.position is None
    assert len(submitted(rig, ROLE_EXIT)) > 2
    assert rig.trades[0].exit_reason == "opposite_signal"


def test_a_rejected_exit_is_repeated_once_a_second_not_on_every_event() -> None:
    rig = Rig(Parameters(max_daily_drawdown_pct=0.0001))
    rig.begin()
    rig.enter(BUY)
    rig.quote("1990.00", "1990.01")
    assert rig.engine.desk.wanted_exit == "daily_drawdown"
    say(rig, submitted(rig, ROLE_EXIT)[0].order.client_order_id, "REJECTED")
    for _ in range(30):
        rig.quote("1990.00", "1990.01", "0.000001", after=0.02)
    assert len(submitted(rig, ROLE_EXIT)) == 1
    rig.quote("1990.00", "1990.01", after=0.5)
    assert len(submitted(rig, ROLE_EXIT)) == 2


def test_the_trade_tells_what_closed_it_not_what_was_wanted() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.signal(SELL)  # an exit is on its way, 50 ms long
    rig.quote("1970.00", "1970.01", after=0.005)
    rig.trade("1970.00", "0.0001", after=0.005)
    assert rig.trades[0].exit_reason == "stop"


# -- protection


def test_a_lost_stop_is_an_exit_at_once() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(SELL)
    position = rig.engine.state.position
    assert position is not None
    say(rig, position.stop_order_id, "CANCELED")
    assert rig.engine.desk.wanted_exit == "stop_lost" and submitted(rig, ROLE_EXIT)
    assert position.unprotected_since_ns == rig.time_ns
    rig.wait(0.1)
    assert rig.engine.state.position is None


def test_an_entry_whose_protection_the_venue_did_not_place_is_closed_by_the_same_event() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)
    entry = submitted(rig, ROLE_ENTRY)[0].order
    quantity_e8, price_e8 = entry.quantity_e8, parse_e8("2000.01")
    fee_e8 = quantity_e8 * price_e8 // E8 * 50_000 // E8
    report = ExecutionReport(
        rig.time_ns, entry.client_order_id, "FILLED", quantity_e8, price_e8, fee_e8, 0, False, "naked-1", ""
    )
    rig.send(report)
    assert rig.engine.desk.wanted_exit == "unprotected" and submitted(rig, ROLE_EXIT)
    rig.send(report)  # told twice
    assert rig.engine.state.ledger.position_e8 == quantity_e8


def test_a_repeated_fill_of_a_living_order_is_booked_once() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)
    entry = submitted(rig, ROLE_ENTRY)[0].order
    fill = ExecutionReport(
        rig.time_ns, entry.client_order_id, "PARTIALLY_FILLED", parse_e8("0.01"), 2000 * E8, 0, 0, False, "x-1", ""
    )
    fill.protected_quantity_e8 = parse_e8("0.01")
    for _ in range(3):
        rig.send(fill)
    assert rig.engine.state.ledger.position_e8 == parse_e8("0.01")
    assert len(rig.fills) == 1 and entry.filled_e8 == parse_e8("0.01")


def test_reports_about_unknown_orders_change_nothing_and_are_told() -> None:
    rig = Rig()
    rig.begin()
    before = rig.engine.state.ledger.fields()
    rig.send(ExecutionReport(rig.time_ns, "s5-ffff-1", "FILLED", E8, 2000 * E8, 0, 0, False, "y", ""))
    assert rig.engine.state.ledger.fields() == before and rig.engine.state.position is None
    assert any("not ours" in line for line in rig.lines)


def test_a_transition_the_table_does_not_allow_is_a_contradiction_of_the_books() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    position = rig.engine.state.position
    assert position is not None
    with pytest.raises(BooksError):
        say(rig, position.stop_order_id, "PENDING_SUBMIT")


# -- decisions


def test_every_signal_ends_approved_or_refused() -> None:
    rig = Rig()
    rig.begin()
    for side in (BUY, BUY, SELL, SELL, BUY):
        rig.quote("2000.00", "2000.01")
        rig.signal(side)
        rig.wait(0.06)
    decisions = [effect for effect in rig.effects if isinstance(effect, DecisionRecord)]
    signals = [d for d in decisions if d.kind == "signal"]
    ends = [d.kind for d in decisions if d.kind in ("approved", "refused")]
    assert len(signals) == 5 and ends == ["approved", "refused", "approved", "approved", "approved"]
    state = rig.engine.state
    assert (state.signals_long, state.signals_short) == (3, 2)


def test_the_limit_of_orders_a_minute() -> None:
    rig = Rig(Parameters(max_orders_per_minute=2, max_consecutive_losses=100))
    rig.begin()
    for _ in range(3):
        rig.quote("2000.00", "2000.01")
        rig.signal(BUY)
        rig.wait(0.06)
        if rig.engine.state.position is not None:
            rig.signal(SELL)
            rig.wait(0.06)
    assert rig.engine.state.refusals == {"order_rate": 1}
    for _ in range(15):
        rig.quote("2000.00", "2000.01", after=4)
        rig.trade("2000")
    rig.signal(BUY)
    assert rig.engine.state.refusals == {"order_rate": 1}


# -- breakers


def test_a_probe_is_journalled_when_it_is_sent_and_when_it_came_to_nothing() -> None:
    rig = Rig()
    rig.begin()
    breaker = rig.engine.risk.breaker("consecutive_losses")
    assert breaker is not None
    breaker.trip(rig.time_ns - 16 * 60 * 10**9, "a test")
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)
    saved = [e for e in rig.effects if isinstance(e, StateRecord) and e.key == "breaker:consecutive_losses"]
    assert json.loads(saved[-1].value_json)["is_probing"] is True
    rig.quote("2100.00", "2100.01", after=0.01)  # the limit is far below: nothing fills
    rig.wait(0.1)
    saved = [e for e in rig.effects if isinstance(e, StateRecord) and e.key == "breaker:consecutive_losses"]
    assert json.loads(saved[-1].value_json)["is_probing"] is False
    assert breaker.state == "half_open" and rig.engine.state.position is None


def test_kelly_stop_opens_a_breaker_that_only_an_operator_closes() -> None:
    rig = Rig(Parameters(kelly_stop=True))
    rig.begin()
    for _ in range(29):
        rig.engine.risk.performance.add(-E8)
    rig.engine.risk.performance.consecutive_losses = 0
    rig.enter(BUY)
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    kelly = rig.engine.risk.breaker("kelly")
    assert kelly is not None and kelly.state == "open"
    rig.wait(3600)
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == "breaker_kelly"
    rig.command("close_breaker", "kelly")
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == ""
    assert rig.of(TradeRecord) and rig.of(CancelOrder)
