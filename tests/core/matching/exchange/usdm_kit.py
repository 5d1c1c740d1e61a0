"""A USD-M venue over a small plain book, for the venue's tests. Prices and quantities in whole units, times in ms."""

from __future__ import annotations

from typing import Any

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.matching.exchange.algo import AlgoOrder
from supreme_system_v5.core.matching.exchange.happenings import AccountUpdate, AlgoUpdate, Happening, OrderUpdate
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.usdm_account import UsdmAccount
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder
from supreme_system_v5.core.matching.liquidity import Liquidity

MS = 1_000_000
START_MS = 1_700_000_000_000
FUNDING_MS = 1_700_006_400_000
BUY = 1
SELL = -1


def e8(value: str | float) -> int:
    return parse_e8(str(value))


class PlainBook(Liquidity):
    """The market's orders as they are; taking removes them."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}

    def offered(self, side: int, limit_e8: int, count: int) -> list[tuple[int, int]]:
        levels = sorted(self.sides[-side].items(), reverse=side == SELL)[:count]
        return [(price, left) for price, left in levels if limit_e8 == 0 or (price - limit_e8) * side <= 0]

    def take(self, side: int, price_e8: int, quantity_e8: int) -> None:
        book = self.sides[-side]
        book[price_e8] -= quantity_e8
        assert book[price_e8] >= 0
        if book[price_e8] == 0:
            del book[price_e8]

    def shown_e8(self, side: int, price_e8: int) -> int:
        return self.sides[side].get(price_e8, 0)

    def best_e8(self, side: int) -> int:
        return (max if side == BUY else min)(self.sides[side], default=0)


class Floor:
    """The venue with account "a" (10,000 USDT) and "b", a book around 2000 and a mark at 2000."""

    def __init__(self, **options: Any) -> None:
        self.book = PlainBook()
        self.venue = UsdmVenue(eth_usdt("usdm"), self.book, Ids(7), **options)
        self.a = self.venue.open_account("a", {"USDT": 10_000 * E8})
        self.b = self.venue.open_account("b", {"USDT": 10_000 * E8})
        self.now_ms = START_MS
        self.depth({1999: 5, 1998: 10, 1990: 50}, {2001: 5, 2002: 10, 2010: 50})
        self.mark(2000)
        self.trade(2000, 0.001, True)
        self.venue.take_happenings()

    @property
    def now_ns(self) -> int:
        return self.now_ms * MS

    def depth(self, bids: dict[Any, Any], asks: dict[Any, Any]) -> None:
        self.book.sides[BUY] = {e8(price): e8(size) for price, size in bids.items()}
        self.book.sides[SELL] = {e8(price): e8(size) for price, size in asks.items()}

    def mark(self, price: float, rate_e8: int = 10_000, next_funding_ms: int = FUNDING_MS) -> None:
        self.venue.on_mark(self.now_ns, e8(price), e8(price), rate_e8, next_funding_ms)

    def trade(self, price: float, size: float, is_buyer_maker: bool) -> None:
        trade = Trade(self.now_ns, self.now_ms, self.now_ms, 1, e8(price), e8(size), is_buyer_maker)
        self.venue.on_trade(trade)

    def go(self, ms: int) -> None:
        self.now_ms += ms
        self.venue.advance(self.now_ns)

    def asked(self, side: int, kind: str, size: float = 0, price: float | str = 0, **more: Any) -> NewOrder:
        asked = NewOrder(side, kind)
        asked.quantity_e8 = e8(size)
        asked.price_e8 = e8(price)
        asked.time_in_force = "GTC" if kind in ("LIMIT", "STOP", "TAKE_PROFIT") else ""
        for name, value in more.items():
            setattr(asked, name, value)
        return asked

    def limit(self, side: int, size: float, price: float | str, account: str = "a", **more: Any) -> ExchangeOrder:
        return self.venue.place(account, self.asked(side, "LIMIT", size, price, **more), self.now_ns)

    def market(self, side: int, size: float, account: str = "a", **more: Any) -> ExchangeOrder:
        return self.venue.place(account, self.asked(side, "MARKET", size, **more), self.now_ns)

    def algo(self, side: int, kind: str, trigger: float, size: float = 0, account: str = "a", **more: Any) -> AlgoOrder:
        asked = self.asked(side, kind, size, more.pop("price", 0), stop_price_e8=e8(trigger), **more)
        return self.venue.place_algo(account, asked, self.now_ns)

    def told(self, account: str = "a") -> list[str]:
        """What the account is told since the last time, one word each."""
        return [word(item) for item in self.venue.take_happenings() if item.account == account]


def word(item: Happening) -> str:
    if isinstance(item, OrderUpdate):
        return f"order {item.execution} {item.order.status}"
    if isinstance(item, AlgoUpdate):
        assert isinstance(item.order, AlgoOrder)
        return f"algo {item.order.status}"
    if isinstance(item, AccountUpdate):
        return f"account {item.reason}"
    return type(item).__name__


def cash_e8(account: UsdmAccount) -> int:
    """Wallet less what the position cost: every fill changes it by exactly its notional and its fee."""
    return account.wallet_e8 - account.position.cost_e8
