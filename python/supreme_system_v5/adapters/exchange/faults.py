"""Faults on demand: by plan, by control call, or at a seeded rate; each one taken is logged with its market time.

A plan is a JSON list of {"kind", "args", "at_seconds"} (offset from the market's start) or of {"kind", "args",
"rate_per_minute"}. What a fault does to the frames depends on market time and frames alone, so a plan repeats exactly.

Kinds and their args:
- disconnect {stream}: the sockets that carry the stream (default all) are cut without a close handshake
- gap {stream, count}: the next frames of the stream are lost
- duplicate {stream, count}: the next frames come twice
- reorder {stream, count}: two neighbours of one stream, sent in one flush between two heartbeats, change places
- garbage {stream, count, form}: an EXTRA frame before the next ones: bytes | truncated | nan | inf | 1e400
- silence {stream, seconds}: nothing of the stream (default all) is sent; heartbeats and REST go on
- slow_rest {seconds, delay_ms}: replies come later in market time
- http_429 / http_418 {count or seconds, retry_after}: REST is refused
- move {fraction, seconds}: the generated price drifts by a fraction
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, NamedTuple

from supreme_system_v5.adapters.exchange.sim_market import DEPTH, MARK, QUOTE, TRADE, OutFrame, stream_kind
from supreme_system_v5.core.domain.errors import ConfigError

KINDS: Final = frozenset(
    {"disconnect", "gap", "duplicate", "reorder", "garbage", "silence", "slow_rest", "http_429", "http_418", "move"}
)
STREAMS: Final = frozenset({TRADE, QUOTE, DEPTH, MARK, "all"})
FORMS: Final = frozenset({"bytes", "truncated", "nan", "inf", "1e400"})
TAKEN_MAX: Final = 1_000
_ARGS: Final[dict[str, tuple[type, ...]]] = {
    "stream": (str,),
    "form": (str,),
    "count": (int,),
    "seconds": (int, float),
    "delay_ms": (int, float),
    "retry_after": (int,),
    "fraction": (int, float),
}
_NUMBER: Final = re.compile(rb'"[0-9]+\.[0-9]+"')
_DEFAULTS: Final[dict[str, str]] = {"gap": DEPTH, "duplicate": QUOTE, "reorder": QUOTE, "garbage": QUOTE}

# How a frame leaves: as it is, as text without x_time_ns, as a binary message; or the sockets are cut here.
PLAIN: Final = ""
TEXT: Final = "text"
BINARY: Final = "binary"
CUT: Final = "cut"


class WireFrame(NamedTuple):
    """What goes to the sockets that carry ``stream`` ("" = all)."""

    time_ns: int
    stream: str
    payload: bytes
    form: str


class Fault:
    """One planned fault and what is left of it."""

    def __init__(self, kind: str, args: Mapping[str, Any], at_ns: int) -> None:
        self.kind = kind
        self.args = dict(args)
        if kind in ("silence", "slow_rest"):
            self.args.setdefault("seconds", 10)
        self.at_ns = at_ns
        self.stream: str = self.args.get("stream", _DEFAULTS.get(kind, "all"))
        self.left = int(self.args.get("count", 1))
        self.until_ns = at_ns + int(float(self.args.get("seconds", 0)) * 1e9)

    def covers(self, stream: str) -> bool:
        """True when the fault is about this stream name."""
        return self.stream == "all" or stream_kind(stream) == self.stream


def check(kind: object, args: object) -> tuple[str, dict[str, Any]]:
    """A fault's kind and args, checked. Raises ValueError saying what is wrong."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; known: {', '.join(sorted(KINDS))}")
    if not isinstance(args, dict):
        raise ValueError("args must be an object")
    for name, value in args.items():
        allowed = _ARGS.get(name)
        if allowed is None or isinstance(value, bool) or not isinstance(value, allowed):
            raise ValueError(f"{kind}: argument {name!r} is unknown or of the wrong type")
        if isinstance(value, (int, float)) and name != "fraction" and not (0 <= value <= 1e6):
            raise ValueError(f"{kind}: {name} must be between 0 and 1000000")
    if args.get("stream", "all") not in STREAMS or args.get("form", "bytes") not in FORMS:
        raise ValueError(f"{kind}: stream or form is not known")
    if kind == "move" and not ("fraction" in args and -0.5 < args["fraction"] < 0.5):
        raise ValueError("move: fraction must be between -0.5 and 0.5")
    return kind, args


