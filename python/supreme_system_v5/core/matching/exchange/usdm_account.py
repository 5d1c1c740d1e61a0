"""One USD-M account: wallet, isolated position, margin of open orders, and the histories the venue shows of them.

One-way mode, isolated margin, one symbol. Open orders and position need together
``max(|cost + bids|, |cost - asks|) / leverage``, so orders that close, and the smaller side of a quote, lock nothing;
the position's part lies in the isolated wallet, the rest is locked in the cross wallet. The position counts with its
cost, not with the moving mark, so what an order locks is released to the last digit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from supreme_system_v5.core.matching.exchange.margin import initial_e8
from supreme_system_v5.core.matching.exchange.position import Position
from supreme_system_v5.core.matching.exchange.usdm_happenings import PositionView

HISTORY_MAX: Final = 100_000

TRANSFER: Final = "TRANSFER"
REALIZED_PNL: Final = "REALIZED_PNL"
COMMISSION: Final = "COMMISSION"
FUNDING_FEE: Final = "FUNDING_FEE"
INSURANCE_CLEAR: Final = "INSURANCE_CLEAR"


class Income(NamedTuple):
    """One change of the wallet and why. ``trade_id`` 0 = not of a trade; ``symbol`` "" for a transfer."""

    symbol: str
    kind: str
    amount_e8: int
    info: str
    time_ns: int
    transaction_id: int
    trade_id: int


class MarginChange(NamedTuple):
    """Margin added to (1) or taken from (2) the position by hand."""

    kind: int
    amount_e8: int
    time_ns: int


class Amendment(NamedTuple):
    """One change of an open order's price and quantity. ``modify_id`` "" = the client gave none."""

    amendment_id: int
    order_id: int
    client_order_id: str
    time_ns: int
    price_before_e8: int
    price_after_e8: int
    quantity_before_e8: int
    quantity_after_e8: int
    number: int  # of the order's amendments, from 1
    modify_id: str


class UsdmAccount:
    """Amounts in 1e-8 USDT. ``bids_e8`` and ``asks_e8``: notional of the resting orders that are not reduce-only."""

    def __init__(self, name: str, leverage: int) -> None:
        self.name = name
        self.leverage = leverage
        self.wallet_e8 = 0
        self.position = Position()
        self.bids_e8 = 0
        self.asks_e8 = 0
        self.updated_ns = 0
        self.countdown_ns = 0  # when countdownCancelAll strikes; 0 = off
        self.is_fee_burn = False
        self.income: deque[Income] = deque(maxlen=HISTORY_MAX)
        self.margin_changes: deque[MarginChange] = deque(maxlen=HISTORY_MAX)
        self.forced_orders: deque[int] = deque(maxlen=HISTORY_MAX)
        self.amendments: deque[Amendment] = deque(maxlen=HISTORY_MAX)

    # Money -------------------------------------------------------------------------------------------------------

    @property
    def cross_e8(self) -> int:
        """The wallet without the isolated margin."""
        return self.wallet_e8 - self.position.isolated_e8

    @property
    def budget_e8(self) -> int:
        """What position and orders may need together: the cross wallet and the position's initial margin."""
        return self.cross_e8 + self.position_margin_e8

    @property
    def position_margin_e8(self) -> int:
        """Initial margin of the position, of its cost."""
        return initial_e8(abs(self.position.cost_e8), self.leverage)

    def needed_e8(self, more_bids_e8: int = 0, more_asks_e8: int = 0) -> int:
        """Initial margin of position and orders together, with these orders more."""
        cost_e8 = self.position.cost_e8
        bids_e8, asks_e8 = self.bids_e8 + more_bids_e8, self.asks_e8 + more_asks_e8
        return initial_e8(max(abs(cost_e8 + bids_e8), abs(cost_e8 - asks_e8)), self.leverage)

    @property
    def order_margin_e8(self) -> int:
        """Locked for open orders."""
        return self.needed_e8() - self.position_margin_e8

    @property
    def available_e8(self) -> int:
        """Free for orders and transfers; negative only while losses have eaten what open orders lock."""
        return self.cross_e8 - self.order_margin_e8

    def openable_e8(self, side: int, own_e8: int) -> int:
        """The notional an order of ``side`` may still fill by margin; ``own_e8`` is its own part of bids or asks."""
        standing_e8 = self.bids_e8 if side > 0 else self.asks_e8
        return self.budget_e8 * self.leverage - side * self.position.cost_e8 - (standing_e8 - own_e8)

    def lock(self, side: int, notional_e8: int) -> None:
        """An order comes to rest (positive) or leaves, wholly or in part (negative)."""
        if side > 0:
            self.bids_e8 += notional_e8
        else:
            self.asks_e8 += notional_e8
        assert self.bids_e8 >= 0 and self.asks_e8 >= 0, "more was released than locked"

    def absorb_debt(self) -> None:
        """A closing loss beyond what the closed part had as margin is paid from what the rest has."""
        if self.cross_e8 < 0 and self.position.quantity_e8 != 0:
            self.position.isolated_e8 += self.cross_e8

    # Views -------------------------------------------------------------------------------------------------------

    def view(self, mark_e8: int) -> PositionView:
        position = self.position
        return PositionView(
            position.quantity_e8,
            position.entry_price_e8,
            position.break_even_e8,
            position.realized_e8,
            position.unrealized_e8(mark_e8),
            position.isolated_e8,
            mark_e8,
        )

    # State -------------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """JSON-able, without the order margin: that follows from the orders."""
        return {
            "leverage": self.leverage,
            "wallet_e8": self.wallet_e8,
            "position": self.position.save(),
            "updated_ns": self.updated_ns,
            "countdown_ns": self.countdown_ns,
            "is_fee_burn": self.is_fee_burn,
            "income": [list(row) for row in self.income],
            "margin_changes": [list(row) for row in self.margin_changes],
            "forced_orders": list(self.forced_orders),
            "amendments": [list(row) for row in self.amendments],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.leverage = saved["leverage"]
        self.wallet_e8 = saved["wallet_e8"]
        self.position.restore(saved["position"])
        self.updated_ns = saved["updated_ns"]
        self.countdown_ns = saved["countdown_ns"]
        self.is_fee_burn = saved["is_fee_burn"]
        self.income.extend(Income(*row) for row in saved["income"])
        self.margin_changes.extend(MarginChange(*row) for row in saved["margin_changes"])
        self.forced_orders.extend(saved["forced_orders"])
        self.amendments.extend(Amendment(*row) for row in saved["amendments"])

    def state(self) -> list[object]:
        """Everything that determines the future, for determinism tests."""
        fields: Sequence[object] = (self.name, self.leverage, self.wallet_e8, self.bids_e8, self.asks_e8)
        return [*fields, self.countdown_ns, self.position.save(), len(self.income)]
