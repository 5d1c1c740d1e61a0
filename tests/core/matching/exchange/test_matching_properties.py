"""What must hold of the matcher whatever is asked of it: several accounts, every kind of order, a market that moves."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.order import BUY, GTC, IOC, LIMIT, LIMIT_MAKER, MARKET, SELL
from supreme_system_v5.core.matching.book_order import STP_EXPIRE_MAKER, STP_NONE
from tests.core.matching.bank import E8, FOK, MODES, STEP_E8, TICK_E8, Asked, ClientOrder, Floor

MIDDLE_E8 = 1_000 * E8
ACCOUNTS = {"ann": (20 * E8, 30_000 * E8), "bob": (20 * E8, 30_000 * E8), "cat": (E8 // 2, 500 * E8)}

SIDES = st.sampled_from((BUY, SELL))
PRICES = st.integers(-6, 6).map(lambda ticks: MIDDLE_E8 + ticks * TICK_E8)
QUANTITIES = st.one_of(st.integers(1, 30), st.integers(1, 50_000)).map(lambda steps: steps * STEP_E8)
ACCOUNT_NAMES = st.sampled_from(sorted(ACCOUNTS))


@st.composite
def limit_orders(draw: st.DrawFn) -> tuple[str, Asked]:
    kind = draw(st.sampled_from((LIMIT, LIMIT, LIMIT, LIMIT_MAKER)))
    tif = draw(st.sampled_from((GTC, GTC, GTC, IOC, FOK))) if kind == LIMIT else GTC
    asked = Asked(draw(ACCOUNT_NAMES), draw(SIDES), draw(QUANTITIES), draw(PRICES), kind, tif)
    asked.stp = draw(st.sampled_from(MODES))
    return "place", asked


@st.composite
def market_orders(draw: st.DrawFn) -> tuple[str, Asked]:
    asked = Asked(draw(ACCOUNT_NAMES), draw(SIDES), draw(QUANTITIES), 0, MARKET, GTC, draw(st.sampled_from(MODES)))
    if draw(st.booleans()):
        asked.budget_e8 = draw(st.integers(1, 5_000 * E8))
    return "place", asked


COMMANDS = st.lists(
    st.one_of(
        limit_orders(),
        limit_orders(),
        market_orders(),
        st.tuples(st.just("cancel"), st.integers(1, 40)),
        st.tuples(st.just("trade"), SIDES, QUANTITIES),
        st.tuples(st.just("level"), SIDES, PRICES, st.one_of(st.just(0), QUANTITIES)),
    ),
    max_size=60,
)


class Watch:
    """Does the commands one by one and looks at everything after each."""

    def __init__(self) -> None:
        self.floor = Floor(ACCOUNTS)
        self.totals = [self.floor.bank.total(asset) for asset in ("base", "quote")]
        self.number = 0

    def do(self, command: tuple[Any, ...]) -> None:
        floor = self.floor
        before = floor.matcher.resting.all()
        left_before = {order.number: order.left_e8 for order in before if isinstance(order, ClientOrder)}
        levels = dict(floor.market.bids), dict(floor.market.asks)
        name, *words = command
        if name == "place":
            self.number += 1
            said = floor.place(self.number, words[0])
            self.check_kind(words[0], said)
        elif name == "cancel":
            was_open = words[0] in left_before
            assert floor.cancel(words[0]) == was_open
        elif name == "trade":
            side, quantity_e8 = words
            price_e8 = floor.market.best_e8(-side)
            if price_e8:
                used_e8 = floor.trade(side, price_e8, quantity_e8)
                assert used_e8 == sum(fill[2] for fill in floor.bank.fills) <= quantity_e8
        else:
            side, price_e8, quantity_e8 = words
            best_e8 = int(floor.matcher.best_e8(-side))
            if best_e8 and (price_e8 - best_e8) * side >= 0:
                price_e8 = best_e8 - side * TICK_E8  # who would cross trades instead
            floor.level(side, price_e8, quantity_e8)
        fills = floor.take_fills()
        taker = floor.orders.get(self.number) if name == "place" else None
        self.check_fills(
            fills, taker, [order for order in before if isinstance(order, ClientOrder)], left_before, levels
        )
        self.check_rest()

    def check_kind(self, asked: Asked, said: str) -> None:
        mine = [fill for fill in self.floor.bank.fills if fill[0] == self.number]
        filled_e8 = sum(fill[2] for fill in mine)
        if asked.time_in_force == FOK and said != "refused: balance":
            assert filled_e8 in (0, asked.quantity_e8)
            assert (said == "done") == (filled_e8 > 0)
        if asked.kind == LIMIT_MAKER:
            assert not mine
        if asked.budget_e8:
            assert sum(fill[1] * fill[2] // E8 for fill in mine) <= asked.budget_e8
        elif mine:
            assert filled_e8 <= asked.quantity_e8
        if asked.kind == MARKET or asked.time_in_force != GTC:
            assert said != "rests"

    def check_fills(
        self,
        fills: list[tuple[int, int, int, bool]],
        taker: ClientOrder | None,
        before: list[ClientOrder],
        left_before: dict[int, int],
        levels: tuple[dict[int, int], dict[int, int]],
    ) -> None:
        last_e8 = 0
        for number, price_e8, _, is_maker in fills:
            order = self.floor.orders[number]
            if order.price_e8 > 0:
                assert (price_e8 - order.price_e8) * order.side <= 0, "a fill through the limit"
            if is_maker:
                assert price_e8 == order.price_e8, "a maker trades at its own price"
                self.check_turn(order, taker, before)
            else:
                worse_e8 = (price_e8 - last_e8) * order.side
                assert last_e8 == 0 or worse_e8 >= 0, "the walk goes from the best price on"
                last_e8 = price_e8
                self.check_level_turn(order, price_e8, levels)
        for number, left_e8 in left_before.items():
            got_e8 = sum(fill[2] for fill in fills if fill[0] == number)
            assert got_e8 <= left_e8, "more was filled than rested"

    def check_turn(self, maker: ClientOrder, taker: ClientOrder | None, before: list[ClientOrder]) -> None:
        """Whoever had a better price, or the same and came before, has nothing left (or was the taker's own)."""
        for other in before:
            if other.side != maker.side or other is maker or other.is_done:
                continue
            is_before = (other.price_e8 - maker.price_e8) * maker.side > 0 or (
                other.price_e8 == maker.price_e8 and other.arrival < maker.arrival
            )
            is_own = taker is not None and taker.account == other.account
            assert not is_before or is_own, "somebody's turn was passed over"

    def check_level_turn(
        self, taker: ClientOrder, price_e8: int, levels: tuple[dict[int, int], dict[int, int]]
    ) -> None:
        """No better level of the market is left when a taker trades at this price."""
        side = int(taker.side)
        for better_e8 in levels[0 if side == SELL else 1]:
            if (better_e8 - price_e8) * side < 0:
                assert better_e8 not in self.floor.market.side(-side), "a better price was passed over"

    def check_rest(self) -> None:
        floor = self.floor
        resting = floor.matcher.resting
        bid_e8, ask_e8 = int(floor.matcher.best_e8(BUY)), int(floor.matcher.best_e8(SELL))
        assert bid_e8 == 0 or ask_e8 == 0 or bid_e8 < ask_e8, "the book is crossed"
        for side in (resting.bids, resting.asks):
            keys = [(int(-side.side * order.price_e8), int(order.arrival)) for order in side.orders]
            assert keys == sorted(keys)
            ahead_e8: dict[int, int] = {}
            for order in side.orders:
                assert order.queue is not None
                shown_e8 = floor.market.side(int(side.side)).get(int(order.price_e8), 0)
                least_e8 = ahead_e8.get(int(order.price_e8), 0)
                assert least_e8 <= order.queue.ahead_e8 <= shown_e8, "who came later has less before him, or too much"
                ahead_e8[int(order.price_e8)] = int(order.queue.ahead_e8)
        self.check_money()

    def check_money(self) -> None:
        floor = self.floor
        assert [floor.bank.total(asset) for asset in ("base", "quote")] == self.totals, "something was made or lost"
        for name, balance in floor.bank.balances.items():
            mine = [one for one in floor.matcher.resting.all() if isinstance(one, ClientOrder) and one.account == name]
            bought = sum(one.left_e8 * int(one.price_e8) // E8 for one in mine if one.side == BUY)
            assert balance.locked == {"base": sum(one.left_e8 for one in mine if one.side == SELL), "quote": bought}
            assert min(balance.free.values()) >= 0
            assert all(one.left_e8 > 0 and one.left_e8 % STEP_E8 == 0 for one in mine)


@given(COMMANDS)
def test_whatever_is_asked(commands: list[tuple[Any, ...]]) -> None:
    watch = Watch()
    for side in (BUY, SELL):
        watch.floor.level(side, MIDDLE_E8 - 2 * side * TICK_E8, 3 * E8)
    for command in commands:
        watch.do(command)


@given(COMMANDS, limit_orders())
def test_fill_or_kill_and_immediate_or_cancel_find_the_same(
    commands: list[tuple[Any, ...]], last: tuple[str, Asked]
) -> None:
    """What fill-or-kill says can be filled is what an order that takes what it can gets."""
    floors = [Floor(ACCOUNTS), Floor(ACCOUNTS)]
    for number, command in enumerate(commands, 1):
        for floor in floors:
            if command[0] == "place":
                floor.place(number, command[1])
            elif command[0] == "level" and (floor.matcher.best_e8(-command[1]) - command[2]) * command[1] > 0:
                floor.level(*command[1:])
    asked = last[1]
    asked.kind, asked.time_in_force = LIMIT, IOC
    order = ClientOrder(1_000, asked)
    found_e8 = floors[0].matcher.fillable_e8(order, asked.quantity_e8)
    assert floors[0].resting() == floors[1].resting(), "asking changed something"
    floors[1].take_fills()
    if floors[1].place(1_000, asked) != "refused: balance":
        taken_e8 = sum(fill[2] for fill in floors[1].take_fills() if fill[0] == 1_000)
        if asked.stp in (STP_NONE, STP_EXPIRE_MAKER) or taken_e8 == asked.quantity_e8:
            assert found_e8 == taken_e8
        else:
            assert found_e8 <= taken_e8  # a decremented order goes on behind its own
