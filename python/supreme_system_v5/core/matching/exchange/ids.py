"""The numbers and names the venue gives out: orders, trades, lists, algo orders, and client ids nobody chose.

All of them follow from the seed and from what was given out before, so the same commands get the same ids.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_CLIENT_ID_PAIRS: Final = 11  # as long as the venue's own: 22 letters
_MASK: Final = (1 << 64) - 1

# Where the public trade ids are somebody else's (a recording), the venue's own trades count from here.
PRIVATE_TRADE_ID: Final = 9_000_000_000


class Ids:
    """Counters of one venue. ``trade_source`` gives the public tape's next id; without one the range is private."""

    def __init__(self, seed: int = 0, trade_source: Callable[[], int] | None = None, first_order_id: int = 1) -> None:
        self.seed = seed
        self.trade_source = trade_source
        self.order_id = first_order_id
        self.list_id = 0
        self.algo_id = 1
        self.execution_id = 1
        self.prevented_id = 0
        self.transaction_id = 0  # income and transfers
        self.private_trade_id = PRIVATE_TRADE_ID
        self.names = 0

    def next_order_id(self) -> int:
        self.order_id += 1
        return self.order_id - 1

    def next_list_id(self) -> int:
        self.list_id += 1
        return self.list_id - 1

    def next_algo_id(self) -> int:
        self.algo_id += 1
        return self.algo_id - 1

    def next_execution_id(self) -> int:
        self.execution_id += 1
        return self.execution_id - 1

    def next_prevented_id(self) -> int:
        self.prevented_id += 1
        return self.prevented_id - 1

    def next_transaction_id(self) -> int:
        self.transaction_id += 1
        return self.transaction_id

    def next_trade_id(self) -> int:
        """The next id of the public tape, or of the private range where the tape is a recording."""
        if self.trade_source is not None:
            return self.trade_source()
        self.private_trade_id += 1
        return self.private_trade_id - 1

    def next_client_id(self) -> str:
        """A client id (of an order, a list or a cancel) where the client gave none: 22 letters and digits."""
        self.names += 1
        pairs: list[str] = []
        bits = 0
        for position in range(_CLIENT_ID_PAIRS):
            if position % 5 == 0:  # 62 ** 10 < 2 ** 64
                bits = _mix((self.seed << 32) + self.names * 4 + position // 5)
            bits, digits = divmod(bits, len(_PAIRS))
            pairs.append(_PAIRS[digits])
        return "".join(pairs)

    def save(self) -> dict[str, int]:
        """All counters."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}

    def restore(self, saved: dict[str, int]) -> None:
        """Go on from saved counters. Raises ValueError for one that is not known."""
        for name, value in saved.items():
            if not isinstance(getattr(self, name, None), int):
                raise ValueError(f"not a counter of the venue: {name}")
            setattr(self, name, value)


def _mix(value: int) -> int:
    """splitmix64's finaliser (Steele, Lea, Flood 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
