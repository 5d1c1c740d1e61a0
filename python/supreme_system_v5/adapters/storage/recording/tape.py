"""The hot side of a recording: an entry is packed and appended to a queue, nothing else. No lock, no system call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import dump, encode
from supreme_system_v5.core.domain.events import KIND_TICK, Event

_pack: Final = layout.ENTRY_HEAD.pack
_LOW: Final = -layout.DELTA_MAX
_HIGH: Final = layout.DELTA_MAX


class Sink(Protocol):
    """Where entries go; `writer.SegmentWriter` is one. ``is_segment_full`` asks for the next one to begin."""

    is_segment_full: bool

    def put(self, entry: bytes) -> None: ...


class Tape:
    """Takes the inputs of one engine and what came of them, on the engine's own thread."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._put: Callable[[bytes], None] = sink.put
        # Frames on their way through the merge, by the identity of their event (which is kept, so it stays unique).
        self._frames: dict[int, tuple[Event, bytes, int, bool, int]] = {}
        self._time_ns = 0
        self._stamp_ns = 0
        self._words: dict[str, Any] = {}  # of the last mark
        self.graph: Callable[[], Any] = lambda: None  # everything the engine side holds, for the start of a segment
        self.is_closed = False  # the recording is over; frames that still come are not kept
        self.events = 0
        self.frames = 0
        self.rejected = 0

    @property
    def waiting(self) -> int:
        """Frames between socket and engine."""
        return len(self._frames)

    # -- from the sockets

    def frame(self, socket: int, raw: bytes, event: Event, is_dated: bool) -> None:
        """A frame became ``event``, which is on its way. ``is_dated``: its engine time stands in the frame."""
        if not self.is_closed:
            self._frames[id(event)] = (event, raw, socket, is_dated, int(event.time_ns))

    def reject(self, socket: int, raw: bytes, reason: str) -> None:
        """A frame was none: refused, or an answer to a subscription."""
        if self.is_closed:
            return
        self.rejected += 1
        body = reason.encode() + b"\n" + raw
        self._put(_pack(layout.REJECTED, socket, 0, 0, len(body)) + body)

    # -- what the engine takes

    def event(self, event: Event, check: int) -> None:
        """The engine takes ``event`` next; ``check`` is of its state before."""
        if self._sink.is_segment_full:
            self.begin_segment()
        self.events += 1
        time_ns = int(event.time_ns)
        found = self._frames.pop(id(event), None)
        if found is None:
            self._own(event, time_ns, check)
            return
        self.frames += 1
        _, raw, socket, is_dated, first_ns = found
        stamp_ns = int(event.received_ns)
        if is_dated:
            kind = layout.FRAME_DATED
            delta_ns = stamp_ns - self._stamp_ns
        else:
            kind = layout.FRAME
            delta_ns = time_ns - self._time_ns
        self._time_ns = time_ns
        if _LOW < delta_ns < _HIGH and time_ns == first_ns:
            if is_dated:
                self._stamp_ns = stamp_ns
            self._put(_pack(kind, socket, check, delta_ns, len(raw)) + raw)
        else:
            self._stamp_ns = stamp_ns
            body = layout.FULL_TIMES.pack(time_ns, stamp_ns) + raw
            self._put(_pack(layout.FRAME_FULL, socket, check, 0, len(body)) + body)

    def _own(self, event: Event, time_ns: int, check: int) -> None:
        delta_ns = time_ns - self._time_ns
        self._time_ns = time_ns
        if event.kind == KIND_TICK and _LOW < delta_ns < _HIGH:
            self._put(_pack(layout.TICK, 0, check, delta_ns, 0))
            return
        body = encode(event)
        self._put(_pack(layout.EVENT, 0, check, 0, len(body)) + body)

    def act(self, check: int, *words: Any) -> None:
        """Something was done to engine and venue directly: its name and arguments."""
        self.events += 1
        body = dump(list(words))
        self._put(_pack(layout.ACT, 0, check, 0, len(body)) + body)

    # -- what came of it

    def out(self, effects: Any) -> None:
        """What the pump handed out, before any of it is performed."""
        self._note(layout.OUT, encode(effects))

    def wrote(self, records: Any) -> None:
        """Records that went to the journal without the engine's doing."""
        self._note(layout.WROTE, encode(records))

    def unsent(self, client_order_id: str) -> None:
        """An order stayed here: its intent could not be stored."""
        self._note(layout.UNSENT, client_order_id.encode())

    def mark(self, words: dict[str, Any]) -> None:
        """The state after the last event: what of it has changed since the last mark; None = no longer there."""
        before, self._words = self._words, words
        changed = {name: value for name, value in words.items() if name not in before or before[name] != value}
        if len(words) - len(changed) < len(before):
            changed.update(dict.fromkeys(name for name in before if name not in words))
        self._note(layout.MARK, dump(changed))

    def begin_segment(self) -> None:
        """From here on deltas count from the times in this entry, and the engine is as its graph says: a segment needs
        no other to be replayed.
        """
        self._sink.is_segment_full = False
        self._words = {}
        graph = self.graph() if self.events > 0 else None
        self._note(layout.SEGMENT, dump([self.events, self._time_ns, self._stamp_ns, graph]))

    def end(self, reason: str, is_session_over: bool, check: int) -> None:
        """The last entry of an orderly end."""
        body = dump({"reason": reason, "is_session_over": is_session_over})
        self._put(_pack(layout.END, 0, check, 0, len(body)) + body)

    def _note(self, kind: int, body: bytes) -> None:
        self._put(_pack(kind, 0, 0, 0, len(body)) + body)
