"""The parameters of one request, read by type: every refusal is the venue's own code and message.

A handler reads everything it knows, calls ``done()``, and only then acts: what nobody read is refused as the venue
does it. Wording: official spot errors page (2026-07) and USD-M error page; the USD-M venue names parameters in lower
case in some of its messages, and ignores parameters that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

INTEGER_RANGE: Final = "^[0-9]{1,20}$"
DECIMAL_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
SYMBOL_RANGE: Final = "^[A-Z0-9-_.]{1,20}$"
CLIENT_ID_RANGE: Final = {"spot": "^[a-zA-Z0-9-_]{1,36}$", "usdm": r"^[\.A-Z\:/a-z0-9_-]{1,36}$"}
LONG_MAX: Final = 2**63 - 1
AMOUNT_MAX_E8: Final = 10**19 * 10**8  # nothing above comes near a venue's own maximum

_DECIMAL: Final = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)
_SYMBOL: Final = re.compile(r"[A-Z0-9\-_.]{1,20}", re.ASCII)
_CLIENT_ID: Final = {
    "spot": re.compile(r"[a-zA-Z0-9\-_]{1,36}", re.ASCII),
    "usdm": re.compile(r"[.A-Z:/a-z0-9_\-]{1,36}", re.ASCII),
}
# Read by the API itself before a handler is called.
ENVELOPE: Final = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})


class Params:
    """``values`` by name, in the order sent. ``offset_ns``: the clock minus market time, ``is_micro``: its unit."""

    __slots__ = ("_read", "_values", "is_micro", "market", "offset_ns", "venue_symbol")

    def __init__(
        self,
        values: dict[str, str],
        market: str = SPOT,
        offset_ns: int = 0,
        is_micro: bool = False,
        venue_symbol: str = "ETHUSDT",
    ) -> None:
        self._values = values
        self._read: set[str] = set()
        self.market = market
        self.offset_ns = offset_ns
        self.is_micro = is_micro
        self.venue_symbol = venue_symbol

    def stamp(self, time_ns: int) -> int:
        """The exchange's clock at a market time, in ms or, when the request asked for it, microseconds."""
        return (time_ns + self.offset_ns) // (1_000 if self.is_micro else 1_000_000)

    # Texts -------------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """True when it was sent (it counts as read then)."""
        if name in self._values:
            self._read.add(name)
            return True
        return False

    def text(self, name: str) -> str:
        """Its text, "" when it was not sent. Raises Refusal -1105 when it was sent empty."""
        value = self._values.get(name)
        if value is None:
            return ""
        self._read.add(name)
        if not value:
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        return value

    def require(self, name: str) -> str:
        """Its text. Raises Refusal -1102 when it was not sent, -1105 when it was empty."""
        value = self.text(name)
        if not value:
            raise self.missing(name)
        return value

    def missing(self, name: str) -> Refusal:
        """-1102 for a parameter that the request needs."""
        return Refusal(-1102, f"Mandatory parameter '{self._named(name)}' was not sent, was empty/null, or malformed.")

    def require_one(self, first: str, second: str) -> None:
        """Raises Refusal -1102 when neither was sent."""
        if not self.has(first) and not self.has(second):
            raise Refusal(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")

    def forbid(self, *names: str) -> None:
        """Raises Refusal -1106 when one of them was sent."""
        for name in names:
            if name in self._values:
                raise Refusal(-1106, f"Parameter '{self._named(name)}' sent when not required.")

    def symbol(self) -> str:
        """The symbol, which must be the one of this market. Raises Refusal -1102, -1100, -1121."""
        value = self.require("symbol")
        if value != self.venue_symbol:
            if _SYMBOL.fullmatch(value) is None:
                raise illegal("symbol", SYMBOL_RANGE)
            raise Refusal(-1121, "Invalid symbol.")
        return value

    def has_symbol(self) -> bool:
        """True when a symbol was sent; it must be the one of this market. Raises Refusal -1105, -1100, -1121."""
        if "symbol" not in self._values:
            return False
        self.symbol()
        return True

    def client_id(self, name: str) -> str:
        """A client's order id, "" when it was not sent. Raises Refusal -1100 (USD-M also -4015)."""
        value = self.text(name)
        if value and _CLIENT_ID[self.market].fullmatch(value) is None:
            if self.market != SPOT and len(value) > 36:
                raise Refusal(-4015, "Client order id length should be less than 36 chars")
            raise illegal(name, CLIENT_ID_RANGE[self.market])
        return value

    # Numbers -----------------------------------------------------------------------------------------------------

    def integer(self, name: str) -> int | None:
        """A whole number, None when it was not sent. Raises Refusal -1100, -1108, -1105."""
        value = self.text(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise illegal(name, INTEGER_RANGE)
        number = int(value)
        if number > LONG_MAX:
            raise Refusal(-1108, f"Parameter '{name}' overflowed.")
        return number

    def require_integer(self, name: str) -> int:
        """A whole number. Raises Refusal -1102, -1100, -1108."""
        number = self.integer(name)
        if number is None:
            raise self.missing(name)
        return number

    def limit(self, default: int, most: int) -> int:
        """``limit``: a larger one is cut to ``most``. Raises Refusal -1130 for 0, -1100 for no number."""
        number = self.integer("limit")
        if number is None:
            return default
        if number <= 0:
            raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(number, most)

    def decimal(self, name: str, precision: int = 8) -> int | None:
        """A decimal in exact 1e-8 units, None when it was not sent; zeros at the end do not count as precision.

        Raises Refusal -1100 for no plain decimal (also a negative one), -1111 for more digits than ``precision``.
        """
        value = self.text(name)
        if not value:
            return None
        found = _DECIMAL.fullmatch(value)
        if found is None:
            raise illegal(name, DECIMAL_RANGE)
        whole, fraction = found.groups()
        fraction = (fraction or "").rstrip("0")
        if len(fraction) > precision:
            if self.market == SPOT:
                raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
            raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
        return int(whole) * 100_000_000 + int(fraction.ljust(8, "0"))

    def require_decimal(self, name: str, precision: int = 8) -> int:
        """A decimal in 1e-8 units. Raises Refusal -1102, -1100, -1111."""
        number = self.decimal(name, precision)
        if number is None:
            raise self.missing(name)
        return number

    # Words -------------------------------------------------------------------------------------------------------

    def boolean(self, name: str) -> bool | None:
        """true or false in any case, None when it was not sent. Raises Refusal -1130."""
        value = self.text(name)
        if not value:
            return None
        word = value.lower()
        if word not in ("true", "false"):
            raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
        return word == "true"

    def choice(self, name: str, allowed: Collection[str], refusal: Refusal | None = None) -> str:
        """One of the venue's words, "" when it was not sent. Raises ``refusal`` or -1130."""
        value = self.text(name)
        if value and value not in allowed:
            raise refusal or Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value

    def side(self, name: str = "side") -> int:
        """+1 for BUY, -1 for SELL. Raises Refusal -1102, -1117."""
        value = self.require(name)
        if value == "BUY":
            return 1
        if value == "SELL":
            return -1
        raise Refusal(-1117, "Invalid side.")

    def order_type(self, allowed: Collection[str], name: str = "type") -> str:
        """Raises Refusal -1102, -1116."""
        value = self.require(name)
        if value not in allowed:
            raise Refusal(-1116, "Invalid orderType.")
        return value

    def time_in_force(self, allowed: Collection[str], name: str = "timeInForce") -> str:
        """ "" when it was not sent. Raises Refusal -1115."""
        return self.choice(name, allowed, Refusal(-1115, "Invalid timeInForce."))

    # The end -----------------------------------------------------------------------------------------------------

    def done(self) -> None:
        """Everything known has been read, nothing has been done yet. Raises Refusal -1101 or -1104 for the rest.

        USD-M ignores what it does not know.
        """
        if self.market != SPOT:
            return
        unread = [name for name in self._values if name not in self._read and name not in ENVELOPE]
        if unread:
            sent = len(self._values)
            read = sent - len(unread)
            if read == 0:
                raise Refusal(-1101, f"Too many parameters; expected '0' and received '{sent}'.")
            raise Refusal(
                -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
            )

    def _named(self, name: str) -> str:
        return name if self.market == SPOT else name.lower()


def illegal(name: str, legal: str) -> Refusal:
    """-1100 for a parameter that does not look as it must."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def bad_combination(names: str = "") -> Refusal:
    """-1128; ``names`` = "a, b" that belong together."""
    if names:
        return Refusal(-1128, f"Fields [{names}] must be sent together or omitted entirely.")
    return Refusal(-1128, "Combination of optional parameters invalid.")
