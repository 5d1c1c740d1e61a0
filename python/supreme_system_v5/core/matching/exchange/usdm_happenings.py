"""What happens on USD-M beyond the common happenings. Each becomes one user event."""

from __future__ import annotations

from supreme_system_v5.core.matching.exchange.happenings import AccountUpdate, Happening
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, Fill


class TradeLite(Happening):
    """The short word of a fill, before the long one: TRADE_LITE. Liquidations have none."""

    def __init__(self, order: ExchangeOrder, fill: Fill) -> None:
        super().__init__(order.account, fill.time_ns)
        self.client_order_id = order.client_order_id
        self.quantity_e8 = int(order.quantity_e8)
        self.price_e8 = order.asked.price_e8
        self.fill = fill


class WalletUpdate(AccountUpdate):
    """ACCOUNT_UPDATE with the cross wallet: what is not isolated margin."""

    def __init__(
        self,
        account: str,
        time_ns: int,
        reason: str,
        wallet_e8: int,
        change_e8: int,
        position: PositionView | None,
        cross_e8: int,
    ) -> None:
        super().__init__(account, time_ns, reason, wallet_e8, change_e8, position)
        self.view = position
        self.cross_e8 = cross_e8


class LeverageChanged(Happening):
    """ACCOUNT_CONFIG_UPDATE with `ac`."""

    def __init__(self, account: str, time_ns: int, leverage: int) -> None:
        super().__init__(account, time_ns)
        self.leverage = leverage


class MarginCall(Happening):
    """The margin ratio of the isolated position is high: MARGIN_CALL."""

    def __init__(self, account: str, time_ns: int, position: PositionView, maintenance_e8: int) -> None:
        super().__init__(account, time_ns)
        self.position = position
        self.maintenance_e8 = maintenance_e8


class PositionView:
    """A copy of a position as ACCOUNT_UPDATE and MARGIN_CALL tell it."""

    def __init__(
        self,
        quantity_e8: int,
        entry_e8: int,
        break_even_e8: int,
        realized_e8: int,
        unrealized_e8: int,
        isolated_e8: int,
        mark_e8: int,
    ) -> None:
        self.quantity_e8 = quantity_e8
        self.entry_e8 = entry_e8
        self.break_even_e8 = break_even_e8
        self.realized_e8 = realized_e8
        self.unrealized_e8 = unrealized_e8
        self.isolated_e8 = isolated_e8
        self.mark_e8 = mark_e8
