"""The money of a USD-M account as plainly as it can be said: one list of what happened to it, added up anew each time.

Isolated margin, one-way mode. Shares no code with the venue. Amounts in 1e-8 USDT, sides +1 and -1.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

E8 = 10**8
TICK = 10**6
# Highest notional in USDT, highest leverage, maintenance rate in percent: ETHUSDT's brackets.
TIERS = (
    (50_000, 125, "0.4"),
    (600_000, 100, "0.5"),
    (3_000_000, 75, "0.65"),
    (12_000_000, 50, "1"),
    (50_000_000, 25, "2"),
    (65_000_000, 20, "2.5"),
    (150_000_000, 10, "5"),
    (320_000_000, 5, "10"),
    (400_000_000, 4, "12.5"),
    (530_000_000, 3, "15"),
    (800_000_000, 2, "25"),
    (1_200_000_000, 1, "50"),
)


class Row(NamedTuple):
    """One thing that happened. ``amount``: of money that came or went; of a fill the fee."""

    kind: str
    amount: int
    side: int = 0
    quantity: int = 0
    price: int = 0
    leverage: int = 1


class Sum:
    """What a list of rows adds up to. The cost of a short is negative, as its quantity is."""

    def __init__(self) -> None:
        self.wallet = 0
        self.quantity = 0
        self.cost = 0
        self.isolated = 0
        self.realized = 0
        self.burden = 0  # what has to come back before the position has cost nothing
        self.last_realized = 0  # of the last fill

    def add(self, row: Row) -> None:
        if row.kind == "FILL":
            self.fill(row)
        elif row.kind == "MARGIN":  # by hand, between the two parts of the wallet
            self.isolated += row.amount
        else:
            self.wallet += row.amount
            if row.kind == "FUNDING_FEE":
                self.isolated += row.amount
                self.burden -= row.amount

    def fill(self, row: Row) -> None:
        closing = min(row.quantity, closable(self, row.side))
        self.last_realized = 0
        if closing:
            self.close(row, closing)
        if row.quantity > closing:
            before = initial(self.cost, row.leverage)
            self.quantity += row.side * (row.quantity - closing)
            self.cost += row.side * worth(row.quantity - closing, row.price)
            self.isolated += initial(self.cost, row.leverage) - before
        self.wallet -= row.amount
        if self.quantity:
            self.isolated -= row.amount
            self.burden += row.amount
            # What the free part of the wallet cannot pay, the position's part does.
            self.isolated = min(self.isolated, self.wallet)

    def close(self, row: Row, closing: int) -> None:
        """Its share of the cost becomes profit or loss, its share of the margin is free again."""
        whole = abs(self.quantity)
        share = round(Fraction(abs(self.cost) * closing, whole))
        profit = row.side * (share - worth(closing, row.price))
        self.last_realized = profit
        self.realized += profit
        self.wallet += profit
        self.burden -= profit
        self.quantity += row.side * closing
        self.cost += row.side * share
        self.isolated -= self.isolated * closing // whole
        if self.quantity == 0:
            self.cost = self.isolated = self.burden = 0


class Account:
    """Rows, and the sum of what is so old that nobody asks for it row by row."""

    def __init__(self, wallet: int, leverage: int) -> None:
        self.leverage = leverage
        self.rows = [Row("TRANSFER", wallet)]
        self.carried = Sum()
        self.countdown = 0  # ms; 0 = off
        self.is_warned = False
        self._known: tuple[int, Sum] = (0, Sum())

    def sum(self) -> Sum:
        """Added up from the first row on, whenever there is a new one."""
        if self._known[0] != len(self.rows):
            total = Sum()
            vars(total).update(vars(self.carried))
            for row in self.rows:
                total.add(row)
            self._known = (len(self.rows), total)
        return self._known[1]

    def carry(self) -> None:
        """The rows so far become one sum."""
        self.carried = self.sum()
        self.rows = []
        self._known = (0, self.carried)


def worth(quantity: int, price: int) -> int:
    return quantity * price // E8


def initial(cost: int, leverage: int) -> int:
    return math.ceil(Fraction(abs(cost), leverage))


def closable(held: Sum, side: int) -> int:
    """What an order of a side can close."""
    return max(0, -side * held.quantity)


def most_notional(leverage: int) -> int:
    return max((cap * E8 for cap, highest, _ in TIERS if leverage <= highest), default=0)


def maintenance(notional: int) -> int:
    """Each part of the notional at the rate of the tier it lies in."""
    total, floor = Fraction(0), 0
    for cap, _, percent in TIERS:
        part = min(notional, cap * E8) - floor
        if part <= 0:
            break
        total += part * Fraction(percent) / 100
        floor = cap * E8
    return math.ceil(total + max(0, notional - TIERS[-1][0] * E8) * Fraction(TIERS[-1][2]) / 100)


def bankruptcy_price(held: Sum, fee: Fraction) -> int:
    """Where closing, its fee paid, leaves nothing of the margin: the first tick on the good side of that."""
    # margin + quantity x price - cost = |quantity| x price x fee
    price = Fraction((held.cost - held.isolated) * E8) / (held.quantity - abs(held.quantity) * fee)
    ticks = price / TICK
    return TICK * max(1, math.ceil(ticks) if held.quantity > 0 else math.floor(ticks))


def price_of(cost: int, quantity: int) -> int:
    """0 when flat."""
    return round(Fraction(cost * E8, quantity)) if quantity else 0
