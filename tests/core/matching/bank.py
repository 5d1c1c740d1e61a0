"""A small spot venue over the matcher for its tests: several accounts, balances locked and released, self-trade
prevention, linked orders, and a market that really loses what is taken from it.
"""

from __future__ import annotations

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import divide_up
from supreme_system_v5.core.domain.order import BUY, GTC, LIMIT, LIMIT_MAKER, MARKET, SELL
from supreme_system_v5.core.matching.book_order import (
    STP_DECREMENT,
    STP_EXPIRE_BOTH,
    STP_EXPIRE_MAKER,
    STP_EXPIRE_TAKER,
    STP_NONE,
    BookOrder,
    Party,
)
from supreme_system_v5.core.matching.liquidity import Liquidity
from supreme_system_v5.core.matching.matcher import Matcher

E8 = 100_000_000
FOK = "FOK"
TICK_E8 = E8 // 100
STEP_E8 = E8 // 10_000
MAKER_FEE_E8 = 70_000
TAKER_FEE_E8 = 100_000
MODES = (STP_NONE, STP_EXPIRE_TAKER, STP_EXPIRE_MAKER, STP_EXPIRE_BOTH, STP_DECREMENT)

# number, price, quantity, is_maker
Fill = tuple[int, int, int, bool]


class Asked:
    """What a client asks for. ``budget_e8``: a MARKET order's quote quantity instead of a quantity."""

    def __init__(
        self,
        account: str,
        side: int,
        quantity_e8: int,
        price_e8: int = 0,
        kind: str = LIMIT,
        time_in_force: str = GTC,
        stp: str = STP_NONE,
        budget_e8: int = 0,
        linked: int = 0,
        stop_e8: int = 0,
    ) -> None:
        self.account = account
        self.side = side
        self.quantity_e8 = quantity_e8
        self.price_e8 = price_e8
        self.kind = kind
        self.time_in_force = time_in_force
        self.stp = stp
        self.budget_e8 = budget_e8
        self.linked = linked  # the number of an order that ends when this one fills, and the other way round
        self.stop_e8 = stop_e8  # of the kinds that wait for a price

    def __repr__(self) -> str:
        return f"Asked({', '.join(repr(value) for value in vars(self).values())})"


class ClientOrder(BookOrder):
    def __init__(self, number: int, asked: Asked) -> None:
        super().__init__(asked.side, asked.price_e8, asked.quantity_e8)
        self.number = number
        self.asked = asked
        self.account = asked.account
        self.stp_mode = asked.stp
        self.spent_e8 = 0  # of the budget
        self.prevented_e8 = 0
        self.locked_e8 = 0
        self.linked: ClientOrder | None = None

    @property
    def left_e8(self) -> int:
        return int(self.quantity_e8 - self.filled_e8) - self.prevented_e8


class Balance:
    def __init__(self, base_e8: int, quote_e8: int) -> None:
        self.free = {"base": base_e8, "quote": quote_e8}
        self.locked = {"base": 0, "quote": 0}


class LosingMarket(Liquidity):
    """The market's own orders: a level a price. ``is_hinting``: it says which prices have changed."""

    def __init__(self, is_hinting: bool = True) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.is_hinting = is_hinting
        self.changed: dict[int, list[int]] = {BUY: [], SELL: []}
        self.asked_prices = 0  # how often a level was looked at

    def side(self, side: int) -> dict[int, int]:
        return self.bids if side == BUY else self.asks

    def set_level(self, side: int, price_e8: int, quantity_e8: int) -> None:
        self.side(side)[price_e8] = quantity_e8
        if quantity_e8 == 0:
            del self.side(side)[price_e8]
        self.changed[side].append(price_e8)

    def offered(self, side: int, limit_e8: int, count: int) -> list[tuple[int, int]]:
        levels = sorted(self.side(-side).items(), reverse=side == SELL)
        return [level for level in levels if limit_e8 == 0 or (level[0] - limit_e8) * side <= 0][:count]

    def take(self, side: int, price_e8: int, quantity_e8: int) -> None:
        assert 0 < quantity_e8 <= self.side(-side)[price_e8], "more was taken than there is"
        self.set_level(-side, price_e8, self.side(-side)[price_e8] - quantity_e8)

    def shown_e8(self, side: int, price_e8: int) -> int:
        self.asked_prices += 1
        return self.side(side).get(price_e8, 0)

    def best_e8(self, side: int) -> int:
        prices = self.side(side)
        if not prices:
            return 0
        return max(prices) if side == BUY else min(prices)

    def loses_taken(self) -> bool:
        return True

    def changed_prices(self, side: int) -> list[int] | None:
        changed = self.changed[side]
        self.changed[side] = []
        return changed if self.is_hinting else None


