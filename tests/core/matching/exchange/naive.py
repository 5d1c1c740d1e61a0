"""The exchange once more, as plainly as it can be said: what the matcher must do, found out by looking at everything.

One list of entries: each order of a client and each block of the market's orders is one, with its place in time. Who is
next is found by sorting the list, each time anew. Locked balances are not kept but added up from the open orders.
Shares no code with the matcher; only the shape of what is asked for.
"""

from __future__ import annotations

from tests.core.matching.bank import Asked

E8 = 10**8
STEP = 10**4
BUY, SELL = 1, -1


class Order:
    def __init__(self, number: int, asked: Asked) -> None:
        self.number = number
        self.asked = asked
        self.left = asked.quantity_e8
        self.budget = asked.budget_e8
        self.is_open = True
        self.partner: Order | None = None


class Entry:
    def __init__(self, side: int, price: int, place: int, quantity: int, order: Order | None) -> None:
        self.side = side
        self.price = price
        self.place = place
        self.block = quantity  # of the market; a client's entry says what the order has left
        self.order = order

    @property
    def quantity(self) -> int:
        if self.order is None:
            return self.block
        return self.order.left if self.order.is_open else 0


class NaiveExchange:
    step = STEP

    def __init__(self, accounts: dict[str, tuple[int, int]], maker_fee: int, taker_fee: int) -> None:
        self.base = {name: base for name, (base, _) in accounts.items()}  # all of it, locked or not
        self.quote = {name: quote for name, (_, quote) in accounts.items()}
        self.fee = {True: maker_fee, False: taker_fee}
        self.entries: list[Entry] = []
        self.orders: dict[int, Order] = {}
        self.fills: list[tuple[int, int, int, bool]] = []
        self.places = 0

    # ---- looking

    def queue(self, side: int) -> list[Entry]:
        """All entries of a side, best price first, then the older."""
        return sorted(
            (entry for entry in self.entries if entry.side == side and entry.quantity > 0),
            key=lambda entry: (-side * entry.price, entry.place),
        )

    def at(self, side: int, price: int) -> list[Entry]:
        return [entry for entry in self.queue(side) if entry.price == price]

    def level(self, side: int, price: int) -> int:
        return sum(entry.block for entry in self.at(side, price) if entry.order is None)

    def locked(self, account: str, side: int) -> int:
        """The base that open sells may give, the quote that open buys may cost."""
        total = 0
        for order in self.orders.values():
            if order.is_open and order.asked.account == account and order.asked.side == side:
                if order.asked.kind != "MARKET":
                    total += order.left if side == SELL else order.left * order.asked.price_e8 // E8
        return total

    def balances(self) -> dict[str, tuple[int, int, int, int]]:
        rows: dict[str, tuple[int, int, int, int]] = {}
        for name in self.base:
            base, quote = self.locked(name, SELL), self.locked(name, BUY)
            rows[name] = (self.base[name] - base, base, self.quote[name] - quote, quote)
        return rows

    def resting(self) -> list[tuple[int, int, int, int]]:
        rows: list[tuple[int, int, int, int]] = []
        for side in (BUY, SELL):
            price, ahead = 0, 0
            for entry in self.queue(side):
                if entry.price != price:
                    price, ahead = entry.price, 0
                if entry.order is None:
                    ahead += entry.block
                else:
                    rows.append((entry.order.number, entry.price, entry.order.left, ahead))
        return rows

    def levels(self, side: int) -> dict[int, int]:
        found: dict[int, int] = {}
        for entry in self.queue(side):
            if entry.order is None:
                found[entry.price] = found.get(entry.price, 0) + entry.block
        return found

    # ---- commands

    def place(self, number: int, asked: Asked) -> str:
        order = Order(number, asked)
        is_market = asked.kind == "MARKET"
        free = self.balances()[asked.account]
        if not is_market:
            needed, has = (asked.quantity_e8, free[0])
            if asked.side == BUY:
                needed, has = asked.quantity_e8 * asked.price_e8 // E8, free[2]
            if needed > has:
                return "refused: balance"
        opposite = self.queue(-asked.side)
        if asked.kind == "LIMIT_MAKER" and opposite and (asked.price_e8 - opposite[0].price) * asked.side >= 0:
            return "refused: would take"
        self.orders[number] = order
        partner = self.orders.get(asked.linked)
        if partner is not None and partner.is_open and partner.partner is None and partner is not order:
            order.partner, partner.partner = partner, order
        if asked.time_in_force == "FOK" and not self.can_fill(order):
            order.is_open = False
            return "expired"
        if asked.kind != "LIMIT_MAKER":
            self.take(order)
        self.forget()
        if not order.is_open:
            return "done"
        if is_market or asked.time_in_force != "GTC":
            order.is_open = False
            return "expired"
        self.rest(order)
        return "rests"

    def rest(self, order: Order) -> None:
        self.places += 1
        self.entries.append(Entry(order.asked.side, order.asked.price_e8, self.places, 0, order))

    def cancel(self, number: int) -> bool:
        order = self.orders.get(number)
        if order is None or not order.is_open:
            return False
        self.end(order)
        self.forget()
        return True

    def trade(self, side: int, price: int, quantity: int) -> int:
        """The market's own taker, at one price: clients who ask less come first, then the queue of the price."""
        got = 0
        for entry in self.queue(-side):
            if (entry.price - price) * side > 0 or quantity == 0:
                break
            if entry.order is None:
                if entry.price == price:
                    traded = min(quantity, entry.block)
                    entry.block -= traded
                    quantity -= traded
            elif self.offer(entry) > 0:  # the fill of one may end another
                traded = min(quantity, self.offer(entry))
                quantity -= traded
                got += traded
                self.book(entry.order, entry.price, traded, True)
        self.forget()
        return got

    def set_level(self, side: int, price: int, quantity: int) -> None:
        """More joins at the end. Less: cancelled evenly over the level, and what is before an order loses its share,
        in whole steps.
        """
        shown = self.level(side, price)
        if quantity >= shown:
            self.places += 1
            self.entries.append(Entry(side, price, self.places, quantity - shown, None))
            self.forget()
            return
        cancelled = shown - quantity
        before = placed = 0
        rebuilt: list[tuple[int, Order | None]] = []
        for entry in self.at(side, price):
            if entry.order is None:
                before += entry.block
                continue
            share = before * cancelled // shown
            now_before = before - share // self.step * self.step
            rebuilt.append((now_before - placed, None))
            rebuilt.append((0, entry.order))
            placed = now_before
        rebuilt.append((quantity - placed, None))
        self.entries = [entry for entry in self.entries if (entry.side, entry.price) != (side, price)]
        for block, order in rebuilt:
            self.places += 1
            self.entries.append(Entry(side, price, self.places, block, order))
        self.forget()

    # ---- matching

    def take(self, order: Order) -> None:
        while order.is_open:
            entry = self.next_for(order)
            if entry is None:
                return
            wanted = self.wanted(order, entry.price)
            if wanted == 0:
                return
            maker = entry.order
            if maker is not None and self.is_kept_from(order, maker):
                self.prevent(order, maker)
            else:
                traded = min(wanted, self.offer(entry))
                if maker is None:
                    entry.block -= traded
                else:
                    self.book(maker, entry.price, traded, True)
                self.book(order, entry.price, traded, False)
            self.forget()

    def offer(self, entry: Entry) -> int:
        """What of an entry may trade now."""
        return entry.quantity

    def is_kept_from(self, taker: Order, maker: Order) -> bool:
        return maker.asked.account == taker.asked.account and taker.asked.stp != "NONE"

    def next_for(self, order: Order) -> Entry | None:
        limit = order.asked.price_e8
        for entry in self.queue(-order.asked.side):
            if limit and (entry.price - limit) * order.asked.side > 0:
                return None
            return entry
        return None

    def can_fill(self, order: Order) -> bool:
        found = 0
        for entry in self.queue(-order.asked.side):
            if order.asked.price_e8 and (entry.price - order.asked.price_e8) * order.asked.side > 0:
                break
            if entry.order is not None and entry.order.asked.account == order.asked.account:
                if order.asked.stp == "EXPIRE_MAKER":
                    continue
                if order.asked.stp != "NONE":
                    break
            found += entry.quantity
        return found >= order.left

    def wanted(self, order: Order, price: int) -> int:
        if order.asked.kind != "MARKET":
            return order.left
        base, _, quote, _ = self.balances()[order.asked.account]
        most = base if order.asked.side == SELL else quote * E8 // price
        most = min(most, order.budget * E8 // price) if order.asked.budget_e8 else min(most, order.left)
        return most // self.step * self.step

    def prevent(self, taker: Order, maker: Order) -> None:
        mode = taker.asked.stp
        if mode == "DECREMENT" and not taker.asked.budget_e8:
            less = min(taker.left, maker.left)
            for order in (taker, maker):
                order.left -= less
                if order.left == 0:
                    self.end(order)
            return
        if mode in ("EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"):
            self.end(maker)
        if mode in ("EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT"):
            self.end(taker)

    def book(self, order: Order, price: int, quantity: int, is_maker: bool) -> None:
        name = order.asked.account
        cost = quantity * price // E8
        got = quantity if order.asked.side == BUY else cost
        fee = (got * self.fee[is_maker] + E8 - 1) // E8
        self.base[name] += quantity - fee if order.asked.side == BUY else -quantity
        self.quote[name] += cost - fee if order.asked.side == SELL else -cost
        order.budget -= cost
        if not order.asked.budget_e8:
            order.left -= quantity
            if order.left == 0:
                self.end(order)
        self.fills.append((order.number, price, quantity, is_maker))
        if order.partner is not None and order.partner.is_open:
            self.end(order.partner)

    def end(self, order: Order) -> None:
        order.is_open = False

    def forget(self) -> None:
        """What is empty goes; blocks of the market with nobody between them are one."""
        kept: list[Entry] = []
        for side in (BUY, SELL):
            for entry in self.queue(side):
                last = kept[-1] if kept else None
                if entry.order is None and last is not None and last.order is None and last.price == entry.price:
                    last.block += entry.block
                else:
                    kept.append(entry)
        self.entries = kept
