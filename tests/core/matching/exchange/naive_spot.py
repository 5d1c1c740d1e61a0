"""The naive exchange with the spot venue's rules for one order: filters, locks, stops that wait for a price."""

from __future__ import annotations

import copy

from tests.core.matching.bank import Asked
from tests.core.matching.exchange.naive import BUY, E8, SELL, STEP, NaiveExchange, Order

TICK = 10**6
LEAST_NOTIONAL = 5 * E8
MOST_QUANTITY = 9_000 * E8
PRICELESS = ("MARKET", "STOP_LOSS", "TAKE_PROFIT")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


class NaiveSpot(NaiveExchange):
    def __init__(self, accounts: dict[str, tuple[int, int]], maker_fee: int, taker_fee: int) -> None:
        super().__init__(accounts, maker_fee, taker_fee)
        self.waiting: list[Order] = []
        self.last = 0

    def place(self, number: int, asked: Asked) -> str:
        refused = self.refusal(asked)
        if refused:
            return refused
        asked = copy.copy(asked)
        order = Order(number, asked)
        free = self.balances()[asked.account]
        has = free[2] if asked.side == BUY else free[0]
        if asked.kind == "MARKET":
            if asked.budget_e8:
                if not self.queue(-asked.side):
                    return "refused: liquidity"
                order.left = asked.quantity_e8 = self.worth(order, asked.budget_e8)
                if order.left < STEP:
                    return "refused: liquidity"
                if asked.side == BUY and asked.budget_e8 > has:
                    return "refused: balance"
            order.budget = self.cost(order)
            asked.budget_e8 = 0
            if (order.budget if asked.side == BUY else order.left) > has:
                return "refused: balance"
        elif order.left * (asked.price_e8 or asked.stop_e8) // E8 > has if asked.side == BUY else order.left > has:
            return "refused: balance"
        self.orders[number] = order
        if asked.kind in STOPS:
            self.waiting.append(order)
        else:
            self.enter(order)
        self.settle()
        return "open" if order.is_open else "over"

    def refusal(self, asked: Asked) -> str:
        price = asked.price_e8 or asked.stop_e8
        notional = asked.budget_e8 or (asked.quantity_e8 * price // E8 if price else LEAST_NOTIONAL)
        if asked.price_e8 % TICK or asked.stop_e8 % TICK or asked.quantity_e8 % STEP:
            return "refused: filter"
        if notional < LEAST_NOTIONAL or asked.quantity_e8 > MOST_QUANTITY:
            return "refused: filter"
        if asked.kind in STOPS and self.last and self.is_reached(asked):
            return "refused: would trigger"
        opposite = self.queue(-asked.side)
        if asked.kind == "LIMIT_MAKER" and opposite and (asked.price_e8 - opposite[0].price) * asked.side >= 0:
            return "refused: would take"
        return ""

    def is_reached(self, asked: Asked) -> bool:
        if (asked.side == BUY) == asked.kind.startswith("STOP_LOSS"):
            return self.last >= asked.stop_e8
        return self.last <= asked.stop_e8

    # ---- what it takes

    def there(self, order: Order) -> list[tuple[int, int]]:
        """(price, quantity) that an order without a price could trade with."""
        return [
            (entry.price, entry.quantity)
            for entry in self.queue(-order.asked.side)
            if entry.order is None or entry.order.asked.account != order.asked.account or order.asked.stp == "NONE"
        ]

    def cost(self, order: Order) -> int:
        total, left = 0, order.left
        for price, quantity in self.there(order):
            total += min(left, quantity) * price // E8
            left -= min(left, quantity)
        return total

    def worth(self, order: Order, budget: int) -> int:
        total = 0
        for price, quantity in self.there(order):
            most = budget * E8 // price // STEP * STEP
            total += min(most, quantity)
            budget -= min(most, quantity) * price // E8
            if most <= quantity:
                break
        return total

    def locked(self, account: str, side: int) -> int:
        total = 0
        for order in self.orders.values():
            asked = order.asked
            if order.is_open and (asked.account, asked.side) == (account, side) and asked.kind != "MARKET":
                total += order.left if side == SELL else order.left * (asked.price_e8 or asked.stop_e8) // E8
        return total

    def wanted(self, order: Order, price: int) -> int:
        if order.asked.kind in PRICELESS and order.asked.side == BUY:
            return min(order.left, order.budget * E8 // price) // STEP * STEP
        return order.left

    # ---- what follows

    def enter(self, order: Order) -> None:
        asked = order.asked
        if asked.time_in_force == "FOK" and not self.can_fill(order):
            order.is_open = False
            return
        if asked.kind != "LIMIT_MAKER":
            self.take(order)
        if order.is_open and (asked.kind in PRICELESS or asked.time_in_force != "GTC"):
            order.is_open = False
        elif order.is_open:
            self.rest(order)
        self.forget()

    def settle(self) -> None:
        while True:
            reached = [order for order in self.waiting if self.last and self.is_reached(order.asked)]
            if not reached:
                return
            # Those that wait for a rise first, the nearest to the market, the older.
            order = min(reached, key=self.turn)
            self.waiting.remove(order)
            if order.asked.kind in PRICELESS and order.asked.side == BUY:
                free = self.balances()[order.asked.account][2]
                order.budget = min(self.cost(order), free + order.left * order.asked.stop_e8 // E8)
            self.enter(order)

    def turn(self, order: Order) -> tuple[bool, int, int]:
        is_rise = (order.asked.side == BUY) == order.asked.kind.startswith("STOP_LOSS")
        return not is_rise, order.asked.stop_e8 if is_rise else -order.asked.stop_e8, order.number

    def book(self, order: Order, price: int, quantity: int, is_maker: bool) -> None:
        super().book(order, price, quantity, is_maker)
        self.last = price

    def trade(self, side: int, price: int, quantity: int) -> int:
        used = super().trade(side, price, quantity)
        if used < quantity:
            self.last = price
        self.settle()
        return used

    def cancel(self, number: int) -> bool:
        is_cancelled = super().cancel(number)
        self.waiting = [order for order in self.waiting if order.is_open]
        return is_cancelled
