"""A recorded session through the engine again, compared at every step; it ends at the first difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Protocol

from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.codec import encode, plain, revive
from supreme_system_v5.adapters.storage.recording.reader import Entry, Recording
from supreme_system_v5.backtesting.replay_difference import Difference, Outcome, differing, words_of
from supreme_system_v5.backtesting.replay_parts import Step, saved_of, steps
from supreme_system_v5.backtesting.replay_restore import overlay
from supreme_system_v5.core.domain.effects import (
    CancelOrder,
    DecisionRecord,
    Effect,
    PlaceProtection,
    Shutdown,
    SubmitOrder,
)
from supreme_system_v5.core.domain.errors import BooksError, ConfigError, FrameError
from supreme_system_v5.core.domain.events import Event, Tick
from supreme_system_v5.core.domain.order import Order
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.mark import check_of, state_words
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.engine.recovery import exit_order, restore
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.wire.binance_decode import FrameDecoder

PROGRESS_EVENTS: Final = 4_096
OnBatch = Callable[[list[list[Any]], bool], None]


class Gateway(Protocol):
    """Where orders go."""

    def submit(self, order: Order, time_ns: int) -> None: ...

    def cancel(self, client_order_id: str, time_ns: int) -> None: ...

    def place_protection(self, stop: Order, target: Order, time_ns: int) -> None: ...


class Side(Protocol):
    """The pure side of a run: `trading.Trading`, built from the recording's parameters and instrument."""

    engine: Engine
    venue: PaperVenue
    pump: EventPump

    @property
    def gateway(self) -> Gateway: ...

    def roots(self) -> dict[str, object]: ...

    def set_position(self) -> None: ...

    def protect(self, time_ns: int) -> None: ...


