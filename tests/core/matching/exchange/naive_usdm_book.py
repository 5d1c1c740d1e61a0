"""The naive exchange with the USD-M rules for what is in the book: margin, fills, funding, liquidation.

Nothing is kept that can be found out: what an order may still do follows from the list of its account's rows and from
all open orders, each time anew.
"""

from __future__ import annotations

import math
from fractions import Fraction

from tests.core.matching.bank import Asked
from tests.core.matching.exchange import naive_margin as money
from tests.core.matching.exchange.naive import E8, Entry, NaiveExchange, Order
from tests.core.matching.exchange.naive_margin import Account, Row, Sum, closable, initial, worth

RESTING = ("GTC", "GTX", "GTD")
BAND = Fraction(5, 100)  # of limit prices, market orders and price protection
CLEARANCE = Fraction(125, 10_000)
CALL = Fraction(80, 100)
SELF_TRADE, IOC_REST, REDUCE_ONLY, LIQUIDATION, MARKET_REST = 1, 2, 4, 5, 9  # why an order ended


class UsdmAsked(Asked):
    """What a client asks for on USD-M."""

    is_reduce_only = False
    is_close_position = False
    is_price_protected = False
    working_type = "CONTRACT_PRICE"
    good_till_ms = 0
    name = ""  # client id


class UsdmOrder(Order):
    def __init__(self, number: int, asked: UsdmAsked, born: int) -> None:
        super().__init__(number, asked)
        self.wish = asked
        self.born = born
        self.is_market = asked.kind.endswith("MARKET")
        self.limit = asked.price_e8
        self.name = asked.name
        self.filled = self.quote = 0
        self.status = "NEW"
        self.reason = 0
        self.is_resting = False
        self.algo: Algo | None = None
        self.is_forced = False


class Algo:
    """A conditional order, as long as it waits and after."""

    def __init__(self, number: int, asked: UsdmAsked) -> None:
        self.number = number
        self.asked = asked
        self.status = "NEW"


