"""A small spot market for the venue's tests: the real view and liquidity, a venue, accounts, the books' proof."""

from __future__ import annotations

from typing import Any

from supreme_system_v5.core.domain.events import BookSnapshot, Depth, Quote, Trade
from supreme_system_v5.core.domain.instrument import SPOT, eth_usdt
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.exchange.happenings import (
    BalancesChanged,
    Happening,
    ListUpdate,
    OrderUpdate,
    PublicTrade,
)
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot import SpotVenue
from supreme_system_v5.core.matching.exchange.spot_rules import SpotRules
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder, OrderList
from supreme_system_v5.core.matching.liquidity import ViewLiquidity

MS = 1_000_000
START_NS = 1_700_000_000_000 * MS
MAKER_E8 = 75_000
TAKER_E8 = 100_000
BUY, SELL = 1, -1
Level = tuple[str, str]


def e8(text: str | float) -> int:
    return parse_e8(str(text))


def symbol_info(**changes: Any) -> dict[str, Any]:
    """An entry of exchangeInfo like the shipped one; ``changes`` replace fields, filters by name with ``NAME=dict``."""
    filters: dict[str, dict[str, Any]] = {
        "PRICE_FILTER": {"minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        "LOT_SIZE": {"minQty": "0.0001", "maxQty": "9000", "stepSize": "0.0001"},
        "ICEBERG_PARTS": {"limit": 10},
        "MARKET_LOT_SIZE": {"minQty": "0", "maxQty": "100", "stepSize": "0"},
        "PERCENT_PRICE_BY_SIDE": {
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        "NOTIONAL": {
            "minNotional": "5",
            "applyMinToMarket": True,
            "maxNotional": "9000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        "MAX_NUM_ORDERS": {"maxNumOrders": 200},
        "MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": 20},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 5},
    }
    info: dict[str, Any] = {
        "status": "TRADING",
        "orderTypes": [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "cancelReplaceAllowed": True,
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }
    for name, value in changes.items():
        if name.isupper():
            filters[name] = value
        else:
            info[name] = value
    info["filters"] = [{"filterType": name, **fields} for name, fields in filters.items()]
    return info


def asked(side: int, order_type: str, quantity: str = "0", price: str = "0", **more: Any) -> NewOrder:
    """``stop``, ``quote``, ``iceberg`` are decimals; ``name`` the client id; ``tif``, ``stp`` words."""
    order = NewOrder(side, order_type)
    order.quantity_e8 = e8(quantity)
    order.price_e8 = e8(price)
    order.stop_price_e8 = e8(more.pop("stop", "0"))
    order.quote_quantity_e8 = e8(more.pop("quote", "0"))
    order.iceberg_e8 = e8(more.pop("iceberg", "0"))
    order.client_order_id = more.pop("name", "")
    order.time_in_force = more.pop("tif", "GTC" if order_type == "LIMIT" else "")
    order.stp_mode = more.pop("stp", "")
    assert not more, more
    return order


class SpotDesk:
    """ETH-USDT: bids from 2000.00 down, asks from 2000.10 up, 1 ETH at each of three levels."""

    def __init__(self, rules: SpotRules | None = None, ended_max: int = 1000) -> None:
        self.instrument = eth_usdt(SPOT)
        self.view = MarketView(self.instrument)
        self.liquidity = ViewLiquidity(self.view)
        self.venue = SpotVenue(
            self.instrument, self.liquidity, Ids(7), MAKER_E8, TAKER_E8, rules or SpotRules(symbol_info()), ended_max
        )
        self.now_ms = 0
        self.update_id = 1000
        self.trade_id = 0
        self.opened: dict[str, int] = {"ETH": 0, "USDT": 0}
        self.book(
            [("2000.00", "1"), ("1999.90", "1"), ("1999.80", "1")],
            [("2000.10", "1"), ("2000.20", "1"), ("2000.30", "1")],
        )
        self.open("ann", "10", "100000")
        self.open("bob", "10", "100000")

    @property
    def time_ns(self) -> int:
        return START_NS + self.now_ms * MS

    def open(self, name: str, eth: str, usdt: str) -> None:
        self.venue.open_account(name, {"ETH": e8(eth), "USDT": e8(usdt)}, self.time_ns)
        self.opened["ETH"] += e8(eth)
        self.opened["USDT"] += e8(usdt)

    # ---- the market

    def book(self, bids: list[Level], asks: list[Level]) -> None:
        """The market shows exactly this from now on, and nothing is remembered of what was taken."""
        self.update_id += 10
        flat = [[e8(text) for level in levels for text in level] for levels in (bids, asks)]
        self.view.local_book.reset()
        self.view.apply(BookSnapshot(self.time_ns, self.update_id, *flat))
        self.update_id += 1
        self.view.apply(Depth(self.time_ns, 0, self.update_id, self.update_id, -1, [], []))
        best = [*(bids[0] if bids else ("0", "0")), *(asks[0] if asks else ("0", "0"))]
        if bids and asks:
            self.view.apply(Quote(self.time_ns, 0, self.update_id, *(e8(text) for text in best)))
        else:
            self.view.bid_e8, self.view.bid_quantity_e8, self.view.ask_e8, self.view.ask_quantity_e8 = map(e8, best)
        self.liquidity.taken.asks.clear()
        self.liquidity.taken.bids.clear()

    def trade(self, price: str, quantity: str = "0.0001", is_buyer_maker: bool = True) -> int:
        self.trade_id += 1
        stamp_ms = self.time_ns // MS
        trade = Trade(self.time_ns, stamp_ms, stamp_ms, self.trade_id, e8(price), e8(quantity), is_buyer_maker)
        return self.venue.on_trade(trade)

    # ---- clients

    def place(self, side: int, order_type: str, quantity: str = "0", price: str = "0", **more: Any) -> ExchangeOrder:
        account = more.pop("account", "ann")
        return self.venue.place(account, asked(side, order_type, quantity, price, **more), self.time_ns)

    def cancel(self, order: ExchangeOrder, restrictions: str = "") -> ExchangeOrder | OrderList:
        return self.venue.cancel(order.account, order.order_id, "", "", restrictions, self.time_ns)

    def balances(self, account: str = "ann") -> tuple[int, int, int, int]:
        """ETH free, ETH locked, USDT free, USDT locked."""
        held = self.venue.accounts[account]
        return (*held.pair("ETH"), *held.pair("USDT"))

    # ---- proofs

    def check_books(self) -> None:
        """Nothing from nowhere: accounts + fees = what was opened + what the market gave; locks are the orders'."""
        venue = self.venue
        fills = [fill for name in venue.accounts for fill in venue.orders.fills(name)]
        given = {
            "ETH": sum(fill.side * fill.quantity_e8 for fill in fills),
            "USDT": -sum(fill.side * fill.quote_e8 for fill in fills),
        }
        for asset in ("ETH", "USDT"):
            held = sum(balances.total(asset) for balances in venue.accounts.values())
            assert held + venue.books.fees_e8[asset] == self.opened[asset] + given[asset], asset
            for name, balances in venue.accounts.items():
                locked = sum(
                    order.locked_e8
                    for order in venue.orders.open_orders(name)
                    if venue.books.asset_given(order) == asset
                )
                assert balances.locked_e8[asset] == locked, (name, asset)
                assert balances.free_e8[asset] >= 0
        bids, asks = venue.matcher.resting.bids.orders, venue.matcher.resting.asks.orders
        assert not any(order.is_done for order in bids + asks)
        if bids and asks:
            assert bids[0].price_e8 < asks[0].price_e8, "crossed at rest"


def told(happenings: list[Happening]) -> list[str]:
    """Happenings in short: "ann 1 TRADE/FILLED", "ann balances", "tape", "list 0 ALL_DONE"."""
    lines: list[str] = []
    for happening in happenings:
        if isinstance(happening, OrderUpdate):
            order = happening.order
            lines.append(f"{order.account} {order.order_id} {happening.execution}/{order.status}")
        elif isinstance(happening, BalancesChanged):
            lines.append(f"{happening.account} balances")
        elif isinstance(happening, PublicTrade):
            lines.append("tape")
        elif isinstance(happening, ListUpdate):
            lines.append(f"list {happening.list.list_id} {happening.list.order_status}")
        else:
            lines.append(type(happening).__name__)
    return lines


def refused(refusal: Refusal) -> tuple[int, str]:
    return refusal.code, refusal.message