class Bank(Party):
    """Balances of all accounts; what the market and the house hold is counted, so that nothing can get lost."""

    def __init__(self, accounts: dict[str, tuple[int, int]]) -> None:
        self.balances = {name: Balance(base_e8, quote_e8) for name, (base_e8, quote_e8) in accounts.items()}
        self.outside = {"base": 0, "quote": 0}  # the market's and the house's
        self.fills: list[Fill] = []
        self.counts: dict[str, int] = {}
        self.is_between_clients = False
        self.matcher: Matcher | None = None

    # ---- the matcher's port

    def allowed_e8(self, order: BookOrder, price_e8: int) -> int:
        assert isinstance(order, ClientOrder)
        if order.asked.kind != MARKET:
            return order.left_e8
        free = self.balances[order.account].free
        payable_e8 = free["base"] if order.side == SELL else free["quote"] * E8 // price_e8
        if order.asked.budget_e8:
            return min(payable_e8, (order.asked.budget_e8 - order.spent_e8) * E8 // price_e8)
        return min(payable_e8, order.left_e8)

    def fill(self, order: BookOrder, quantity_e8: int, price_e8: int, is_maker: bool, time_ns: int) -> None:
        assert isinstance(order, ClientOrder)
        assert not order.is_done, "a fill of an order that is done"
        assert quantity_e8 > 0
        assert quantity_e8 % STEP_E8 == 0
        cost_e8 = quantity_e8 * price_e8 // E8
        balance = self.balances[order.account]
        order.filled_e8 += quantity_e8
        order.spent_e8 += cost_e8
        self.unlock(order)
        gives, gets = ("quote", "base") if order.side == BUY else ("base", "quote")
        given_e8, got_e8 = (cost_e8, quantity_e8) if order.side == BUY else (quantity_e8, cost_e8)
        balance.free[gives] -= given_e8
        assert balance.free[gives] >= 0
        fee_e8 = divide_up(got_e8 * (MAKER_FEE_E8 if is_maker else TAKER_FEE_E8), E8)
        balance.free[gets] += got_e8 - fee_e8
        self.outside[gets] += fee_e8
        if not self.is_between_clients:
            self.outside[gives] += given_e8
            self.outside[gets] -= got_e8
        self.fills.append((order.number, int(price_e8), int(quantity_e8), bool(is_maker)))
        if order.asked.budget_e8 == 0 and order.left_e8 == 0:
            order.is_done = True
        else:
            self.lock(order)
        if order.linked is not None and not order.linked.is_done:
            self.count("ended by a linked order")
            self.end(order.linked)

    def match(self, taker: BookOrder, maker: BookOrder, quantity_e8: int, time_ns: int) -> None:
        self.is_between_clients = True
        super().match(taker, maker, quantity_e8, time_ns)
        self.is_between_clients = False

    def is_self_trade(self, taker: BookOrder, maker: BookOrder) -> bool:
        assert isinstance(taker, ClientOrder)
        assert isinstance(maker, ClientOrder)
        return taker.account == maker.account and taker.asked.stp != STP_NONE

    def prevent(self, taker: BookOrder, maker: BookOrder, time_ns: int) -> None:
        assert isinstance(taker, ClientOrder)
        assert isinstance(maker, ClientOrder)
        mode = taker.asked.stp
        self.count(f"prevented {mode}")
        if mode == STP_DECREMENT and taker.asked.budget_e8 == 0:
            prevented_e8 = min(taker.left_e8, maker.left_e8)
            for order in (taker, maker):
                self.unlock(order)
                order.prevented_e8 += prevented_e8
                if order.left_e8 == 0:
                    order.is_done = True
                else:
                    self.lock(order)
            return
        if mode != STP_EXPIRE_TAKER:
            self.end(maker)
        if mode != STP_EXPIRE_MAKER:
            self.end(taker)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # ---- books

    def lock(self, order: ClientOrder) -> None:
        """What the rest of an order may cost is not free (MARKET orders pay as they go)."""
        if order.asked.kind == MARKET:
            return
        asset = "quote" if order.side == BUY else "base"
        order.locked_e8 = order.left_e8 * int(order.price_e8) // E8 if order.side == BUY else order.left_e8
        self.balances[order.account].free[asset] -= order.locked_e8
        self.balances[order.account].locked[asset] += order.locked_e8

    def unlock(self, order: ClientOrder) -> None:
        asset = "quote" if order.side == BUY else "base"
        self.balances[order.account].free[asset] += order.locked_e8
        self.balances[order.account].locked[asset] -= order.locked_e8
        order.locked_e8 = 0

    def end(self, order: ClientOrder) -> None:
        order.is_done = True
        self.unlock(order)
        assert self.matcher is not None
        self.matcher.resting.remove(order)

    def total(self, asset: str) -> int:
        clients = sum(balance.free[asset] + balance.locked[asset] for balance in self.balances.values())
        return clients + self.outside[asset]


class Floor:
    """The venue: commands in, fills out."""

    def __init__(self, accounts: dict[str, tuple[int, int]], is_hinting: bool = True) -> None:
        self.market = LosingMarket(is_hinting)
        self.bank = Bank(accounts)
        self.matcher = Matcher(eth_usdt("spot"), self.market, self.bank)
        self.bank.matcher = self.matcher
        self.orders: dict[int, ClientOrder] = {}
        self.now_ns = 1_000_000_000

    def place(self, number: int, asked: Asked) -> str:
        """What became of it: the name of the refusal, or the state it is in."""
        order = ClientOrder(number, asked)
        asset = "quote" if asked.side == BUY else "base"
        needed_e8 = asked.quantity_e8 * asked.price_e8 // E8 if asked.side == BUY else asked.quantity_e8
        if asked.kind != MARKET and needed_e8 > self.bank.balances[asked.account].free[asset]:
            return "refused: balance"
        best_e8 = self.matcher.best_e8(-asked.side)
        if asked.kind == LIMIT_MAKER and best_e8 > 0 and (asked.price_e8 - best_e8) * asked.side >= 0:
            return "refused: would take"
        self.orders[number] = order
        linked = self.orders.get(asked.linked)
        if linked is not None and not linked.is_done and linked.linked is None:
            order.linked, linked.linked = linked, order
        if asked.time_in_force == FOK and self.matcher.fillable_e8(order, asked.quantity_e8) < asked.quantity_e8:
            order.is_done = True
            return "expired"
        self.bank.lock(order)
        if asked.kind != LIMIT_MAKER:
            self.matcher.take(order, self.now_ns)
        if order.is_done:
            return "done"
        if asked.kind == MARKET or asked.time_in_force != GTC:
            self.bank.end(order)
            return "expired"
        self.matcher.resting.add(order)
        return "rests"

    def cancel(self, number: int) -> bool:
        order = self.orders.get(number)
        if order is None or order.is_done:
            return False
        self.bank.end(order)
        return True

    def trade(self, side: int, price_e8: int, quantity_e8: int) -> int:
        """The market's own taker of ``side`` trades at one price; how much clients got of it."""
        self.now_ns += 1_000_000
        stamp_ms = self.now_ns // 1_000_000
        trade = Trade(self.now_ns, stamp_ms, stamp_ms, stamp_ms, price_e8, quantity_e8, side == SELL)
        used_e8 = int(self.matcher.resting.on_trade(trade))
        left_e8 = self.market.side(-side).get(price_e8, 0)
        if left_e8:
            self.market.set_level(-side, price_e8, max(0, left_e8 - (quantity_e8 - used_e8)))
        self.told()
        return used_e8

    def level(self, side: int, price_e8: int, quantity_e8: int) -> None:
        """The market's own orders at a price become this."""
        self.now_ns += 1_000_000
        if quantity_e8 or price_e8 in self.market.side(side):
            self.market.set_level(side, price_e8, quantity_e8)
        self.told()

    def told(self) -> None:
        self.matcher.resting.on_levels(True, self.now_ns)
        self.matcher.resting.on_levels(False, self.now_ns)

    # ---- what can be compared

    def take_fills(self) -> list[Fill]:
        fills = self.bank.fills
        self.bank.fills = []
        return fills

    def balances(self) -> dict[str, tuple[int, int, int, int]]:
        return {
            name: (one.free["base"], one.locked["base"], one.free["quote"], one.locked["quote"])
            for name, one in self.bank.balances.items()
        }

    def resting(self) -> list[tuple[int, int, int, int]]:
        """(number, price, left, market's quantity ahead), bids then asks, best first."""
        rows: list[tuple[int, int, int, int]] = []
        for order in self.matcher.resting.all():
            assert isinstance(order, ClientOrder)
            assert order.queue is not None
            rows.append((order.number, int(order.price_e8), order.left_e8, int(order.queue.ahead_e8)))
        return rows