class UsdmBook(NaiveExchange):
    step = 10**5

    def __init__(self, wallets: dict[str, int], maker_fee: int, taker_fee: int) -> None:
        super().__init__({}, maker_fee, taker_fee)
        self.accounts = {name: Account(wallet, 20) for name, wallet in wallets.items()}
        self.waiting: list[Algo] = []
        self.traded: list[int] = []  # prices at which clients took, not yet looked at
        self.mark = self.last = self.rate = self.next_funding = self.now_ms = 0
        self.fees = self.funding = self.fund = 0
        self.born = self.forced = 0
        # What is told since the driver last asked.
        self.income: list[tuple[str, str, int]] = []
        self.ended: list[tuple[int, str, int, int, int]] = []
        self.algo_news: list[tuple[int, str]] = []
        self.calls: list[str] = []

    # ---- looking

    def sum(self, name: str) -> Sum:
        return self.accounts[name].sum()

    def resting_of(self, name: str) -> list[UsdmOrder]:
        """Oldest first."""
        found = [order for order in self.all_orders() if order.is_resting and order.asked.account == name]
        return sorted(found, key=lambda order: order.born)

    def all_orders(self) -> list[UsdmOrder]:
        return [order for order in self.orders.values() if isinstance(order, UsdmOrder) and order.is_open]

    def standing(self, name: str, side: int, without: UsdmOrder | None = None) -> int:
        """Notional of the resting orders of a side that may open something."""
        return sum(
            worth(order.left, order.limit)
            for order in self.resting_of(name)
            if order.asked.side == side and not order.wish.is_reduce_only and order is not without
        )

    def needed(self, name: str, more: dict[int, int] | None = None, without: UsdmOrder | None = None) -> int:
        """Initial margin of the position and the open orders: the dearer of all buys filling and all sells filling."""
        cost, more = self.sum(name).cost, more or {}
        bids = self.standing(name, 1, without) + more.get(1, 0)
        asks = self.standing(name, -1, without) + more.get(-1, 0)
        return initial(max(abs(cost + bids), abs(cost - asks)), self.accounts[name].leverage)

    def cross(self, name: str) -> int:
        return self.sum(name).wallet - self.sum(name).isolated

    def budget(self, name: str) -> int:
        return self.cross(name) + initial(self.sum(name).cost, self.accounts[name].leverage)

    def available(self, name: str) -> int:
        return self.budget(name) - self.needed(name)

    def unrealized(self, name: str) -> int:
        return self.sum(name).quantity * self.mark // E8 - self.sum(name).cost

    def balances(self) -> dict[str, tuple[int, ...]]:  # type: ignore[override]
        rows: dict[str, tuple[int, ...]] = {}
        for name, account in self.accounts.items():
            held = account.sum()
            rows[name] = (
                account.leverage,
                held.wallet,
                self.cross(name),
                self.available(name),
                held.quantity,
                held.cost,
                held.isolated,
                held.realized,
                self.unrealized(name),
                money.price_of(held.cost, held.quantity),
                money.price_of(held.cost + held.burden, held.quantity),
            )
        return rows

    # ---- orders

    def next_born(self) -> int:
        self.born += 1
        return self.born

    def enter(self, order: UsdmOrder) -> None:
        self.orders[order.number] = order
        if order.is_market and self.mark:
            order.limit = math.floor(self.mark * (1 + order.asked.side * BAND))
        self.work(order)

    def work(self, order: UsdmOrder) -> None:
        self.forget()
        self.take(order)
        if not order.is_open:
            return
        if not order.is_market and order.asked.time_in_force in RESTING:
            order.is_resting = True
            self.rest(order)
            return
        reason = MARKET_REST if order.is_market else IOC_REST
        if order.wish.is_reduce_only and not closable(self.sum(order.asked.account), order.asked.side):
            reason = REDUCE_ONLY
        self.finish(order, "EXPIRED", reason)

    def finish(self, order: UsdmOrder, status: str, reason: int = 0) -> None:
        order.is_open = order.is_resting = False
        order.status, order.reason = status, reason
        self.ended.append((order.number, status, reason, order.filled, order.quote))
        if order.algo is not None:
            self.move(order.algo, "FINISHED")

    def move(self, algo: Algo, status: str) -> None:
        """A conditional order goes on to its next state."""
        algo.status = status
        self.algo_news.append((algo.number, status))
        self.waiting = [one for one in self.waiting if one is not algo]

    # ---- matching

    def wanted(self, order: Order, price: int) -> int:
        """What may trade at this price: by the position, where it only reduces, else by the margin."""
        assert isinstance(order, UsdmOrder)
        name, side = order.asked.account, order.asked.side
        if order.is_forced or not order.is_open:
            return order.left if order.is_open else 0
        held = self.sum(name)
        most = closable(held, side)
        if order.left > most and not order.wish.is_reduce_only:
            room = (
                self.budget(name) * self.accounts[name].leverage - side * held.cost - self.standing(name, side, order)
            )
            most = max(most, room * E8 // price)
        return max(0, min(order.left, most)) // self.step * self.step

    def offer(self, entry: Entry) -> int:
        return entry.block if entry.order is None else self.wanted(entry.order, entry.price)

    def next_for(self, order: Order) -> Entry | None:
        """Who may not trade at all is passed over."""
        assert isinstance(order, UsdmOrder)
        for entry in self.queue(-order.asked.side):
            if order.limit and (entry.price - order.limit) * order.asked.side > 0:
                return None
            if self.offer(entry) > 0:
                return entry
        return None

    def is_kept_from(self, taker: Order, maker: Order) -> bool:
        return taker.asked.time_in_force != "FOK" and super().is_kept_from(taker, maker)

    def prevent(self, taker: Order, maker: Order) -> None:
        assert isinstance(taker, UsdmOrder)
        assert isinstance(maker, UsdmOrder)
        if taker.asked.stp != "EXPIRE_TAKER":
            self.finish(maker, "EXPIRED_IN_MATCH", SELF_TRADE)
        if taker.asked.stp != "EXPIRE_MAKER":
            self.finish(taker, "EXPIRED_IN_MATCH", SELF_TRADE)

    def book(self, order: Order, price: int, quantity: int, is_maker: bool) -> None:
        assert isinstance(order, UsdmOrder)
        self.pay(order, price, quantity, is_maker)
        if not is_maker:
            self.traded.append(price)

    def pay(self, order: UsdmOrder, price: int, quantity: int, is_maker: bool) -> None:
        name = order.asked.account
        account = self.accounts[name]
        fee = math.ceil(Fraction(quantity * price * self.fee[is_maker], E8 * E8))
        account.rows.append(Row("FILL", fee, order.asked.side, quantity, price, account.leverage))
        self.fees += fee
        self.tell(name, "REALIZED_PNL", account.sum().last_realized)
        self.tell(name, "COMMISSION", -fee)
        self.fills.append((order.number, price, quantity, is_maker))
        order.left -= quantity
        order.filled += quantity
        order.quote += worth(quantity, price)
        order.status = "PARTIALLY_FILLED"
        if order.left == 0:
            self.finish(order, "FILLED")
        held = account.sum()
        if held.quantity == 0 and held.wallet < 0:  # nobody owes the exchange: the fund pays
            self.fund += held.wallet
            self.move_money(name, "INSURANCE_CLEAR", -held.wallet)

    def tell(self, name: str, kind: str, amount: int) -> None:
        if amount:
            self.income.append((name, kind, amount))

    def move_money(self, name: str, kind: str, amount: int) -> None:
        self.accounts[name].rows.append(Row(kind, amount))
        self.tell(name, kind, amount)

    # ---- what follows

    def settle(self) -> None:
        """Trades trigger, in their order, and what is triggered trades; then what has no room any more ends."""
        while self.traded:
            self.last = self.traded.pop(0)
            self.trigger("CONTRACT_PRICE", self.last)
        for name in self.accounts:
            for side in (1, -1):
                self.end_beyond_position(name, side)
            while self.available(name) < 0:
                opening = [order for order in self.resting_of(name) if not order.wish.is_reduce_only]
                if not opening:
                    break
                self.finish(opening[-1], "EXPIRED")
        self.forget()

    def end_beyond_position(self, name: str, side: int) -> None:
        room = closable(self.sum(name), side)
        for entry in self.queue(side):
            order = entry.order
            if isinstance(order, UsdmOrder) and order.wish.is_reduce_only and order.asked.account == name:
                if room <= 0:
                    self.finish(order, "EXPIRED", REDUCE_ONLY)
                room -= order.left

    def trigger(self, working_type: str, price: int) -> None:
        raise NotImplementedError

    def expire_waiting(self, name: str) -> None:
        raise NotImplementedError

    # ---- the market

    def trade(self, side: int, price: int, quantity: int) -> int:
        """Each fill of a client and what the market traded with itself are on the tape, one after the other."""
        told = len(self.fills)
        used = super().trade(side, price, quantity)
        prints = [fill[1] for fill in self.fills[told:]]
        if used < quantity:
            prints.append(price)
        for printed in prints:
            self.traded.append(printed)
            self.settle()
        return used

    def on_mark(self, mark: int, rate: int, next_funding: int) -> None:
        """When the announced funding time makes way for a later one it has come."""
        due_rate, is_due = self.rate, 0 < self.next_funding < next_funding
        self.mark, self.rate, self.next_funding = mark, rate, next_funding
        for name in self.accounts if is_due else ():
            # A long pays a positive rate; what is between two digits is the account's loss.
            amount = math.floor(Fraction(-self.sum(name).quantity * mark * due_rate, E8 * E8))
            if amount:
                self.funding += amount
                self.move_money(name, "FUNDING_FEE", amount)
        self.trigger("MARK_PRICE", mark)
        self.settle()
        for name in self.accounts:
            self.look_at_margin(name)
        self.settle()

    def look_at_margin(self, name: str) -> None:
        account, held = self.accounts[name], self.sum(name)
        if not held.quantity:
            account.is_warned = False
            return
        balance = held.isolated + self.unrealized(name)
        needed = money.maintenance(worth(abs(held.quantity), self.mark))
        if balance <= needed:
            self.liquidate(name)
            return
        is_high = needed >= balance * CALL
        if is_high and not account.is_warned:
            self.calls.append(name)
        account.is_warned = is_high

    def liquidate(self, name: str) -> None:
        """All orders end; what the book does not take at the bankruptcy price or better the fund takes at it; of what
        is left of the margin the fund gets its fee.
        """
        for order in self.resting_of(name):
            self.finish(order, "EXPIRED", LIQUIDATION)
        self.expire_waiting(name)
        self.forget()
        held = self.sum(name)
        margin, wallet = held.isolated, held.wallet
        asked = UsdmAsked(name, -1 if held.quantity > 0 else 1, abs(held.quantity), kind="LIMIT", time_in_force="IOC")
        asked.price_e8 = money.bankruptcy_price(held, Fraction(self.fee[False], E8))
        self.forced += 1
        order = UsdmOrder(-self.forced, asked, self.next_born())
        order.is_forced = True
        self.orders[order.number] = order
        self.take(order)
        if order.is_open:
            self.pay(order, order.limit, order.left, False)
        fee = min(math.ceil(order.quote * CLEARANCE), margin + self.sum(name).wallet - wallet)
        if fee > 0:
            self.fund += fee
            self.move_money(name, "INSURANCE_CLEAR", -fee)
