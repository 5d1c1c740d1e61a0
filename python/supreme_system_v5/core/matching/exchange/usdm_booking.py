"""What a fill does on USD-M: fee, position, margin, income, and the happenings in the order the venue sends them.

For each fill of an account: TRADE_LITE, then ACCOUNT_UPDATE, then ORDER_TRADE_UPDATE.
"""

from __future__ import annotations

from collections.abc import Callable

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.book_order import (
    STP_EXPIRE_BOTH,
    STP_EXPIRE_MAKER,
    STP_EXPIRE_TAKER,
    BookOrder,
    Party,
)
from supreme_system_v5.core.matching.exchange.happenings import (
    Happening,
    OrderUpdate,
    PublicTrade,
)
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.margin import notional_e8
from supreme_system_v5.core.matching.exchange.orders import OrderStore
from supreme_system_v5.core.matching.exchange.usdm_account import (
    COMMISSION,
    INSURANCE_CLEAR,
    REALIZED_PNL,
    Income,
    UsdmAccount,
)
from supreme_system_v5.core.matching.exchange.usdm_happenings import TradeLite, WalletUpdate
from supreme_system_v5.core.matching.exchange.usdm_rules import FOK, GTX, MARKET
from supreme_system_v5.core.matching.exchange.words import (
    EXPIRED_IN_MATCH,
    FILLED,
    PARTIALLY_FILLED,
    X_CALCULATED,
    X_EXPIRED,
    X_TRADE,
    ExchangeOrder,
    Fill,
)
from supreme_system_v5.core.matching.fees import fill_fee

# Why an order expired (`er`), by the venue's list.
ER_NONE = 0
ER_SELF_TRADE = 1
ER_IOC_REST = 2
ER_REDUCE_ONLY = 4
ER_LIQUIDATION = 5
ER_MARKET_REST = 9

LIQUIDATION_ID = "autoclose-"

# (order, status, execution, expiry reason, time)
Ender = Callable[[ExchangeOrder, str, str, int, int], None]


def is_liquidation(order: ExchangeOrder) -> bool:
    return order.client_order_id.startswith(LIQUIDATION_ID)


