"""The kinds of fault and their arguments: one table. docs/exchange.md shows it to people.

Frames (of the market streams; `stream` trade, quote, depth, mark or all; `user` = the user data streams):
- disconnect {stream}: the sockets that carry the stream (default all) are cut without a close handshake
- half_open {stream, seconds}: those sockets, and new ones, stay open but nothing is sent on them any more, not even
  pongs, and what the client writes is thrown away
- gap {stream, count}: the next frames of the stream are lost
- drop {stream, probability, seconds}: each frame is lost with a probability
- duplicate {stream, count}: the next frames come twice
- reorder {stream, count}: two neighbours of one stream, sent in one flush between two heartbeats, change places
- garbage {stream, count, form}: an EXTRA frame before the next ones: bytes | truncated | nan | inf | 1e400
- silence {stream, seconds, mode}: nothing of the stream (default all) is sent; heartbeats and REST go on. Of `user`,
  mode hold: the events come afterwards, drop: never
- delay {stream, delay_ms, seconds}: frames arrive so much later, in their order

Calls (REST and WebSocket API; filters `market`, `path` (a trailing * = any continuation), `method`, `on` place,
cancel, trade (both), read or all, `probability`; for `count` calls or for `seconds`):
- slow_rest {delay_ms, when}: the reply comes later in market time; executed then (before) or at once (after)
- http_429 / http_418 {retry_after}: refused with -1003
- error {code, status, message, when}: the venue's error; before: nothing was executed; after: it was
- http_5xx {status, form, when}: form unknown | unavailable | internal (the bodies of USD-M) or html (of a proxy)
- timeout {when, form}: form silent: no answer; closed: the connection is closed; answer: -1007
- stale_snapshot {age_seconds}: the depth snapshot is so old
- clock_skew {offset_ms, seconds}: the exchange's clock jumps, for the time check (-1021) and serverTime
- cancel_race: the order fills in the moment of its cancel, which answers -2011
- partial_fill {fraction}: of an entry that would fill at once only this part does
- late_reject {delay_ms, status}: an order that was acknowledged NEW ends by an event, EXPIRED or REJECTED
- archive_checksum: a bit of an archive's zip is wrong; archive_missing: it is not there (404); archive_cut {fraction}:
  the connection ends after that part of it
- maintenance {notice_seconds, seconds, break_seconds, code}: serverShutdown on the streams, all sockets cut, every call
  answers 503 (or `code`); then the symbol's status is BREAK for a while and orders are refused

Market:
- move {fraction, seconds}: the generated price drifts by a fraction
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from supreme_system_v5.adapters.exchange.market.sim_market import DEPTH, MARK, NS_PER_MS, QUOTE, TRADE, stream_kind

USER: Final = "user"
STREAMS: Final = frozenset({TRADE, QUOTE, DEPTH, MARK, USER, "all"})
FORMS: Final[dict[str, frozenset[str]]] = {
    "garbage": frozenset({"bytes", "truncated", "nan", "inf", "1e400"}),
    "http_5xx": frozenset({"unknown", "unavailable", "internal", "html"}),
    "timeout": frozenset({"silent", "closed", "answer"}),
}
_FILTERS: Final = frozenset({"market", "path", "method", "on", "probability", "count", "seconds"})
# kind -> its own arguments
KINDS: Final[dict[str, frozenset[str]]] = {
    "disconnect": frozenset({"stream", "market"}),
    "half_open": frozenset({"stream", "seconds", "market"}),
    "gap": frozenset({"stream", "count", "seconds", "market"}),
    "drop": frozenset({"stream", "probability", "seconds", "market"}),
    "duplicate": frozenset({"stream", "count", "seconds", "market"}),
    "reorder": frozenset({"stream", "count", "seconds", "market"}),
    "garbage": frozenset({"stream", "count", "form", "seconds", "market"}),
    "silence": frozenset({"stream", "seconds", "mode", "market"}),
    "delay": frozenset({"stream", "delay_ms", "seconds", "market"}),
    "slow_rest": _FILTERS | {"delay_ms", "when"},
    "http_429": _FILTERS | {"retry_after"},
    "http_418": _FILTERS | {"retry_after"},
    "error": _FILTERS | {"code", "status", "message", "when", "retry_after"},
    "http_5xx": _FILTERS | {"status", "form", "when"},
    "timeout": _FILTERS | {"form", "when"},
    "stale_snapshot": _FILTERS | {"age_seconds"},
    "clock_skew": frozenset({"offset_ms", "seconds", "market"}),
    "cancel_race": _FILTERS,
    "partial_fill": _FILTERS | {"fraction"},
    "late_reject": _FILTERS | {"delay_ms", "status"},
    "archive_checksum": _FILTERS,
    "archive_missing": _FILTERS,
    "archive_cut": _FILTERS | {"fraction"},
    "maintenance": frozenset({"notice_seconds", "seconds", "break_seconds", "code", "market"}),
    "move": frozenset({"fraction", "seconds"}),
}
CALL_KINDS: Final = frozenset(kind for kind, args in KINDS.items() if args >= _FILTERS)
_TEXT: Final = {"stream", "form", "market", "path", "method", "on", "message", "when", "mode"}
_WHOLE: Final = {"count", "retry_after", "code"}
_SIGNED: Final = {"fraction", "code", "offset_ms"}
_CHOICES: Final[dict[str, frozenset[str]]] = {
    "market": frozenset({"spot", "usdm"}),
    "on": frozenset({"place", "cancel", "trade", "read", "all"}),
    "when": frozenset({"before", "after"}),
    "mode": frozenset({"hold", "drop"}),
    "method": frozenset({"GET", "POST", "PUT", "DELETE", "WS"}),
    "stream": STREAMS,
}
_DEFAULT_STREAM: Final[dict[str, str]] = {"gap": DEPTH, "duplicate": QUOTE, "reorder": QUOTE, "garbage": QUOTE}
_DEFAULT_ON: Final[dict[str, str]] = {
    "timeout": "trade",
    "cancel_race": "cancel",
    "partial_fill": "place",
    "late_reject": "place",
}
_DEFAULT_SECONDS: Final[dict[str, float]] = {
    "silence": 10,
    "slow_rest": 10,
    "drop": 10,
    "delay": 10,
    "half_open": 30,
    "clock_skew": 10,
    "maintenance": 60,
}
LASTING: Final = frozenset(_DEFAULT_SECONDS)


class Fault:
    """One fault and what is left of it: ``left`` uses, or until ``until_ns`` of market time."""

    def __init__(self, kind: str, args: Mapping[str, Any], at_ns: int) -> None:
        self.kind = kind
        self.args = dict(args)
        if kind in _DEFAULT_SECONDS and not (kind == "slow_rest" and "count" in args):
            self.args.setdefault("seconds", _DEFAULT_SECONDS[kind])
        self.at_ns = at_ns
        self.stream: str = self.args.get("stream", _DEFAULT_STREAM.get(kind, "all"))
        self.market: str = self.args.get("market", "")
        self.on: str = self.args.get("on", _DEFAULT_ON.get(kind, "all"))
        self.left = int(self.args.get("count", 1))
        self.stage = 0  # how far half_open and maintenance are
        self.until_ns = at_ns + _ns(self.seconds("seconds", 0.0) + self._extra_seconds())

    def _extra_seconds(self) -> float:
        if self.kind != "maintenance":
            return 0.0
        return self.seconds("notice_seconds", 0.0) + self.seconds("break_seconds", 0.0)

    def seconds(self, name: str, default: float) -> float:
        """An argument in seconds (or ms, by its name)."""
        return float(self.args.get(name, default))

    @property
    def is_after(self) -> bool:
        """True when the call is executed first."""
        return bool(self.args.get("when", "before") == "after")

    def covers(self, stream: str) -> bool:
        """True when the fault is about this stream name of a market's streams."""
        return self.stream == "all" or stream_kind(stream) == self.stream

    def is_over(self, now_ns: int) -> bool:
        if "seconds" in self.args:
            return now_ns >= self.until_ns
        return self.left <= 0

    def is_down(self, now_ns: int) -> bool:
        """Of maintenance: nothing answers now."""
        begin_ns = self.at_ns + _ns(self.seconds("notice_seconds", 0.0))
        return begin_ns <= now_ns < begin_ns + _ns(self.seconds("seconds", 0.0))

    def is_break(self, now_ns: int) -> bool:
        """Of maintenance: the symbol does not trade now."""
        return self.until_ns - _ns(self.seconds("break_seconds", 0.0)) <= now_ns < self.until_ns


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def delay_ns(fault: Fault) -> int:
    """`delay_ms` in ns."""
    return int(fault.seconds("delay_ms", 1_000.0) * NS_PER_MS)


