"""The matcher with several clients: turns in the queue, self-trade prevention, fill-or-kill, what it touches."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.events import Quote
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, GTC, IOC, LIMIT, MARKET, SELL
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.book_order import (
    STP_DECREMENT,
    STP_EXPIRE_BOTH,
    STP_EXPIRE_MAKER,
    STP_EXPIRE_TAKER,
    STP_NONE,
    BookOrder,
)
from supreme_system_v5.core.matching.liquidity import ViewLiquidity
from supreme_system_v5.core.matching.matcher import Matcher
from tests.core.matching.bank import FOK, Asked, Bank, ClientOrder, Floor
from tests.core.matching.kit import E8, e8

RICH = {"ann": (1_000 * E8, 10_000_000 * E8), "bob": (1_000 * E8, 10_000_000 * E8), "cat": (E8, 3_000 * E8)}


@pytest.fixture
def floor() -> Floor:
    """Bids of the market 2000.00 x 5, 1999.90 x 8; asks 2000.10 x 5, 2000.20 x 8."""
    made = Floor(RICH)
    for side, price, quantity in ((BUY, 2000.0, 5), (BUY, 1999.9, 8), (SELL, 2000.1, 5), (SELL, 2000.2, 8)):
        made.level(side, e8(price), e8(quantity))
    return made


def ask(
    account: str,
    side: int,
    quantity: float,
    price: float = 0.0,
    kind: str = LIMIT,
    tif: str = GTC,
    stp: str = STP_NONE,
    budget: float = 0.0,
    linked: int = 0,
) -> Asked:
    return Asked(account, side, e8(quantity), e8(price), kind, tif, stp, e8(budget), linked)


def fills(floor: Floor) -> list[tuple[int, float, float, str]]:
    """(number, price, quantity, maker or taker), cleared by reading."""
    return [
        (number, price / E8, quantity / E8, "maker" if is_maker else "taker")
        for number, price, quantity, is_maker in floor.take_fills()
    ]


def ahead(floor: Floor, number: int) -> float:
    queue = floor.orders[number].queue
    assert queue is not None
    return queue.ahead_e8 / E8


# ---- whose turn it is


def test_the_market_before_a_client_then_the_client_then_the_market_behind(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.1))
    floor.level(SELL, e8(2000.1), e8(9))  # 4 more join behind
    floor.place(2, ask("bob", BUY, 8, 2000.1))
    assert fills(floor) == [
        (2, 2000.1, 5, "taker"),
        (1, 2000.1, 1, "maker"),
        (2, 2000.1, 1, "taker"),
        (2, 2000.1, 2, "taker"),
    ]
    assert floor.market.asks[e8(2000.1)] == e8(2)


def test_what_a_client_took_stood_before_those_who_rest(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.1))
    floor.level(SELL, e8(2000.1), e8(9))
    floor.place(2, ask("bob", BUY, 3, 2000.1))
    assert ahead(floor, 1) == 2
    assert floor.trade(BUY, e8(2000.1), e8(2.5)) == e8(0.5)
    assert fills(floor) == [(2, 2000.1, 3, "taker"), (1, 2000.1, 0.5, "maker")]
    assert floor.market.asks[e8(2000.1)] == e8(4)  # the two ahead are gone, the four behind are not


def test_a_trade_leaves_to_a_later_client_the_market_between_the_two(floor: Floor) -> None:
    floor.place(1, ask("ann", BUY, 10, 2000))
    floor.level(BUY, e8(2000), e8(8))  # 3 between the first and the second
    floor.place(2, ask("bob", BUY, 1, 2000))
    assert floor.trade(SELL, e8(2000), e8(9)) == e8(4)
    assert fills(floor) == [(1, 2000, 4, "maker")]
    assert (ahead(floor, 1), ahead(floor, 2)) == (0, 3)
    floor.cancel(1)
    assert floor.trade(SELL, e8(2000), e8(2)) == 0
    assert floor.trade(SELL, e8(2000), e8(2)) == e8(1)


def test_a_better_price_comes_first_and_both_get_the_makers_price(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.05))
    floor.place(2, ask("ann", SELL, 1, 2000.15))
    floor.place(3, ask("bob", BUY, 8, 2000.2))
    assert fills(floor) == [
        (1, 2000.05, 1, "maker"),
        (3, 2000.05, 1, "taker"),
        (3, 2000.1, 5, "taker"),
        (2, 2000.15, 1, "maker"),
        (3, 2000.15, 1, "taker"),
        (3, 2000.2, 1, "taker"),
    ]


def test_clients_alone_are_a_market_too() -> None:
    floor = Floor(RICH)
    floor.place(1, ask("ann", SELL, 1, 2001))
    floor.place(2, ask("bob", BUY, 3, kind=MARKET))
    assert fills(floor) == [(1, 2001, 1, "maker"), (2, 2001, 1, "taker")]
    assert floor.place(3, ask("bob", BUY, 3, kind=MARKET)) == "expired"
    assert fills(floor) == []


def test_the_older_first_at_one_price(floor: Floor) -> None:
    for number in (1, 2, 3):
        floor.place(number, ask("ann", BUY, 1, 2000.05))
    floor.cancel(2)
    floor.place(4, ask("ann", BUY, 1, 2000.05))
    floor.place(5, ask("bob", SELL, 2.5, 2000.05))
    assert [fill[0] for fill in fills(floor) if fill[3] == "maker"] == [1, 3, 4]


def test_an_estimate_between_two_steps_does_not_bring_a_client_forward() -> None:
    """A queue of a view is an estimate and may end between two steps: the market's part is rounded up."""
    view = MarketView(eth_usdt("spot"))
    liquidity = ViewLiquidity(view)
    bank = Bank(RICH)
    matcher = Matcher(eth_usdt("spot"), liquidity, bank)
    bank.matcher = matcher
    view.apply(Quote(0, 0, 1, e8(2000), e8(5), e8(2000.1), e8(5)))
    maker = ClientOrder(1, ask("ann", SELL, 1, 2000.1))
    matcher.resting.add(maker)
    assert maker.queue is not None
    maker.queue.ahead_e8 = e8(1.23456)
    taker = ClientOrder(2, ask("bob", BUY, 3, 2000.1))
    matcher.take(taker, 0)
    assert [(number, quantity / E8) for number, _, quantity, _ in bank.fills] == [
        (2, 1.2346),
        (1, 1),
        (2, 1),
        (2, 0.7654),
    ]


