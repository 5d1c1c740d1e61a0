"""Orders: their words, their states, and the one table of what may follow what."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.domain.errors import BooksError

BUY: Final = 1
SELL: Final = -1

# Types, as the venue names them.
LIMIT: Final = "LIMIT"
LIMIT_MAKER: Final = "LIMIT_MAKER"
MARKET: Final = "MARKET"
STOP_MARKET: Final = "STOP_MARKET"
TAKE_PROFIT_MARKET: Final = "TAKE_PROFIT_MARKET"

GTC: Final = "GTC"
IOC: Final = "IOC"

# What an order is for.
ROLE_ENTRY: Final = "entry"
ROLE_STOP: Final = "stop"
ROLE_TARGET: Final = "target"
ROLE_EXIT: Final = "exit"

# States real venues force on a client. UNKNOWN = sent, outcome not known; it is never a rejection.
PENDING_SUBMIT: Final = "PENDING_SUBMIT"
UNKNOWN: Final = "UNKNOWN"
OPEN: Final = "OPEN"
PARTIALLY_FILLED: Final = "PARTIALLY_FILLED"
FILLED: Final = "FILLED"
PENDING_CANCEL: Final = "PENDING_CANCEL"
CANCELED: Final = "CANCELED"
REJECTED: Final = "REJECTED"
EXPIRED: Final = "EXPIRED"

TERMINAL_STATES: Final = frozenset({FILLED, CANCELED, REJECTED, EXPIRED})

# state -> the states that may follow it. A state may always be confirmed (follow itself) unless terminal.
ORDER_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    PENDING_SUBMIT: frozenset({UNKNOWN, OPEN, PARTIALLY_FILLED, FILLED, PENDING_CANCEL, CANCELED, REJECTED, EXPIRED}),
    UNKNOWN: frozenset({OPEN, PARTIALLY_FILLED, FILLED, PENDING_CANCEL, CANCELED, REJECTED, EXPIRED}),
    OPEN: frozenset({UNKNOWN, PARTIALLY_FILLED, FILLED, PENDING_CANCEL, CANCELED, REJECTED, EXPIRED}),
    PARTIALLY_FILLED: frozenset({UNKNOWN, FILLED, PENDING_CANCEL, CANCELED, EXPIRED}),
    PENDING_CANCEL: frozenset({UNKNOWN, OPEN, PARTIALLY_FILLED, FILLED, CANCELED, EXPIRED}),
    FILLED: frozenset(),
    CANCELED: frozenset(),
    REJECTED: frozenset(),
    EXPIRED: frozenset(),
}


def side_name(side: int) -> str:
    return "BUY" if side == BUY else "SELL"


# What an order is made of, as its constructor takes it, and what is kept of it beside that.
ORDER_INTENT_FIELDS: Final = (
    "client_order_id",
    "role",
    "side",
    "order_type",
    "time_in_force",
    "quantity_e8",
    "price_e8",
    "trigger_e8",
    "is_reduce_only",
    "created_ns",
    "reason",
)
ORDER_FIELDS: Final = (
    *ORDER_INTENT_FIELDS,
    "state",
    "filled_e8",
    "stop_order_id",
    "stop_trigger_e8",
    "target_order_id",
    "target_trigger_e8",
)


class Order:
    """One order. Prices and quantities in 1e-8 units, times in ns UTC of engine time."""

    def __init__(
        self,
        client_order_id: str,
        role: str,
        side: int,
        order_type: str,
        time_in_force: str,
        quantity_e8: int,
        price_e8: int,
        trigger_e8: int,
        is_reduce_only: bool,
        created_ns: int,
        reason: str,
    ) -> None:
        self.client_order_id = client_order_id
        self.role = role
        self.side = side
        self.order_type = order_type
        self.time_in_force = time_in_force
        self.quantity_e8 = quantity_e8
        self.price_e8 = price_e8  # limit price; 0 for market orders
        self.trigger_e8 = trigger_e8  # last-trade price that triggers a STOP_/TAKE_PROFIT_MARKET; else 0
        self.is_reduce_only = is_reduce_only
        self.created_ns = created_ns
        self.reason = reason
        self.state = PENDING_SUBMIT
        self.filled_e8 = 0
        # An entry carries its protection: the venue places both, sized to each partial fill.
        self.stop_order_id = ""
        self.stop_trigger_e8 = 0
        self.target_order_id = ""
        self.target_trigger_e8 = 0

    @property
    def is_open(self) -> bool:
        return self.state not in TERMINAL_STATES

    @property
    def remaining_e8(self) -> int:
        return self.quantity_e8 - self.filled_e8

    def move_to(self, state: str) -> None:
        """Change state; raises BooksError when the table does not allow it."""
        if state == self.state and self.is_open:
            return
        if state not in ORDER_TRANSITIONS[self.state]:
            raise BooksError(
                f"order {self.client_order_id}: {self.state} cannot become {state}",
                "the venue and the journal disagree; look at the order before trading on",
            )
        self.state = state


def client_order_id(account: str, sequence: int) -> str:
    """`s5-<account 4 hex>-<journal sequence base36>`: the same after any restart."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    rest = sequence
    while rest > 0:
        rest, digit = divmod(rest, 36)
        text = digits[digit] + text
    return f"s5-{account}-{text or '0'}"
