"""The USD-M venue: one symbol, many accounts, one-way mode, isolated margin. Pure: no clock, no socket, no randomness.

Orders come in by ``place`` and its kin, the market by ``on_trade``, ``on_quote``, ``on_depth`` and ``on_mark``, time
by ``advance``. What happens is appended to ``happenings``. A refused request raises Refusal and has
changed nothing. Times are ns of market time; ``offset_ns`` is the exchange's clock minus it (good-till dates are on
the exchange's clock).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.matching.exchange.algo import AlgoDesk, AlgoOrder
from supreme_system_v5.core.matching.exchange.funding import pay_funding, transfer
from supreme_system_v5.core.matching.exchange.happenings import Happening, OrderUpdate
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.liquidation import Liquidator
from supreme_system_v5.core.matching.exchange.margin import notional_e8
from supreme_system_v5.core.matching.exchange.orders import OrderStore
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.timers import Due, Timers
from supreme_system_v5.core.matching.exchange.usdm_account import UsdmAccount
from supreme_system_v5.core.matching.exchange.usdm_booking import (
    ER_IOC_REST,
    ER_MARKET_REST,
    ER_NONE,
    ER_REDUCE_ONLY,
    UsdmBooking,
)
from supreme_system_v5.core.matching.exchange.usdm_entry import EntryDesk
from supreme_system_v5.core.matching.exchange.usdm_rules import (
    CONTRACT_PRICE,
    GTC,
    GTD,
    GTX,
    LIMIT,
    MARK_PRICE,
    MARKET,
    UsdmRules,
)
from supreme_system_v5.core.matching.exchange.words import (
    CANCELED,
    EXPIRED,
    X_CANCELED,
    X_EXPIRED,
    X_NEW,
    ExchangeOrder,
    NewOrder,
)
from supreme_system_v5.core.matching.liquidity import Liquidity
from supreme_system_v5.core.matching.matcher import Matcher

NS_PER_MS = 1_000_000


class UsdmVenue:
    """``countdown_cancels_algos``: whether the dead-man's switch ends conditional orders too (the venue does not say;
    its words are those of `allOpenOrders`, which does not, and that is the default).
    """

    def __init__(
        self,
        instrument: Instrument,
        liquidity: Liquidity,
        ids: Ids,
        maker_fee_e8: int = 20_000,
        taker_fee_e8: int = 50_000,
        rules: UsdmRules | None = None,
        countdown_cancels_algos: bool = False,
    ) -> None:
        self.instrument = instrument
        self.ids = ids
        self.rules = rules or UsdmRules()
        self.countdown_cancels_algos = countdown_cancels_algos
        self.offset_ns = 0
        self.accounts: dict[str, UsdmAccount] = {}
        self.orders = OrderStore()
        self.happenings: list[Happening] = []
        self.booking = UsdmBooking(
            instrument, self.accounts, self.orders, ids, self.happenings, maker_fee_e8, taker_fee_e8
        )
        self.booking.end = self.end_order
        self.matcher = Matcher(instrument, liquidity, self.booking)
        self.entry = EntryDesk(instrument, self.rules, self.matcher, self.orders)
        self.algos = AlgoDesk(instrument, self.rules, ids, self.happenings, self._place_triggered)
        self.liquidator = Liquidator(self)
        self.timers = Timers(self._is_due)
        self.last_e8 = 0  # last trade price
        self.index_e8 = 0
        self.rate_e8 = 0  # announced funding rate
        self.next_funding_ms = 0

    # Accounts ----------------------------------------------------------------------------------------------------

    def open_account(self, name: str, balances: dict[str, int]) -> UsdmAccount:
        """A new account with its deposit in the quote asset; the deposit is not told."""
        account = self.accounts[name] = UsdmAccount(name, self.rules.default_leverage)
        account.wallet_e8 = balances.get(self.instrument.quote_asset, 0)
        return account

    def account(self, name: str) -> UsdmAccount:
        """Raises Refusal -1109 for an account that does not exist."""
        found = self.accounts.get(name)
        if found is None:
            raise Refusal(-1109, "Invalid account.")
        return found

    def deposit(self, name: str, amount_e8: int, time_ns: int) -> None:
        """A transfer into (or, negative, out of) the wallet. Raises Refusal -4050 when that much is not free."""
        transfer(self.booking, self.account(name), amount_e8, time_ns)

    def take_happenings(self) -> list[Happening]:
        """What happened since the last call, in order."""
        taken = self.happenings.copy()
        self.happenings.clear()
        return taken

    def exchange_ms(self, time_ns: int) -> int:
        return (time_ns + self.offset_ns) // NS_PER_MS

    @property
    def mark_e8(self) -> int:
        return self.booking.mark_e8

    # Orders ------------------------------------------------------------------------------------------------------

    def place(self, account: str, asked: NewOrder, time_ns: int) -> ExchangeOrder:
        """A LIMIT or MARKET order. Raises Refusal."""
        order = self._enter(self.account(account), asked, time_ns, None)
        self._settle(time_ns)
        return order

    def test(self, account: str, asked: NewOrder, time_ns: int) -> ExchangeOrder:
        """The same without placing it: the order as it would be accepted. Raises Refusal."""
        found = self.account(account)
        asked = self.entry.complete(asked)
        self.entry.check(found, asked, self.mark_e8, self.exchange_ms(time_ns))
        return ExchangeOrder(account, self.ids.order_id, asked, time_ns)

    def _place_triggered(
        self, account: str, asked: NewOrder, time_ns: int, accepted: Callable[[ExchangeOrder], None]
    ) -> None:
        """A conditional order becomes an ordinary one. Raises Refusal."""
        found = self.account(account)
        if asked.is_close_position:
            asked.quantity_e8 = found.position.closable_e8(asked.side)
        if self.orders.find_open(account, asked.client_order_id) is not None:
            asked.client_order_id = ""
        self._enter(found, asked, time_ns, accepted)

    def _enter(
        self,
        account: UsdmAccount,
        asked: NewOrder,
        time_ns: int,
        accepted: Callable[[ExchangeOrder], None] | None,
    ) -> ExchangeOrder:
        asked = self.entry.complete(asked)
        self.entry.check(account, asked, self.mark_e8, self.exchange_ms(time_ns), accepted is not None)
        if not asked.client_order_id:
            asked.client_order_id = self.ids.next_client_id()
        order = ExchangeOrder(account.name, self.ids.next_order_id(), asked, time_ns)
        order.order_type = MARKET if asked.order_type.endswith("MARKET") else LIMIT
        order.working_ns = time_ns
        order.is_working = True
        self.orders.add(order)
        self.happenings.append(OrderUpdate(order, X_NEW, time_ns))
        if accepted is not None:
            accepted(order)
        self._work(account, order, time_ns)
        return order

    def _work(self, account: UsdmAccount, order: ExchangeOrder, time_ns: int) -> None:
        """Take what can be taken, then rest or expire."""
        if order.order_type == MARKET:
            order.price_e8 = self.rules.market_limit_e8(int(order.side), self.mark_e8)
            self.matcher.take(order, time_ns)
            order.price_e8 = 0
            reason = ER_MARKET_REST
        else:
            self.matcher.take(order, time_ns)
            reason = ER_IOC_REST
        if order.is_done:
            return
        if order.order_type == LIMIT and order.time_in_force in (GTC, GTX, GTD):
            self._rest(account, order)
            return
        if order.asked.is_reduce_only and account.position.closable_e8(int(order.side)) == 0:
            reason = ER_REDUCE_ONLY
        self.end_order(order, EXPIRED, X_EXPIRED, reason, time_ns)

    def _rest(self, account: UsdmAccount, order: ExchangeOrder) -> None:
        if not order.asked.is_reduce_only:
            order.locked_e8 = notional_e8(int(order.remaining_e8), int(order.price_e8))
            account.lock(int(order.side), order.locked_e8)
        else:
            self.booking.touched[account.name] = None
        self.matcher.resting.add(order)
        if order.time_in_force == GTD:
            self.timers.add(
                order.asked.good_till_ms * NS_PER_MS - self.offset_ns, "order", (account.name, order.order_id)
            )

    def take_out(self, account: UsdmAccount, order: ExchangeOrder) -> None:
        """Out of the book, its margin released; it goes on with ``go_on``."""
        if order.locked_e8:
            account.lock(int(order.side), -order.locked_e8)
            order.locked_e8 = 0
        self.matcher.resting.remove(order)

    def go_on(self, account: UsdmAccount, order: ExchangeOrder, time_ns: int) -> None:
        """An order that was taken out and changed trades on, from the end of the queue."""
        self._work(account, order, time_ns)
        self._settle(time_ns)

    def end_order(self, order: ExchangeOrder, status: str, execution: str, reason: int, time_ns: int) -> None:
        """An open order ends without a fill: out of the book, its margin released, told."""
        self.take_out(self.accounts[order.account], order)
        order.is_done = True
        order.status = status
        order.expiry_reason = reason
        order.updated_ns = time_ns
        self.orders.end(order)
        self.happenings.append(OrderUpdate(order, execution, time_ns))
        self.algos.on_order_ended(order, time_ns)

    def find(self, account: str, order_id: int | None, client_order_id: str) -> ExchangeOrder | None:
        """Any order of the account, by id or else by client id."""
        if order_id is not None:
            return self.orders.get(account, order_id)
        return self.orders.find(account, client_order_id)

    def cancel(self, account: str, order_id: int | None, client_order_id: str, time_ns: int) -> ExchangeOrder:
        """Raises Refusal -2011 when there is no such open order."""
        order = self.find(account, order_id, client_order_id)
        if order is None or not order.is_open:
            raise Refusal(-2011, "Unknown order sent.")
        self.end_order(order, CANCELED, X_CANCELED, ER_NONE, time_ns)
        return order

    def cancel_all(self, account: str, time_ns: int) -> list[ExchangeOrder]:
        """All open ordinary orders, oldest first."""
        ended = self.orders.open_orders(account)
        for order in ended:
            self.end_order(order, CANCELED, X_CANCELED, ER_NONE, time_ns)
        return ended

    # Conditional orders ------------------------------------------------------------------------------------------

    def place_algo(self, account: str, asked: NewOrder, time_ns: int) -> AlgoOrder:
        """Raises Refusal."""
        now_ms = self.exchange_ms(time_ns)
        algo = self.algos.place(self.account(account).name, asked, self.mark_e8, self.last_e8, time_ns, now_ms)
        if algo.asked.good_till_ms:
            self.timers.add(algo.asked.good_till_ms * NS_PER_MS - self.offset_ns, "algo", (account, algo.algo_id))
        return algo

    def cancel_algo(self, account: str, algo_id: int | None, client_algo_id: str, time_ns: int) -> AlgoOrder:
        """Raises Refusal -2011, -4117."""
        algo = self.algos.get(account, algo_id, client_algo_id)
        if algo is None:
            raise Refusal(-2011, "Unknown order sent.")
        self.algos.cancel(algo, time_ns)
        return algo

    def cancel_all_algos(self, account: str, time_ns: int) -> list[AlgoOrder]:
        return self.algos.end_all(account, CANCELED, time_ns)

    # The market --------------------------------------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> None:
        """A trade of the background: it reaches resting orders, and it is the contract price."""
        time_ns = int(trade.time_ns)
        self.matcher.resting.on_trade(trade)
        self._on_last(int(trade.price_e8), time_ns)
        self._settle(time_ns)

    def on_quote(self, time_ns: int) -> None:
        """The best prices of the background have changed."""
        self.matcher.resting.on_levels(True, time_ns)

    def on_depth(self, time_ns: int) -> None:
        """Levels behind the best have changed."""
        self.matcher.resting.on_levels(False, time_ns)

    def on_mark(self, time_ns: int, mark_e8: int, index_e8: int, rate_e8: int, next_funding_ms: int) -> None:
        """The mark price, and what funding is announced: when the announced time is replaced by a later one it has
        come, and the rate announced for it is paid at this mark. Then conditional orders, margin calls, liquidations.
        """
        due_rate_e8, due_ms = self.rate_e8, self.next_funding_ms
        self.booking.mark_e8, self.index_e8 = mark_e8, index_e8
        self.rate_e8, self.next_funding_ms = rate_e8, next_funding_ms
        if 0 < due_ms < next_funding_ms:
            pay_funding(self.booking, self.accounts.values(), due_rate_e8, time_ns)
        self.algos.on_price(MARK_PRICE, mark_e8, mark_e8, self.last_e8, time_ns)
        self._settle(time_ns)
        for account in list(self.accounts.values()):
            self.liquidator.check(account, time_ns)
        self._settle(time_ns)

    def _on_last(self, price_e8: int, time_ns: int) -> None:
        self.last_e8 = price_e8
        self.algos.on_price(CONTRACT_PRICE, price_e8, self.mark_e8, price_e8, time_ns)

    def _settle(self, time_ns: int) -> None:
        """What follows from fills, until nothing follows any more: ended orders, triggers, reduce-only orders."""
        booking = self.booking
        while booking.finished or booking.traded:
            finished, traded = booking.finished.copy(), booking.traded.copy()
            booking.finished.clear()
            booking.traded.clear()
            for order in finished:
                self.matcher.resting.remove(order)
                self.algos.on_order_ended(order, time_ns)
            for price_e8 in traded:
                self._on_last(price_e8, time_ns)
        for name in booking.touched:
            self._knock_out(self.accounts[name], time_ns)
        booking.touched.clear()

    def _knock_out(self, account: UsdmAccount, time_ns: int) -> None:
        """Orders end that there is no room for any more: reduce-only ones beyond the position, the worst placed first;
        opening ones beyond the margin (a loss has eaten it), the newest first.
        """
        for order in self.entry.knocked_out(account):
            self.end_order(order, EXPIRED, X_EXPIRED, ER_REDUCE_ONLY, time_ns)
        while account.available_e8 < 0 and (newest := self.entry.newest_opening(account)) is not None:
            self.end_order(newest, EXPIRED, X_EXPIRED, ER_NONE, time_ns)

    # Time --------------------------------------------------------------------------------------------------------

    def countdown_cancel_all(self, name: str, countdown_ms: int, time_ns: int) -> None:
        """The dead-man's switch: all open orders of the account are cancelled then, unless this is called again;
        0 = off.
        """
        account = self.account(name)
        account.countdown_ns = time_ns + countdown_ms * NS_PER_MS if countdown_ms else 0
        if countdown_ms:
            self.timers.add(account.countdown_ns, "countdown", (name, 0))

    def _is_due(self, due: Due) -> bool:
        """Does a timer still mean anything?"""
        due_ns, kind, (name, number) = due
        if kind == "countdown":
            return self.accounts[name].countdown_ns == due_ns
        if kind == "algo":
            return self.algos.is_waiting(number)
        order = self.orders.get(name, number)
        return order is not None and order.is_open

    def next_ns(self) -> int:
        """When the next timer is due; NEVER_NS without one."""
        return self.timers.next_ns()

    def advance(self, time_ns: int) -> None:
        """Let every timer up to this time strike, in order, each at its own time."""
        while self.timers.next_ns() <= time_ns:
            due = self.timers.pop()
            due_ns, kind, (name, number) = due
            if not self._is_due(due):
                continue
            if kind == "algo":
                self.algos.expire(number, due_ns)
            elif kind == "order":
                order = self.orders.get(name, number)
                assert order is not None
                self.end_order(order, EXPIRED, X_EXPIRED, ER_NONE, due_ns)
            else:
                self.accounts[name].countdown_ns = 0
                self.cancel_all(name, due_ns)
                if self.countdown_cancels_algos:
                    self.cancel_all_algos(name, due_ns)

    # State -------------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """JSON-able; see usdm_saving."""
        from supreme_system_v5.core.matching.exchange.usdm_saving import save

        return save(self)

    def restore(self, saved: dict[str, Any]) -> None:
        """Into a fresh venue. Raises ValueError for a state of another version."""
        from supreme_system_v5.core.matching.exchange.usdm_saving import restore

        restore(self, saved)

    def state(self) -> list[object]:
        """Everything that determines the future, for determinism tests."""
        from supreme_system_v5.core.matching.exchange.usdm_saving import state

        return state(self)
