"""The USD-M venue over a market that loses what is taken, driven as the generated market drives it, for its twin."""

from __future__ import annotations

import json
from itertools import islice

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import SELL
from supreme_system_v5.core.matching.exchange import usdm_settings as setting
from supreme_system_v5.core.matching.exchange.algo import AlgoOrder
from supreme_system_v5.core.matching.exchange.happenings import AlgoUpdate, Happening, OrderUpdate
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.usdm_amend import Wish, amend
from supreme_system_v5.core.matching.exchange.usdm_happenings import MarginCall
from supreme_system_v5.core.matching.exchange.usdm_rules import UsdmRules
from supreme_system_v5.core.matching.exchange.words import ENDED, ExchangeOrder, NewOrder
from tests.core.matching.bank import E8, LosingMarket
from tests.core.matching.exchange.naive_usdm import ALGOS_MAX, ORDERS_MAX, STOPS
from tests.core.matching.exchange.naive_usdm_book import UsdmAsked

MAKER_FEE_E8, TAKER_FEE_E8 = 20_000, 50_000
MS = 1_000_000


class UsdmFloor:
    def __init__(self, wallets: dict[str, int]) -> None:
        self.market = LosingMarket()
        self.venue = self._new_venue()
        for name, wallet_e8 in wallets.items():
            self.venue.open_account(name, {"USDT": wallet_e8})
        self.orders: dict[int, ExchangeOrder] = {}
        self.algos: dict[int, AlgoOrder] = {}
        self.numbers: dict[int, int] = {}  # by order id; below 0: of liquidations
        self.algo_numbers: dict[int, int] = {}
        self.forced = 0
        self.now_ns = 1_700_000_000_000 * MS
        self.told: list[Happening] = []
        self.income_told = dict.fromkeys(wallets, 0)
        self.asked_count = 0

    def _new_venue(self) -> UsdmVenue:
        rules = UsdmRules()
        rules.orders_max, rules.algo_orders_max = ORDERS_MAX, ALGOS_MAX
        return UsdmVenue(eth_usdt("usdm"), self.market, Ids(1), MAKER_FEE_E8, TAKER_FEE_E8, rules)

    def restart(self) -> None:
        """A fresh venue goes on from what the other one saved."""
        before, self.venue = self.venue, self._new_venue()
        self.venue.restore(json.loads(json.dumps(before.save())))
        assert self.venue.state() == before.state()
        self.orders = {number: self._again(order) for number, order in self.orders.items()}
        for number, algo in self.algos.items():
            found = self.venue.algos.get(algo.account, algo.algo_id, "")
            assert found is not None
            self.algos[number] = found

    def _again(self, order: ExchangeOrder) -> ExchangeOrder:
        found = self.venue.orders.get(order.account, order.order_id)
        assert found is not None
        return found

    # ---- commands

    def ask(self, do: object, *args: object) -> object:
        """What the venue gives, or the code of its refusal; at first with a look that nothing has changed then (later
        that takes longer than all the rest).
        """
        assert callable(do)
        self.asked_count += 1
        before = self.venue.state() if self.asked_count < 1_000 and self.asked_count % 10 == 0 else []
        try:
            return do(*args)
        except Refusal as refusal:
            assert not before or self.venue.state() == before, "a refused command has changed something"
            return str(refusal.code)

    def place(self, number: int, asked: UsdmAsked) -> str:
        new = NewOrder(asked.side, asked.kind)
        new.quantity_e8 = asked.quantity_e8
        new.price_e8 = asked.price_e8
        new.stop_price_e8 = asked.stop_e8
        new.time_in_force = "" if asked.kind.endswith("MARKET") else asked.time_in_force
        new.stp_mode = asked.stp
        new.client_order_id = asked.name
        new.is_reduce_only = asked.is_reduce_only
        new.is_close_position = asked.is_close_position
        new.is_price_protected = asked.is_price_protected
        new.working_type = asked.working_type
        new.good_till_ms = asked.good_till_ms
        if asked.kind in STOPS:
            algo = self.ask(self.venue.place_algo, asked.account, new, self.now_ns)
            if isinstance(algo, AlgoOrder):
                self.algos[number] = algo
                self.algo_numbers[algo.algo_id] = number
                return algo.status
            return str(algo)
        tested = self.ask(self.venue.test, asked.account, new, self.now_ns)
        order = self.ask(self.venue.place, asked.account, new, self.now_ns)
        if isinstance(order, ExchangeOrder):
            assert isinstance(tested, ExchangeOrder)
            self.orders[number] = order
            self.numbers[order.order_id] = number
            if asked.time_in_force == "FOK" and not asked.is_reduce_only:
                assert order.status == "FILLED", "filled in part, or killed after it was accepted"
            return order.status
        assert order == tested
        return str(order)

    def cancel(self, number: int) -> str:
        algo = self.algos.get(number)
        if algo is not None:
            code = self.ask(self.venue.cancel_algo, algo.account, algo.algo_id, "", self.now_ns)
            if code != "-4117":
                return algo.status if isinstance(code, AlgoOrder) else str(code)
            # It has turned into an order, and that can be cancelled.
        order = self.order_of(number)
        account, order_id = (order.account, order.order_id) if order is not None else ("ann", 10**9)
        said = self.ask(self.venue.cancel, account, order_id, "", self.now_ns)
        return said.status if isinstance(said, ExchangeOrder) else str(said)

    def order_of(self, number: int) -> ExchangeOrder | None:
        algo = self.algos.get(number)
        if algo is not None:
            return self.venue.orders.get(algo.account, algo.order_id)
        return self.orders.get(number)

    def cancel_all(self, name: str) -> str:
        self.venue.cancel_all(name, self.now_ns)
        return ""

    def amend(self, number: int, price_e8: int, quantity_e8: int) -> str:
        order = self.order_of(number)
        if order is None or not order.is_open:
            return "-2013"
        wish = Wish(int(order.side), price_e8, quantity_e8, order.asked.is_reduce_only, "")
        said = self.ask(amend, self.venue, order.account, order.order_id, "", wish, self.now_ns)
        return said.status if isinstance(said, ExchangeOrder) else str(said)

    def lever(self, name: str, leverage: int) -> str:
        said = self.ask(setting.set_leverage, self.venue, name, leverage, self.now_ns)
        return said if isinstance(said, str) else ""

    def margin(self, name: str, amount_e8: int) -> str:
        kind = setting.ADD if amount_e8 > 0 else setting.REDUCE
        return str(self.ask(setting.change_margin, self.venue, name, kind, abs(amount_e8), self.now_ns) or "")

    def deposit(self, name: str, amount_e8: int) -> str:
        return str(self.ask(self.venue.deposit, name, amount_e8, self.now_ns) or "")

    def countdown(self, name: str, ms: int) -> str:
        self.venue.countdown_cancel_all(name, ms, self.now_ns)
        return ""

    # ---- time and the market

    def advance(self) -> str:
        self.venue.advance(self.now_ns)
        return ""

    def trade(self, side: int, price_e8: int, quantity_e8: int) -> int:
        self.now_ns += MS
        stamp_ms = self.now_ns // MS
        seen = len(self.venue.happenings)
        trade = Trade(self.now_ns, stamp_ms, stamp_ms, stamp_ms, price_e8, quantity_e8, side == SELL)
        used_e8 = int(self.venue.matcher.resting.on_trade(trade))
        left_e8 = self.market.side(-side).get(price_e8, 0)
        if left_e8:
            self.market.set_level(-side, price_e8, max(0, left_e8 - (quantity_e8 - used_e8)))
        fills = [item.fill for item in self.venue.happenings[seen:] if isinstance(item, OrderUpdate)]
        prints = [fill.price_e8 for fill in fills if fill is not None]
        if used_e8 < quantity_e8:
            prints.append(price_e8)
        for printed_e8 in prints:  # all of it is booked: what is told is the price
            self.venue.on_trade(Trade(self.now_ns, stamp_ms, stamp_ms, stamp_ms, printed_e8, 0, side != SELL))
        self._told()
        return used_e8

    def level(self, side: int, price_e8: int, quantity_e8: int) -> None:
        self.now_ns += MS
        if quantity_e8 or price_e8 in self.market.side(side):
            self.market.set_level(side, price_e8, quantity_e8)
        self._told()

    def _told(self) -> None:
        self.venue.on_quote(self.now_ns)
        self.venue.on_depth(self.now_ns)

    def mark(self, mark_e8: int, rate_e8: int, next_funding_ms: int) -> None:
        self.now_ns += MS
        self.venue.on_mark(self.now_ns, mark_e8, mark_e8, rate_e8, next_funding_ms)

    # ---- what can be compared

    def listen(self) -> None:
        """Take what happened, and learn whose the new orders are."""
        self.told = self.venue.take_happenings()
        for item in self.told:
            if isinstance(item, AlgoUpdate):
                assert isinstance(item.order, AlgoOrder)
                if item.order.order_id:
                    self.numbers[item.order.order_id] = self.algo_numbers[item.order.algo_id]
            elif isinstance(item, OrderUpdate) and item.order.client_order_id.startswith("autoclose-"):
                if item.order.order_id not in self.numbers:
                    self.forced += 1
                    self.numbers[item.order.order_id] = -self.forced

    def fills(self) -> list[tuple[int, int, int, bool]]:
        rows: list[tuple[int, int, int, bool]] = []
        for item in self.told:
            if isinstance(item, OrderUpdate) and item.fill is not None:
                fill = item.fill
                rows.append((self.numbers[fill.order_id], fill.price_e8, fill.quantity_e8, fill.is_maker))
        return rows

    def given_e8(self) -> int:
        """What clients got for these fills, less what they paid, before fees."""
        fills = [item.fill for item in self.told if isinstance(item, OrderUpdate)]
        return -sum(fill.side * fill.quantity_e8 * fill.price_e8 // E8 for fill in fills if fill is not None)

    def ended(self) -> list[tuple[int, str, int, int, int]]:
        rows: list[tuple[int, str, int, int, int]] = []
        for item in self.told:
            if isinstance(item, OrderUpdate) and item.order.status in ENDED:
                order = item.order
                number, reason = self.numbers[order.order_id], order.expiry_reason
                rows.append((number, order.status, reason, int(order.filled_e8), order.quote_e8))
        return rows

    def algo_news(self) -> list[tuple[int, str]]:
        rows: list[tuple[int, str]] = []
        for item in self.told:
            if isinstance(item, AlgoUpdate):
                assert isinstance(item.order, AlgoOrder)
                rows.append((self.algo_numbers[item.order.algo_id], item.order.status))
        return rows

    def calls(self) -> list[str]:
        return [item.account for item in self.told if isinstance(item, MarginCall)]

    def income(self) -> list[tuple[str, str, int]]:
        """What is new in the income histories, by account."""
        rows: list[tuple[str, str, int]] = []
        for name, account in self.venue.accounts.items():
            count = len(account.income) - self.income_told[name]
            new = list(islice(reversed(account.income), count))
            self.income_told[name] += count
            rows.extend((name, row.kind, row.amount_e8) for row in reversed(new))
        return rows

    def balances(self) -> dict[str, tuple[int, ...]]:
        rows: dict[str, tuple[int, ...]] = {}
        for name, account in self.venue.accounts.items():
            position = account.position
            rows[name] = (
                account.leverage,
                account.wallet_e8,
                account.cross_e8,
                account.available_e8,
                position.quantity_e8,
                position.cost_e8,
                position.isolated_e8,
                position.realized_e8,
                position.unrealized_e8(self.venue.mark_e8),
                position.entry_price_e8,
                position.break_even_e8,
            )
        return rows

    def resting(self) -> list[tuple[int, int, int, int]]:
        rows: list[tuple[int, int, int, int]] = []
        for order in self.venue.matcher.resting.all():
            assert isinstance(order, ExchangeOrder)
            assert order.queue is not None
            left_e8 = order.remaining_e8
            rows.append((self.numbers[order.order_id], int(order.price_e8), left_e8, int(order.queue.ahead_e8)))
        return rows

    def waiting(self) -> list[int]:
        names = self.venue.accounts
        return sorted(self.algo_numbers[algo.algo_id] for name in names for algo in self.venue.algos.waiting(name))