def test_of_a_queue_that_cannot_be_seen_all_is_ahead() -> None:
    view = MarketView(eth_usdt("spot"))
    liquidity = ViewLiquidity(view)
    bank = Bank(RICH)
    matcher = Matcher(eth_usdt("spot"), liquidity, bank)
    bank.matcher = matcher
    view.apply(Quote(0, 0, 1, e8(2000), e8(5), e8(2000.1), e8(5)))
    maker = ClientOrder(1, ask("ann", SELL, 1, 2000.2))  # no book: what stands at 2000.2 is not known
    matcher.resting.add(maker)
    assert maker.queue is not None
    assert maker.queue.ahead_e8 == -1
    view.apply(Quote(0, 0, 2, e8(2000), e8(5), e8(2000.2), e8(4)))  # it is the best now, but nobody has told it
    matcher.take(ClientOrder(2, ask("bob", BUY, 4.5, 2000.2)), 0)
    assert [(number, quantity / E8) for number, _, quantity, _ in bank.fills] == [(2, 4), (1, 0.5), (2, 0.5)]


def test_what_clients_took_of_a_view_counts_as_taken_from_the_front() -> None:
    view = MarketView(eth_usdt("spot"))
    bank = Bank(RICH)
    matcher = Matcher(eth_usdt("spot"), ViewLiquidity(view), bank)
    bank.matcher = matcher
    view.apply(Quote(0, 0, 1, e8(2000), e8(5), e8(2000.1), e8(5)))
    matcher.resting.add(ClientOrder(1, ask("ann", SELL, 1, 2000.1)))
    view.apply(Quote(0, 0, 2, e8(2000), e8(5), e8(2000.1), e8(9)))
    matcher.resting.on_levels(True, 0)
    for number in (2, 3):
        matcher.take(ClientOrder(number, ask("bob", BUY, 3, 2000.1)), 0)
    sizes = [(number, quantity / E8) for number, _, quantity, _ in bank.fills]
    assert sizes == [(2, 3), (3, 2), (1, 1), (3, 1)]


