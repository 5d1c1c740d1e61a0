"""Faults of what the exchange sends by itself: frames of the market streams, events of the user data streams.

Pure: frames go in with their market times, and what leaves comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, NamedTuple

from supreme_system_v5.adapters.exchange.faults.calls import use
from supreme_system_v5.adapters.exchange.faults.kinds import USER, Fault, delay_ns
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, NS_PER_MS, OutFrame, stream_kind

# How a frame leaves: as it is, as text without x_time_ns, as a binary message.
PLAIN: Final = ""
TEXT: Final = "text"
BINARY: Final = "binary"
# Not frames: the sockets that carry the stream are cut here; are deaf and mute from here on; are told of a shutdown.
CUT: Final = "cut"
HALF_OPEN: Final = "half_open"
SHUTDOWN: Final = "shutdown"
HELD_MAX: Final = 100_000
_NUMBER: Final = re.compile(rb'"[0-9]+\.[0-9]+"')


class WireFrame(NamedTuple):
    """What goes to the sockets that carry ``stream`` ("" = all, "user" = user data) of ``market`` ("" = any)."""

    time_ns: int
    stream: str
    payload: bytes
    form: str
    market: str = ""


class _Held(NamedTuple):
    due_ns: int
    key: str
    item: Any


class _Waiting:
    """Things that are given out later, each key in the order in which its things came."""

    def __init__(self) -> None:
        self.items: list[_Held] = []
        self._last_ns: dict[str, int] = {}

    def hold(self, key: str, item: Any, due_ns: int) -> None:
        due_ns = max(due_ns, self._last_ns.get(key, 0))
        self._last_ns[key] = due_ns
        self.items.append(_Held(due_ns, key, item))
        if len(self.items) > HELD_MAX:
            del self.items[0]

    def is_holding(self, key: str) -> bool:
        return key in self._last_ns

    def release(self, now_ns: int) -> list[_Held]:
        """What is due, in the order of its times."""
        if not self.items:
            return []
        due = sorted((held for held in self.items if held.due_ns <= now_ns), key=lambda held: held.due_ns)
        if due:
            self.items = [held for held in self.items if held.due_ns > now_ns]
            self._last_ns = {held.key: held.due_ns for held in self.items}
        return due

    @property
    def next_ns(self) -> int:
        return min((held.due_ns for held in self.items), default=NEVER)


class FrameFaults:
    """What happens to frames and events on their way out. ``active``: the faults under way, in order."""

    def __init__(self, rng: Random, user_rng: Random) -> None:
        self._rng = rng
        self._user_rng = user_rng
        self.late_frames = _Waiting()
        self.late_events = _Waiting()

    @property
    def is_idle(self) -> bool:
        return not self.late_frames.items and not self.late_events.items

    # Market streams ----------------------------------------------------------------------------------------------

    def apply(
        self, frames: Sequence[OutFrame], market: str, until_ns: int, advance: Callable[[int], Sequence[Fault]]
    ) -> list[WireFrame]:
        """The frames of one flush as they leave; ``advance`` gives the faults under way at a time."""
        out: list[WireFrame] = []
        active: Sequence[Fault] = ()
        for frame in frames:
            active = advance(frame.time_ns)
            self._release(frame.time_ns, out)
            self._mark(active, frame.time_ns, out)
            self._pass(active, frame, market, out)
        if until_ns > 0:
            active = advance(until_ns)
            self._release(until_ns, out)
            self._mark(active, until_ns, out)
        self._swap(active, out)
        return out

    def _release(self, now_ns: int, out: list[WireFrame]) -> None:
        for held in self.late_frames.release(now_ns):
            frame: WireFrame = held.item
            out.append(frame._replace(time_ns=max(held.due_ns, out[-1].time_ns if out else 0)))

    def _mark(self, active: Iterable[Fault], now_ns: int, out: list[WireFrame]) -> None:
        """Cuts and the like: they have a place among the frames, before the first one that is later."""
        for fault in active:
            stream = "" if fault.stream == "all" else fault.stream
            form = ""
            if fault.kind == "disconnect" and fault.left > 0:
                fault.left = 0
                form = CUT
            elif fault.kind == "half_open" and fault.stage == 0:
                fault.stage = 1
                form = HALF_OPEN
            elif fault.kind == "maintenance":
                form = _maintenance_mark(fault, now_ns)
            if form:
                out.append(
                    WireFrame(
                        now_ns, stream, _shutdown_payload(now_ns) if form == SHUTDOWN else b"", form, fault.market
                    )
                )

    def _pass(self, active: Iterable[Fault], frame: OutFrame, market: str, out: list[WireFrame]) -> None:
        copies = [WireFrame(frame.time_ns, frame.stream, frame.payload, PLAIN, market)]
        late_ns = 0
        for fault in active:
            if fault.market not in ("", market) or not fault.covers(frame.stream):
                continue
            kind = fault.kind
            if kind == "silence" or (copies and _is_lost(fault, self._rng)):
                copies = []
            elif kind == "duplicate" and copies and use(fault, self._rng):
                copies = [*copies, copies[-1]]
            elif kind == "garbage" and copies and use(fault, self._rng):
                copies = [self._garbage(copies[-1], fault.args.get("form", "bytes")), *copies]
            elif kind == "delay":
                late_ns += delay_ns(fault)
        key = f"{market} {frame.stream}"
        if copies and (late_ns > 0 or self.late_frames.is_holding(key)):
            for copy in copies:
                self.late_frames.hold(key, copy, frame.time_ns + late_ns)
            return
        out.extend(copies)

    def _garbage(self, frame: WireFrame, form: str) -> WireFrame:
        if form == "bytes":
            return frame._replace(payload=bytes(self._rng.randrange(256) for _ in range(40)), form=BINARY)
        if form == "truncated":
            return frame._replace(payload=frame.payload[: len(frame.payload) // 2], form=TEXT)
        number = {"nan": b'"nan"', "inf": b'"Infinity"', "1e400": b'"1e400"'}[form]
        return frame._replace(payload=_NUMBER.sub(number, frame.payload, count=1))

    def _swap(self, active: Iterable[Fault], out: list[WireFrame]) -> None:
        for fault in active:
            if fault.kind != "reorder":
                continue
            places = [i for i, frame in enumerate(out) if frame.form == PLAIN and _is_about(fault, frame)]
            for first, second in pairwise(places):
                if fault.left > 0 and _is_pair(out[first], out[second]):
                    fault.left -= 1
                    out[first], out[second] = out[second], out[first]
                    break

    # User data streams -------------------------------------------------------------------------------------------

    def pass_event(self, active: Iterable[Fault], market: str, item: Any, now_ns: int) -> list[Any]:
        """What of a user data event goes out now: nothing, itself, or itself twice."""
        copies = [item]
        until_ns = 0
        for fault in active:
            if fault.stream != USER or fault.market not in ("", market):
                continue
            kind = fault.kind
            if kind == "silence":
                if fault.args.get("mode", "hold") == "drop":
                    copies = []
                else:
                    until_ns = max(until_ns, fault.until_ns)
            elif copies and _is_lost(fault, self._user_rng):
                copies = []
            elif kind == "duplicate" and copies and use(fault, self._user_rng):
                copies = [*copies, copies[-1]]
            elif kind == "delay":
                until_ns = max(until_ns, now_ns + delay_ns(fault))
        if copies and (until_ns > now_ns or self.late_events.is_holding(market)):
            for copy in copies:
                self.late_events.hold(market, copy, until_ns)
            return []
        return copies

    def due_events(self, now_ns: int) -> list[Any]:
        """The events held back whose time has come, oldest first."""
        return [held.item for held in self.late_events.release(now_ns)]


def _is_lost(fault: Fault, rng: Random) -> bool:
    if fault.kind == "gap":
        return use(fault, rng)
    return fault.kind == "drop" and bool(rng.random() < fault.args.get("probability", 0.1))


def _maintenance_mark(fault: Fault, now_ns: int) -> str:
    if fault.stage == 0:
        fault.stage = 1
        return SHUTDOWN
    if fault.stage == 1 and fault.is_down(now_ns):
        fault.stage = 2
        return CUT
    return ""


def _shutdown_payload(now_ns: int) -> bytes:
    return b'{"e":"serverShutdown","E":%d}' % (now_ns // NS_PER_MS)


def _is_about(fault: Fault, frame: WireFrame) -> bool:
    return fault.covers(frame.stream) and fault.market in ("", frame.market)


def _is_pair(first: WireFrame, second: WireFrame) -> bool:
    """Neighbours of one stream that are not the same frame twice."""
    return first.stream == second.stream and first.market == second.market and first is not second


def stream_kinds(names: Iterable[str]) -> frozenset[str]:
    """What a socket with these streams carries, for half_open on new sockets."""
    return frozenset(stream_kind(name) for name in names)
