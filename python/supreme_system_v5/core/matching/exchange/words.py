"""The words of the simulated exchange: what a client asks for, what an order, a fill and a list are at the venue.

Prices, quantities and amounts are integers in 1e-8 units, times ns of market time, sides +1 (buy) and -1 (sell).
Types, states and modes are the venue's own names. 0 and "" mean: not given.
"""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.matching.book_order import BookOrder

# States of an order at the venue (spot enums.md 2026-07; USD-M SDK 2026-08).
NEW: Final = "NEW"
PENDING_NEW: Final = "PENDING_NEW"  # of a list: waits for the working order
PARTIALLY_FILLED: Final = "PARTIALLY_FILLED"
FILLED: Final = "FILLED"
CANCELED: Final = "CANCELED"
REJECTED: Final = "REJECTED"
EXPIRED: Final = "EXPIRED"
EXPIRED_IN_MATCH: Final = "EXPIRED_IN_MATCH"  # by self-trade prevention
ENDED: Final = frozenset({FILLED, CANCELED, REJECTED, EXPIRED, EXPIRED_IN_MATCH})

# What an update tells of (`x` of executionReport and ORDER_TRADE_UPDATE).
X_NEW: Final = "NEW"
X_CANCELED: Final = "CANCELED"
X_REPLACED: Final = "REPLACED"
X_REJECTED: Final = "REJECTED"
X_TRADE: Final = "TRADE"
X_EXPIRED: Final = "EXPIRED"
X_TRADE_PREVENTION: Final = "TRADE_PREVENTION"
X_CALCULATED: Final = "CALCULATED"  # USD-M: liquidation


class NewOrder:
    """What a client asks for with one order, parsed but not judged. The venue copies it."""

    def __init__(self, side: int, order_type: str) -> None:
        self.side = side
        self.order_type = order_type
        self.time_in_force = ""
        self.quantity_e8 = 0
        self.quote_quantity_e8 = 0  # quoteOrderQty of a spot MARKET order
        self.price_e8 = 0
        self.stop_price_e8 = 0  # stopPrice, or triggerPrice of an algo order
        self.iceberg_e8 = 0
        self.client_order_id = ""  # "" = the venue makes one up
        self.stp_mode = ""  # selfTradePreventionMode
        self.strategy_id: int | None = None
        self.strategy_type: int | None = None
        # USD-M
        self.is_reduce_only = False
        self.is_close_position = False
        self.working_type = ""  # CONTRACT_PRICE or MARK_PRICE
        self.is_price_protected = False
        self.good_till_ms = 0
        self.position_side = ""  # BOTH in one-way mode

    def __copy__(self) -> NewOrder:
        """Attribute by attribute: the default copy would give every order a dictionary three times as big."""
        twin = NewOrder(self.side, self.order_type)
        for name in _ASKED:
            setattr(twin, name, getattr(self, name))
        return twin


_ASKED: Final = tuple(vars(NewOrder(1, "")))


