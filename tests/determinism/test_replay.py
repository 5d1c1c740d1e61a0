"""A recording over the sockets: frame by frame in the recorded order, every payload byte for byte as it was recorded,
but for what is folded (aggTrade) and renamed (depth@0ms). What must come is worked out here from the file alone.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from websockets.asyncio.client import connect

from supreme_system_v5.adapters.exchange.market.build import recorded_markets
from supreme_system_v5.adapters.exchange.market.recording import Line, read_lines
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from tests.determinism.recordings import FILES, MARKETS, SECOND, long_test, names

QUIET_SECONDS = 5.0  # at 1x nothing recorded is silent for so long
SOCKETS = {
    "spot": {"": ("bookTicker", "depth@100ms", "aggTrade", "trade")},
    "usdm": {"/public": ("bookTicker", "depth@100ms"), "/market": ("aggTrade", "trade")},
}


class Due(NamedTuple):
    """A frame that must come: the recorded time, today's stream, the payload (of an aggTrade: its fields)."""

    time_ns: int
    stream: str
    payload: bytes | dict[str, Any]


def due_frames(paths: list[Path], end_ns: int) -> list[Due]:
    """The recorded frames under today's names, with an aggTrade after the last of each run of like trades."""
    lines = [line for line in read_lines(paths) if line.stream and line.recv_ns <= end_ns + 10 * SECOND]
    runs: list[list[tuple[Line, dict[str, Any]]]] = []
    for line in lines:
        if line.stream.endswith("@trade"):
            trade = json.loads(line.payload)
            last = runs[-1][-1][1] if runs else {}
            if runs and all(last[key] == trade[key] for key in "Tpm"):
                runs[-1].append((line, trade))
            else:
                runs.append([(line, trade)])
    ends = {run[-1][0].recv_ns: aggregate(runs[0][0][1]["t"] + number, run) for number, run in enumerate(runs)}
    due: list[Due] = []
    for line in lines:
        name = line.stream.replace("depth@0ms", "depth@100ms")
        due.append(Due(line.recv_ns, name, line.payload))
        if name.endswith("@trade") and line.recv_ns in ends:
            due.append(Due(line.recv_ns, "ethusdt@aggTrade", ends[line.recv_ns]))
    return [frame for frame in due if frame.time_ns <= end_ns]


def aggregate(number: int, run: list[tuple[Line, dict[str, Any]]]) -> dict[str, Any]:
    trades = [trade for _, trade in run]
    first, last = trades[0], trades[-1]
    quantity = sum(Decimal(trade["q"]) for trade in trades)
    shared = {"s": first["s"], "p": Decimal(first["p"]), "T": first["T"], "m": first["m"]}
    return {"e": "aggTrade", "E": last["E"], "a": number, "q": quantity, "f": first["t"], "l": last["t"], **shared}


def check(text: str, due: Due, has_time: bool) -> None:
    """One message against what must come next on its socket."""
    tail = b',"x_time_ns":%d}' % due.time_ns if has_time else b"}"
    if isinstance(due.payload, bytes):
        assert text.encode() == b'{"stream":"%b","data":%b%b' % (due.stream.encode(), due.payload, tail)
        return
    message = json.loads(text)
    assert message["stream"] == due.stream
    assert message.get("x_time_ns") == (due.time_ns if has_time else None)
    data = {key: Decimal(value) if key in "pq" else value for key, value in message["data"].items()}
    assert {key: data[key] for key in due.payload} == due.payload
    assert set(data) - set(due.payload) <= {"M", "nq"}


async def compare(data_dir: Path, market: str, speed: float, seconds: float, has_time: bool) -> int:
    """Play it to a client that listens to everything; returns how many frames came."""
    (played,) = recorded_markets(names(data_dir, market))
    end_ns = played.start_ns + int(seconds * SECOND) if seconds else 1 << 62
    due = due_frames([data_dir / "frames" / name for name in FILES[market]], end_ns)
    server = ExchangeServer(played, speed=speed)
    await server.start()
    base = f"127.0.0.1:{server.port}"
    option = "&x_time_ns=true" if has_time else ""

    async def listen(prefix: str, kinds: tuple[str, ...]) -> int:
        wanted = [frame for frame in due if frame.stream.partition("@")[2] in kinds]
        streams = "/".join(f"ethusdt@{kind}" for kind in kinds)
        url = f"ws://{base}{prefix}/stream?streams={streams}{option}"
        async with connect(url, compression=None, close_timeout=0.2) as socket_:
            ready.release()
            for frame in wanted:
                text = ""
                while '"stream"' not in text:  # heartbeats, where they were asked for
                    text = await asyncio.wait_for(socket_.recv(), QUIET_SECONDS)  # type: ignore[assignment]
                check(text, frame, has_time)
        return len(wanted)

    ready = asyncio.Semaphore(0)
    tasks: list[asyncio.Task[int]] = []
    try:
        tasks += [asyncio.create_task(listen(prefix, kinds)) for prefix, kinds in SOCKETS[market].items()]
        for _ in tasks:
            await asyncio.wait_for(ready.acquire(), 10)
        async with aiohttp.ClientSession() as session, session.post(f"http://{base}/x/start"):
            pass
        return sum(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()


@pytest.mark.slow
@pytest.mark.parametrize(("speed", "seconds", "has_time"), [(20.0, 40.0, True), (20.0, 40.0, False), (1.0, 3.0, False)])
@pytest.mark.parametrize("market", MARKETS)
def test_a_piece_of_the_recording_reaches_a_client_as_it_was(
    data_dir: Path, market: str, speed: float, seconds: float, has_time: bool
) -> None:
    count = asyncio.run(compare(data_dir, market, speed, seconds, has_time))
    assert count > 30 * seconds


@long_test
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("market", MARKETS)
def test_the_whole_recording_at_1x_reaches_a_client_as_it_was(data_dir: Path, market: str) -> None:
    count = asyncio.run(compare(data_dir, market, 1.0, 0, False))
    print(f"{market}: {count} frames at 1x, in the recorded order and with the recorded payload")
    assert count > 80_000
