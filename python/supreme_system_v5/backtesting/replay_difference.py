"""What a replay found, for people and machines: the first difference, and how much was compared."""

from __future__ import annotations

import json
from typing import Any, Final

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import CLASS
from supreme_system_v5.adapters.storage.recording.reader import Entry

SHOWN_BYTES_MAX: Final = 240
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


def differing(recorded: dict[str, Any], replayed: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The names whose values are not the same, with both; the digest last, it only says that something is."""
    names = sorted(set(recorded) | set(replayed), key=lambda name: (name == "digest", name))
    missing = "(not there)"
    return [
        (
            name,
            json.dumps(recorded[name]) if name in recorded else missing,
            json.dumps(replayed[name]) if name in replayed else missing,
        )
        for name in names
        if recorded.get(name, missing) != replayed.get(name, missing)
    ]


def effects_of(text: str) -> list[str]:
    """A recorded list of effects, one line each."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    lines = []
    for effect in found:
        name = effect.pop(CLASS, "")
        lines.append(f"{name} {json.dumps(effect, sort_keys=True)}")
    return lines


def render(difference: Difference, when: str) -> str:
    """The difference as a page of text; ``when`` is its time for people."""
    lines = [f"first difference: {difference.what} after event {difference.event:,}, {when}", f"  {difference.kind}"]
    recorded, replayed = effects_of(difference.recorded), effects_of(difference.replayed)
    if difference.recorded or difference.replayed:
        lines += _sides(recorded, replayed)
    if difference.fields:
        where = f" (as seen after event {difference.seen_at:,})" if difference.seen_at != difference.event else ""
        lines.append(f"  the state that differs{where}:")
        for name, first, second in difference.fields[:FIELDS_MAX]:
            lines.append(f"    {name:<24} recorded {shortened(first, 160)}")
            lines.append(f"    {'':<24} replayed {shortened(second, 160)}")
        if len(difference.fields) > FIELDS_MAX:
            lines.append(f"    and {len(difference.fields) - FIELDS_MAX} more")
    return "\n".join(lines)


def _sides(recorded: list[str], replayed: list[str]) -> list[str]:
    """Both decisions; lines that are the same on both sides once."""
    lines = []
    for name, own, other in (("recorded", recorded, replayed), ("replayed", replayed, recorded)):
        lines.append(f"  {name}:")
        lines += [f"    {'  ' if line in other else '* '}{shortened(line, 400)}" for line in own]
    return lines


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