class UsdmBooking(Party):
    """Books the fills of all accounts. ``end`` is how an order leaves the venue without a fill."""

    def __init__(
        self,
        instrument: Instrument,
        accounts: dict[str, UsdmAccount],
        orders: OrderStore,
        ids: Ids,
        happenings: list[Happening],
        maker_fee_e8: int,
        taker_fee_e8: int,
    ) -> None:
        self.instrument = instrument
        self.accounts = accounts
        self.orders = orders
        self.ids = ids
        self.happenings = happenings
        self.maker_fee_e8 = maker_fee_e8
        self.taker_fee_e8 = taker_fee_e8
        self.mark_e8 = 0
        self.fees_e8 = 0  # collected, ever
        self.funding_e8 = 0  # received by accounts less paid, ever
        self.insurance_e8 = 0  # the insurance fund: clearance fees less debts it paid
        self.traded: list[int] = []  # prices of trades that clients made, not yet looked at by the triggers
        self.finished: list[ExchangeOrder] = []  # ended by a fill, not yet looked at
        self.touched: dict[str, None] = {}  # accounts whose reduce-only orders must be looked at, in order
        self.end: Ender = _no_end

    # The port ----------------------------------------------------------------------------------------------------

    def allowed_e8(self, order: BookOrder, price_e8: int) -> int:
        assert isinstance(order, ExchangeOrder)
        account = self.accounts[order.account]
        remaining_e8 = int(order.remaining_e8)
        if is_liquidation(order):
            return remaining_e8
        closable_e8 = account.position.closable_e8(int(order.side))
        if order.asked.is_reduce_only:
            return min(remaining_e8, closable_e8)
        if remaining_e8 <= closable_e8:
            return remaining_e8
        by_margin_e8 = account.openable_e8(int(order.side), order.locked_e8) * E8 // int(price_e8)
        return min(remaining_e8, max(closable_e8, by_margin_e8))

    def fill(self, order: BookOrder, quantity_e8: int, price_e8: int, is_maker: bool, time_ns: int) -> None:
        assert isinstance(order, ExchangeOrder)
        trade_id = self.ids.next_trade_id()
        if not is_maker:
            self._tell_tape(order, int(quantity_e8), int(price_e8), trade_id, int(time_ns))
        self._book(order, int(quantity_e8), int(price_e8), is_maker, trade_id, int(time_ns))

    def match(self, taker: BookOrder, maker: BookOrder, quantity_e8: int, time_ns: int) -> None:
        assert isinstance(taker, ExchangeOrder) and isinstance(maker, ExchangeOrder)
        trade_id = self.ids.next_trade_id()
        price_e8 = int(maker.price_e8)
        self._tell_tape(taker, int(quantity_e8), price_e8, trade_id, int(time_ns))
        self._book(maker, int(quantity_e8), price_e8, True, trade_id, int(time_ns))
        self._book(taker, int(quantity_e8), price_e8, False, trade_id, int(time_ns))

    def is_self_trade(self, taker: BookOrder, maker: BookOrder) -> bool:
        """Of one account, and the taker's mode is in effect (with GTC, IOC and GTD only)."""
        assert isinstance(taker, ExchangeOrder) and isinstance(maker, ExchangeOrder)
        if taker.account != maker.account or taker.time_in_force in (FOK, GTX):
            return False
        return taker.stp_mode in (STP_EXPIRE_MAKER, STP_EXPIRE_TAKER, STP_EXPIRE_BOTH)

    def prevent(self, taker: BookOrder, maker: BookOrder, time_ns: int) -> None:
        assert isinstance(taker, ExchangeOrder) and isinstance(maker, ExchangeOrder)
        if taker.stp_mode != STP_EXPIRE_TAKER:
            self.end(maker, EXPIRED_IN_MATCH, X_EXPIRED, ER_SELF_TRADE, int(time_ns))
        if taker.stp_mode != STP_EXPIRE_MAKER:
            self.end(taker, EXPIRED_IN_MATCH, X_EXPIRED, ER_SELF_TRADE, int(time_ns))

    # Booking -----------------------------------------------------------------------------------------------------

    def insure(self, order: ExchangeOrder, time_ns: int) -> None:
        """The insurance fund takes what the book did not, at the order's price; nothing of it is on the tape."""
        quantity_e8 = int(order.remaining_e8)
        self._book(order, quantity_e8, int(order.price_e8), False, self.ids.next_trade_id(), time_ns)

    def _tell_tape(self, taker: ExchangeOrder, quantity_e8: int, price_e8: int, trade_id: int, time_ns: int) -> None:
        self.traded.append(price_e8)
        self.happenings.append(PublicTrade(time_ns, trade_id, price_e8, quantity_e8, taker.side < 0))

    def _book(
        self, order: ExchangeOrder, quantity_e8: int, price_e8: int, is_maker: bool, trade_id: int, time_ns: int
    ) -> None:
        account = self.accounts[order.account]
        rate_e8 = self.maker_fee_e8 if is_maker else self.taker_fee_e8
        fee_e8, _ = fill_fee(int(order.side), quantity_e8, price_e8, rate_e8, False)
        self._release(account, order, quantity_e8)
        booked = account.position.book(int(order.side), quantity_e8, price_e8, account.leverage)
        account.wallet_e8 += booked.realized_e8 - fee_e8
        account.position.charge(fee_e8)
        account.absorb_debt()
        account.position.updated_ns = account.updated_ns = time_ns
        self.fees_e8 += fee_e8
        self.touched[account.name] = None
        order.filled_e8 += quantity_e8
        order.quote_e8 += notional_e8(quantity_e8, price_e8)
        order.updated_ns = time_ns
        order.is_done = order.remaining_e8 == 0
        order.status = FILLED if order.is_done else PARTIALLY_FILLED
        quote_e8, asset = notional_e8(quantity_e8, price_e8), self.instrument.quote_asset
        fill = Fill(
            trade_id, order, price_e8, quantity_e8, quote_e8, fee_e8, asset, is_maker, time_ns, booked.realized_e8
        )
        order.fills.append(fill)
        self.orders.add_fill(fill)
        if booked.realized_e8:
            self.earn(account, REALIZED_PNL, booked.realized_e8, time_ns, str(trade_id), trade_id)
        if fee_e8:
            self.earn(account, COMMISSION, -fee_e8, time_ns, str(trade_id), trade_id)
        forced = is_liquidation(order)
        if not forced:
            self.happenings.append(TradeLite(order, fill))
        self.tell_account(account, "ORDER", 0, time_ns)
        update = OrderUpdate(order, X_CALCULATED if forced else X_TRADE, time_ns, fill)
        if order.order_type == MARKET:
            update.order.price_e8 = 0  # while it walks it has the bound there
        self.happenings.append(update)
        if order.is_done:
            self.orders.end(order)
            self.finished.append(order)
        self.clear_debt(account, time_ns)

    def _release(self, account: UsdmAccount, order: ExchangeOrder, quantity_e8: int) -> None:
        """A resting order's part of bids or asks shrinks with its quantity."""
        if order.locked_e8:
            remaining_e8 = int(order.remaining_e8) - quantity_e8
            kept_e8 = notional_e8(remaining_e8, int(order.price_e8))
            account.lock(int(order.side), kept_e8 - order.locked_e8)
            order.locked_e8 = kept_e8

    def clear_debt(self, account: UsdmAccount, time_ns: int) -> None:
        """A wallet that a gap has carried below zero is made good by the insurance fund once the position is closed."""
        if account.position.quantity_e8 == 0 and account.wallet_e8 < 0:
            debt_e8 = -account.wallet_e8
            account.wallet_e8 = 0
            self.insurance_e8 -= debt_e8
            self.earn(account, INSURANCE_CLEAR, debt_e8, time_ns)
            self.tell_account(account, "INSURANCE_CLEAR", debt_e8, time_ns)

    def earn(
        self, account: UsdmAccount, kind: str, amount_e8: int, time_ns: int, info: str = "", trade_id: int = 0
    ) -> None:
        """A line of the income history; the wallet itself has changed already."""
        number = self.ids.next_transaction_id()
        symbol = self.instrument.venue_symbol
        account.income.append(Income(symbol, kind, amount_e8, info, time_ns, number, trade_id))

    def tell_account(
        self, account: UsdmAccount, reason: str, change_e8: int, time_ns: int, with_position: bool = True
    ) -> None:
        """ACCOUNT_UPDATE: the wallet, and the position as it is now."""
        view = account.view(self.mark_e8) if with_position else None
        cross_e8 = account.cross_e8
        self.happenings.append(
            WalletUpdate(account.name, time_ns, reason, account.wallet_e8, change_e8, view, cross_e8)
        )


def _no_end(order: ExchangeOrder, status: str, execution: str, reason: int, time_ns: int) -> None:
    raise AssertionError(f"order {order.order_id} cannot end as {status} ({execution}, {reason}) at {time_ns}")
