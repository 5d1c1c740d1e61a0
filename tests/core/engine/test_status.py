"""Why there is no trade: the first thing in the way, with its value."""

from __future__ import annotations

from supreme_system_v5.core.domain.events import ClockFault, FallbackPrice, Pressure
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.status import SessionStart, engine_status, no_trade_reason, trading_state

from .rig import Rig


def why(rig: Rig) -> str:
    return no_trade_reason(rig.engine)


def test_from_the_start_to_the_strategys_own_words() -> None:
    rig = Rig(is_warm=False)
    assert why(rig) == "warming up: 0 bars known"
    rig.warm()
    assert why(rig) == "the forming bar was seen only in part; trading starts with the next one"
    rig.begin()
    assert why(rig) == "the puppet wants nothing"


def test_silence_is_told_with_its_age() -> None:
    rig = Rig()
    rig.begin()
    for _ in range(4):
        rig.quote("2000.00", "2000.01", after=3)
    assert why(rig) == "no trade for 12 s, needs <= 5 s"
    for _ in range(3):
        rig.trade("2000", after=3)
    assert why(rig) == "no quote for 9 s, needs <= 5 s"


def test_limits_sources_and_pressure() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2004.00")
    assert why(rig) == "spread 20.0 bps, needs <= 10.0"
    rig.quote("2000.00", "2000.01")
    rig.send(Pressure(rig.time_ns, 4, 0))
    assert (why(rig), trading_state(rig.engine)) == ("cpu pressure", "reduce_only")
    rig.send(Pressure(rig.time_ns, 0, 0))
    rig.send(ClockFault(rig.time_ns, "suspend", 10**10))
    assert (why(rig), trading_state(rig.engine)) == ("clock resync", "reduce_only")
    rig.feed("", "server_time")
    rig.quote("2000.00", "2000.01")
    rig.feed("", "up", "binance")
    rig.feed("", "up", "coingecko")
    rig.send(FallbackPrice(rig.time_ns, parse_e8("2000"), rig.ms))
    assert why(rig) == "prices come from CoinGecko: it may reduce risk, it opens nothing"
    assert engine_status(rig.engine, SessionStart(rig.engine))["source"] == "coingecko"


def test_a_breaker_and_the_day_name_their_reason() -> None:
    rig = Rig(Parameters(max_daily_drawdown_pct=0.0002))
    rig.begin()
    breaker = rig.engine.risk.breaker("consecutive_losses")
    assert breaker is not None
    breaker.trip(rig.time_ns, "5 losses in a row")
    assert why(rig) == "breaker consecutive_losses is open: 5 losses in a row"
    breaker.close()
    rig.enter(BUY)
    assert why(rig) == "in a LONG position; one at a time"
    rig.quote("1970.00", "1970.01")
    rig.wait(0.1)
    assert "daily loss" in why(rig) and "00:00 UTC" in why(rig)


def test_the_days_own_result_and_the_sessions() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.quote("1970.00", "1970.01")
    rig.trade("1970.00")
    start = SessionStart(rig.engine)  # as if restarted now
    status = engine_status(rig.engine, start)
    today, session = status["pnl_today"], status["pnl_session"]
    assert isinstance(today, dict) and isinstance(session, dict)
    (trade,) = rig.trades
    assert parse_e8(today["net"]) == round(trade.net_e8, -4) and session["net"] == "0.0000"
    assert status["pnl_total"] == today and status["refusals_today"] == {}
    assert status["orders"] == {"FILLED": 2, "CANCELED": 1}
