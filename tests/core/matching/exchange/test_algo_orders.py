"""Conditional USD-M orders: placing, triggering, what they become, cancelling."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.matching.exchange.algo import AlgoOrder
from supreme_system_v5.core.matching.exchange.happenings import AlgoUpdate
from tests.core.matching.exchange.test_usdm_orders import refused
from tests.core.matching.exchange.usdm_kit import BUY, SELL, START_MS, Floor, e8


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "not_yet", "reached"),
    [
        (SELL, "STOP_MARKET", 1990, 1990.01, 1990),
        (BUY, "STOP_MARKET", 2010, 2009.99, 2010),
        (SELL, "TAKE_PROFIT_MARKET", 2010, 2009.99, 2010),
        (BUY, "TAKE_PROFIT_MARKET", 1990, 1990.01, 1990),
    ],
)
def test_what_triggers(floor: Floor, side: int, kind: str, trigger: float, not_yet: float, reached: float) -> None:
    for working_type, move in (("MARK_PRICE", floor.mark), ("CONTRACT_PRICE", lambda p: floor.trade(p, 0.001, True))):
        algo = floor.algo(side, kind, trigger, 1, working_type=working_type)
        move(not_yet)
        assert algo.status == "NEW"
        move(reached)
        assert algo.status == "FINISHED", working_type
        floor.depth({1999: 5, 1990: 50}, {2001: 5, 2010: 50})
        floor.mark(2000)
        floor.trade(2000, 0.001, True)


def test_the_whole_way_of_a_stop(floor: Floor) -> None:
    floor.market(BUY, 1)
    algo = floor.algo(SELL, "STOP_MARKET", 1990, is_close_position=True, client_order_id="my-stop")
    floor.go(5)
    floor.depth({1989: 0.4, 1988: 5}, {2001: 5})
    assert floor.told()[-1] == "algo NEW"
    floor.trade(1989.5, 1, True)
    assert floor.told() == [
        "algo TRIGGERING",
        "order NEW NEW",
        "algo TRIGGERED",
        "TradeLite",
        "account ORDER",
        "order TRADE PARTIALLY_FILLED",
        "TradeLite",
        "account ORDER",
        "order TRADE FILLED",
        "algo FINISHED",
    ]
    order = floor.venue.orders.get("a", algo.order_id)
    assert order is not None
    assert (order.order_type, order.asked.order_type, order.client_order_id) == ("MARKET", "STOP_MARKET", "my-stop")
    assert order.asked.is_reduce_only
    assert algo.trigger_ns == (START_MS + 5) * 1_000_000
    assert (algo.actual_quantity_e8, algo.actual_price_e8) == (e8(1), e8("1988.4"))
    assert floor.a.position.quantity_e8 == 0


def test_a_stop_limit_rests_and_is_finished_by_its_end(floor: Floor) -> None:
    algo = floor.algo(BUY, "STOP", 2003, 1, price="1995")
    floor.trade(2003, 1, False)
    assert algo.status == "TRIGGERED"
    order = floor.venue.orders.get("a", algo.order_id)
    assert order is not None
    assert (order.status, order.price_e8, order.order_type) == ("NEW", e8(1995), "LIMIT")
    refused(-4117, floor.venue.cancel_algo, "a", algo.algo_id, "", floor.now_ns)
    floor.venue.cancel("a", order.order_id, "", floor.now_ns)
    assert (algo.status, algo.actual_quantity_e8) == ("FINISHED", 0)


def test_a_trigger_that_is_refused_is_rejected(floor: Floor) -> None:
    algo = floor.algo(SELL, "STOP_MARKET", 1990, 1, is_reduce_only=True)
    poor = floor.algo(SELL, "STOP_MARKET", 1990, 1000)
    floor.told()
    floor.mark(1990)
    floor.trade(1990, 1, True)
    assert (algo.status, algo.failure) == ("REJECTED", "Reduce Only reject")
    assert (poor.status, poor.failure) == ("REJECTED", "Margin is insufficient.")
    assert floor.told() == ["algo TRIGGERING", "algo REJECTED"] * 2


def test_a_triggered_limit_order_that_only_reduces_needs_room_behind_better_ones(floor: Floor) -> None:
    floor.market(BUY, 1)
    taking = floor.limit(SELL, 1, 2050, is_reduce_only=True)
    behind = floor.algo(SELL, "TAKE_PROFIT", 2010, 1, price=2060, is_reduce_only=True)
    before = floor.algo(SELL, "TAKE_PROFIT", 2011, 1, price=2040, is_reduce_only=True)
    floor.trade(2010, 0.001, False)
    assert (behind.status, behind.failure, taking.status) == ("REJECTED", "Reduce Only reject", "NEW")
    floor.trade(2011, 0.001, False)
    assert (before.status, taking.status, taking.expiry_reason) == ("TRIGGERED", "EXPIRED", 4)


def test_one_clients_trade_triggers_the_others_stop(floor: Floor) -> None:
    stop = floor.algo(BUY, "STOP_MARKET", 2002, 1, "b")
    floor.market(BUY, 6)
    assert stop.status == "FINISHED"
    assert floor.b.position.quantity_e8 == e8(1)


def test_price_protection_holds_a_trigger_back(floor: Floor) -> None:
    algo = floor.algo(SELL, "STOP_MARKET", 1990, 1, is_price_protected=True)
    floor.trade(1890, 1, True)  # 5.5 % from the mark
    assert algo.status == "NEW"
    floor.trade(1950, 1, True)
    assert algo.status != "NEW"


def test_it_would_trigger_at_once(floor: Floor) -> None:
    text = refused(-2021, floor.algo, SELL, "STOP_MARKET", 2000, 1)
    assert text == "Order would immediately trigger."
    refused(-2021, floor.algo, SELL, "TAKE_PROFIT_MARKET", 1999, 1)
    floor.mark(1990)
    refused(-2021, floor.algo, SELL, "STOP_MARKET", 1995, 1, working_type="MARK_PRICE")
    assert floor.algo(SELL, "STOP_MARKET", 1995, 1).status == "NEW"


def test_rules_of_conditional_orders(floor: Floor) -> None:
    refused(-1116, floor.algo, SELL, "LIMIT", 1990, 1, price=1990)
    refused(-1020, floor.algo, SELL, "TRAILING_STOP_MARKET", 1990, 1)
    refused(-4006, floor.algo, SELL, "STOP_MARKET", 0, 1)
    refused(-4007, floor.algo, BUY, "STOP_MARKET", 400_000, 1)
    refused(-1111, floor.algo, SELL, "STOP_MARKET", 1990.001, 1)
    refused(-4003, floor.algo, SELL, "STOP_MARKET", 1990)
    refused(-4001, floor.algo, SELL, "STOP", 1990, 1)
    refused(-4164, floor.algo, SELL, "STOP_MARKET", 1990, 0.001)
    refused(-1106, floor.algo, SELL, "STOP_MARKET", 1990, 1, price=1990)
    refused(-4031, floor.algo, SELL, "STOP_MARKET", 1990, 1, working_type="INDEX_PRICE")
    refused(-4183, floor.algo, BUY, "STOP", 2010, 1, price=2200)
    refused(-4184, floor.algo, SELL, "STOP", 1990, 1, price=1800)
    refused(-4137, floor.algo, SELL, "STOP_MARKET", 1990, 1, is_close_position=True)
    refused(-1106, floor.algo, SELL, "STOP_MARKET", 1990, is_close_position=True, is_reduce_only=True)
    refused(-4136, floor.algo, SELL, "STOP", 1990, is_close_position=True, price=1980)
    refused(-4061, floor.algo, SELL, "STOP_MARKET", 1990, 1, position_side="SHORT")
    assert floor.told() == []


def test_one_close_position_order_of_a_kind_and_side(floor: Floor) -> None:
    floor.algo(SELL, "STOP_MARKET", 1990, is_close_position=True)
    refused(-4130, floor.algo, SELL, "STOP_MARKET", 1980, is_close_position=True)
    floor.algo(SELL, "TAKE_PROFIT_MARKET", 2010, is_close_position=True)
    floor.algo(BUY, "STOP_MARKET", 2010, is_close_position=True)


def test_at_most_so_many_and_no_client_id_twice(floor: Floor) -> None:
    floor.venue.rules.algo_orders_max = 2
    floor.algo(SELL, "STOP_MARKET", 1990, 1, client_order_id="x")
    refused(-4116, floor.algo, SELL, "STOP_MARKET", 1980, 1, client_order_id="x")
    floor.algo(SELL, "STOP_MARKET", 1990, 1)
    assert refused(-4045, floor.algo, SELL, "STOP_MARKET", 1990, 1) == "Reach max stop order limit."
    assert floor.algo(SELL, "STOP_MARKET", 1990, 1, "b").status == "NEW"


def test_cancelling(floor: Floor) -> None:
    venue, now = floor.venue, floor.now_ns
    one = floor.algo(SELL, "STOP_MARKET", 1990, 1, client_order_id="x")
    two = floor.algo(SELL, "STOP_MARKET", 1980, 1)
    assert venue.cancel_algo("a", None, "x", now) is one
    assert one.status == "CANCELED"
    refused(-2011, venue.cancel_algo, "a", one.algo_id, "", now)
    refused(-2011, venue.cancel_algo, "b", two.algo_id, "", now)
    floor.limit(BUY, 1, 1990)
    venue.cancel_all("a", now)
    assert two.status == "NEW"  # cancelling orders does not touch them
    assert venue.cancel_all_algos("a", now) == [two]
    assert [algo.status for algo in venue.algos.all("a")] == ["CANCELED", "CANCELED"]
    assert venue.algos.waiting("a") == []


def test_a_conditional_order_expires_at_its_date(floor: Floor) -> None:
    algo = floor.algo(BUY, "STOP", 2010, 1, price=2011, time_in_force="GTD", good_till_ms=START_MS + 601_000)
    floor.go(600_999)
    assert algo.status == "NEW"
    floor.go(1)
    assert algo.status == "EXPIRED"


def test_the_happening_is_a_copy(floor: Floor) -> None:
    algo = floor.algo(SELL, "STOP_MARKET", 1990, 1)
    told = [item for item in floor.venue.take_happenings() if isinstance(item, AlgoUpdate)]
    floor.venue.cancel_algo("a", algo.algo_id, "", floor.now_ns)
    copied = told[0].order
    assert isinstance(copied, AlgoOrder)
    assert copied.status == "NEW"
