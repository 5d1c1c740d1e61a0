"""The one order of events on a simulated exchange: its time, whatever the sockets do."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.adapters.feeds.merge import HARD_FACTOR, TICK_NS, order_of
from supreme_system_v5.core.domain.events import (
    FEED_DOWN,
    FEED_UP,
    KIND_DEPTH,
    KIND_FEED,
    KIND_QUOTE,
    KIND_SNAPSHOT,
    KIND_TICK,
    BookSnapshot,
    Command,
    Event,
    FeedStatus,
    Quote,
    Tick,
    Trade,
)
from tests.adapters.feeds.merge_kit import KINDS, Desk, beat, mark, status


def test_an_event_waits_until_the_other_socket_is_known_to_be_past_it() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    desk.push(0, *beat(mark(10, "a")))
    assert desk.names() == []
    desk.push(1, Tick(9))
    assert desk.names() == []
    desk.push(1, Tick(10))
    assert desk.names() == ["a"]
    assert desk.clock.time_ns == 10


def test_a_data_frame_vouches_for_nothing() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    desk.push(0, mark(10, "depth", KIND_DEPTH))
    desk.push(1, *beat(mark(10, "quote", KIND_QUOTE)))
    assert desk.names() == []
    desk.push(0, mark(9, "overtaken", KIND_DEPTH))
    desk.push(0, Tick(10))
    assert desk.names() == ["overtaken", "depth", "quote"]
    assert desk.merge.late == 0


def test_one_socket_waits_for_its_heartbeat_only() -> None:
    desk = Desk(1)
    desk.up(0)
    desk.push(0, *beat(mark(10, "a")))
    assert desk.names() == ["a"]


def test_a_socket_that_never_came_up_is_waited_for() -> None:
    desk = Desk(2)
    desk.merge.expect_all()
    desk.up(0)
    desk.push(0, *beat(mark(10, "a")))
    assert desk.names() == []
    desk.up(1)
    desk.push(1, Tick(10))
    assert desk.names() == ["a"]


@given(st.permutations([7, 8, 9]), st.booleans())
def test_frames_of_one_time_are_put_in_the_venues_own_order(numbers: list[int], is_trade: bool) -> None:
    desk = Desk(1)
    desk.up(0)
    made: list[Event] = [
        Trade(10, 1, 1, number, 10**8, 10**8, False) if is_trade else Quote(10, 1, number, 1, 1, 2, 1)
        for number in numbers
    ]
    for event in made:
        desk.push(0, event)
    desk.push(0, mark(10, "depth", KIND_DEPTH), Tick(10))
    assert [order_of(event)[2] for event in desk.out] == [0, 7, 8, 9]


@st.composite
def markets(draw: st.DrawFn) -> list[list[Event]]:
    """Per socket what the exchange sends: times of the market's steps, frames on some, heartbeats on the others."""
    sockets = draw(st.integers(1, 3))
    streams: list[list[Event]] = [[] for _ in range(sockets)]
    time_ns = 1_000_000_000
    for step in range(draw(st.integers(1, 25))):
        time_ns += draw(st.sampled_from((1, 5, 1_000, 40_000_000, 250_000_000)))
        for socket, stream in enumerate(streams):
            count = draw(st.integers(0, 2))
            for number in range(count):
                stream.append(mark(time_ns, f"{step}.{socket}.{number}", draw(st.sampled_from(KINDS))))
            if draw(st.booleans()) or count == 0:
                stream.append(Tick(time_ns))  # else its frames wait for the next one
    for stream in streams:
        stream.append(Tick(time_ns))
    return streams


def copy(event: Event) -> Event:
    return mark(int(event.time_ns), event.name, int(event.kind)) if isinstance(event, Command) else Tick(event.time_ns)


