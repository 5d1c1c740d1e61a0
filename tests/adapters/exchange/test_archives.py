"""The archives of the exchange: the venue's layout, days that agree with REST to the last digit, faults on the way."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import aiohttp
import pytest

from supreme_system_v5.adapters.exchange.archives.deep_past import DAY_MS, TRADES_A_MINUTE, DeepPast
from supreme_system_v5.adapters.exchange.archives.files import parse
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from tests.adapters.exchange.test_exchange_server import serve
from tests.adapters.exchange.worlds import START_NS, ask, generated

# The market starts at 2025-11-20 12:00: the day before yesterday is an archive day, yesterday ends in its own past.
AGG = "aggTrades/ETHUSDT/ETHUSDT-aggTrades-2025-11-18"
BARS = "klines/ETHUSDT/1m/ETHUSDT-1m-2025-11-18"
DAY_START_MS = 1_763_424_000_000
BASE = {"spot": "/data/spot", "usdm": "/data/futures/um"}


def lines(body: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        (name,) = archive.namelist()
        assert name.endswith(".csv")
        return [line.split(",") for line in archive.read(name).decode().splitlines()]


def deep(market: str = "usdm", seed: int = 1) -> tuple[GeneratedMarket, DeepPast]:
    made = generated(market, seed)
    made.deep_past = DeepPast(made)
    return made, made.deep_past


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_a_day_of_trades_folds_into_its_bars(market: str) -> None:
    _, past = deep(market)
    rows = past.rows(DAY_START_MS, DAY_START_MS + DAY_MS)
    trades = past.trades(DAY_START_MS, DAY_START_MS + DAY_MS)
    assert [row[0] for row in rows] == list(range(DAY_START_MS, DAY_START_MS + DAY_MS, 60_000))
    assert len(trades) == 1_440 * TRADES_A_MINUTE
    for n, row in enumerate(rows):
        inside = trades[n * TRADES_A_MINUTE : (n + 1) * TRADES_A_MINUTE]
        prices = [trade[1] for trade in inside]
        assert [prices[0], max(prices), min(prices), prices[-1]] == row[1:5]
        assert sum(trade[2] for trade in inside) == row[5]
        assert min(trade[2] for trade in inside) > 0
        assert row[0] <= inside[0][5] <= inside[-1][5] < row[0] + 60_000


def test_the_deep_past_runs_into_the_markets_own_without_a_seam() -> None:
    made, past = deep()
    first = made.trades.row(0)
    rows = past.rows(past.start_ms, past.end_ms)
    assert [row[0] for row in rows] == list(range(past.start_ms, past.end_ms, 60_000))
    assert [row[4] for row in rows[:-1500]] == [row[1] for row in rows[1:-1499]]  # each opens where the last closed
    last = past.trades(past.end_ms - 60_000, past.end_ms)[-1]
    assert (last[0] + 1, last[4] + 1) == (first[0], first[3])
    ids = [trade[0] for trade in past.trades(past.start_ms, past.start_ms + DAY_MS)]
    assert ids == list(range(past.first_id, past.first_id + len(ids)))
    assert past.first_id > 0 and (past.end_ms - past.start_ms) // DAY_MS > 62  # a whole month is always there


def test_the_same_seed_makes_the_same_days_whenever_the_market_is_asked() -> None:
    _, one = deep()
    _, other = deep()
    _, third = deep(seed=2)
    assert one.trades(one.end_ms - DAY_MS, one.end_ms) == other.trades(other.end_ms - DAY_MS, other.end_ms)
    assert one.rows(DAY_START_MS, DAY_START_MS + DAY_MS) == other.rows(DAY_START_MS, DAY_START_MS + DAY_MS)
    assert one.rows(DAY_START_MS, DAY_START_MS + DAY_MS) != third.rows(DAY_START_MS, DAY_START_MS + DAY_MS)


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_rest_tells_the_same_as_the_archive(market: str) -> None:
    made, past = deep(market)
    bars = ask(made, "klines", START_NS, interval="1m", startTime=str(DAY_START_MS), limit="1000")
    assert [bar[0] for bar in bars] == list(range(DAY_START_MS, DAY_START_MS + 1_000 * 60_000, 60_000))
    assert bars[5][1] == made.encoder.price_text(past.rows(DAY_START_MS, DAY_START_MS + DAY_MS)[5][1])
    hour = {"startTime": str(DAY_START_MS + 1), "endTime": str(DAY_START_MS + 3_600_000)}
    trades = ask(made, "aggTrades", START_NS, limit="1000", **hour)
    assert len(trades) == len([t for t in past.trades(DAY_START_MS, DAY_START_MS + 3_660_000) if hour_has(t[5])])
    more = ask(made, "aggTrades", START_NS, fromId=str(trades[-1]["a"] + 1), limit="500")
    assert [trade["a"] for trade in more] == list(range(trades[-1]["a"] + 1, trades[-1]["a"] + 501))
    seam = ask(made, "aggTrades", START_NS, fromId=str(made.trades.row(0)[0] - 5), limit="20")
    assert [trade["a"] for trade in seam] == list(range(made.trades.row(0)[0] - 5, made.trades.row(0)[0] + 15))
    assert sorted(seam, key=lambda trade: trade["T"]) == seam
    hours = ask(made, "klines", START_NS, interval="1h", startTime=str(DAY_START_MS), limit="24")
    assert [bar[0] for bar in hours] == list(range(DAY_START_MS, DAY_START_MS + DAY_MS, 3_600_000))


def hour_has(time_ms: int) -> bool:
    return DAY_START_MS + 1 <= time_ms <= DAY_START_MS + 3_600_000


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_files_in_the_venues_layout(market: str) -> None:
    made = generated(market)

    async def body(_server: ExchangeServer, client: aiohttp.ClientSession) -> None:
        for path, columns in ((AGG, 8 if market == "spot" else 7), (BARS, 12)):
            url = f"{BASE[market]}/daily/{path}.zip"
            content = await read(client, url)
            checksum = (await read(client, f"{url}.CHECKSUM")).decode()
            assert checksum == f"{hashlib.sha256(content).hexdigest()}  {path.rpartition('/')[2]}.zip\n"
            rows = lines(content)
            assert {len(row) for row in rows} == {columns}
            if market == "usdm":  # a header line, milliseconds, small letters
                assert rows[0][0] in ("agg_trade_id", "open_time")
                rows = rows[1:]
            unit = 1_000 if market == "spot" else 1
            times = [int(row[5 if path == AGG else 0]) for row in rows]
            assert DAY_START_MS * unit <= times[0] <= times[-1] < (DAY_START_MS + DAY_MS) * unit
            if path == AGG:
                assert {row[6] for row in rows} == ({"True", "False"} if market == "spot" else {"true", "false"})
            assert await read(client, url) == content
            async with client.get(url, headers={"Range": "bytes=1000-"}) as answer:
                assert answer.status == 206
                assert answer.headers["Content-Range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"
                assert await answer.read() == content[1000:]

    serve(made, body, has_archives=True)


async def read(client: aiohttp.ClientSession, url: str, status: int = 200) -> bytes:
    async with client.get(url) as answer:
        assert answer.status == status, (url, answer.status)
        return await answer.read()


def test_a_month_is_its_days() -> None:
    async def body(_server: ExchangeServer, client: aiohttp.ClientSession) -> None:
        month = lines(await read(client, "/data/futures/um/monthly/klines/ETHUSDT/1m/ETHUSDT-1m-2025-10.zip"))
        day = lines(await read(client, "/data/futures/um/daily/klines/ETHUSDT/1m/ETHUSDT-1m-2025-10-31.zip"))
        assert len(month) == 31 * 1_440 + 1
        assert [month[0], *month[-1_440:]] == day

    serve(generated(), body, has_archives=True)


def test_what_is_not_there() -> None:
    async def body(_server: ExchangeServer, client: aiohttp.ClientSession) -> None:
        for path in (
            f"{BASE['usdm']}/daily/{AGG.replace('11-18', '11-20')}.zip",  # today
            f"{BASE['usdm']}/daily/{AGG.replace('2025', '2020')}.zip",
            f"{BASE['usdm']}/daily/{AGG.replace('11-18', '11-31')}.zip",  # no such day
            f"{BASE['usdm']}/daily/{AGG.replace('ETHUSDT', 'BTCUSDT')}.zip",
            f"{BASE['spot']}/daily/{AGG}.zip",  # a market that is not served
            "/data/futures/um/monthly/klines/ETHUSDT/1m/ETHUSDT-1m-2025-11.zip",  # not over
            "/data/../api/v3/ping.zip",
        ):
            await read(client, path, 404)

    serve(generated(), body, has_archives=True)

    async def plain(_server: ExchangeServer, client: aiohttp.ClientSession) -> None:
        await read(client, f"{BASE['usdm']}/daily/{AGG}.zip", 404)

    serve(generated(), plain)


def test_faults_of_archives() -> None:
    url = f"{BASE['usdm']}/daily/{BARS}.zip"
    plan: list[dict[str, Any]] = []

    async def body(server: ExchangeServer, client: aiohttp.ClientSession) -> None:
        async def fault(kind: str, **args: Any) -> None:
            async with client.post("/x/fault", data=json.dumps({"kind": kind, "args": args})) as answer:
                assert answer.status == 200, await answer.text()

        whole = await read(client, url)
        await fault("archive_missing")
        await read(client, url, 404)
        await fault("archive_checksum", path="*")
        altered = await read(client, url)
        assert len(altered) == len(whole) and altered != whole
        await fault("archive_cut", fraction=0.25)
        with pytest.raises(aiohttp.ClientError):
            await read(client, url)
        await fault("http_429", retry_after=1, path="/data/*")
        await read(client, url, 429)
        assert await read(client, url) == whole
        kinds = [entry["fault"] for entry in server.faults.taken if "hit" in entry]
        assert kinds == ["archive_missing", "archive_checksum", "archive_cut", "http_429"]

    serve(generated(), body, has_archives=True, faults=FaultBox(START_NS, plan))
    with pytest.raises(ValueError, match="fraction"):
        FaultBox(START_NS, [{"kind": "archive_cut", "args": {"fraction": 1.0}}])


@pytest.mark.parametrize("path", ["", "/data/", "/data/spot/daily/aggTrades/ETHUSDT/BTCUSDT-aggTrades-2025-11-18.zip"])
def test_paths_that_are_no_file(path: str) -> None:
    assert parse(path) is None
