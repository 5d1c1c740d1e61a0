"""What a client asks over REST or the WebSocket API, and what it is answered: no socket in either."""

from __future__ import annotations

from typing import Final

JSON_TYPE: Final = "application/json;charset=UTF-8"


class Call:
    """One request. ``method`` is the HTTP verb ("" over the WebSocket API), ``path`` the path or the method's name.

    ``payload``: the exact text that must have been signed. ``session_account``: the account that logged on to the
    connection, "" for none. ``arrived_ns``: market time of arrival where it differs from the time of execution.
    """

    __slots__ = (
        "address",
        "api_key",
        "arrived_ns",
        "is_micro",
        "is_websocket",
        "market",
        "method",
        "params",
        "path",
        "payload",
        "session_account",
        "signature",
    )

    def __init__(
        self,
        market: str,
        method: str,
        path: str,
        params: dict[str, str],
        payload: str = "",
        api_key: str = "",
        signature: str = "",
        address: str = "",
        is_websocket: bool = False,
        is_micro: bool = False,
        session_account: str = "",
    ) -> None:
        self.market = market
        self.method = method
        self.path = path
        self.params = params
        self.payload = payload
        self.api_key = api_key
        self.signature = signature
        self.address = address
        self.is_websocket = is_websocket
        self.is_micro = is_micro
        self.session_account = session_account
        self.arrived_ns = 0  # 0: it is executed the moment it arrives


class Reply:
    """``body``: a JSON-able object, or the bytes of one. ``headers``: besides the content type (JSON)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else {}