def run(streams: list[list[Event]], shuffle: random.Random) -> list[tuple[int, int, str]]:
    desk = Desk(len(streams))
    desk.up(*range(len(streams)))
    at = [0] * len(streams)
    while True:
        left = [socket for socket, stream in enumerate(streams) if at[socket] < len(stream)]
        if not left:
            break
        socket = shuffle.choice(left)
        chunk = shuffle.randint(1, 4)
        desk.push(socket, *[copy(event) for event in streams[socket][at[socket] : at[socket] + chunk]])
        at[socket] += chunk
        if shuffle.random() < 0.1:
            desk.merge.hold()
        elif shuffle.random() < 0.5:
            desk.merge.release()
    desk.merge.release()
    assert desk.merge.late == 0
    return [(int(event.time_ns), int(event.kind), getattr(event, "name", "")) for event in desk.out]


@settings(max_examples=150, deadline=None)
@given(markets(), st.integers(0, 2**32))
def test_any_interleaving_gives_the_same_order(streams: list[list[Event]], seed: int) -> None:
    first = run(streams, random.Random(seed))
    assert first == run(streams, random.Random(seed + 1)) == run(streams, random.Random(seed + 2))
    times = [time_ns for time_ns, _, _ in first]
    assert times == sorted(times)
    assert sorted(name for _, kind, name in first if kind != KIND_TICK) == sorted(
        event.name for stream in streams for event in stream if isinstance(event, Command)
    )
    for socket in range(len(streams)):  # on his own socket nobody overtakes but by kind at one time
        own = [name for _, _, name in first if name.split(".")[1:2] == [str(socket)]]
        sent = [event for event in streams[socket] if isinstance(event, Command)]
        assert own == [event.name for event in sorted(sent, key=lambda event: (event.time_ns, event.kind))]


def test_ticks_fill_the_silence_and_only_that() -> None:
    desk = Desk(1)
    desk.up(0)
    start = 10 * TICK_NS
    desk.push(0, mark(start, "a"), Tick(start + 5))
    desk.push(0, Tick(start + 2 * TICK_NS + 7))
    assert [int(event.time_ns) for event in desk.out] == [start, start + TICK_NS, start + 2 * TICK_NS]
    desk.push(0, *beat(mark(start + 3 * TICK_NS, "b")))
    assert [int(event.time_ns) for event in desk.out][3:] == [start + 3 * TICK_NS]


def test_frames_swapped_between_two_heartbeats_are_put_back() -> None:
    desk = Desk(1)
    desk.up(0)
    for event in (mark(11, "b"), mark(10, "a"), mark(12, "c"), Tick(12)):
        desk.push(0, event)  # however the bytes were cut into reads
    assert desk.names() == ["a", "b", "c"] and desk.merge.late == 0
    desk.push(0, *beat(mark(11, "late")))
    assert desk.names()[-1] == "late"
    assert desk.merge.late == 1 and desk.out[-1].time_ns == 12


def test_nothing_later_than_an_outstanding_request_is_released() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    number = desk.merge.begin_request(10)
    desk.push(0, mark(10, "a"), mark(11, "b"), mark(40, "c"), Tick(50))
    desk.push(1, Tick(50))
    assert desk.names() == ["a"]
    desk.merge.end_request(number, mark(30, "answer", KIND_SNAPSHOT))
    assert desk.names() == ["a", "b", "answer", "c"]


def test_a_request_made_by_the_sink_stops_the_very_next_event() -> None:
    desk = Desk(1)
    desk.up(0)
    numbers: list[int] = []

    def sink(event: Event) -> None:
        desk.out.append(event)
        if isinstance(event, Command) and event.name == "a":
            numbers.append(desk.merge.begin_request(int(event.time_ns)))

    desk.merge.sink = sink
    desk.push(0, *beat(mark(10, "a"), mark(11, "b"), mark(31, "c")))
    assert desk.names() == ["a"]
    desk.merge.end_request(numbers[0], mark(30, "answer"))
    assert desk.names() == ["a", "b", "answer", "c"]


@given(st.booleans())
def test_two_answers_of_one_time_come_in_the_order_they_were_asked_for(is_second_first: bool) -> None:
    desk = Desk(1)
    desk.up(0)
    first, second = desk.merge.begin_request(10), desk.merge.begin_request(10)
    desk.push(0, *beat(mark(40, "later")))
    answers = [(first, mark(30, "first")), (second, mark(30, "second"))]
    for number, answer in reversed(answers) if is_second_first else answers:
        desk.merge.end_request(number, answer)
    assert desk.names() == ["first", "second", "later"]


