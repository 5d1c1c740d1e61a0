"""The naive USD-M exchange: what may come in, conditional orders, amendments, settings, timers.

Answers are the venue's codes, or the state an order is in.
"""

from __future__ import annotations

import copy

from tests.core.matching.bank import Asked
from tests.core.matching.exchange import naive_margin as money
from tests.core.matching.exchange.naive import E8
from tests.core.matching.exchange.naive_margin import TICK, Row, closable, worth
from tests.core.matching.exchange.naive_usdm_book import BAND, Algo, UsdmAsked, UsdmBook, UsdmOrder

STOPS = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET")
LEAST_PRICE, MOST_PRICE = 3_986 * TICK, 306_177 * E8
LEAST_NOTIONAL = 20 * E8
MOST_QUANTITY, MOST_MARKET_QUANTITY = 10_000 * E8, 2_000 * E8
ORDERS_MAX, ALGOS_MAX = 30, 12  # set lower than the venue's, so that they are reached


class NaiveUsdm(UsdmBook):
    # ---- may it come in

    def refusal(self, wish: UsdmAsked) -> int:
        """Of an ordinary order."""
        is_market = wish.kind == "MARKET"
        code = self.bad_date(wish) or self.bad_quantity(wish.quantity_e8, is_market)
        if not is_market:
            code = code or self.bad_price(wish.price_e8) or self.beyond_band(wish)
            if not code and not wish.is_reduce_only and worth(wish.quantity_e8, wish.price_e8) < LEAST_NOTIONAL:
                code = -4164
        if not code and wish.name and self.has_open(wish.account, wish.name):
            code = -4116
        return code or self.door(wish, False)

    def bad_date(self, wish: UsdmAsked) -> int:
        return -5040 if wish.time_in_force == "GTD" and wish.good_till_ms <= self.now_ms + 600_000 else 0

    def bad_quantity(self, quantity: int, is_market: bool) -> int:
        if quantity <= 0:
            return -4003
        if quantity % self.step:
            return -1111
        return -4005 if quantity > (MOST_MARKET_QUANTITY if is_market else MOST_QUANTITY) else 0

    def bad_price(self, price: int) -> int:
        if price <= 0 or price % TICK:
            return -4001 if price <= 0 else -1111
        return -4013 if price < LEAST_PRICE else -4002 if price > MOST_PRICE else 0

    def beyond_band(self, wish: UsdmAsked) -> int:
        if self.mark and (wish.price_e8 - self.mark * (1 + wish.side * BAND)) * wish.side > 0:
            return -4016 if wish.side > 0 else -4024
        return 0

    def has_open(self, account: str, name: str) -> bool:
        return any(order.name == name and order.asked.account == account for order in self.all_orders())

    def door(self, wish: UsdmAsked, is_triggered: bool) -> int:
        """What depends on the book and the account. A triggered order that only reduces finds out in the book."""
        name, side, is_market = wish.account, wish.side, wish.kind.endswith("MARKET")
        opposite = self.queue(-side)
        best = opposite[0].price if opposite else 0
        if is_market and not (is_triggered and wish.is_reduce_only):
            if not best or (self.mark and (best - self.mark * (1 + side * BAND)) * side > 0):
                return -4131
            if not wish.is_reduce_only and worth(wish.quantity_e8, self.mark or best) < LEAST_NOTIONAL:
                return -4164
        if wish.is_reduce_only and (wish.quantity_e8 <= 0 or self.reducible(wish) <= 0):
            return -2022
        if not is_market:
            if sum(order.asked.account == name for order in self.all_orders()) >= ORDERS_MAX:
                return -2025
            if wish.time_in_force == "GTX" and best and (wish.price_e8 - best) * side >= 0:
                return -5022
            if wish.time_in_force == "FOK" and not self.can_fill_now(wish):
                return -5021
        if wish.is_reduce_only:
            return 0
        price = wish.price_e8
        if is_market:
            price = best + (best * 5 // 10_000 if side > 0 else 0)  # a buy is reckoned with 0.05 % more
        code = self.margin_refusal(wish, price)
        if not code and wish.time_in_force == "FOK" and not is_market:
            # It must not end half-way: what it is to fill has to be payable at the best price too.
            probe = UsdmOrder(0, wish, 0)
            code = -2019 if self.wanted(probe, best) < wish.quantity_e8 else 0
        return code

    def reducible(self, wish: UsdmAsked) -> int:
        """What of the position is left when reduce-only orders that come first have had their part."""
        left = closable(self.sum(wish.account), wish.side)
        if not wish.kind.endswith("MARKET"):
            left -= sum(
                order.left
                for order in self.resting_of(wish.account)
                if order.wish.is_reduce_only
                and order.asked.side == wish.side
                and (order.limit - wish.price_e8) * wish.side >= 0
            )
        return left

    def can_fill_now(self, wish: UsdmAsked) -> bool:
        wanted = wish.quantity_e8
        if wish.is_reduce_only:
            wanted = min(wanted, closable(self.sum(wish.account), wish.side))
        there = sum(
            self.offer(entry) for entry in self.queue(-wish.side) if (entry.price - wish.price_e8) * wish.side <= 0
        )
        return there >= wanted

    def margin_refusal(self, wish: UsdmAsked, price: int, before: UsdmOrder | None = None) -> int:
        """Initial margin at the price, and the loss against the mark it would open with. ``before`` is replaced."""
        name, side = wish.account, wish.side
        more = worth(wish.quantity_e8, price)
        needed = self.needed(name, {side: more}, before)
        if needed <= self.needed(name):
            return 0
        held = self.sum(name)
        most = money.most_notional(self.accounts[name].leverage)
        if side * held.cost + self.standing(name, side, before) + more > most:
            return -2027
        opening = max(0, wish.quantity_e8 - closable(held, side))
        loss = worth(opening, max(0, side * (price - self.mark))) if self.mark else 0
        return -2019 if needed + loss > self.budget(name) else 0

    # ---- orders

    def place(self, number: int, asked: Asked) -> str:
        assert isinstance(asked, UsdmAsked)
        if asked.kind in STOPS:
            return self.place_algo(number, asked)
        code = self.refusal(asked)
        if code:
            return str(code)
        order = UsdmOrder(number, copy.copy(asked), self.next_born())
        self.enter(order)
        self.settle()
        return order.status

    def cancel(self, number: int) -> str:  # type: ignore[override]
        algo = next((one for one in self.waiting if one.number == number), None)
        if algo is not None:
            self.move(algo, "CANCELED")
            return "CANCELED"
        order = self.orders.get(number)
        if not isinstance(order, UsdmOrder) or not order.is_open:
            return "-2011"
        self.finish(order, "CANCELED")
        return "CANCELED"

    def cancel_all(self, name: str) -> str:
        for order in self.resting_of(name):
            self.finish(order, "CANCELED")
        return ""

    def amend(self, number: int, price: int, quantity: int) -> str:
        """A new price and quantity, and a new place in the queue."""
        order = self.orders.get(number)
        if not isinstance(order, UsdmOrder) or not order.is_open:
            return "-2013"
        wish = copy.copy(order.wish)
        wish.price_e8, wish.quantity_e8 = price, quantity
        code = -5027 if (price, quantity) == (order.limit, order.wish.quantity_e8) else 0
        code = code or self.bad_quantity(quantity, False) or self.bad_price(price) or self.beyond_band(wish)
        if not code and not wish.is_reduce_only and worth(quantity, price) < LEAST_NOTIONAL:
            code = -5029
        if code:
            return str(code)
        opposite = self.queue(-wish.side)
        takes = opposite and (price - opposite[0].price) * wish.side >= 0
        if quantity <= order.filled or (takes and wish.time_in_force == "GTX"):
            self.finish(order, "CANCELED")
            return "CANCELED"
        if not wish.is_reduce_only:
            rest = copy.copy(wish)
            rest.quantity_e8 = quantity - order.filled
            code = self.margin_refusal(rest, price, order)
            if code:
                return str(code)
        self.entries = [entry for entry in self.entries if entry.order is not order]
        order.asked = order.wish = wish
        order.limit, order.left, order.is_resting = price, quantity - order.filled, False
        self.forget()
        self.work(order)
        self.settle()
        return order.status

    # ---- conditional orders

    def place_algo(self, number: int, wish: UsdmAsked) -> str:
        code = self.algo_refusal(wish)
        if code:
            return str(code)
        algo = Algo(number, wish)
        self.waiting.append(algo)
        self.algo_news.append((number, "NEW"))
        return algo.status

    def algo_refusal(self, wish: UsdmAsked) -> int:
        is_market = wish.kind.endswith("MARKET")
        code = self.bad_date(wish)
        if not code and (wish.stop_e8 <= 0 or wish.stop_e8 > MOST_PRICE):
            code = -4006 if wish.stop_e8 <= 0 else -4007
        if not code and wish.stop_e8 % TICK:
            code = -1111
        if wish.is_close_position:
            if not is_market:
                code = code or -4136
            elif wish.quantity_e8 or wish.is_reduce_only:
                code = code or (-4137 if wish.quantity_e8 else -1106)
        else:
            code = code or self.bad_quantity(wish.quantity_e8, is_market)
            if not is_market:
                code = code or self.bad_price(wish.price_e8)
                if not code and (wish.price_e8 - wish.stop_e8 * (1 + wish.side * BAND)) * wish.side > 0:
                    code = -4183 if wish.side > 0 else -4184
            price = wish.stop_e8 if is_market else wish.price_e8
            if not code and not wish.is_reduce_only and worth(wish.quantity_e8, price) < LEAST_NOTIONAL:
                code = -4164
        return code or self.algo_clash(wish)

    def algo_clash(self, wish: UsdmAsked) -> int:
        """With the account's other conditional orders, or with the price."""
        waiting = [algo.asked for algo in self.waiting if algo.asked.account == wish.account]
        turned = [order.algo for order in self.all_orders() if order.algo and order.asked.account == wish.account]
        if len(waiting) >= ALGOS_MAX:
            return -4045
        if wish.name and any(one.name == wish.name for one in [*waiting, *(algo.asked for algo in turned)]):
            return -4116
        for other in waiting:
            if (
                wish.is_close_position
                and other.is_close_position
                and (other.kind, other.side) == (wish.kind, wish.side)
            ):
                return -4130
        price = self.mark if wish.working_type == "MARK_PRICE" else self.last
        return -2021 if price and is_reached(wish, price) else 0

    def trigger(self, working_type: str, price: int) -> None:
        """The oldest first, of those that wait now."""
        is_apart = self.mark and self.last and abs(self.mark - self.last) > self.mark * BAND
        for algo in list(self.waiting):
            wish = algo.asked
            if wish.working_type == working_type and is_reached(wish, price):
                if not (wish.is_price_protected and is_apart):
                    self.fire(algo)

    def fire(self, algo: Algo) -> None:
        self.move(algo, "TRIGGERING")
        wish = copy.copy(algo.asked)
        if wish.is_close_position:
            wish.is_reduce_only = True
            wish.quantity_e8 = closable(self.sum(wish.account), wish.side)
        if wish.name and self.has_open(wish.account, wish.name):
            wish.name = ""
        if self.door(wish, True):
            self.move(algo, "REJECTED")
            return
        order = UsdmOrder(algo.number, wish, self.next_born())
        order.algo = algo
        self.move(algo, "TRIGGERED")
        self.enter(order)

    def expire_waiting(self, name: str) -> None:
        for algo in list(self.waiting):
            if algo.asked.account == name:
                self.move(algo, "EXPIRED")

    # ---- what a client can set, and time

    def lever(self, name: str, leverage: int) -> str:
        account, held = self.accounts[name], self.sum(name)
        most = money.most_notional(leverage)
        if leverage < 1 or not most:
            return "-4028"
        if held.quantity and leverage < account.leverage:
            return "-4161"
        if max(abs(held.cost + self.standing(name, 1)), abs(held.cost - self.standing(name, -1))) > most:
            return "-2027"
        before, account.leverage = account.leverage, leverage
        if self.available(name) < 0:
            account.leverage = before
            return "-2028"
        return ""

    def margin(self, name: str, amount: int) -> str:
        """Into the isolated wallet, or (negative) out of it: what is above the initial margin, at the cost and at the
        mark.
        """
        held = self.sum(name)
        if not held.quantity:
            return "-4054"
        if amount > 0 and amount > self.available(name):
            return "-4050"
        if amount < 0:
            dearer = max(abs(held.cost), worth(abs(held.quantity), self.mark))
            loss = min(0, self.unrealized(name)) if self.mark else 0
            if -amount > held.isolated + loss - money.initial(dearer, self.accounts[name].leverage):
                return "-4051"
        self.accounts[name].rows.append(Row("MARGIN", amount))
        return ""

    def deposit(self, name: str, amount: int) -> str:
        if amount < 0 and -amount > self.available(name):
            return "-4050"
        self.move_money(name, "TRANSFER", amount)
        return ""

    def countdown(self, name: str, ms: int) -> str:
        self.accounts[name].countdown = self.now_ms + ms if ms else 0
        return ""

    def advance(self) -> str:
        """Good-till dates and countdowns that have come, the earliest first."""
        due = [(order.wish.good_till_ms, order.number) for order in self.all_orders() if order.wish.good_till_ms]
        due += [(algo.asked.good_till_ms, algo.number) for algo in self.waiting if algo.asked.good_till_ms]
        for name, account in self.accounts.items():
            if 0 < account.countdown <= self.now_ms:
                ended = [number for ms, number in due if ms <= account.countdown]
                self.strike(ended)
                account.countdown = 0
                self.cancel_all(name)
        self.strike([number for ms, number in due if ms <= self.now_ms])
        return ""

    def strike(self, numbers: list[int]) -> None:
        for order in self.all_orders():
            if order.number in numbers:
                self.finish(order, "EXPIRED")
        for algo in list(self.waiting):
            if algo.number in numbers:
                self.move(algo, "EXPIRED")


def is_reached(wish: UsdmAsked, price: int) -> bool:
    """A stop when the price has gone with its side, a take-profit when it has gone against it."""
    is_rise = (wish.side > 0) == wish.kind.startswith("STOP")
    return price >= wish.stop_e8 if is_rise else price <= wish.stop_e8
