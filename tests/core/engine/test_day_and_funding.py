"""The day's baseline and loss, and funding: each once, whatever clocks and restarts do."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.effects import BooksRecord, EquityRecord, FundingRecord, StateRecord
from supreme_system_v5.core.domain.events import FundingPayment
from supreme_system_v5.core.domain.money import E8, format_e8, parse_e8
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters

from .rig import START_MS, Rig

HOUR_MS = 3_600_000
DAY_SECONDS = 86_400


def days(rig: Rig) -> list[dict[str, object]]:
    return [json.loads(e.value_json) for e in rig.effects if isinstance(e, StateRecord) and e.key == "day"]


def payments(rig: Rig) -> list[FundingRecord]:
    return [effect for effect in rig.effects if isinstance(effect, FundingRecord)]


# -- the day


def test_the_baseline_is_the_equity_at_the_first_event_and_stored() -> None:
    rig = Rig()
    (day,) = days(rig)
    assert day["baseline_e8"] == str(10_000 * E8) and day["start_ns"] == START_MS * 1_000_000
    assert day["is_limit_hit"] is False


def test_the_day_rolls_at_utc_midnight_with_the_equity_of_then() -> None:
    rig = Rig(Parameters(position_timeout_minutes=10_000))
    rig.begin()
    rig.enter(BUY)
    rig.wait(DAY_SECONDS - 10 - (rig.ms - START_MS) // 1000)
    for _ in range(10):
        rig.quote("2010.00", "2010.01", after=2)
    state = rig.engine.state
    assert len(days(rig)) == 2
    expected_e8 = state.ledger.wallet_e8 + state.ledger.unrealized_e8(parse_e8("2010.00"))
    assert abs(int(str(days(rig)[1]["baseline_e8"])) - expected_e8) <= E8 // 1000
    assert rig.engine.day.start_ns == (START_MS + DAY_SECONDS * 1000) * 1_000_000


def test_a_clock_that_goes_back_never_reopens_a_day() -> None:
    rig = Rig()
    rig.engine.day.roll(START_MS * 1_000_000 - 1)
    rig.engine.day.roll(START_MS * 1_000_000 + 5)
    assert len(days(rig)) == 1


def test_a_restored_day_keeps_its_baseline_and_its_limit() -> None:
    saved = Rig()
    text = json.dumps({**days(saved)[0], "baseline_e8": str(11_000 * E8), "is_limit_hit": True})
    rig = Rig(is_warm=False)
    rig.engine.day.restore(text)
    rig.begin()
    assert rig.engine.day.baseline_e8 == 11_000 * E8 and not days(rig)
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == "daily_drawdown"
    assert abs(rig.engine.day.drawdown() - 1 / 11) < 1e-9


@given(loss_cents=st.integers(0, 120_000))
def test_the_limit_hits_exactly_at_its_fraction(loss_cents: int) -> None:
    rig = Rig()
    state = rig.engine.state
    state.ledger = state.ledger.after_funding(-loss_cents * E8 // 100)
    rig.engine.day.check_loss()
    assert rig.engine.day.is_limit_hit == (loss_cents >= 50_000)  # 5 % of 10,000


def test_equity_once_a_minute() -> None:
    rig = Rig()
    rig.wait(600)
    records = [effect for effect in rig.effects if isinstance(effect, EquityRecord)]
    assert [e.time_ns // 1_000_000 - START_MS for e in records] == [60_000 * i for i in range(1, 11)]
    assert {e.equity_e8 for e in records} == {10_000 * E8}


def test_equity_is_measured_at_a_fresh_mark_else_at_the_middle() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.mark("2100", 0, START_MS + 8 * HOUR_MS)
    state = rig.engine.state
    assert state.equity_e8() == state.ledger.equity_e8(parse_e8("2100"))
    for _ in range(12):
        rig.quote("1999.00", "1999.02", after=1)
    assert state.equity_e8() == state.ledger.equity_e8(parse_e8("1999.01")), "a mark that stands still is no mark"


# -- funding


def funded(side: int, rate_e8: int) -> Rig:
    rig = Rig(Parameters(position_timeout_minutes=10_000))
    rig.begin()
    rig.enter(side)
    rig.mark("2000", rate_e8, rig.ms + 10_000)
    return rig


def test_longs_pay_a_positive_rate_shorts_receive_it_once() -> None:
    for side, rate_e8, sign in ((BUY, 10_000, -1), (SELL, 10_000, 1), (BUY, -10_000, 1)):
        rig = funded(side, rate_e8)
        due_ms = int(rig.view.next_funding_ms)
        wallet_e8 = rig.engine.state.ledger.wallet_e8
        quantity_e8 = rig.engine.state.ledger.position_e8
        for _ in range(4):
            rig.mark("2000", rate_e8, due_ms)
            rig.wait(4)
        for _ in range(3):
            rig.mark("2000", rate_e8, due_ms)  # a repeated announcement of the time that is over
            rig.mark("2000", rate_e8, due_ms + 8 * HOUR_MS)
        (payment,) = payments(rig)
        assert payment.amount_e8 == (-quantity_e8 * 2000 * E8 * rate_e8) // (E8 * E8)
        assert (payment.amount_e8 > 0) == (sign > 0) and payment.funding_time_ms == due_ms
        assert rig.engine.state.ledger.wallet_e8 == wallet_e8 + payment.amount_e8
        (books,) = [effect for effect in rig.effects if isinstance(effect, BooksRecord)]
        assert books.position["funding_e8"] == payment.amount_e8


def test_funding_is_not_skipped_when_the_venue_speaks_of_the_next_time_before_our_clock_is_there() -> None:
    rig = funded(BUY, 10_000)
    due_ms = int(rig.view.next_funding_ms)
    rig.wait(9.9)
    rig.send(_mark_at(rig, due_ms, 77_000, due_ms + 8 * HOUR_MS))
    (payment,) = payments(rig)
    assert payment.funding_time_ms == due_ms and payment.rate_e8 == 10_000, "the rate announced for that time"
    rig.wait(1)
    assert len(payments(rig)) == 1


def _mark_at(rig: Rig, event_ms: int, rate_e8: int, next_ms: int):  # type: ignore[no-untyped-def]
    from supreme_system_v5.core.domain.events import MarkPrice

    return MarkPrice(rig.time_ns, event_ms, 2000 * E8, 2000 * E8, rate_e8, next_ms)


def test_a_time_that_the_venue_moves_is_not_due_at_its_old_place() -> None:
    rig = funded(BUY, 10_000)
    rig.mark("2000", 10_000, rig.ms + HOUR_MS)
    rig.wait(20)
    assert not payments(rig)


def test_flat_and_spot_pay_nothing() -> None:
    rig = Rig()
    rig.begin()
    rig.mark("2000", 10_000, rig.ms + 5_000)
    rig.wait(8)
    assert not payments(rig) and rig.engine.funding.last_funding_ms > 0


def test_funding_of_the_downtime_is_booked_once() -> None:
    rig = funded(BUY, 10_000)
    for _ in range(2):
        rig.send(FundingPayment(rig.time_ns, START_MS - 1, -5 * E8, 10_000, 2000 * E8))
    assert [p.amount_e8 for p in payments(rig)] == [-5 * E8]


def test_funding_is_unknown_without_an_announcement() -> None:
    rig = Rig()
    rig.begin()
    assert rig.engine.funding.is_unknown()
    rig.mark("2000", 10_000, rig.ms + 5_000)
    assert not rig.engine.funding.is_unknown()
    rig.wait(70)  # settled, and nothing was announced since
    assert rig.engine.funding.is_unknown()
    assert not Rig(Parameters(market="spot")).engine.funding.is_unknown()


def test_the_trades_result_has_its_funding() -> None:
    rig = funded(SELL, 10_000)
    rig.wait(11)
    rig.quote("1950.00", "1950.01")
    rig.trade("1950.00")
    (trade,) = rig.trades
    assert trade.funding_e8 == payments(rig)[0].amount_e8 > 0
    assert trade.net_e8 == rig.engine.state.ledger.wallet_e8 - 10_000 * E8
    assert format_e8(trade.net_e8, 2) == format_e8(trade.gross_e8 - trade.fees_e8 + trade.funding_e8, 2)
