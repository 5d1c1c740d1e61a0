"""What happens at the venue, for whoever must be told: user data streams, the public tape.

The engines append these to ``happenings`` in the order in which they happen; ``take_happenings()`` hands them over.
Each holds a copy of what it tells, taken at that moment: the order goes on changing.
"""

from __future__ import annotations

import copy

from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, Fill, OrderList, PreventedMatch


class Happening:
    """Base: whose it is ("" = everybody's) and when it happened, ns of market time."""

    def __init__(self, account: str, time_ns: int) -> None:
        self.account = account
        self.time_ns = time_ns


class OrderUpdate(Happening):
    """An order changed: executionReport, ORDER_TRADE_UPDATE. ``execution`` is one of the X_ words."""

    def __init__(
        self,
        order: ExchangeOrder,
        execution: str,
        time_ns: int,
        fill: Fill | None = None,
        reason: str = "NONE",
        execution_id: int = 0,
        prevented: PreventedMatch | None = None,
    ) -> None:
        super().__init__(order.account, time_ns)
        self.order = copy.copy(order)
        self.execution = execution
        self.fill = fill
        self.reason = reason  # of a rejection, `r`
        self.execution_id = execution_id  # spot `I`
        self.prevented = prevented  # of a TRADE_PREVENTION


class BalancesChanged(Happening):
    """Spot balances after an order, a fill or a cancel: outboundAccountPosition. {asset: (free, locked)}."""

    def __init__(self, account: str, time_ns: int, balances: dict[str, tuple[int, int]]) -> None:
        super().__init__(account, time_ns)
        self.balances = balances


class Deposited(Happening):
    """A balance was changed from outside: balanceUpdate."""

    def __init__(self, account: str, time_ns: int, asset: str, delta_e8: int) -> None:
        super().__init__(account, time_ns)
        self.asset = asset
        self.delta_e8 = delta_e8


class ListUpdate(Happening):
    """An order list began, changed or ended: listStatus."""

    def __init__(self, order_list: OrderList, time_ns: int) -> None:
        super().__init__(order_list.account, time_ns)
        self.list = copy.copy(order_list)


class AccountUpdate(Happening):
    """USD-M wallet and position after an event: ACCOUNT_UPDATE. ``reason`` is `m` (ORDER, FUNDING_FEE, ...)."""

    def __init__(
        self, account: str, time_ns: int, reason: str, wallet_e8: int, change_e8: int, position: object
    ) -> None:
        super().__init__(account, time_ns)
        self.reason = reason
        self.wallet_e8 = wallet_e8
        self.change_e8 = change_e8  # `bc`: without result and commission
        self.position = position  # a copy; None when the position is not part of it (funding of isolated: it is)


class AlgoUpdate(Happening):
    """A conditional order changed: ALGO_UPDATE. ``order`` is a copy of the algo order."""

    def __init__(self, account: str, time_ns: int, order: object) -> None:
        super().__init__(account, time_ns)
        self.order = order


class PublicTrade(Happening):
    """A client's order traded (with the market, or two clients with each other): it belongs on the public tape."""

    def __init__(self, time_ns: int, trade_id: int, price_e8: int, quantity_e8: int, is_buyer_maker: bool) -> None:
        super().__init__("", time_ns)
        self.trade_id = trade_id
        self.price_e8 = price_e8
        self.quantity_e8 = quantity_e8
        self.is_buyer_maker = is_buyer_maker


class Liquidated(Happening):
    """A liquidation order was executed: forceOrder, public."""

    def __init__(self, time_ns: int, order: ExchangeOrder) -> None:
        super().__init__("", time_ns)
        self.order = copy.copy(order)
