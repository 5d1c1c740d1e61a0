"""Every fault: what it does to the frames, the sockets and REST; plans repeat exactly."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from supreme_system_v5.adapters.exchange.faults.box import BINARY, CUT, PLAIN, TEXT, FaultBox, WireFrame, load_plan
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from supreme_system_v5.core.domain.errors import ConfigError, FrameError
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from tests.adapters.exchange.test_exchange_server import STREAMS, read_until, serve, ws
from tests.adapters.exchange.worlds import SECOND, START_NS, generated, walk


def frames_under(
    plan: list[dict[str, Any]], seconds: float = 4.0, seed: int = 0
) -> tuple[list[OutFrame], list[WireFrame], FaultBox]:
    """The clean frames and what leaves under a plan, in flushes of 20 frames."""
    box = FaultBox(START_NS, plan, seed)
    clean = walk(generated(), seconds)
    out: list[WireFrame] = []
    for start in range(0, len(clean), 20):
        out.extend(box.apply(clean[start : start + 20]))
    return clean, out, box


def plain(frames: list[WireFrame]) -> list[tuple[int, str, bytes]]:
    return [(f.time_ns, f.stream, f.payload) for f in frames if f.form == PLAIN]


def whole(frames: list[OutFrame]) -> list[tuple[int, str, bytes]]:
    return [(f.time_ns, f.stream, f.payload) for f in frames]


def test_without_faults_frames_pass_untouched() -> None:
    clean, out, box = frames_under([])
    assert plain(out) == whole(clean)
    assert box.is_idle


def test_gap_loses_the_next_frames_of_the_stream() -> None:
    clean, out, _ = frames_under([{"kind": "gap", "at_seconds": 1, "args": {"stream": "depth", "count": 3}}])
    lost = [item for item in whole(clean) if item not in set(plain(out))]
    late = [item for item in whole(clean) if item[0] >= START_NS + SECOND and "depth" in item[1]]
    assert lost == late[:3]


def test_duplicate_sends_the_same_frame_again() -> None:
    clean, out, _ = frames_under([{"kind": "duplicate", "at_seconds": 1, "args": {"stream": "trade", "count": 2}}])
    got = plain(out)
    repeated = [a for a, b in itertools.pairwise(got) if a == b]
    assert len(repeated) == 2
    assert all("aggTrade" in item[1] for item in repeated)
    assert len(got) == len(clean) + 2


def test_reorder_swaps_neighbours_of_one_stream_in_one_flush() -> None:
    clean, out, _ = frames_under([{"kind": "reorder", "at_seconds": 1, "args": {"stream": "quote", "count": 1}}])
    moved = [(i, a, b) for i, (a, b) in enumerate(zip(whole(clean), plain(out), strict=True)) if a != b]
    assert len(moved) == 2
    assert (moved[0][1], moved[1][1]) == (moved[1][2], moved[0][2])
    assert moved[0][0] // 20 == moved[1][0] // 20
    assert "bookTicker" in moved[0][1][1]


@pytest.mark.parametrize(
    ("form", "sent"), [("bytes", BINARY), ("truncated", TEXT), ("nan", PLAIN), ("inf", PLAIN), ("1e400", PLAIN)]
)
@pytest.mark.parametrize("stream", ["trade", "quote", "depth", "mark"])
def test_garbage_is_an_extra_frame_that_no_decoder_takes(form: str, sent: str, stream: str) -> None:
    args = {"stream": stream, "count": 2, "form": form}
    clean, out, _ = frames_under([{"kind": "garbage", "at_seconds": 1, "args": args}])
    kept = set(whole(clean))
    extra = [f for f in out if (f.time_ns, f.stream, f.payload) not in kept]
    assert len(extra) == 2
    assert len(out) == len(clean) + 2
    decoder = FrameDecoder("usdm", "ETHUSDT")
    for frame in extra:
        assert frame.form == sent
        with pytest.raises(FrameError):
            decoder.decode(b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.payload), 1)


def test_silence_ends_by_itself() -> None:
    clean, out, box = frames_under([{"kind": "silence", "at_seconds": 1, "args": {"stream": "trade", "seconds": 1.5}}])
    kept = set(plain(out))
    lost = [item for item in whole(clean) if item not in kept]
    quiet = (START_NS + SECOND, START_NS + 2_500_000_000)
    assert lost == [item for item in whole(clean) if quiet[0] <= item[0] < quiet[1] and "aggTrade" in item[1]]
    assert lost
    assert box.is_idle


def test_disconnect_is_a_cut_at_its_place_in_the_stream() -> None:
    _, out, _ = frames_under([{"kind": "disconnect", "at_seconds": 2, "args": {"stream": "depth"}}])
    cuts = [i for i, f in enumerate(out) if f.form == CUT]
    assert len(cuts) == 1
    assert out[cuts[0]].stream == "depth"
    assert out[cuts[0] - 1].time_ns < START_NS + 2 * SECOND <= out[cuts[0] + 1].time_ns


def test_a_seeded_rate_repeats_and_another_seed_differs() -> None:
    plan = [{"kind": "duplicate", "rate_per_minute": 60, "args": {"stream": "quote"}}]
    first = frames_under(plan, 8, seed=5)[2].taken
    assert first == frames_under(plan, 8, seed=5)[2].taken
    assert first != frames_under(plan, 8, seed=6)[2].taken
    assert 3 <= len(first) <= 20
    assert {entry["seed"] for entry in first} == {5}


def test_each_fault_taken_is_logged_with_its_time_and_seed() -> None:
    lines: list[str] = []
    box = FaultBox(START_NS, [{"kind": "gap", "at_seconds": 1}], seed=9, log=lines.append)
    box.advance(START_NS + SECOND - 1)
    assert not lines
    box.advance(START_NS + SECOND)
    assert json.loads(lines[0]) == {"fault": "gap", "args": {}, "time_ns": START_NS + SECOND, "seed": 9}
    assert box.taken == [json.loads(lines[0])]


class Ping(NamedTuple):
    market: str = "usdm"
    method: str = "GET"
    path: str = "/fapi/v1/ping"


def test_rest_refusals_by_count_and_by_time() -> None:
    box = FaultBox(START_NS)

    def refusal(now_ns: int = START_NS) -> tuple[int, str] | None:
        found = box.before(Ping(), now_ns)
        return None if found is None else (found.status, found.headers["Retry-After"])

    box.inject("http_429", {"count": 2, "retry_after": 7}, START_NS)
    assert [refusal(), refusal(), refusal()] == [(429, "7"), (429, "7"), None]
    box.inject("http_418", {"seconds": 3}, START_NS)
    assert refusal() == (418, "2")
    assert refusal(START_NS + 3 * SECOND) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '[{"kind":"nothing"}]',
        '[{"kind":"gap","args":{"count":"x"}}]',
        '[{"kind":"gap","args":{"colour":1}}]',
        '[{"kind":"gap","args":{"stream":"x"}}]',
        '[{"kind":"gap","at_seconds":-1}]',
        '[{"kind":"move","args":{"fraction":2}}]',
        "[1]",
    ],
)
def test_a_bad_plan_names_the_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"plan\.json"):
        load_plan(text, "plan.json")


# Over sockets ----------------------------------------------------------------------------------------------------


def test_disconnect_cuts_only_the_sockets_that_carry_the_stream() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, f"/public/stream?streams={STREAMS['public']}") as public:  # noqa: SIM117
            async with ws(server, f"/market/stream?streams={STREAMS['market']}") as market:
                async with session.post("/x/fault", json={"kind": "disconnect", "args": {"stream": "depth"}}) as reply:
                    assert reply.status == 200
                with pytest.raises(ConnectionClosed):
                    await read_until(public, START_NS + 60 * SECOND)
                await read_until(market, server.clock.shown_ns + SECOND // 2)
                assert len(server._clients) == 1

    assert serve(generated(), body).faults.count == 1


def test_silence_keeps_heartbeats_and_rest() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, f"/market/stream?streams={STREAMS['market']}") as socket_:
            async with session.post("/x/fault", json={"kind": "silence", "args": {"seconds": 2}}) as reply:
                from_ns = (await reply.json())["time_ns"]
            async with session.get("/fapi/v1/aggTrades?symbol=ETHUSDT&limit=5") as reply:
                assert len(await reply.json()) == 5
            messages = await read_until(socket_, from_ns + 4 * SECOND)
            quiet = [m for m in messages if from_ns < m["x_time_ns"] < from_ns + 2 * SECOND]
            assert len(quiet) >= 7
            assert not any("data" in m for m in quiet)
            assert any("data" in m for m in messages if m["x_time_ns"] > from_ns + 2 * SECOND)

    serve(generated(), body, speed=10.0)


def test_refused_and_slow_rest() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with session.post("/x/fault", json={"kind": "http_429", "args": {"count": 1, "retry_after": 3}}):
            pass
        async with session.get("/fapi/v1/ping") as reply:
            assert (reply.status, reply.headers["Retry-After"]) == (429, "3")
            assert (await reply.json())["code"] == -1003
        async with session.get("/fapi/v1/ping") as reply:
            assert reply.status == 200
        async with session.post("/x/fault", json={"kind": "slow_rest", "args": {"seconds": 60, "delay_ms": 5_000}}):
            pass
        asked_ns = server.clock.shown_ns
        async with session.get("/fapi/v1/ping", headers={"X-Sim-Time-Ns": str(asked_ns)}) as reply:
            assert int(reply.headers["X-Time-Ns"]) == asked_ns + 5_020_000_000
            assert server.clock.shown_ns >= asked_ns + 5_020_000_000
        async with session.post("/x/fault", json={"kind": "what"}) as reply:
            assert reply.status == 400

    serve(generated(), body, speed=20.0)


def test_move_by_plan_moves_the_market() -> None:
    plan = [{"kind": "move", "at_seconds": 1, "args": {"fraction": -0.02, "seconds": 1}}]

    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, f"/market/stream?streams={STREAMS['market']}") as socket_:
            messages = await read_until(socket_, START_NS + 6 * SECOND)
        prices = [float(m["data"]["p"]) for m in messages if m.get("data", {}).get("e") == "aggTrade"]
        assert -0.025 < prices[-1] / prices[0] - 1 < -0.015

    serve(generated(), body, speed=10.0, faults=FaultBox(START_NS, plan))


def test_a_reordered_pair_lies_between_two_heartbeats() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/public/stream?streams=ethusdt@bookTicker") as socket_:
            async with session.post("/x/start"):
                pass
            messages = await read_until(socket_, START_NS + 5 * SECOND)
        times = [m["x_time_ns"] for m in messages]
        backward = [i for i in range(1, len(times)) if times[i] < times[i - 1]]
        assert len(backward) == 3
        beats = [i for i, m in enumerate(messages) if "data" not in m]
        for at in backward:
            before = max(times[i] for i in beats if i < at)
            assert before < times[at]

    plan = [{"kind": "reorder", "at_seconds": 1, "args": {"stream": "quote", "count": 3}}]
    serve(generated(), body, speed=0.0, is_waiting=True, faults=FaultBox(START_NS, plan))