class FaultBox:
    """The faults of one exchange: those to come, those under way, those taken."""

    def __init__(
        self,
        start_ns: int,
        plan: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.start_ns = start_ns
        self.seed = seed
        self.taken: list[dict[str, Any]] = []
        self.count = 0
        self.moves: list[Fault] = []  # due now, for the market to perform
        self._log = log
        self._rng = Random(seed)
        self._planned: list[Fault] = []
        self._rates: list[tuple[Fault, float]] = []
        self._active: list[Fault] = []
        for entry in plan:
            self._plan(entry)

    def _plan(self, entry: Mapping[str, Any]) -> None:
        kind, args = check(entry.get("kind"), entry.get("args", {}))
        rate = entry.get("rate_per_minute", 0)
        offset = entry.get("at_seconds", 0)
        for number in (rate, offset):
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not (0 <= number < 1e9):
                raise ValueError(f"{kind}: at_seconds and rate_per_minute must be numbers from 0 on")
        if rate > 0:
            self._rates.append((Fault(kind, args, self.start_ns + self._wait_ns(rate)), rate))
        else:
            self._planned.append(Fault(kind, args, self.start_ns + int(offset * 1e9)))
            self._planned.sort(key=lambda fault: fault.at_ns)

    def _wait_ns(self, rate: float) -> int:
        return int(self._rng.random() * 2.0 * 60e9 / rate)

    def inject(self, kind: object, args: object, now_ns: int) -> None:
        """A fault from now on. Raises ValueError."""
        kind, args = check(kind, args)
        self._take(Fault(kind, args, now_ns))

    @property
    def is_idle(self) -> bool:
        """True when no fault is planned or under way: frames pass untouched."""
        return not (self._planned or self._rates or self._active)

    def advance(self, now_ns: int) -> None:
        """Begin what is due by ``now_ns`` and end what is over."""
        while self._planned and self._planned[0].at_ns <= now_ns:
            self._take(self._planned.pop(0))
        for i, (fault, rate) in enumerate(self._rates):
            if fault.at_ns <= now_ns:
                self._take(Fault(fault.kind, fault.args, fault.at_ns))
                self._rates[i] = (Fault(fault.kind, fault.args, now_ns + self._wait_ns(rate)), rate)
        if self._active:
            self._active = [fault for fault in self._active if not _is_over(fault, now_ns)]

    def _take(self, fault: Fault) -> None:
        if fault.kind == "move":
            self.moves.append(fault)
        else:
            self._active.append(fault)
        entry = {"fault": fault.kind, "args": fault.args, "time_ns": fault.at_ns, "seed": self.seed}
        self.count += 1
        if len(self.taken) < TAKEN_MAX:
            self.taken.append(entry)
        if self._log is not None:
            self._log(json.dumps(entry, separators=(",", ":")))

    # Frames ------------------------------------------------------------------------------------------------------

    def apply(self, frames: Sequence[OutFrame]) -> list[WireFrame]:
        """The frames of one flush as they leave."""
        out: list[WireFrame] = []
        for frame in frames:
            self.advance(frame.time_ns)
            self._pass(frame, out)
        self._swap(out)
        return out

    def _pass(self, frame: OutFrame, out: list[WireFrame]) -> None:
        copies = [WireFrame(frame.time_ns, frame.stream, frame.payload, PLAIN)]
        for fault in self._active:
            if fault.kind == "disconnect" and fault.left > 0:
                fault.left = 0
                out.append(WireFrame(frame.time_ns, "" if fault.stream == "all" else fault.stream, b"", CUT))
            elif not fault.covers(frame.stream):
                continue
            elif fault.kind == "silence":
                copies = []
            elif fault.left > 0 and fault.kind == "gap":
                fault.left -= 1
                copies = []
            elif fault.left > 0 and fault.kind == "duplicate" and copies:
                fault.left -= 1
                copies = [*copies, copies[-1]]
            elif fault.left > 0 and fault.kind == "garbage" and copies:
                fault.left -= 1
                copies = [self._garbage(frame, fault.args.get("form", "bytes")), *copies]
        out.extend(copies)

    def _garbage(self, frame: OutFrame, form: str) -> WireFrame:
        if form == "bytes":
            junk = bytes(self._rng.randrange(256) for _ in range(40))
            return WireFrame(frame.time_ns, frame.stream, junk, BINARY)
        if form == "truncated":
            return WireFrame(frame.time_ns, frame.stream, frame.payload[: len(frame.payload) // 2], TEXT)
        number = {"nan": b'"nan"', "inf": b'"Infinity"', "1e400": b'"1e400"'}[form]
        return WireFrame(frame.time_ns, frame.stream, _NUMBER.sub(number, frame.payload, count=1), PLAIN)

    def _swap(self, out: list[WireFrame]) -> None:
        for fault in self._active:
            if fault.kind != "reorder":
                continue
            places = [i for i, frame in enumerate(out) if frame.form == PLAIN and fault.covers(frame.stream)]
            for first, second in pairwise(places):
                if fault.left > 0 and out[first].stream == out[second].stream and out[first] is not out[second]:
                    fault.left -= 1
                    out[first], out[second] = out[second], out[first]
                    break

    # REST --------------------------------------------------------------------------------------------------------

    def rest_delay_ns(self) -> int:
        """How much later in market time a reply comes now."""
        return sum(int(fault.args.get("delay_ms", 1_000) * 1e6) for fault in self._active if fault.kind == "slow_rest")

    def rest_refusal(self) -> tuple[int, int] | None:
        """(HTTP status, Retry-After seconds) when REST is refused now."""
        for fault in self._active:
            if fault.kind in ("http_429", "http_418"):
                if "seconds" not in fault.args:
                    fault.left -= 1
                return (429 if fault.kind == "http_429" else 418), int(fault.args.get("retry_after", 2))
        return None


def _is_over(fault: Fault, now_ns: int) -> bool:
    if "seconds" in fault.args:
        return now_ns >= fault.until_ns
    return fault.left <= 0


def load_plan(text: str, name: str) -> list[dict[str, Any]]:
    """A plan file's entries. Raises ConfigError naming the file."""
    try:
        plan = json.loads(text)
        if not isinstance(plan, list):
            raise ValueError("the plan must be a list")
        FaultBox(0, plan)
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"fault plan {name}: {error}", "see adapters/exchange/faults.py for the kinds") from None
    return plan
