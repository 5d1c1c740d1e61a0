"""What the journal hands out: accounts, the state of one account, positions left open."""

from __future__ import annotations

from dataclasses import dataclass, field

from supreme_system_v5.core.domain.account import Ledger, account_id
from supreme_system_v5.core.domain.effects import TradeRecord
from supreme_system_v5.core.domain.order import Order


@dataclass(frozen=True)
class AccountKey:
    """Accounts are never mixed: one for each (mode, source class, market, symbol)."""

    mode: str  # paper | live
    source_class: str  # real | simulated
    market: str  # usdm | spot
    symbol: str  # ETH-USDT

    @property
    def id(self) -> str:
        """The 4 hex digits that client order ids carry."""
        return account_id(self.mode, self.source_class, self.market, self.symbol)

    @property
    def is_simulated(self) -> bool:
        return self.source_class == "simulated"

    @property
    def label(self) -> str:
        """For people: `paper usdm ETH-USDT SIMULATED`."""
        mark = " SIMULATED" if self.is_simulated else ""
        return f"{self.mode} {self.market} {self.symbol}{mark}"


@dataclass
class JournalState:
    """Everything of one account that a start needs. ``ledger`` is None for an account that never existed."""

    ledger: Ledger | None = None
    next_sequence: int = 1
    open_orders: list[Order] = field(default_factory=list)  # oldest first
    position: dict[str, object] = field(default_factory=dict)  # {} when flat
    state: dict[str, str] = field(default_factory=dict)  # StateRecord key -> JSON text
    recent_trades: list[TradeRecord] = field(default_factory=list)  # the last 100, oldest first
    last_price_e8: int = 0  # the last mark or fill price journalled; 0 when there is none
    last_time_ns: int = 0  # the last engine time journalled
    trades_closed: int = 0  # ever, not only the recent ones
    position_funding_e8: int = 0  # funding received minus paid since the open position was opened
    last_funding_ms: int = 0  # the last announced time whose funding was booked


@dataclass(frozen=True)
class OpenPosition:
    """A position that the journal shows open."""

    key: AccountKey
    quantity_e8: int  # signed
    entry_price_e8: int
    position: dict[str, object]
