"""The one order of events on a real venue: arrival, and nothing is taken while the master holds."""

from __future__ import annotations

from supreme_system_v5.core.domain.events import Command, Event
from tests.adapters.feeds.merge_kit import Desk, mark


def test_real_events_pass_at_once_in_arrival_order() -> None:
    desk = Desk(2, is_simulated=False)
    desk.up(0, 1)
    desk.push(1, mark(10, "a"))
    desk.push(0, mark(9, "b"))
    desk.merge.end_request(0, mark(11, "answer"))
    assert desk.names() == ["a", "b", "answer"]


def test_held_events_queue_and_are_released_in_order() -> None:
    desk = Desk(1, is_simulated=False)
    desk.up(0)
    desk.merge.hold()
    desk.push(0, mark(1, "a"), mark(2, "b"))
    desk.merge.push_own(mark(3, "own"))
    assert desk.names() == [] and desk.merge.queued() == 3
    desk.merge.release()
    assert desk.names() == ["a", "b", "own"]


def test_a_sink_that_holds_within_an_event_stops_the_next() -> None:
    desk = Desk(1, is_simulated=False)
    desk.up(0)

    def sink(event: Event) -> None:
        desk.out.append(event)
        desk.merge.hold()

    desk.merge.sink = sink
    desk.push(0, mark(1, "a"), mark(2, "b"), mark(3, "c"))
    assert desk.names() == ["a"]
    desk.merge.release()
    assert desk.names() == ["a", "b"]


def test_what_the_sink_itself_brings_in_comes_after_the_event() -> None:
    desk = Desk(1, is_simulated=False)
    desk.up(0)

    def sink(event: Event) -> None:
        if isinstance(event, Command) and event.name == "a":
            desk.merge.push_own(mark(2, "own"))
        desk.out.append(event)

    desk.merge.sink = sink
    desk.push(0, mark(1, "a"), mark(3, "b"))
    assert desk.names() == ["a", "own", "b"]


def test_a_backlog_is_a_counted_resync_and_nothing_is_dropped() -> None:
    desk = Desk(1, is_simulated=False, queue_events_max=10)
    desk.up(0)
    desk.merge.hold()
    for number in range(15):
        desk.push(0, mark(number, str(number)))
    assert desk.pauses == [(-1, True)] and desk.overflows == 0
    desk.merge.release()
    assert desk.pauses == [(-1, True), (-1, False)]
    assert desk.overflows == 1 and desk.merge.overflows == 1
    assert desk.names() == [str(number) for number in range(15)]
