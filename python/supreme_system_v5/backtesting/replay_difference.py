"""What a replay found, for people and machines: the first difference, and how much was compared."""

from __future__ import annotations

import json
from typing import Any, Final

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import CLASS
from supreme_system_v5.adapters.storage.recording.reader import Entry

SHOWN_BYTES_MAX: Final = 240
MISSING: Final = "(not there)"
FIELDS_MAX: Final = 24
_KINDS: Final = {
    layout.TICK: "tick",
    layout.ACT: "act of the start",
    layout.END: "end",
    layout.REJECTED: "refused frame",
}


class Difference:
    """The first place where the replay left the recording.

    ``fields``: name, recorded, replayed of every part of the state that differs, as seen after event ``seen_at``.
    """

    def __init__(self, event: int, time_ns: int, kind: str, what: str, recorded: str, replayed: str) -> None:
        self.event = event
        self.time_ns = time_ns
        self.kind = kind  # of the event, with its bytes shortened
        self.what = what
        self.recorded = recorded
        self.replayed = replayed
        self.fields: list[tuple[str, str, str]] = []
        self.seen_at = 0


class Outcome:
    """How much was replayed, and what came of it. Times are engine time, ns UTC."""

    def __init__(self) -> None:
        self.events = 0
        self.events_dropped = 0  # by RECORD_MAX_MB, before the first that was replayed
        self.frames = 0
        self.rejected = 0
        self.effects = 0
        self.decisions = 0
        self.marks = 0
        self.first_ns = 0
        self.last_ns = 0
        self.digest = ""
        self.reason = ""  # why the recording ended, "" when it was cut off
        self.failure = ""  # the session's own mistake, which the replay makes too
        self.cut = ""
        self.is_ended = False
        self.is_early = False  # the recording ended before its session, in order or by a fault of the disk
        self.is_unfinished = False  # the effects of the last event were not all written
        self.difference: Difference | None = None


def shortened(text: str, size: int = SHOWN_BYTES_MAX) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= size:
        return text
    return f"{text[: size - 60]} ... {text[-50:]}"


def words_of(entry: Entry) -> str:
    """An input for people: what it is, and its bytes shortened."""
    body = entry.body
    if entry.kind in layout.FRAMES:
        raw = body[layout.FULL_TIMES.size :] if entry.kind == layout.FRAME_FULL else body
        return f"frame of socket {entry.socket}: {shortened(raw.decode(errors='replace'))}"
    if entry.kind == layout.EVENT:
        return f"{json.loads(body).get(CLASS, 'event')}: {shortened(body.decode())}"
    return f"{_KINDS.get(entry.kind, 'event')} {shortened(body.decode(errors='replace'))}".rstrip()


def leaves(name: str, recorded: Any, replayed: Any) -> list[tuple[str, str, str]]:
    """The innermost places where two words differ, by their path, with both values."""
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        found: list[tuple[str, str, str]] = []
        for key in sorted(set(recorded) | set(replayed)):
            place = f"{name}.{key}" if name else str(key)
            found += leaves(place, recorded.get(key, MISSING), replayed.get(key, MISSING))
        return found
    if isinstance(recorded, list) and isinstance(replayed, list) and len(recorded) == len(replayed):
        pairs = enumerate(zip(recorded, replayed, strict=True))
        return [leaf for at, (one, other) in pairs for leaf in leaves(f"{name}[{at}]", one, other)]
    return [] if recorded == replayed else [(name, _value(recorded), _value(replayed))]


def _value(value: Any) -> str:
    return str(value) if value is MISSING else json.dumps(value)


def differing(recorded: dict[str, Any], replayed: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What of the state is not the same, with both values; the digest last, it only says that something is."""
    found: list[tuple[str, str, str]] = []
    for name in sorted(set(recorded) | set(replayed), key=lambda name: (name == "digest", name)):
        found += leaves(name, recorded.get(name, MISSING), replayed.get(name, MISSING))
    return found


def effects_of(text: str) -> list[dict[str, Any]]:
    """A recorded list of effects; of other words (nothing, a mistake) one that holds them."""
    try:
        found: list[dict[str, Any]] = json.loads(text)
    except ValueError:
        return [{CLASS: text}] if text else []
    return found


def render(difference: Difference, when: str) -> str:
    """The difference as a page of text; ``when`` is its time for people."""
    lines = [f"first difference: {difference.what} after event {difference.event:,}, {when}", f"  {difference.kind}"]
    recorded, replayed = effects_of(difference.recorded), effects_of(difference.replayed)
    for name, own, other in (("recorded", recorded, replayed), ("replayed", replayed, recorded)):
        if recorded or replayed:
            lines.append(f"  {name}:")
            lines += [f"    {'  ' if effect in other else '* '}{_effect(effect)}" for effect in own]
    if [one.get(CLASS) for one in recorded] == [one.get(CLASS) for one in replayed]:
        for first, second in zip(recorded, replayed, strict=True):
            lines += _leaves(f"  {first.get(CLASS)}: ", leaves("", first, second))
    if difference.fields:
        where = f" (as seen after event {difference.seen_at:,})" if difference.seen_at != difference.event else ""
        lines.append(f"  the state that differs{where}:")
        lines += _leaves("    ", difference.fields)
    return "\n".join(lines)


def _effect(effect: dict[str, Any]) -> str:
    words = {key: value for key, value in effect.items() if key != CLASS}
    return f"{effect[CLASS]} {shortened(json.dumps(words, sort_keys=True), 200)}" if words else str(effect[CLASS])


def _leaves(head: str, found: list[tuple[str, str, str]]) -> list[str]:
    lines = [f"{head}{n}  recorded {shortened(a, 120)}  replayed {shortened(b, 120)}" for n, a, b in found[:FIELDS_MAX]]
    return [*lines, f"{head}and {len(found) - FIELDS_MAX} more"] if len(found) > FIELDS_MAX else lines


def as_dict(difference: Difference) -> dict[str, Any]:
    """The same for machines."""
    return {
        "event": difference.event,
        "time_ns": difference.time_ns,
        "kind": difference.kind,
        "what": difference.what,
        "recorded": difference.recorded,
        "replayed": difference.replayed,
        "fields": [{"name": name, "recorded": a, "replayed": b} for name, a, b in difference.fields],
        "seen_at_event": difference.seen_at,
    }
