"""USD-M money: funding, liquidation, isolated margin by hand, leverage, income, conservation to the last digit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.core.matching.exchange import usdm_settings as setting
from supreme_system_v5.core.matching.exchange.happenings import Liquidated, OrderUpdate
from supreme_system_v5.core.matching.exchange.margin import maintenance_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.core.matching.exchange.test_usdm_orders import refused
from tests.core.matching.exchange.usdm_kit import BUY, FUNDING_MS, MS, SELL, START_MS, Floor, cash_e8, e8


@pytest.fixture
def floor() -> Floor:
    return Floor()


def kinds(floor: Floor) -> list[tuple[str, int]]:
    return [(row.kind, row.amount_e8) for row in floor.a.income]


# Income ----------------------------------------------------------------------------------------------------------


def test_the_income_history(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.market(SELL, 1)
    assert kinds(floor) == [
        ("COMMISSION", -e8("1.0005")),
        ("REALIZED_PNL", -e8(2)),
        ("COMMISSION", -e8("0.9995")),
    ]
    assert len({row.transaction_id for row in floor.a.income}) == 3
    assert floor.a.wallet_e8 == e8(10_000) - e8(4)
    assert floor.a.position.isolated_e8 == 0


def test_transfers(floor: Floor) -> None:
    floor.venue.deposit("a", e8(5), floor.now_ns)
    floor.limit(BUY, 100, 1990)
    refused(-4050, floor.venue.deposit, "a", -e8(56), floor.now_ns)
    floor.venue.deposit("a", -e8(55), floor.now_ns)
    assert kinds(floor) == [("TRANSFER", e8(5)), ("TRANSFER", -e8(55))]
    assert floor.a.available_e8 == 0
    assert floor.told() == ["account DEPOSIT", "order NEW NEW", "account WITHDRAW"]


# Funding ---------------------------------------------------------------------------------------------------------


def test_funding_is_paid_once_at_its_time_at_the_rate_announced(floor: Floor) -> None:
    floor.market(BUY, 2)
    floor.market(SELL, 3, "b")
    before_e8 = (floor.a.wallet_e8, floor.b.wallet_e8, floor.a.cross_e8)
    floor.told()
    floor.mark(2003, 10_000)
    assert floor.told() == []
    floor.mark(2005, 77_777, FUNDING_MS + 28_800_000)
    assert floor.told() == ["account FUNDING_FEE"]
    assert floor.a.wallet_e8 - before_e8[0] == -e8("0.401")
    assert floor.b.wallet_e8 - before_e8[1] == e8("0.6015")
    assert floor.a.cross_e8 == before_e8[2]  # from the isolated margin
    assert kinds(floor)[-1] == ("FUNDING_FEE", -e8("0.401"))
    floor.mark(2005, 77_777, FUNDING_MS + 28_800_000)
    assert floor.told() == []


def test_a_negative_rate_is_paid_by_the_short(floor: Floor) -> None:
    floor.market(BUY, 2)
    floor.mark(2000, -5_000)
    before_e8 = floor.a.wallet_e8
    floor.mark(2000, 0, FUNDING_MS + 28_800_000)
    assert floor.a.wallet_e8 - before_e8 == e8("0.2")


# Liquidation -----------------------------------------------------------------------------------------------------


def test_a_margin_call_comes_once_before_the_liquidation(floor: Floor) -> None:
    floor.market(BUY, 5)
    floor.told()
    for price, expected in ((1912, []), (1911, ["MarginCall"]), (1910.5, []), (1930, []), (1911, ["MarginCall"])):
        floor.mark(price)
        assert floor.told() == expected, price


def test_liquidation_at_the_mark_price(floor: Floor) -> None:
    floor.market(BUY, 5)
    resting = floor.limit(BUY, 1, 1950)
    stop = floor.algo(SELL, "STOP_MARKET", 1800, is_close_position=True)
    floor.depth({1905: 3, 1904: 10}, {1906: 5})
    floor.told()
    isolated_e8 = floor.a.position.isolated_e8
    cross_e8 = floor.a.cross_e8
    floor.mark(1908)
    happened = floor.venue.take_happenings()
    assert (resting.status, resting.expiry_reason, stop.status) == ("EXPIRED", 5, "EXPIRED")
    closing = floor.venue.orders.get("a", floor.a.forced_orders[0])
    assert closing is not None
    assert closing.client_order_id.startswith("autoclose-1700000")
    assert (closing.order_type, closing.time_in_force, closing.status) == ("LIMIT", "IOC", "FILLED")
    assert [fill.price_e8 for fill in closing.fills] == [e8(1905), e8(1904)]
    updates = [x for x in happened if isinstance(x, OrderUpdate) and x.order.order_id == closing.order_id]
    assert [x.execution for x in updates] == ["NEW", "CALCULATED", "CALCULATED"]
    assert any(isinstance(x, Liquidated) for x in happened)
    # What was left of the margin is less than the clearance fee: the fund gets it, the cross wallet is untouched.
    loss_e8 = 5 * e8(2001) - 3 * e8(1905) - 2 * e8(1904)
    fees_e8 = sum(fill.commission_e8 for fill in closing.fills)
    assert kinds(floor)[-1] == ("INSURANCE_CLEAR", -(isolated_e8 - loss_e8 - fees_e8))
    assert floor.venue.booking.insurance_e8 == isolated_e8 - loss_e8 - fees_e8
    assert (floor.a.position.quantity_e8, floor.a.wallet_e8, floor.a.available_e8) == (0, cross_e8, cross_e8)


def test_what_the_book_does_not_take_the_insurance_fund_takes_at_the_bankruptcy_price(floor: Floor) -> None:
    floor.market(SELL, 5)
    floor.depth({}, {2150: 100})
    cross_e8 = floor.a.cross_e8
    floor.mark(2095)
    closing = floor.venue.orders.get("a", floor.a.forced_orders[0])
    assert closing is not None
    assert (closing.status, closing.fills[0].price_e8) == ("FILLED", closing.price_e8)
    assert floor.a.position.quantity_e8 == 0
    assert cross_e8 <= floor.a.wallet_e8 <= cross_e8 + e8("0.06")
    floor.mark(2095)
    assert len(floor.a.forced_orders) == 1


def test_a_stop_on_the_mark_price_goes_before_the_liquidation(floor: Floor) -> None:
    floor.market(BUY, 1)
    stop = floor.algo(SELL, "STOP_MARKET", 1950, is_close_position=True, working_type="MARK_PRICE")
    floor.mark(1900)
    assert stop.status == "FINISHED"
    assert not floor.a.forced_orders


def test_a_position_with_more_margin_lives_longer(floor: Floor) -> None:
    floor.market(BUY, 5)
    setting.change_margin(floor.venue, "a", setting.ADD, e8(500), floor.now_ns)
    floor.mark(1908)
    assert not floor.a.forced_orders
    balance_e8 = floor.a.position.isolated_e8 + floor.a.position.unrealized_e8(e8(1908))
    assert balance_e8 > maintenance_e8(floor.venue.rules.brackets, 5 * e8(1908))


def test_a_gap_beyond_the_margin_is_made_good_by_the_fund(floor: Floor) -> None:
    floor.a.wallet_e8 = e8(103)
    floor.market(BUY, 1)
    floor.depth({1891: 5}, {1892: 5})
    floor.mark(1990)
    floor.market(SELL, 1)
    assert floor.a.wallet_e8 == 0
    lost_e8 = e8(110) + e8("1.0005") + e8("0.9455") - e8(103)
    assert kinds(floor)[-1] == ("INSURANCE_CLEAR", lost_e8)
    assert floor.venue.booking.insurance_e8 == -lost_e8


def test_orders_end_that_a_loss_leaves_no_margin_for(floor: Floor) -> None:
    floor.a.wallet_e8 = e8(210)
    floor.market(BUY, 1)
    resting = floor.limit(SELL, 2, 2060)  # the second half of it opens a short
    floor.depth({1960: 5}, {2070: 5})
    floor.market(SELL, 1)
    assert floor.a.position.quantity_e8 == 0
    assert resting.status == "EXPIRED"
    assert floor.a.available_e8 == floor.a.wallet_e8


# Settings --------------------------------------------------------------------------------------------------------


def test_leverage(floor: Floor) -> None:
    venue, now = floor.venue, floor.now_ns
    assert setting.set_leverage(venue, "a", 10, now) == e8(150_000_000)
    assert floor.told() == ["LeverageChanged"]
    for bad in (0, 126):
        assert refused(-4028, setting.set_leverage, venue, "a", bad, now) == f"Leverage {bad} is not valid"
    floor.limit(BUY, 40, 1990)
    refused(-2028, setting.set_leverage, venue, "a", 5, now)
    assert floor.a.leverage == 10
    refused(-2027, setting.set_leverage, venue, "a", 125, now)
    venue.cancel_all("a", now)
    floor.market(BUY, 1)
    text = refused(-4161, setting.set_leverage, venue, "a", 9, now)
    assert text == "Leverage reduction is not supported in Isolated Margin Mode with open positions."
    setting.set_leverage(venue, "a", 50, now)


def test_what_is_not_served_is_refused_in_the_venues_words(floor: Floor) -> None:
    venue = floor.venue
    assert refused(-4046, setting.set_margin_type, venue, "a", "ISOLATED") == "No need to change margin type."
    refused(-1020, setting.set_margin_type, venue, "a", "CROSSED")
    assert refused(-4059, setting.set_dual_side, venue, "a", False) == "No need to change position side."
    refused(-1020, setting.set_dual_side, venue, "a", True)
    refused(-4171, setting.set_multi_assets, venue, "a", False)
    refused(-4167, setting.set_multi_assets, venue, "a", True)
    floor.limit(BUY, 1, 1999)
    refused(-4047, setting.set_margin_type, venue, "a", "CROSSED")
    refused(-4067, setting.set_dual_side, venue, "a", True)
    venue.cancel_all("a", floor.now_ns)
    floor.market(BUY, 1)
    refused(-4048, setting.set_margin_type, venue, "a", "CROSSED")
    refused(-4068, setting.set_dual_side, venue, "a", True)


def test_isolated_margin_by_hand(floor: Floor) -> None:
    venue, now = floor.venue, floor.now_ns
    change = setting.change_margin
    assert refused(-4054, change, venue, "a", 1, e8(1), now) == "Cannot add position margin: position is 0."
    floor.market(BUY, 1)
    before_e8 = (floor.a.position.isolated_e8, floor.a.available_e8)
    refused(-4055, change, venue, "a", 1, 0, now)
    assert refused(-4050, change, venue, "a", 1, e8(10_000), now) == "Cross balance insufficient."
    assert refused(-4051, change, venue, "a", 2, e8("0.01"), now) == "Isolated balance insufficient."
    floor.told()
    change(venue, "a", 1, e8(50), now)
    assert floor.told() == ["account MARGIN_TRANSFER"]
    change(venue, "a", 2, e8(40), now)
    assert floor.a.position.isolated_e8 == before_e8[0] + e8(10)
    assert floor.a.available_e8 == before_e8[1] - e8(10)
    assert [(row.kind, row.amount_e8) for row in floor.a.margin_changes] == [(1, e8(50)), (2, e8(40))]


# The dead-man's switch -------------------------------------------------------------------------------------------


def test_countdown_cancel_all(floor: Floor) -> None:
    venue = floor.venue
    order = floor.limit(BUY, 1, 1999)
    other = floor.limit(BUY, 1, 1999, "b")
    algo = floor.algo(SELL, "STOP_MARKET", 1900, 1)
    venue.countdown_cancel_all("a", 1_000, floor.now_ns)
    floor.go(900)
    venue.countdown_cancel_all("a", 1_000, floor.now_ns)
    floor.go(999)
    assert order.is_open
    floor.go(1)
    assert (order.status, other.status, algo.status) == ("CANCELED", "NEW", "NEW")
    venue.countdown_cancel_all("b", 1_000, floor.now_ns)
    venue.countdown_cancel_all("b", 0, floor.now_ns)
    floor.go(5_000)
    assert other.is_open


def test_the_switch_can_take_conditional_orders_too() -> None:
    floor = Floor(countdown_cancels_algos=True)
    algo = floor.algo(SELL, "STOP_MARKET", 1900, 1)
    floor.venue.countdown_cancel_all("a", 10, floor.now_ns)
    floor.go(10)
    assert algo.status == "CANCELED"


# Everything together ---------------------------------------------------------------------------------------------

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["limit", "market", "reduce", "cancel", "trade", "mark", "algo", "margin", "fund", "lever"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([BUY, SELL]),
        st.integers(10, 3_000),
        st.integers(1_900, 2_100),
    ),
    max_size=40,
)


def drive(floor: Floor, steps: list[tuple[str, str, int, int, int]]) -> None:
    funding_ms = FUNDING_MS
    for kind, name, side, size, price in steps:
        floor.go(250)
        try:
            if kind == "limit":
                floor.limit(side, size / 1000, price, name)
            elif kind in ("market", "reduce"):
                floor.market(side, size / 1000, name, is_reduce_only=kind == "reduce")
            elif kind == "algo":
                floor.algo(side, "STOP_MARKET", price, size / 1000, name)
            elif kind == "cancel":
                floor.venue.cancel_all(name, floor.now_ns)
            elif kind == "margin":
                setting.change_margin(floor.venue, name, 1 + size % 2, size * 10**6, floor.now_ns)
            elif kind == "lever":
                setting.set_leverage(floor.venue, name, size % 125 + 1, floor.now_ns)
            elif kind == "trade":
                floor.trade(price, size / 100, side == SELL)
            else:
                funding_ms += 28_800_000 if kind == "fund" else 0
                floor.mark(price, size * 37, funding_ms)
        except Refusal:
            continue
        best = max(floor.book.sides[BUY], default=0), min(floor.book.sides[SELL], default=0)
        if 0 in best:
            floor.depth({1999: 5, 1998: 10, 1990: 50}, {2001: 5, 2002: 10, 2010: 50})


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_not_a_digit_is_lost(steps: list[tuple[str, str, int, int, int]]) -> None:
    floor = Floor()
    drive(floor, steps)
    venue = floor.venue
    for account in (floor.a, floor.b):
        fills = venue.orders.fills(account.name)
        traded_e8 = sum(fill.side * fill.quote_e8 for fill in fills)
        fees_e8 = sum(fill.commission_e8 for fill in fills)
        extra_e8 = sum(row.amount_e8 for row in account.income if row.kind in ("FUNDING_FEE", "INSURANCE_CLEAR"))
        assert cash_e8(account) == e8(10_000) - traded_e8 - fees_e8 + extra_e8
        assert account.wallet_e8 == e8(10_000) + sum(row.amount_e8 for row in account.income)
        assert account.position.quantity_e8 == sum(fill.side * fill.quantity_e8 for fill in fills)
        orders = venue.orders.open_orders(account.name)
        for side, held_e8 in ((BUY, account.bids_e8), (SELL, account.asks_e8)):
            assert held_e8 == sum(order.locked_e8 for order in orders if order.side == side)
        assert account.cross_e8 >= 0
        assert account.available_e8 >= 0
        assert not any(order.is_done for order in orders)
        if account.position.quantity_e8 == 0:
            assert account.position.isolated_e8 == 0
    wallets_e8 = floor.a.wallet_e8 + floor.b.wallet_e8
    realized_e8 = floor.a.position.realized_e8 + floor.b.position.realized_e8
    booking = venue.booking
    assert wallets_e8 + booking.fees_e8 + booking.insurance_e8 - booking.funding_e8 == e8(20_000) + realized_e8
    assert len(venue.matcher.resting.all()) == len(venue.orders.all_open())
    bids = [order.price_e8 for order in venue.matcher.resting.side(BUY).orders]
    asks = [order.price_e8 for order in venue.matcher.resting.side(SELL).orders]
    assert not (bids and asks and max(bids) >= min(asks)), "a crossed book at rest"


@settings(max_examples=40, deadline=None)
@given(_STEPS, _STEPS)
def test_a_restored_venue_goes_on_as_the_saved_one(
    before: list[tuple[str, str, int, int, int]], after: list[tuple[str, str, int, int, int]]
) -> None:
    one, two = Floor(), Floor()
    drive(one, before)
    saved = json.loads(json.dumps(one.venue.save()))
    fresh = Floor().venue
    two.venue = fresh.__class__(one.venue.instrument, two.book, fresh.ids)
    two.venue.restore(saved)
    two.a, two.b = two.venue.accounts["a"], two.venue.accounts["b"]
    two.book.sides = {side: dict(levels) for side, levels in one.book.sides.items()}
    two.now_ms = one.now_ms
    assert two.venue.state() == one.venue.state()
    one.venue.take_happenings()
    drive(one, after)
    drive(two, after)
    assert two.venue.state() == one.venue.state()
    assert two.told() == one.told()


def test_timers_survive_a_restart(floor: Floor) -> None:
    floor.limit(BUY, 1, 1999, time_in_force="GTD", good_till_ms=START_MS + 700_000)
    floor.venue.countdown_cancel_all("b", 900_000, floor.now_ns)
    fresh = Floor().venue
    again = fresh.__class__(floor.venue.instrument, floor.book, fresh.ids)
    again.restore(json.loads(json.dumps(floor.venue.save())))
    assert again.next_ns() == (START_MS + 700_000) * MS
    again.advance((START_MS + 700_000) * MS)
    assert again.orders.open_count("a") == 0
    assert again.next_ns() == (START_MS + 900_000) * MS
    with pytest.raises(ValueError, match="version"):
        again.restore({"version": 99})


def test_timers_of_what_has_ended_are_let_go_of(floor: Floor) -> None:
    for _ in range(5_000):
        order = floor.limit(BUY, 1, 1999, time_in_force="GTD", good_till_ms=START_MS + 700_000)
        floor.venue.cancel("a", order.order_id, "", floor.now_ns)
    assert len(floor.venue.timers) < 4_096
    kept = floor.limit(BUY, 1, 1999, time_in_force="GTD", good_till_ms=START_MS + 700_000)
    floor.go(700_000)
    assert kept.status == "EXPIRED"
    assert len(floor.venue.timers) == 0
