"""Faults on demand: by plan, by control call, or drawn from a seed; each one taken is logged with its market time.

A plan is a JSON list of {"kind", "args", "at_seconds"} (offset from the market's start) or of {"kind", "args",
"rate_per_minute"}. What a fault does depends on market time, frames, events and calls alone, so a plan repeats
exactly. The kinds and their arguments are listed in fault_kinds.py.

The exchange asks FaultBox at these places:
- ``apply(frames, ...)``: stream frames on their way out; cuts and the like are among what comes back
- ``before(call, now_ns)`` ahead of a call's execution, ``after(call, now_ns)`` when it has been executed; either None
  (nothing happens) or the CallFault that the client gets
- ``clock_skew_ns(market, now_ns)``: added to the exchange's clock for the time check and serverTime
- ``snapshot_ns(call, now_ns)``: the market time of a depth snapshot
- ``symbol_status(market, now_ns)``: "" or what exchangeInfo says in place of TRADING
- ``pass_event`` and ``due_events``: user data events on their way out
- ``is_half_open(market, kinds, now_ns)``, ``is_down(market, now_ns)``: for new sockets
- ``is_wanted(kind, call, now_ns)``: faults that need the venue (fault_acts.py)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final

from supreme_system_v5.adapters.exchange.faults.calls import (
    HALTED_STATUS,
    PLACE,
    Asked,
    CallFault,
    closed_market,
    concerns,
    down,
    operation,
    use,
    verdict,
)
from supreme_system_v5.adapters.exchange.faults.frames import (
    BINARY,
    CUT,
    HALF_OPEN,
    PLAIN,
    SHUTDOWN,
    TEXT,
    FrameFaults,
    WireFrame,
)
from supreme_system_v5.adapters.exchange.faults.kinds import KINDS, Fault, check
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, OutFrame
from supreme_system_v5.core.domain.errors import ConfigError

__all__ = [
    "BINARY",
    "CUT",
    "HALF_OPEN",
    "KINDS",
    "PLAIN",
    "SHUTDOWN",
    "TEXT",
    "Fault",
    "FaultBox",
    "WireFrame",
    "load_plan",
]

TAKEN_MAX: Final = 1_000
# Faults that end a call by themselves, in the order in which they are looked at.
_ENDING: Final = ("http_418", "http_429", "http_5xx", "error", "timeout", "slow_rest")
# What a seed draws from when it makes the plan: (kind, args), each as likely as the others.
SEEDED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("disconnect", {}),
    ("disconnect", {"stream": "user"}),
    ("half_open", {"seconds": 20}),
    ("gap", {"count": 2}),
    ("drop", {"probability": 0.2, "seconds": 5}),
    ("duplicate", {"count": 3}),
    ("reorder", {"count": 2}),
    ("garbage", {"form": "truncated"}),
    ("garbage", {"form": "nan"}),
    ("silence", {"seconds": 5}),
    ("silence", {"stream": "user", "seconds": 10}),
    ("silence", {"stream": "user", "seconds": 10, "mode": "drop"}),
    ("delay", {"stream": "trade", "delay_ms": 500, "seconds": 5}),
    ("slow_rest", {"delay_ms": 800, "count": 2}),
    ("http_429", {"count": 2, "retry_after": 2}),
    ("error", {"code": -1003, "count": 1}),
    ("error", {"code": -1008, "count": 2, "on": "trade"}),
    ("http_5xx", {"status": 502, "count": 2}),
    ("http_5xx", {"form": "unknown", "when": "after", "on": "trade"}),
    ("http_5xx", {"form": "unavailable", "count": 2}),
    ("timeout", {"when": "before"}),
    ("timeout", {"when": "after"}),
    ("timeout", {"when": "after", "form": "closed"}),
    ("error", {"code": -1006, "when": "after", "on": "trade"}),
    ("stale_snapshot", {"age_seconds": 5, "count": 2}),
    ("clock_skew", {"offset_ms": -8_000, "seconds": 5}),
    ("cancel_race", {}),
    ("partial_fill", {"fraction": 0.4}),
    ("late_reject", {}),
)


class FaultBox:
    """The faults of one exchange: those to come, those under way, those taken.

    ``seeded_per_minute``: besides the plan, faults of SEEDED kinds begin at random times at this rate.
    """

    def __init__(
        self,
        start_ns: int,
        plan: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        log: Callable[[str], None] | None = None,
        seeded_per_minute: float = 0.0,
    ) -> None:
        self.start_ns = start_ns
        self.seed = seed
        self.taken: list[dict[str, Any]] = []
        self.count = 0
        self.hits = 0  # calls that a fault has hit
        self.moves: list[Fault] = []  # due now, for the market to perform
        self._log = log
        self._rng = Random(seed)  # the plan's times, and frames
        self._call_rng = Random(seed * 2 + 1)  # calls and events come when clients like: they must not move the plan
        self._frames = FrameFaults(self._rng, Random(seed * 2 + 2))
        self._planned: list[Fault] = []
        self._rates: list[tuple[Fault, float]] = []
        self._active: list[Fault] = []
        self._seeded_rng = Random(seed * 2 + 3)
        self._seeded_per_minute = seeded_per_minute
        self._seeded_ns = start_ns + self._seeded_wait_ns() if seeded_per_minute > 0 else NEVER
        self._due_ns = NEVER
        for entry in plan:
            self._plan(entry)
        self._set_due()

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

    def _seeded_wait_ns(self) -> int:
        return int(self._seeded_rng.random() * 2.0 * 60e9 / self._seeded_per_minute) + 1

    def inject(self, kind: object, args: object, now_ns: int) -> None:
        """A fault from now on. Raises ValueError."""
        kind, args = check(kind, args)
        self._take(Fault(kind, args, now_ns))

    # Time --------------------------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """True when no fault is planned or under way: frames and calls pass untouched."""
        return not (self._active or self._planned or self._rates) and self._seeded_ns == NEVER and self._frames.is_idle

    def _set_due(self) -> None:
        rates = [fault.at_ns for fault, _ in self._rates]
        planned = [fault.at_ns for fault in self._planned[:1]]
        self._due_ns = min([self._seeded_ns, *rates, *planned])

    def advance(self, now_ns: int) -> list[Fault]:
        """Begin what is due by ``now_ns`` and end what is over; the faults under way."""
        if self._due_ns <= now_ns:
            self._begin(now_ns)
        if self._active:
            self._active = [fault for fault in self._active if not fault.is_over(now_ns)]
        return self._active

    def _begin(self, now_ns: int) -> None:
        while self._planned and self._planned[0].at_ns <= now_ns:
            self._take(self._planned.pop(0))
        for i, (fault, rate) in enumerate(self._rates):
            if fault.at_ns <= now_ns:
                self._take(Fault(fault.kind, fault.args, fault.at_ns))
                self._rates[i] = (Fault(fault.kind, fault.args, now_ns + self._wait_ns(rate)), rate)
        while self._seeded_ns <= now_ns:
            kind, args = SEEDED[int(self._seeded_rng.random() * len(SEEDED))]
            self._take(Fault(kind, args, self._seeded_ns))
            self._seeded_ns += self._seeded_wait_ns()
        self._set_due()

    def _take(self, fault: Fault) -> None:
        if fault.kind == "move":
            self.moves.append(fault)
        else:
            self._active.append(fault)
        self.count += 1
        self._tell({"fault": fault.kind, "args": fault.args, "time_ns": fault.at_ns, "seed": self.seed})

    def _tell(self, entry: dict[str, Any]) -> None:
        if len(self.taken) < TAKEN_MAX:
            self.taken.append(entry)
        if self._log is not None:
            self._log(json.dumps(entry, separators=(",", ":")))

    # Streams -----------------------------------------------------------------------------------------------------

    def apply(self, frames: Sequence[OutFrame], market: str = "", until_ns: int = 0) -> list[WireFrame]:
        """The frames of one flush as they leave, with CUT, HALF_OPEN and SHUTDOWN in their places among them.

        ``until_ns``: how far the market is, where that is later than the last frame; what is due by then leaves too.
        """
        return self._frames.apply(frames, market, until_ns, self.advance)

    def pass_event(self, market: str, item: Any, now_ns: int) -> list[Any]:
        """What of a user data event (anything) is sent now: [], [item], or [item, item]."""
        if not self._active and self._frames.is_idle and self._due_ns > now_ns:
            return [item]
        return self._frames.pass_event(self.advance(now_ns), market, item, now_ns)

    def due_events(self, now_ns: int) -> list[Any]:
        """The user data events that were held back and are due, oldest first."""
        return self._frames.due_events(now_ns)

    @property
    def next_event_ns(self) -> int:
        """When the next event held back is due; NEVER when there is none."""
        return self._frames.late_events.next_ns

    def is_half_open(self, market: str, kinds: Iterable[str], now_ns: int) -> bool:
        """True when a new socket that carries these kinds of stream is to stay silent for good."""
        carried = set(kinds)
        return any(
            fault.kind == "half_open"
            and fault.market in ("", market)
            and (fault.stream == "all" or fault.stream in carried)
            for fault in self.advance(now_ns)
        )

    # Calls -------------------------------------------------------------------------------------------------------

    def before(self, call: Asked, now_ns: int) -> CallFault | None:
        """What ends a call before it is executed (LATE: it is executed, and answered, so much later)."""
        for fault in self.advance(now_ns):
            if fault.kind == "maintenance" and fault.market in ("", call.market):
                if fault.is_down(now_ns):
                    return self._hit(fault, call, now_ns, down(fault))
                if fault.is_break(now_ns) and operation(call.method, call.path) == PLACE:
                    return self._hit(fault, call, now_ns, closed_market(fault.kind, call.market))
        return self._ending(call, now_ns, is_after=False)

    def after(self, call: Asked, now_ns: int) -> CallFault | None:
        """What the client of an executed call gets in place of the answer."""
        return self._ending(call, now_ns, is_after=True)

    def _ending(self, call: Asked, now_ns: int, is_after: bool) -> CallFault | None:
        for kind in _ENDING if self._active else ():
            for fault in self._active:
                if fault.kind == kind and fault.is_after == is_after and self._hits(fault, call):
                    return self._hit(fault, call, now_ns, verdict(fault))
        return None

    def _hits(self, fault: Fault, call: Asked) -> bool:
        return concerns(fault, call.market, call.method, call.path) and use(fault, self._call_rng)

    def _hit(self, fault: Fault, call: Asked, now_ns: int, found: CallFault) -> CallFault:
        self.note(fault.kind, call, now_ns)
        return found

    def note(self, kind: str, call: Asked, now_ns: int) -> None:
        """Log that a fault has hit a call."""
        self.hits += 1
        name = f"{call.market} {call.method or 'WS'} {call.path}"
        self._tell({"fault": kind, "hit": name, "time_ns": now_ns, "seed": self.seed})

    def is_wanted(self, kind: str, call: Asked, now_ns: int) -> Fault | None:
        """The fault of a CALL_KIND that this call meets, not used yet: ``spend`` it when it could be done."""
        for fault in self._active and self.advance(now_ns):
            if fault.kind == kind and concerns(fault, call.market, call.method, call.path):
                return fault
        return None

    def spend(self, fault: Fault, call: Asked, now_ns: int) -> bool:
        """Count and log a use of such a fault; False when its probability spares the call."""
        if not use(fault, self._call_rng):
            return False
        self.note(fault.kind, call, now_ns)
        return True

    def snapshot_ns(self, call: Asked, now_ns: int) -> int:
        """The market time of the depth snapshot that this call asks for."""
        fault = self.is_wanted("stale_snapshot", call, now_ns)
        if fault is None or not self.spend(fault, call, now_ns):
            return now_ns
        return max(self.start_ns, now_ns - int(fault.seconds("age_seconds", 5.0) * 1e9))

    def clock_skew_ns(self, market: str, now_ns: int) -> int:
        """By how much the exchange's clock is wrong."""
        if self._due_ns > now_ns and not self._active:
            return 0
        return sum(
            int(fault.seconds("offset_ms", 5_000.0) * 1e6)
            for fault in self.advance(now_ns)
            if fault.kind == "clock_skew" and fault.market in ("", market)
        )

    def symbol_status(self, market: str, now_ns: int) -> str:
        """What exchangeInfo says in place of TRADING; "" = it trades."""
        if any(fault.is_break(now_ns) for fault in self._maintenance(market, now_ns)):
            return HALTED_STATUS[market]
        return ""

    def info_body(self, market: str, body: bytes, now_ns: int) -> bytes:
        """exchangeInfo as it is to be told now."""
        status = self.symbol_status(market, now_ns)
        return body.replace(b'"status":"TRADING"', f'"status":"{status}"'.encode()) if status else body

    def is_down(self, market: str, now_ns: int) -> bool:
        """True while no socket may connect."""
        return any(fault.is_down(now_ns) for fault in self._maintenance(market, now_ns))

    def _maintenance(self, market: str, now_ns: int) -> list[Fault]:
        return [f for f in self.advance(now_ns) if f.kind == "maintenance" and f.market in ("", market)]


def load_plan(text: str, name: str) -> list[dict[str, Any]]:
    """A plan file's entries. Raises ConfigError naming the file."""
    try:
        plan = json.loads(text)
        if not isinstance(plan, list):
            raise ValueError("the plan must be a list")
        FaultBox(0, plan)
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"fault plan {name}: {error}", "docs/exchange.md lists the kinds and their arguments"
        ) from None
    return plan