class ExchangeOrder(BookOrder):
    """One order at the venue. ``BookOrder`` has side, price, quantity, filled; the book works on those."""

    # What few orders have stands on the class until it is set: a hundred thousand orders are remembered.
    expiry_word = ""  # spot `expiryReason`
    visible_e8 = 0  # of an iceberg in the book: what of it can be seen and traded with; 0 = all
    prevented: tuple[PreventedMatch, ...] = ()  # spot: the self-trades it was kept from

    def __init__(self, account: str, order_id: int, asked: NewOrder, created_ns: int) -> None:
        super().__init__(asked.side, asked.price_e8, asked.quantity_e8)
        self.account = account
        self.order_id = order_id
        self.asked = asked
        self.client_order_id = asked.client_order_id
        self.order_type = asked.order_type  # what it is now: a triggered stop may turn into MARKET or LIMIT (USD-M)
        self.time_in_force = asked.time_in_force
        self.stop_price_e8 = asked.stop_price_e8
        self.stp_mode = asked.stp_mode
        self.status = NEW
        self.created_ns = created_ns
        self.updated_ns = created_ns
        self.working_ns = 0  # when it came into the book; 0 = it has not
        self.is_working = False  # in the book or filled; a stop that has not triggered is not
        self.quote_e8 = 0  # cumulative quote quantity of its fills
        self.locked_e8 = 0  # what is still locked for it, in the asset it gives (spot) or of margin (USD-M)
        self.prevented_e8 = 0  # by self-trade prevention
        self.fills: list[Fill] = []
        self.list_id = -1
        self.expiry_reason = 0  # USD-M `er`
        self.cancel_client_order_id = ""  # the id of the request that cancelled it

    def __copy__(self) -> ExchangeOrder:
        """As it is now. (The default copy loses what a compiled base class holds, and is larger.)"""
        twin = type(self).__new__(type(self))
        for name in _COPIED:
            setattr(twin, name, getattr(self, name))
        for name in _RARE:
            value = getattr(self, name)
            if value:
                setattr(twin, name, value)
        return twin

    @property
    def remaining_e8(self) -> int:
        """What may still execute: neither filled nor taken off by self-trade prevention."""
        return int(self.quantity_e8) - int(self.filled_e8) - self.prevented_e8

    @property
    def is_open(self) -> bool:
        return self.status not in ENDED

    @property
    def average_price_e8(self) -> int:
        """0 without a fill; rounded down to 1e-8."""
        return self.quote_e8 * 100_000_000 // int(self.filled_e8) if self.filled_e8 else 0


# A compiled BookOrder keeps its part out of the dictionary, so that part is named.
_BOOK_PART: Final = ("side", "price_e8", "quantity_e8", "filled_e8", "is_done", "stp_mode", "queue", "arrival")
_COPIED: Final = tuple(dict.fromkeys((*_BOOK_PART, *vars(ExchangeOrder("", 0, NewOrder(1, ""), 0)))))
_RARE: Final = ("expiry_word", "visible_e8", "prevented")


class Fill:
    """One trade of one order. ``realized_e8``: USD-M profit of the part that closed."""

    def __init__(
        self,
        trade_id: int,
        order: ExchangeOrder,
        price_e8: int,
        quantity_e8: int,
        quote_e8: int,
        commission_e8: int,
        commission_asset: str,
        is_maker: bool,
        time_ns: int,
        realized_e8: int = 0,
    ) -> None:
        self.trade_id = trade_id
        self.order_id = order.order_id
        self.list_id = order.list_id
        self.account = order.account
        self.side = int(order.side)
        self.price_e8 = price_e8
        self.quantity_e8 = quantity_e8
        self.quote_e8 = quote_e8
        self.commission_e8 = commission_e8
        self.commission_asset = commission_asset
        self.is_maker = is_maker
        self.time_ns = time_ns
        self.realized_e8 = realized_e8


class PreventedMatch:
    """Two orders of one account that met and did not trade. 0 = that side lost nothing."""

    def __init__(
        self,
        match_id: int,
        taker: ExchangeOrder,
        maker: ExchangeOrder,
        taker_e8: int,
        maker_e8: int,
        quantity_e8: int,
        time_ns: int,
    ) -> None:
        self.match_id = match_id
        self.account = taker.account
        self.taker_order_id = taker.order_id
        self.maker_order_id = maker.order_id
        self.mode = taker.stp_mode
        self.price_e8 = int(maker.price_e8)
        self.taker_e8 = taker_e8  # what expired of the taker
        self.maker_e8 = maker_e8
        self.quantity_e8 = quantity_e8  # what would have traded
        self.time_ns = time_ns


class OrderList:
    """A spot order list. ``contingency`` OCO or OTO (an OTOCO is an OTO with three legs)."""

    def __init__(self, account: str, list_id: int, contingency: str, client_list_id: str, time_ns: int) -> None:
        self.account = account
        self.list_id = list_id
        self.contingency = contingency
        self.client_list_id = client_list_id
        self.time_ns = time_ns
        self.updated_ns = time_ns
        self.status_type = "EXEC_STARTED"  # RESPONSE, EXEC_STARTED, UPDATED, ALL_DONE
        self.order_status = "EXECUTING"  # EXECUTING, ALL_DONE, REJECT
        self.orders: list[ExchangeOrder] = []  # working order first where there is one
