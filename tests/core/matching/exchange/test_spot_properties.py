"""What must hold of the spot venue whatever is asked of it: also lists, icebergs, cancel-replace and a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.matching.exchange import words as w
from supreme_system_v5.core.matching.exchange.happenings import OrderUpdate, PublicTrade
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot import ALLOW_FAILURE, STOP_ON_FAILURE, SpotVenue
from tests.core.matching.bank import E8, MAKER_FEE_E8, MODES, STEP_E8, TAKER_FEE_E8, TICK_E8
from tests.core.matching.exchange.test_spot_reference import ACCOUNTS, MIDDLE_E8, SpotFloor

ACCOUNT_NAMES = st.sampled_from(sorted(ACCOUNTS))
SIDES = st.sampled_from((BUY, SELL))
TICKS = st.integers(-8, 8)
QUANTITIES = st.one_of(st.integers(30, 300), st.integers(100, 60_000)).map(lambda steps: steps * STEP_E8)
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def at(ticks: int) -> int:
    return MIDDLE_E8 + ticks * TICK_E8


@st.composite
def orders(draw: st.DrawFn) -> w.NewOrder:
    kind = draw(st.sampled_from(("LIMIT", "LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", *STOPS)))
    asked = w.NewOrder(draw(SIDES), kind)
    asked.quantity_e8 = draw(QUANTITIES)
    asked.stp_mode = draw(st.sampled_from(MODES))
    if kind in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        asked.price_e8 = at(draw(TICKS))
    if kind in STOPS:
        asked.stop_price_e8 = at(draw(TICKS))
    if kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        asked.time_in_force = draw(st.sampled_from(("GTC", "GTC", "GTC", "IOC", "FOK")))
        if asked.time_in_force == "GTC" and draw(st.integers(0, 3)) == 0:
            asked.iceberg_e8 = asked.quantity_e8 // STEP_E8 // draw(st.integers(2, 5)) * STEP_E8
    if kind == "MARKET" and draw(st.booleans()):
        asked.quantity_e8, asked.quote_quantity_e8 = 0, draw(st.integers(E8, 20_000 * E8))
    flaw = draw(st.integers(0, 19))
    if flaw == 0 and asked.price_e8:
        asked.price_e8 += draw(st.integers(1, TICK_E8 - 1))
    elif flaw == 1 and asked.quantity_e8:
        asked.quantity_e8 += draw(st.integers(1, STEP_E8 - 1))
    elif flaw == 2 and asked.quantity_e8:
        asked.quantity_e8 = draw(st.sampled_from((1, STEP_E8, 9_001 * E8)))
    return asked


def pair(side: int, quantity_e8: int, inner: int, outer: int) -> tuple[w.NewOrder, w.NewOrder]:
    """(above, below) of an OCO: a maker on the better side of the market, a stop-limit on the other."""
    maker = w.NewOrder(side, "LIMIT_MAKER")
    maker.price_e8 = at(-side * inner)
    stop = w.NewOrder(side, "STOP_LOSS_LIMIT")
    stop.stop_price_e8 = at(side * inner)
    stop.price_e8 = at(side * outer)
    stop.time_in_force = "GTC"
    for leg in (maker, stop):
        leg.quantity_e8 = quantity_e8
    return (maker, stop) if side == SELL else (stop, maker)


PAIRS = st.tuples(SIDES, QUANTITIES, st.integers(1, 8), st.integers(1, 12)).map(lambda words: pair(*words))
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), ACCOUNT_NAMES, orders()),
        st.tuples(st.just("place"), ACCOUNT_NAMES, orders()),
        st.tuples(st.just("place"), ACCOUNT_NAMES, orders()),
        st.tuples(st.just("oco"), ACCOUNT_NAMES, PAIRS),
        st.tuples(st.just("oto"), ACCOUNT_NAMES, orders(), orders()),
        st.tuples(st.just("otoco"), ACCOUNT_NAMES, orders(), PAIRS),
        st.tuples(st.just("cancel"), ACCOUNT_NAMES, st.integers(1, 60)),
        st.tuples(st.just("cancel_all"), ACCOUNT_NAMES),
        st.tuples(st.just("replace"), ACCOUNT_NAMES, st.integers(1, 60), orders(), st.booleans()),
        st.tuples(st.just("trade"), SIDES, QUANTITIES),
        st.tuples(st.just("trade"), SIDES, QUANTITIES),
        st.tuples(st.just("level"), SIDES, TICKS, st.one_of(st.just(0), QUANTITIES)),
        st.tuples(st.just("restart")),
    ),
    max_size=50,
)


class Watch:
    def __init__(self) -> None:
        self.floor = SpotFloor()
        self.given_e8 = {"ETH": 0, "USDT": 0}
        self.filled_e8: dict[int, int] = {}
        self.traded_ids: set[int] = set()
        self.floor.level(BUY, at(-2), 3 * E8)
        self.floor.level(SELL, at(2), 3 * E8)

    @property
    def venue(self) -> SpotVenue:
        return self.floor.venue

    def do(self, command: tuple[Any, ...]) -> None:
        name, *words = command
        if name == "trade":
            side, quantity_e8 = words
            price_e8 = self.floor.market.best_e8(-side)
            if price_e8:
                self.floor.trade(side, price_e8, quantity_e8)
        elif name == "level":
            side, ticks, quantity_e8 = words
            best_e8 = int(self.venue.matcher.best_e8(-side))
            crosses = best_e8 > 0 and (at(ticks) - best_e8) * side >= 0
            self.floor.level(side, best_e8 - side * TICK_E8 if crosses else at(ticks), quantity_e8)
        elif name == "restart":
            self.restart()
        else:
            self.ask(name, *words)
        self.check()

    def ask(self, name: str, account: str, *words: Any) -> None:
        now_ns = self.floor.now_ns
        calls: dict[str, Callable[..., object]] = {
            "place": lambda asked: self.venue.place(account, asked, now_ns),
            "oco": lambda legs: self.venue.place_oco(account, "", legs[0], legs[1], now_ns),
            "oto": lambda working, pending: self.venue.place_oto(account, "", working, pending, now_ns),
            "otoco": lambda working, legs: self.venue.place_otoco(account, "", working, legs[0], legs[1], now_ns),
            "cancel_all": lambda: self.venue.cancel_all(account, now_ns),
            "cancel": lambda order_id: self.cancel(account, order_id),
            "replace": lambda order_id, asked, is_strict: self.venue.cancel_replace(
                account, order_id, "", "", "", asked, STOP_ON_FAILURE if is_strict else ALLOW_FAILURE, now_ns
            ),
        }
        before = self.state()
        try:
            calls[name](*words)
        except Refusal as refusal:
            assert refusal.code in (-1013, -1014, -2010, -2011) or -1199 <= refusal.code <= -1100, refusal
            assert self.state() == before, f"refused with {refusal}, and something has changed"

    def state(self) -> list[object]:
        """Without the count of made-up client ids: a refused request may have used one up."""
        ids, *rest = self.venue.state()
        assert isinstance(ids, list)
        return [[(name, value) for name, value in ids if name != "names"], *rest]

    def cancel(self, account: str, order_id: int) -> None:
        order = self.venue.orders.get(account, order_id)
        was_open = order is not None and order.is_open
        try:
            self.venue.cancel(account, order_id, "", "", "", self.floor.now_ns)
            assert was_open
        except Refusal as refusal:
            assert refusal.code == -2011
            assert not was_open
            raise

    def restart(self) -> None:
        """Into a fresh venue by way of text; nothing may be different."""
        self.watch_happenings()
        saved = json.loads(json.dumps(self.venue.save()))
        again = SpotVenue(eth_usdt("spot"), self.floor.market, Ids(1), MAKER_FEE_E8, TAKER_FEE_E8)
        again.restore(saved)
        assert again.state() == self.venue.state()
        self.floor.venue = again

    # ---- what must hold

    def check(self) -> None:
        self.watch_happenings()
        self.check_money()
        self.check_orders()
        resting = self.venue.matcher.resting
        bids, asks = resting.bids.orders, resting.asks.orders
        assert not any(order.is_done for order in resting.all())
        bid_e8, ask_e8 = int(self.venue.matcher.best_e8(BUY)), int(self.venue.matcher.best_e8(SELL))
        assert bid_e8 == 0 or ask_e8 == 0 or bid_e8 < ask_e8, "the book is crossed"
        assert bids == sorted(bids, key=lambda order: (-order.price_e8, order.arrival))
        assert asks == sorted(asks, key=lambda order: (order.price_e8, order.arrival))

    def watch_happenings(self) -> None:
        tape_e8 = fills_e8 = 0
        for happening in self.venue.take_happenings():
            if isinstance(happening, PublicTrade):
                assert happening.trade_id not in self.traded_ids
                self.traded_ids.add(happening.trade_id)
                tape_e8 += happening.quantity_e8
            if isinstance(happening, OrderUpdate) and happening.fill is not None:
                self.watch_fill(happening.order, happening.fill)
                fills_e8 += happening.fill.quantity_e8
        assert tape_e8 <= fills_e8 <= 2 * tape_e8, "the tape and the fills disagree"

    def watch_fill(self, order: w.ExchangeOrder, fill: w.Fill) -> None:
        assert fill.quantity_e8 > 0
        assert fill.quantity_e8 % STEP_E8 == 0
        assert fill.quote_e8 == fill.quantity_e8 * fill.price_e8 // E8
        if order.price_e8 > 0:
            assert (fill.price_e8 - order.price_e8) * order.side <= 0, "a fill through the limit"
        if fill.is_maker:
            assert fill.price_e8 == order.price_e8
        self.given_e8["ETH"] += fill.side * fill.quantity_e8
        self.given_e8["USDT"] -= fill.side * fill.quote_e8
        self.filled_e8[order.order_id] = self.filled_e8.get(order.order_id, 0) + fill.quantity_e8
        assert order.filled_e8 == self.filled_e8[order.order_id]

    def check_money(self) -> None:
        self.floor.check_money(self.given_e8)
        for name, held in self.venue.accounts.items():
            for asset in ("ETH", "USDT"):
                assert held.free_e8[asset] >= 0
                mine = [
                    one for one in self.venue.orders.open_orders(name) if self.venue.books.asset_given(one) == asset
                ]
                assert held.locked_e8[asset] == sum(one.locked_e8 for one in mine), "locks are the open orders'"

    def check_orders(self) -> None:
        for name in self.venue.accounts:
            for order in self.venue.orders.open_orders(name):
                self.check_open(order)
            for order_id in range(1, self.venue.ids.order_id):
                found = self.venue.orders.get(name, order_id)
                if found is not None and not found.is_open:
                    self.check_ended(found)

    def check_ended(self, order: w.ExchangeOrder) -> None:
        assert order.locked_e8 == 0
        is_used_up = self.venue.books.available_e8(order) == 0
        if order.status == w.FILLED:
            assert is_used_up
            assert order.filled_e8 > 0
        elif order.status == w.EXPIRED_IN_MATCH:
            assert is_used_up
            assert order.prevented_e8 > 0
        else:
            assert not is_used_up

    def check_open(self, order: w.ExchangeOrder) -> None:
        assert order.price_e8 % TICK_E8 == 0, "a filter has let it through"
        assert order.quantity_e8 % STEP_E8 == 0
        assert STEP_E8 <= order.quantity_e8 <= 9_000 * E8
        price_e8 = int(order.price_e8) or order.stop_price_e8
        assert price_e8 == 0 or order.quantity_e8 * price_e8 >= 5 * E8 * E8
        assert 0 < self.venue.books.available_e8(order) <= order.quantity_e8 - order.filled_e8
        if order.list_id < 0:
            assert order.locked_e8 == self.venue.books.need_e8(order)
        if order.stp_mode != "NONE" and order.is_working:
            assert order.time_in_force == "GTC"


@given(COMMANDS)
def test_whatever_is_asked(commands: list[tuple[Any, ...]]) -> None:
    watch = Watch()
    for command in commands:
        watch.do(command)


def test_fill_or_kill_sees_the_whole_of_an_iceberg() -> None:
    floor = SpotFloor()
    iceberg = w.NewOrder(SELL, "LIMIT")
    iceberg.quantity_e8, iceberg.iceberg_e8, iceberg.price_e8, iceberg.time_in_force = 10 * E8, E8, at(0), "GTC"
    floor.venue.place("ann", iceberg, floor.now_ns)
    wanted = w.NewOrder(BUY, "LIMIT")
    wanted.quantity_e8, wanted.price_e8, wanted.time_in_force = 11 * E8, at(0), "FOK"
    assert floor.venue.place("bob", wanted, floor.now_ns).status == w.EXPIRED
    wanted.quantity_e8 = 10 * E8
    order = floor.venue.place("bob", wanted, floor.now_ns)
    assert order.status == w.FILLED
    assert [fill.quantity_e8 for fill in order.fills] == [E8] * 10