def check(kind: object, args: object) -> tuple[str, dict[str, Any]]:
    """A fault's kind and args, checked. Raises ValueError saying what is wrong."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; known: {', '.join(sorted(KINDS))}")
    if not isinstance(args, dict):
        raise ValueError("args must be an object")
    for name, value in args.items():
        if name not in KINDS[kind]:
            raise ValueError(f"{kind}: unknown argument {name!r}; it has {', '.join(sorted(KINDS[kind]))}")
        _check_value(kind, name, value)
    if kind == "move" and not (-0.5 < args.get("fraction", 1) < 0.5):
        raise ValueError("move: fraction must be between -0.5 and 0.5")
    if kind == "partial_fill" and not (0 <= args.get("fraction", 0.5) < 1):
        raise ValueError("partial_fill: fraction must be from 0 to below 1")
    if kind == "archive_cut" and not (0 <= args.get("fraction", 0.5) < 1):
        raise ValueError("archive_cut: fraction must be from 0 to below 1")
    if kind == "error" and "code" not in args:
        raise ValueError("error: code is missing")
    return kind, args


def _check_value(kind: str, name: str, value: object) -> None:
    if name in _TEXT or (kind == "late_reject" and name == "status"):
        if not isinstance(value, str):
            raise ValueError(f"{kind}: {name} must be text")
        allowed = FORMS.get(kind) if name == "form" else _CHOICES.get(name)
        if name == "status":
            allowed = frozenset({"EXPIRED", "REJECTED"})
        if allowed is not None and value not in allowed:
            raise ValueError(f"{kind}: {name} {value!r} is not known; one of {', '.join(sorted(allowed))}")
        return
    whole = name in _WHOLE or name == "status"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise ValueError(f"{kind}: {name} must be a {'whole ' if whole else ''}number")
    if not (-1e6 <= value <= 1e6) or (value < 0 and name not in _SIGNED):
        raise ValueError(f"{kind}: {name} must be between {'-1000000' if name in _SIGNED else '0'} and 1000000")
    if name == "probability" and value > 1:
        raise ValueError(f"{kind}: probability must be between 0 and 1")
    if name == "status" and not (400 <= value <= 599):
        raise ValueError(f"{kind}: status must be between 400 and 599")