def test_what_was_cancelled_and_not_yet_told_is_known_when_a_taker_comes(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.2))
    floor.level(SELL, e8(2000.2), e8(16))  # 8 before it, 8 behind
    floor.market.set_level(SELL, e8(2000.2), e8(8))  # half of them cancel, and no update has said so
    floor.market.set_level(SELL, e8(2000.1), 0)
    floor.place(2, ask("bob", BUY, 5, 2000.2))
    assert [(fill[0], fill[2]) for fill in fills(floor)] == [(2, 4), (1, 1), (2, 1)]


# ---- self-trade prevention


@pytest.mark.parametrize(
    ("mode", "left", "state", "traded"),
    [
        (STP_NONE, 0, "done", [(2, 5), (1, 1), (2, 1), (2, 1)]),
        (STP_EXPIRE_TAKER, 1, "done", [(2, 5)]),
        (STP_EXPIRE_MAKER, 0, "done", [(2, 5), (2, 2)]),
        (STP_EXPIRE_BOTH, 0, "done", [(2, 5)]),
        (STP_DECREMENT, 0, "done", [(2, 5), (2, 1)]),
    ],
)
def test_self_trade_prevention(
    floor: Floor, mode: str, left: float, state: str, traded: list[tuple[int, float]]
) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.1))
    floor.level(SELL, e8(2000.1), e8(9))
    assert floor.place(2, ask("ann", BUY, 7, 2000.1, stp=mode)) == state
    assert [(fill[0], fill[2]) for fill in fills(floor)] == traded
    assert sum(row[2] for row in floor.resting()) == e8(left)
    assert all(balance.locked["quote"] == 0 for balance in floor.bank.balances.values())


def test_decrement_of_the_larger_maker_leaves_its_rest_in_the_book(floor: Floor) -> None:
    floor.place(1, ask("ann", BUY, 6, 2000.05))
    assert floor.place(2, ask("ann", SELL, 2, 2000.05, stp=STP_DECREMENT)) == "done"
    assert fills(floor) == []
    assert floor.resting() == [(1, e8(2000.05), e8(4), 0)]
    assert floor.balances()["ann"][3] == 4 * e8(2000.05)


def test_nobody_is_kept_from_anything_once_the_taker_is_full(floor: Floor) -> None:
    """The market before the client's own order is just enough: the two never meet."""
    floor.place(1, ask("ann", SELL, 1, 2000.1))
    assert floor.place(2, ask("ann", BUY, 5, 2000.1, stp=STP_EXPIRE_BOTH)) == "done"
    assert fills(floor) == [(2, 2000.1, 5, "taker")]
    assert [row[0] for row in floor.resting()] == [1]


def test_expire_maker_rests_when_only_its_own_were_in_the_way() -> None:
    """The documentation's scenario B: three own orders expire, the taker goes on the book."""
    floor = Floor(RICH)
    for number, (price, quantity) in enumerate([(1.2, 1.2), (1.1, 1.3), (1.0, 8.1)], 1):
        floor.place(number, ask("ann", BUY, quantity, price))
    assert floor.place(4, ask("ann", SELL, 3, 1, stp=STP_EXPIRE_MAKER)) == "rests"
    assert floor.resting() == [(4, E8, 3 * E8, 0)]


# ---- fill or kill


@pytest.mark.parametrize(
    ("mode", "quantity", "state"),
    [
        (STP_NONE, 15.0, "done"),
        (STP_NONE, 15.1, "expired"),
        (STP_EXPIRE_MAKER, 14.0, "done"),
        (STP_EXPIRE_MAKER, 14.1, "expired"),
        (STP_EXPIRE_TAKER, 6.0, "done"),  # bob's one, the market's five; then comes its own
        (STP_EXPIRE_TAKER, 6.1, "expired"),
        (STP_EXPIRE_BOTH, 6.1, "expired"),
        (STP_DECREMENT, 6.1, "expired"),
    ],
)
def test_fill_or_kill_knows_what_is_in_its_way(floor: Floor, mode: str, quantity: float, state: str) -> None:
    floor.place(1, ask("bob", SELL, 1, 2000.05))
    floor.place(2, ask("ann", SELL, 1, 2000.1))
    before = floor.resting()
    assert floor.place(3, ask("ann", BUY, quantity, 2000.2, tif=FOK, stp=mode)) == state
    taken = sum(fill[2] for fill in fills(floor) if fill[0] == 3)
    assert taken == pytest.approx(quantity if state == "done" else 0)
    if state == "expired":
        assert floor.resting() == before
        assert floor.market.asks == {e8(2000.1): e8(5), e8(2000.2): e8(8)}