class _FoundError(Exception):
    """The first difference, with the state that differs."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.what)
        self.difference = difference


def _ignore(_transactions: list[list[Any]], _is_start: bool) -> None:
    return None


class Replay:
    """One recording through one engine. ``on_batch`` gets the records of each list of effects, one list for each
    transaction of the journal, as plain words, and whether they are of the start (for a chain of sessions).
    """

    def __init__(
        self, recording: Recording, side: Side, on_batch: Callable[[list[list[Any]], bool], None] = _ignore
    ) -> None:
        self.recording = recording
        self.side = side
        self.outcome = Outcome()
        self._on_batch = on_batch
        instrument = side.engine.instrument
        self._decoder = FrameDecoder(instrument.market, instrument.venue_symbol)
        self._time_ns = 0
        self._stamp_ns = 0
        self._previous: Step | None = None
        self._previous_ns = 0
        self._found: Difference | None = None  # known, and waiting for the next mark to show the state
        self._failure = ""
        self._words: dict[str, Any] = {}  # of the last recorded mark

    def run(self, on_progress: Callable[[float], None] = lambda _share: None) -> Outcome:
        """Play all of it, or up to the first difference. Raises DamageError where the recording was altered."""
        outcome = self.outcome
        recording = self.recording
        total = max(1, recording.bytes)
        try:
            for number, step in enumerate(steps(recording.entries())):
                if number % PROGRESS_EVENTS == 0:
                    on_progress(recording.bytes_read / total)
                self._play(step)
        except _FoundError as found:
            outcome.difference = found.difference
        else:
            outcome.difference = self._found
        outcome.digest = self.side.engine.state.fingerprint()
        outcome.last_ns = int(self.side.engine.state.now_ns)
        outcome.failure = self._failure
        outcome.cut = recording.cut
        outcome.is_ended = recording.is_ended
        outcome.is_early = outcome.is_early or bool(recording.fault)
        on_progress(1.0)
        return outcome

    # -- one step --------------------------------------------------------------------------------------------------

    def _play(self, step: Step) -> None:
        main = step.main
        kind = main.kind
        if kind == layout.SEGMENT:
            self._begin_segment(main)
        elif kind == layout.REJECTED:
            self._refuse(step)
        elif kind == layout.END:
            self._compare_check(step)
            end = json.loads(main.body)
            self.outcome.reason = str(end["reason"])
            self.outcome.is_early = not end["is_session_over"]
        else:
            self._compare_check(step)
            if self._failure:
                self._differ(step, "a mistake in the code", "nothing: the session went on", self._failure)
            self.outcome.events += 1
            try:
                self._input(step)
            except _FoundError:
                raise
            except (AssertionError, BooksError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                if self._found is not None:
                    raise _FoundError(self._found) from None
                self._failure = f"{type(error).__name__}: {error}"
            self._compare_mark(step)
            self._previous = step
            self._previous_ns = self._time_ns
        for body in step.wrote:
            self._on_batch([json.loads(body)], True)

    def _begin_segment(self, main: Entry) -> None:
        events, self._time_ns, self._stamp_ns, graph = json.loads(main.body)
        self._words = {}
        recording = self.recording
        if recording.is_whole or self.outcome.events > 0:
            return
        if graph is None:
            raise ConfigError(
                f"the beginning of session {recording.session} is missing (its segments 1 to"
                f" {recording.first_segment - 1}), and what remains does not say how the engine stood there",
                "choose another session",
            )
        overlay(self.side.roots(), graph)
        self.outcome.events_dropped = events

    def _input(self, step: Step) -> None:
        main = step.main
        if main.kind == layout.ACT:
            self._drive(self._act(json.loads(main.body)), step)
            return
        event = self._event(step)
        if self.outcome.first_ns == 0:
            self.outcome.first_ns = int(event.time_ns)
        self._time_ns = int(event.time_ns)
        self._drive(self.side.pump.process(event), step)

    def _event(self, step: Step) -> Event:
        main = step.main
        kind = main.kind
        if kind == layout.EVENT:
            event: Event = revive(json.loads(main.body))
            return event
        if kind == layout.TICK:
            return Tick(self._time_ns + main.delta_ns)
        self.outcome.frames += 1
        try:
            if kind == layout.FRAME_DATED:
                self._stamp_ns += main.delta_ns
                return self._decoder.decode(main.body, 0)
            if kind == layout.FRAME:
                return self._decoder.decode(main.body, self._time_ns + main.delta_ns)
            time_ns, self._stamp_ns = layout.FULL_TIMES.unpack_from(main.body)
            event = self._decoder.decode(main.body[layout.FULL_TIMES.size :], time_ns)
            event.time_ns = time_ns
            return event
        except FrameError as error:
            found = self._found or self._difference(step, "the frame", "accepted", f"refused: {error}")
            raise _FoundError(found) from None

    def _act(self, words: list[Any]) -> list[Effect]:
        name = words[0]
        engine = self.side.engine
        if name == layout.ACT_RESTORE:
            return restore(engine, saved_of(self.recording.header))
        if name == layout.ACT_POSITION:
            self.side.set_position()
        elif name == layout.ACT_PROTECT:
            self.side.protect(int(words[1]))
        elif name == layout.ACT_EXIT_ORDER:
            exit_order(engine, "timeout")
        elif name == layout.ACT_FORGET:
            engine.state.orders.pop(str(words[1]), None)
        else:
            raise ValueError(f"there is no act {name!r}")
        return []

    def _refuse(self, step: Step) -> None:
        """A frame that was no event must still be none, for the same reason."""
        self.outcome.rejected += 1
        reason, _, raw = step.main.body.partition(b"\n")
        try:
            self._decoder.decode(raw, 0)
            now = "accepted"
        except FrameError as error:
            now = f"refused: {error.reason}"
        recorded = f"refused: {reason.decode()}"
        if now != recorded and self._found is None:
            raise _FoundError(self._difference(step, "the frame", recorded, now))

    # -- effects ---------------------------------------------------------------------------------------------------

    def _drive(self, effects: list[Effect], step: Step) -> None:
        """Perform what the pump hands out, each list compared with the recorded one."""
        pump = self.side.pump
        place = 0
        while effects or pump.is_busy:
            if effects:
                if place >= len(step.outs) and step.is_last:
                    self.outcome.is_unfinished = True  # a kill came before it was written
                    return
                self._compare_out(step, place, effects)
                place += 1
                self._perform(effects, step)
            effects = pump.resume()
        if place < len(step.outs):
            self._differ(step, "the decision", step.outs[place].decode(), "nothing")

    def _compare_out(self, step: Step, place: int, effects: list[Effect]) -> None:
        outcome = self.outcome
        outcome.effects += len(effects)
        outcome.decisions += sum(isinstance(one, (DecisionRecord, SubmitOrder, CancelOrder)) for one in effects)
        text = encode(effects)
        recorded = step.outs[place] if place < len(step.outs) else b"nothing"
        if text != recorded:
            self._differ(step, "the decision", recorded.decode(), text.decode())

    def _perform(self, effects: list[Effect], step: Step) -> None:
        """As the dispatcher does: a transaction for each run of records before an action."""
        gateway = self.side.gateway
        transactions: list[list[Any]] = []
        records: list[Any] = []
        for effect in effects:
            if effect.is_record:
                records.append(plain(effect))
                continue
            if records and isinstance(effect, (SubmitOrder, CancelOrder, PlaceProtection, Shutdown)):
                transactions.append(records)
                records = []
            if isinstance(effect, SubmitOrder):
                if effect.order.client_order_id not in step.unsent:
                    gateway.submit(effect.order, effect.time_ns)
            elif isinstance(effect, CancelOrder):
                gateway.cancel(effect.client_order_id, effect.time_ns)
            elif isinstance(effect, PlaceProtection):
                gateway.place_protection(effect.stop, effect.target, effect.time_ns)
        if records:
            transactions.append(records)
        if transactions:
            self._on_batch(transactions, step.main.kind == layout.ACT)

    # -- comparing -------------------------------------------------------------------------------------------------

    def _compare_check(self, step: Step) -> None:
        """The state before this input is the state after the last one."""
        if self._found is None and step.main.check != check_of(self.side.engine) and not self._failure:
            last = self._previous or step
            self._found = self._difference(last, "the state", "", "")
            self._found.time_ns = self._previous_ns

    def _compare_mark(self, step: Step) -> None:
        if not step.marks or self._failure:
            return
        self.outcome.marks += 1
        for body in step.marks:
            self._words.update(json.loads(body))
        recorded = {name: value for name, value in self._words.items() if value is not None}
        words = state_words(self.side.engine)
        words["venue"] = self.side.venue.state()
        replayed = json.loads(encode(words))
        if self.outcome.events_dropped:
            recorded.pop("digest")  # it began with what was dropped
            replayed.pop("digest")
        if self._found is None and recorded == replayed:
            return
        found = self._found or self._difference(step, "the state", "", "")
        found.fields = differing(recorded, replayed)
        found.seen_at = step.main.event
        raise _FoundError(found)

    def _differ(self, step: Step, what: str, recorded: str, replayed: str) -> None:
        """Note the first difference; the next mark shows what of the state differs."""
        if self._found is None:
            self._found = self._difference(step, what, recorded, replayed)

    def _difference(self, step: Step, what: str, recorded: str, replayed: str) -> Difference:
        main = step.main
        time_ns = self._time_ns if self._time_ns > 0 else int(self.side.engine.state.now_ns)
        return Difference(main.event, time_ns, words_of(main), what, recorded, replayed)
