"""Entries, exits and what stands between them, as the engine and the paper venue do them together."""

from __future__ import annotations

from supreme_system_v5.core.domain.effects import OrderRecord, Shutdown, SubmitOrder
from supreme_system_v5.core.domain.events import (
    COMMAND_EMERGENCY_STOP,
    COMMAND_STOP,
    FallbackPrice,
    FeedStatus,
    Pressure,
)
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters

from .rig import Rig


def test_an_intent_is_recorded_before_it_is_sent() -> None:
    rig = Rig()
    rig.begin()
    done = rig.signal(BUY)
    kinds = [type(effect) for effect in done]
    assert kinds.index(OrderRecord) < kinds.index(SubmitOrder)


def test_a_long_is_entered_sized_protected_and_stopped_on_the_crossing_trade() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    position = rig.engine.state.position
    assert position is not None
    # 2 % of 10,000 at confidence 1 and quiet volatility: at most 200 USDT, rounded down to the step.
    quantity_e8 = rig.engine.state.ledger.position_e8
    assert 0 < quantity_e8 * 2000 <= 200 * E8
    assert quantity_e8 % rig.instrument.step_e8 == 0
    assert position.protected_e8 == quantity_e8
    assert position.stop_trigger_e8 == parse_e8("1980.01")
    rig.quote("1980.02", "1980.03")
    rig.trade("1980.02")
    assert rig.engine.state.position is not None
    rig.quote("1980.00", "1980.01")
    rig.trade("1980.01")
    assert rig.engine.state.position is None
    assert [trade.exit_reason for trade in rig.trades] == ["stop"]
    assert rig.trades[0].exit_price_e8 == parse_e8("1980.00")


def test_a_gap_fills_through_the_stop() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    assert rig.trades[0].exit_price_e8 == parse_e8("1900.00")


def test_a_short_takes_its_target() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(SELL)
    position = rig.engine.state.position
    assert position is not None and position.side == SELL
    rig.quote("1959.90", "1959.91")
    rig.trade("1959.90")
    assert [trade.exit_reason for trade in rig.trades] == ["target"]
    assert rig.trades[0].net_e8 > 0


def test_the_timeout_closes_at_the_market() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    for _ in range(16):
        rig.quote("2000.50", "2000.51", after=60)
        rig.trade("2000.50")
    assert [trade.exit_reason for trade in rig.trades] == ["timeout"]


def test_one_position_at_a_time_and_the_opposite_signal_closes() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.signal(BUY)
    assert rig.engine.state.refusals == {"in_position": 1}
    rig.signal(SELL)
    rig.wait(0.1)
    assert rig.engine.state.position is None
    assert [trade.exit_reason for trade in rig.trades] == ["opposite_signal"]


def test_spot_sells_only_close() -> None:
    rig = Rig(Parameters(market="spot", taker_fee_e8=100_000, maker_fee_e8=100_000))
    rig.begin()
    rig.signal(SELL)
    assert rig.engine.state.refusals == {"spot_short": 1}


def test_a_spot_round_trip_leaves_at_most_dust() -> None:
    rig = Rig(Parameters(market="spot", taker_fee_e8=100_000, maker_fee_e8=100_000))
    rig.begin()
    rig.enter(BUY)
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    ledger = rig.engine.state.ledger
    assert rig.engine.state.position is None
    assert ledger.position_e8 == 0
    assert 0 <= ledger.dust_e8 < rig.instrument.step_e8
    assert ledger.identity_gap_e8() == 0


def test_stale_trades_and_stale_quotes_refuse_entries() -> None:
    rig = Rig()
    rig.begin()
    rig.wait(6)
    rig.trade("2000", "1000")  # fresh trades, old quotes
    rig.puppet.wanted = None
    rig.signal(BUY)
    assert set(rig.engine.state.refusals) <= {"stale_quotes", "no_quote"}
    assert sum(rig.engine.state.refusals.values()) == 1


def test_the_daily_loss_closes_and_blocks_until_midnight() -> None:
    rig = Rig(Parameters(max_daily_drawdown_pct=0.0005))
    rig.begin()
    rig.enter(BUY)
    rig.quote("1940.00", "1940.01")  # above nothing, below the stop's trigger: only a trade triggers the stop
    rig.wait(0.1)
    rig.quote("1940.00", "1940.01")
    assert rig.engine.state.position is None
    assert [trade.exit_reason for trade in rig.trades] == ["daily_drawdown"]
    rig.signal(BUY, "1940")
    assert rig.engine.state.refusals == {"daily_drawdown": 1}
    for _ in range(24 * 12 + 1):
        rig.quote("1940.00", "1940.01", after=300)
        rig.trade("1940.00")
    assert not rig.engine.day.is_limit_hit