def test_fill_or_kill_counts_what_joined_behind_its_own_order_as_behind(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.1))
    floor.level(SELL, e8(2000.1), e8(9))
    assert floor.place(2, ask("ann", BUY, 5.1, 2000.1, tif=FOK, stp=STP_EXPIRE_TAKER)) == "expired"
    assert floor.place(3, ask("ann", BUY, 5, 2000.1, tif=FOK, stp=STP_EXPIRE_TAKER)) == "done"


# ---- budgets and links


def test_a_quote_budget_is_spent_to_the_last_step(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.05))
    assert floor.place(2, ask("bob", BUY, 0, kind=MARKET, budget=2100)) == "expired"
    spent = sum(price * quantity for number, price, quantity, _ in fills(floor) if number == 2)
    assert 2100 - 2000.1 * 0.0001 < spent <= 2100


def test_a_sold_budget_does_not_walk_on_to_worse_prices_for_its_crumb(floor: Floor) -> None:
    """Less than a step is left to sell at the best price; a worse one would make it a step, at a worse price."""
    floor.level(BUY, e8(1.0), e8(100))
    floor.place(1, ask("ann", SELL, 0, kind=MARKET, budget=1999.99))
    assert {price for _, price, _, _ in fills(floor)} == {2000.0}


def test_a_linked_order_ended_in_the_middle_of_a_walk_is_passed_over(floor: Floor) -> None:
    floor.place(1, ask("ann", SELL, 1, 2000.05))
    floor.place(2, ask("ann", SELL, 1, 2000.06, linked=1))
    floor.place(3, ask("bob", SELL, 1, 2000.07))
    floor.place(4, ask("bob", BUY, 2, 2000.07))
    assert [fill[0] for fill in fills(floor)] == [1, 4, 3, 4]
    assert floor.resting() == []
    assert floor.balances()["ann"][1] == 0


def test_a_linked_order_ended_in_the_middle_of_a_trade_is_passed_over(floor: Floor) -> None:
    floor.place(1, ask("ann", BUY, 1, 2000.05))
    floor.place(2, ask("ann", BUY, 1, 2000.04, linked=1))
    floor.place(3, ask("bob", BUY, 1, 2000.03))
    assert floor.trade(SELL, e8(2000), e8(2)) == e8(2)
    assert [fill[0] for fill in fills(floor)] == [1, 3]


def test_a_taker_does_not_start_another_walk() -> None:
    class Greedy(Bank):
        def fill(self, order: BookOrder, quantity_e8: int, price_e8: int, is_maker: bool, time_ns: int) -> None:
            assert self.matcher is not None
            self.matcher.take(order, time_ns)

    floor = Floor(RICH)
    floor.level(SELL, e8(2000), e8(1))
    greedy = Greedy(RICH)
    greedy.matcher = Matcher(eth_usdt("spot"), floor.market, greedy)
    with pytest.raises(AssertionError, match="while another one does"):
        greedy.matcher.take(ClientOrder(1, ask("ann", BUY, 1, 2000)), 0)


def test_a_maker_that_may_not_fill_is_passed_over(floor: Floor) -> None:
    class Frozen(Bank):
        def allowed_e8(self, order: BookOrder, price_e8: int) -> int:
            assert isinstance(order, ClientOrder)
            return 0 if order.number == 1 else super().allowed_e8(order, price_e8)

    bank = Frozen(RICH)
    bank.matcher = Matcher(eth_usdt("spot"), floor.market, bank)
    for number, price in ((1, 2000.04), (2, 2000.05)):
        bank.matcher.resting.add(ClientOrder(number, ask("ann", SELL, 1, price)))
    taker = ClientOrder(3, ask("bob", BUY, 3, 2000.1))
    assert bank.matcher.fillable_e8(taker, e8(9)) == e8(6)
    bank.matcher.take(taker, 0)
    assert [(number, price / E8) for number, price, _, _ in bank.fills] == [(2, 2000.05), (3, 2000.05), (3, 2000.1)]


def test_an_immediate_order_expires_with_what_is_left(floor: Floor) -> None:
    assert floor.place(1, ask("ann", BUY, 9, 2000.1, tif=IOC)) == "expired"
    assert fills(floor) == [(1, 2000.1, 5, "taker")]
    assert floor.balances()["ann"][3] == 0
