"""The pump with a tape beside it: what goes in and what comes out, written down in the order it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from supreme_system_v5.adapters.storage.recording.graph import capture
from supreme_system_v5.adapters.storage.recording.tape import Tape
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.mark import check_of, state_words
from supreme_system_v5.core.engine.pump import EventPump

MARK_NS: Final = NS_PER_SECOND


class Pump(Protocol):
    """What drives an engine: `EventPump`, or one with a tape beside it."""

    engine: Engine

    @property
    def is_busy(self) -> bool: ...

    def process(self, event: Event) -> list[Effect]: ...

    def resume(self) -> list[Effect]: ...

    def is_trade_passed(self, event: Event) -> bool: ...


class RecordedPump:
    """In the place of the pump while a session is recorded; ``end`` leaves the plain pump's behaviour.

    ``venue_state`` is the paper venue's part of a mark, ``roots`` the objects that all the others hang on.
    """

    def __init__(
        self, pump: EventPump, tape: Tape, venue_state: Callable[[], list[object]], roots: dict[str, object]
    ) -> None:
        self.engine: Engine = pump.engine
        self._pump = pump
        self._tape: Tape | None = tape
        self._venue_state = venue_state
        tape.graph = lambda: capture(roots)
        self._mark_due_ns = 0
        self._entries = 0  # of the digest at the last mark

    @property
    def is_busy(self) -> bool:
        return self._pump.is_busy

    def is_trade_passed(self, event: Event) -> bool:
        return self._pump.is_trade_passed(event)

    def process(self, event: Event) -> list[Effect]:
        pump = self._pump
        tape = self._tape
        if tape is None:
            return pump.process(event)
        tape.event(event, check_of(self.engine))
        effects = pump.process(event)
        if effects:
            tape.out(effects)
        elif event.time_ns >= self._mark_due_ns or self.engine.state.digest.entries != self._entries:
            self._mark(tape)
        return effects

    def resume(self) -> list[Effect]:
        effects = self._pump.resume()
        tape = self._tape
        if tape is not None:
            if effects:
                tape.out(effects)
            else:
                self._mark(tape)
        return effects

    def end(self) -> None:
        """Nothing is written down from now on."""
        self._tape = None

    def _mark(self, tape: Tape) -> None:
        """The state, once the event is done with: after effects, a decision or a second."""
        state = self.engine.state
        self._entries = state.digest.entries
        self._mark_due_ns = int(state.now_ns) + MARK_NS
        words = state_words(self.engine)
        words["venue"] = self._venue_state()
        tape.mark(words)