def test_a_failed_request_lets_the_market_go_on() -> None:
    desk = Desk(1)
    desk.up(0)
    number = desk.merge.begin_request(10)
    desk.push(0, *beat(mark(11, "a")))
    desk.merge.end_request(number, None)
    assert desk.names() == ["a"]


def test_a_lost_socket_holds_nothing_back_and_its_end_has_its_place() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    desk.push(1, Tick(5), mark(20, "own"))
    desk.push(0, *beat(mark(10, "a"), mark(30, "b")))
    assert desk.names() == []
    desk.merge.socket_down(1, [status(FEED_DOWN)])
    assert [getattr(event, "name", event.kind) for event in desk.out] == ["a", "own", KIND_FEED, "b"]
    assert desk.out[2].time_ns == 20


def test_a_socket_that_came_back_says_so_at_its_first_frame() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    desk.push(1, Tick(5))
    desk.push(0, *beat(mark(10, "a")))
    desk.merge.socket_down(1, [status(FEED_DOWN)])
    desk.merge.socket_up(1, [status(FEED_UP)])
    desk.push(0, mark(30, "b"), Tick(60))
    assert desk.names() == ["a"]  # from now on it is waited for again
    desk.push(1, mark(40, "c"), Tick(60))
    states = [event.state for event in desk.out if isinstance(event, FeedStatus)]
    assert states == [FEED_DOWN, FEED_UP]
    assert [int(event.time_ns) for event in desk.out] == [5, 10, 30, 40, 40]  # the order within a time is by kind
    assert desk.names() == ["a", "b", "c"]


def test_without_any_socket_time_stands_still_and_nothing_is_lost() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    desk.push(0, mark(10, "a"), mark(500 * TICK_NS, "b"))
    desk.merge.socket_down(0, [status(FEED_DOWN)])
    desk.merge.socket_down(1, [status(FEED_DOWN)])
    assert desk.names() == ["a", "b"]
    assert desk.out[-1].time_ns == 500 * TICK_NS


def test_own_events_are_next_and_stamped_with_engine_time() -> None:
    desk = Desk(2)
    desk.up(0, 1)
    desk.push(0, *beat(mark(10, "a"), mark(20, "b")))
    desk.push(1, Tick(15))
    desk.merge.push_own(mark(999, "own"))
    assert desk.names() == ["a", "own"] and desk.out[-1].time_ns == 10


def test_a_full_queue_pauses_its_socket_and_never_the_one_waited_for() -> None:
    desk = Desk(2, queue_events_max=10)
    desk.up(0, 1)
    for number in range(15):
        desk.push(0, *beat(mark(10 + number, str(number))))
    assert desk.pauses == [(0, True)]
    desk.push(1, Tick(18))
    assert desk.pauses == [(0, True)]
    desk.push(1, Tick(50))
    assert desk.pauses == [(0, True), (0, False)]
    assert desk.names() == [str(number) for number in range(15)]


def test_while_an_answer_is_awaited_the_bound_is_higher() -> None:
    desk = Desk(1, queue_events_max=10)
    desk.up(0)
    number = desk.merge.begin_request(1)
    for step in range(10 * HARD_FACTOR):
        desk.push(0, *beat(mark(10 + step, str(step))))
    assert desk.pauses == []
    desk.push(0, *beat(mark(1000, "more")))
    assert desk.pauses == [(0, True)]
    desk.merge.end_request(number, BookSnapshot(12, 1, [], []))
    assert desk.pauses == [(0, True), (0, False)]
    assert len(desk.names()) == 10 * HARD_FACTOR + 1


def test_a_socket_whose_own_heartbeat_is_waited_for_is_not_paused() -> None:
    desk = Desk(1, queue_events_max=10)
    desk.up(0)
    for step in range(15):
        desk.push(0, mark(10 + step, str(step)))
    assert desk.pauses == []
    desk.push(0, Tick(24))
    assert len(desk.names()) == 15
