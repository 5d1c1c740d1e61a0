"""What a recording's header says, as the words that engine and venue are built from; and its entries as steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import CLASS, revive
from supreme_system_v5.adapters.storage.recording.reader import DamageError, Entry
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.engine.recovery import SavedState


def parameters_of(header: dict[str, Any]) -> Parameters:
    """The trading parameters of the session. Raises ConfigError when this version does not know them."""
    try:
        return Parameters(**header["parameters"])
    except (KeyError, TypeError) as error:
        raise _foreign(header, f"parameters: {error}") from None


def instrument_of(header: dict[str, Any]) -> Instrument:
    """What was traded. Raises ConfigError."""
    try:
        return Instrument(**{name: value for name, value in header["instrument"].items() if name != CLASS})
    except (KeyError, TypeError, AttributeError) as error:
        raise _foreign(header, f"instrument: {error}") from None


def saved_of(header: dict[str, Any]) -> SavedState:
    """What the journal gave the session. Raises ConfigError."""
    try:
        fields = dict(header["saved"])
        saved = SavedState(revive(fields.pop("ledger")), int(fields.pop("next_sequence")))
        fields.pop(CLASS)
        for name, value in fields.items():
            setattr(saved, name, revive(value))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(header, f"saved state: {error!r}") from None
    return saved


def _foreign(header: dict[str, Any], what: str) -> ConfigError:
    return ConfigError(
        f"the recording of session {header.get('session', '?')} cannot be read by this version ({what})",
        f"it was made by version {header.get('version', '?')}: replay it with that one",
    )


class Step:
    """One input with everything that was written of it; or a refused frame, a new segment, the end."""

    __slots__ = ("is_last", "main", "marks", "outs", "unsent", "wrote")

    def __init__(self, main: Entry) -> None:
        self.main = main
        self.outs: list[bytes] = []  # the lists of effects, in order
        self.marks: list[bytes] = []  # the state after it
        self.unsent: set[str] = set()
        self.wrote: list[bytes] = []
        self.is_last = False  # nothing was recorded after it: it may be unfinished

    def add(self, entry: Entry) -> None:
        """A line about this step."""
        if entry.kind == layout.OUT:
            self.outs.append(entry.body)
        elif entry.kind == layout.MARK:
            self.marks.append(entry.body)
        elif entry.kind == layout.UNSENT:
            self.unsent.add(entry.body.decode())
        elif entry.kind == layout.WROTE:
            self.wrote.append(entry.body)


_NOTES = frozenset({layout.OUT, layout.MARK, layout.UNSENT, layout.WROTE})


def steps(entries: Iterable[Entry]) -> Iterator[Step]:
    """The entries put together. What lies before damage is handed out before the damage is raised."""
    step: Step | None = None
    damage: DamageError | None = None
    found = iter(entries)
    while True:
        try:
            entry = next(found, None)
        except DamageError as error:
            damage = error
            entry = None
        if entry is None:
            break
        if entry.kind in _NOTES:
            if step is not None:
                step.add(entry)
            continue
        if step is not None:
            yield step
        step = Step(entry)
    if step is not None:
        step.is_last = True
        yield step
    if damage is not None:
        raise damage