def test_five_losses_open_the_breaker_and_a_quarter_size_probe_follows() -> None:
    rig = Rig(Parameters(max_orders_per_minute=100, max_daily_drawdown_pct=0.5, position_size_pct=0.10))
    rig.begin()
    sizes = []
    for _ in range(5):
        rig.enter(BUY)
        sizes.append(rig.engine.state.ledger.position_e8)
        rig.quote("1900.00", "1900.01")
        rig.trade("1900.00")
        rig.quote("2000.00", "2000.01")
        rig.trade("2000.00")
    assert len(rig.trades) == 5
    rig.signal(BUY)
    assert rig.engine.state.refusals == {"breaker_consecutive_losses": 1}
    rig.wait(15 * 60)
    rig.quote("2000.00", "2000.01")
    rig.trade("2000.00")
    rig.wait(61)
    rig.enter(BUY)
    assert rig.engine.state.ledger.position_e8 <= sizes[0] // 4
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    breaker = rig.engine.risk.breaker("consecutive_losses")
    assert breaker is not None and breaker.state == "open"


def test_the_fallback_stop_needs_two_fresh_polls_and_fills_from_a_quote() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.send(FeedStatus(rig.time_ns, "binance", "", "up", 0))
    rig.send(FeedStatus(rig.time_ns, "coingecko", "", "up", 0))
    beyond_e8 = parse_e8("1900")
    rig.send(FallbackPrice(rig.time_ns, beyond_e8, rig.ms))
    rig.send(FallbackPrice(rig.time_ns, beyond_e8, rig.ms))  # the same cached answer again
    assert rig.engine.desk.wanted_exit == ""
    rig.send(FallbackPrice(rig.time_ns, beyond_e8, rig.ms + 1))
    assert rig.engine.desk.wanted_exit == "fallback_stop"
    rig.signal(BUY)
    assert "fallback_source" in rig.engine.state.refusals or rig.engine.state.position is None


def test_a_stop_keeps_the_position_or_closes_it() -> None:
    for on_stop, is_left in (("keep", True), ("close", False)):
        rig = Rig()
        rig.begin()
        rig.enter(BUY)
        rig.command(COMMAND_STOP, on_stop)
        rig.wait(0.2)
        assert (rig.engine.state.position is not None) == is_left
        shutdowns = [effect for effect in rig.effects if isinstance(effect, Shutdown)]
        assert [shutdown.exit_code for shutdown in shutdowns] == [0]


def test_an_emergency_stop_ends_flat_with_the_latch_exit_code() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(SELL)
    rig.command(COMMAND_EMERGENCY_STOP)
    rig.wait(0.2)
    assert rig.engine.state.position is None
    assert [e.exit_code for e in rig.effects if isinstance(e, Shutdown)] == [4]


def test_memory_pressure_refuses_then_shuts_down_with_3() -> None:
    rig = Rig()
    rig.begin()
    rig.send(Pressure(rig.time_ns, 0, 2))
    rig.signal(BUY)
    assert rig.engine.state.refusals == {"memory_pressure": 1}
    rig.send(Pressure(rig.time_ns, 0, 3))
    assert [e.exit_code for e in rig.effects if isinstance(e, Shutdown)] == [3]


def test_a_stop_waits_for_the_answer_of_every_order() -> None:
    """The stop fills while the closing order is on its way: flat, but that order has no answer yet."""
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.command(COMMAND_STOP, "close")  # the market order arrives 50 ms later
    rig.quote("1900.00", "1900.01")
    rig.trade("1900.00")
    assert rig.engine.state.position is None
    assert not [e for e in rig.effects if isinstance(e, Shutdown)]
    rig.wait(0.2)
    assert not [order for order in rig.engine.state.orders.values() if order.is_open]
    assert [e.exit_code for e in rig.effects if isinstance(e, Shutdown)] == [0]


def test_a_stop_request_during_a_flying_entry_ends_flat_when_closing() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)  # in flight: it arrives 50 ms later
    rig.command(COMMAND_STOP, "close")
    for _ in range(5):
        rig.wait(0.1)
    assert rig.engine.state.position is None
    assert len([e for e in rig.effects if isinstance(e, Shutdown)]) == 1
