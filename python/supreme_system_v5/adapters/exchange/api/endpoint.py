"""One thing that a client can ask of the venue: where it is found (REST, WebSocket API), and who answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.params import Params

# Who may ask: anybody; a known key; a known key with a signature.
NONE: Final = "NONE"
USER_STREAM: Final = "USER_STREAM"
USER_DATA: Final = "USER_DATA"
TRADE: Final = "TRADE"

# (exchange, account, parameters, market time ns) -> the JSON-able body. Raises Refusal. ``account`` is "" for NONE.
Handler = Callable[["Exchange", str, "Params", int], object]
Weight = Callable[[Mapping[str, str]], int]


class Endpoint:
    """``http`` and ``path`` ("" = not served over REST), ``ws`` (method name, "" = not served over the WebSocket API).

    ``weight``: the request weight; ``orders``: how much it adds to the order count when it succeeds.
    """

    def __init__(
        self,
        market: str,
        http: str,
        path: str,
        ws: str,
        security: str,
        weight: int | Weight,
        handler: Handler,
        orders: int = 0,
    ) -> None:
        self.market = market
        self.http = http
        self.path = path
        self.ws = ws
        self.security = security
        self.weight = weight
        self.handler = handler
        self.orders = orders

    def weight_of(self, params: Mapping[str, str]) -> int:
        """The weight the venue charges for a request with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)
