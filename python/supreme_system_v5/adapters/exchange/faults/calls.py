"""Faults of calls (REST and WebSocket API): which call is hit, and what its client gets instead of the answer.

Pure and deterministic: the same calls at the same market times meet the same faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final, NamedTuple, Protocol

from supreme_system_v5.adapters.exchange.faults.kinds import Fault, delay_ns

# What becomes of a call that is hit.
REPLY: Final = "reply"  # status, body and headers of the fault are the answer
SILENT: Final = "silent"  # never answered; the connection stays open
CLOSED: Final = "closed"  # the connection is closed without an answer
LATE: Final = "late"  # the answer proper, delay_ns of market time later

PLACE: Final = "place"
CANCEL: Final = "cancel"
READ: Final = "read"
_ORDER_PATHS: Final = (
    "/order",
    "/orderList",
    "/algoOrder",
    "/batchOrders",
    "/sor/order",
    "/openOrders",
    "/allOpenOrders",
)

_UNKNOWN: Final = "Unknown error, please check your request or try again later."
_BODIES: Final[dict[str, tuple[int, str]]] = {
    "unknown": (-1000, _UNKNOWN),
    "unavailable": (-1001, "Service Unavailable."),
    "internal": (-1001, "Internal error; unable to process your request. Please try again."),
}
_HTML: Final = (
    "<html>\r\n<head><title>{0} {1}</title></head>\r\n"
    "<body>\r\n<center><h1>{0} {1}</h1></center>\r\n</body>\r\n</html>\r\n"
)
_REASONS: Final = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
# The venue's words and HTTP status for its general errors (spot errors page, 2026-07).
ERRORS: Final[dict[int, tuple[int, str]]] = {
    -1000: (400, "An unknown error occurred while processing the request."),
    -1001: (500, "Internal error; unable to process your request. Please try again."),
    -1003: (429, "Too many requests queued."),
    -1006: (500, "An unexpected response was received from the message bus. Execution status unknown."),
    -1007: (504, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    -1008: (503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    -1015: (429, "Too many new orders."),
    -1016: (503, "This service is no longer available."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -2010: (400, "Account has insufficient balance for requested action."),
    -2011: (400, "Unknown order sent."),
    -2015: (401, "Invalid API-key, IP, or permissions for action."),
}
_LIMIT_MESSAGE: Final = (
    "Too much request weight used; please use the websocket for live updates to avoid polling the API."
)
MARKET_CLOSED: Final = {
    "spot": (-1013, "Market is closed."),
    "usdm": (-4140, "Invalid symbol status for opening position."),
}
HALTED_STATUS: Final = {"spot": "BREAK", "usdm": "PENDING_TRADING"}


class Asked(Protocol):
    """What a fault looks at of a call: REST method and path, or "WS" (or "") and the method name."""

    @property
    def market(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...


class CallFault(NamedTuple):
    """The end of a call that a fault has hit. ``body``: {"code", "msg"}, or the text of a page."""

    kind: str
    outcome: str
    status: int = 0
    body: Mapping[str, object] | str = ""
    headers: Mapping[str, str] = {}
    delay_ns: int = 0


def operation(method: str, path: str) -> str:
    """PLACE, CANCEL (cancelReplace too: it begins with one), or READ for everything else."""
    if path.startswith("/"):
        name = path.split("/", 3)[-1]
        if name.endswith("/test") or not ("/" + name).startswith(_ORDER_PATHS) or method not in ("POST", "DELETE"):
            return READ
        return CANCEL if method == "DELETE" or name.endswith("cancelReplace") else PLACE
    head, _, verb = path.partition(".")
    if head not in ("order", "orderList", "openOrders", "algoOrder", "sor"):
        return READ
    if "cancel" in verb:
        return CANCEL
    return PLACE if verb.endswith("place") or ".place." in f".{verb}." else READ


def concerns(fault: Fault, market: str, method: str, path: str) -> bool:
    """True when the fault's filters let it hit such a call."""
    if fault.market not in ("", market):
        return False
    args = fault.args
    if "method" in args and args["method"] != (method if path.startswith("/") else "WS"):
        return False
    wanted = args.get("path", "")
    if wanted and not (path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted):
        return False
    if fault.on == "all":
        return True
    what = operation(method, path)
    return what != READ if fault.on == "trade" else what == fault.on


def use(fault: Fault, rng: Random) -> bool:
    """Draw (where it has a probability) and count one use; True when it hits."""
    if "seconds" not in fault.args and fault.left <= 0:
        return False
    if "probability" in fault.args and rng.random() >= fault.args["probability"]:
        return False
    fault.left -= 1
    return True


def verdict(fault: Fault) -> CallFault:
    """What a call gets that is hit by a fault of its own: limits, errors, 5xx, timeouts, delays."""
    kind, args = fault.kind, fault.args
    if kind == "slow_rest":
        return CallFault(kind, LATE, delay_ns=delay_ns(fault))
    if kind in ("http_429", "http_418"):
        headers = {"Retry-After": str(int(args.get("retry_after", 2)))}
        return CallFault(kind, REPLY, 429 if kind == "http_429" else 418, _error(-1003, _LIMIT_MESSAGE), headers)
    if kind == "timeout":
        form = args.get("form", "silent")
        if form == "answer":
            return CallFault(kind, REPLY, 504, _error(-1007, ERRORS[-1007][1]))
        return CallFault(kind, SILENT if form == "silent" else CLOSED)
    if kind == "http_5xx":
        return _gateway(fault)
    code = int(args["code"])
    status, message = ERRORS.get(code, (400, _UNKNOWN))
    headers = {"Retry-After": str(args["retry_after"])} if "retry_after" in args else {}
    return CallFault(kind, REPLY, int(args.get("status", status)), _error(code, args.get("message", message)), headers)


def _gateway(fault: Fault) -> CallFault:
    status = int(fault.args.get("status", 503))
    form = fault.args.get("form", "unknown" if status == 503 else "html")
    if form == "html":
        page = _HTML.format(status, _REASONS.get(status, "Error"))
        return CallFault(fault.kind, REPLY, status, page, {"Content-Type": "text/html"})
    return CallFault(fault.kind, REPLY, status, _error(*_BODIES[form]))


def down(fault: Fault) -> CallFault:
    """Every call during maintenance."""
    code = int(fault.args.get("code", 0))
    if code == 0:
        page = _HTML.format(503, _REASONS[503])
        return CallFault(fault.kind, REPLY, 503, page, {"Content-Type": "text/html"})
    status, message = ERRORS.get(code, (503, _UNKNOWN))
    return CallFault(fault.kind, REPLY, status, _error(code, message))


def closed_market(kind: str, market: str) -> CallFault:
    """An order while the symbol does not trade."""
    return CallFault(kind, REPLY, 400, _error(*MARKET_CLOSED[market]))


def _error(code: int, message: str) -> dict[str, object]:
    return {"code": code, "msg": message}
