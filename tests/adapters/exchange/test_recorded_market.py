"""Recordings as a market: order, payload, folding, book, klines."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from pathlib import Path

import pytest

from supreme_system_v5.adapters.exchange.market.build import recorded_markets
from supreme_system_v5.adapters.exchange.market.recording import RecordedMarket, read_lines
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, OutFrame
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.money import parse_e8
from tests.adapters.exchange.worlds import PREFIX, SECOND, ask, recorded, walk

MARKETS = ("spot", "usdm")


def play(market: RecordedMarket) -> list[OutFrame]:
    frames: list[OutFrame] = []
    while market.next_ns() != NEVER:
        frames.extend(market.step())
    return frames


@pytest.mark.parametrize(("market", "trades", "folded"), [("spot", 14_515, 7_396), ("usdm", 14_076, 6_209)])
def test_whole_recording_order_payload_and_folding(market: str, trades: int, folded: int, data_dir: Path) -> None:
    source = recorded(market, data_dir)
    frames = play(source)
    assert all(a.time_ns < b.time_ns for a, b in itertools.pairwise(frames))
    assert source.end_ns == frames[-1].time_ns
    lines = [line for line in read_lines(source.paths) if line.stream]
    untouched = [(line.recv_ns, line.payload) for line in lines if "@trade" not in line.stream]
    assert [(f.time_ns, f.payload) for f in frames if "aggTrade" not in f.stream] == untouched
    assert {f.stream for f in frames} == {"ethusdt@aggTrade", "ethusdt@bookTicker", "ethusdt@depth@100ms"}
    raw = [json.loads(line.payload) for line in lines if "@trade" in line.stream]
    received = {json.loads(line.payload)["t"]: line.recv_ns for line in lines if "@trade" in line.stream}
    aggregated = [(f.time_ns, json.loads(f.payload)) for f in frames if "aggTrade" in f.stream]
    assert (len(raw), len(aggregated)) == (trades, folded)
    at = 0
    for number, (time_ns, agg) in enumerate(aggregated):
        part = raw[at : at + agg["l"] - agg["f"] + 1]
        at += len(part)
        assert (part[0]["t"], part[-1]["t"]) == (agg["f"], agg["l"])
        assert agg["a"] == aggregated[0][1]["a"] + number
        assert {(t["T"], t["p"], t["m"]) for t in part} == {(agg["T"], agg["p"], agg["m"])}
        assert parse_e8(agg["q"]) == sum(parse_e8(t["q"]) for t in part)
        assert time_ns == received[agg["l"]]
    assert at == trades


def test_raw_trades_come_unfolded_when_asked(data_dir: Path) -> None:
    source = recorded("usdm", data_dir, raw_trades=True)
    frames = walk(source, 20)
    lines = [line for line in read_lines(source.paths) if "@trade" in line.stream and line.recv_ns <= source.last_ns]
    got = [(f.time_ns, f.payload) for f in frames if f.stream == "ethusdt@trade"]
    assert got == [(line.recv_ns, line.payload) for line in lines][: len(got)]
    assert len(got) > 100


@pytest.mark.parametrize("market", MARKETS)
def test_book_snapshots_are_the_recorded_ones_and_follow_the_diffs(market: str, data_dir: Path) -> None:
    source = recorded(market, data_dir)
    line = next(line for line in read_lines(source.paths) if line.stream == "")
    recorded_book = json.loads(line.payload)
    before = ask(source, "depth", source.start_ns, limit="1000")
    assert (before["lastUpdateId"], before["bids"], before["asks"]) == (
        recorded_book["lastUpdateId"],
        recorded_book["bids"],
        recorded_book["asks"],
    )
    asked = []
    for i in range(1, 8):
        frames = walk(source, 4.0 * i)
        depths = [json.loads(f.payload) for f in frames if "@depth" in f.stream]
        at_ns = source.next_ns() - 1
        body = ask(source, "depth", at_ns, limit="100")
        assert body["lastUpdateId"] == depths[-1]["u"]
        assert float(body["bids"][0][0]) < float(body["asks"][0][0])
        quote = next(json.loads(f.payload) for f in reversed(frames) if "bookTicker" in f.stream)
        ticker = ask(source, "ticker/bookTicker", at_ns)
        assert (ticker["bidPrice"], ticker["askPrice"]) == (quote["b"], quote["a"])
        klines = ask(source, "klines", at_ns, interval="1m", limit="3")
        trades = ask(source, "aggTrades", at_ns, limit="30")
        asked.append((at_ns, body, klines, trades, ticker))
    for at_ns, body, klines, trades, ticker in asked:
        assert ask(source, "depth", at_ns, limit="100") == body
        assert ask(source, "klines", at_ns, interval="1m", limit="3") == klines
        assert ask(source, "aggTrades", at_ns, limit="30") == trades
        assert ask(source, "ticker/bookTicker", at_ns) == ticker


def test_time_is_the_receive_clock_and_the_venue_is_ahead(data_dir: Path) -> None:
    source = recorded("spot", data_dir)
    assert 1_268 <= source.offset_ns // 1_000_000 <= 1_275
    assert ask(source, "time", source.start_ns)["serverTime"] == source.exchange_ms(source.start_ns)


def test_spot_klines_equal_the_bars_file(data_dir: Path) -> None:
    source = recorded("spot", data_dir)
    play(source)
    with gzip.open(data_dir / "bars_1m" / "spot_ETHUSDT_20240726_20240825.csv.gz", "rt") as file:
        bars = {int(row["open_ms"]): row for row in csv.DictReader(file)}
    rows = ask(source, "klines", source.last_ns, interval="1m", limit="1000")[:-1]
    assert len(rows) == 999
    for row in rows:
        bar = bars[row[0]]
        names = ("open", "high", "low", "close", "volume")
        assert [parse_e8(text) for text in row[1:6]] == [parse_e8(bar[name]) for name in names]
    # The minutes that the recording covers whole are also what its trades fold to.
    stored = [source.minutes.row(i) for i in range(len(source.minutes))][-11:-1]
    assert [row[:6] for row in stored] == [[row[0], *(parse_e8(text) for text in row[1:6])] for row in rows[-10:]]


def test_usdm_klines_are_spot_before_and_own_trades_during(data_dir: Path) -> None:
    source = recorded("usdm", data_dir)
    frames = play(source)
    assert "spot prices" in str(source.describe()["klines"])
    assert source.describe()["missing_streams"] == ["markPrice"]
    rows = ask(source, "klines", source.last_ns, interval="1m", limit="8")
    trades = [json.loads(f.payload) for f in frames if "aggTrade" in f.stream]
    for row in rows[-5:-1]:
        inside = [t for t in trades if row[0] <= t["T"] < row[0] + 60_000]
        assert [parse_e8(x) for x in row[1:3]] == [parse_e8(inside[0]["p"]), max(parse_e8(t["p"]) for t in inside)]
        assert parse_e8(row[5]) == sum(parse_e8(t["q"]) for t in inside)


def test_what_was_not_recorded_is_said(data_dir: Path) -> None:
    source = recorded("usdm", data_dir)
    status, body, _ = source.rest(PREFIX["usdm"] + "premiumIndex", {"symbol": "ETHUSDT"}, source.start_ns)
    assert status == 400
    assert b"not part of this recording" in body
    assert ask(source, "fundingRate", source.start_ns) == []


def test_history_before_the_start_is_there(data_dir: Path) -> None:
    for market in MARKETS:
        source = recorded(market, data_dir)
        rows = ask(source, "klines", source.start_ns, interval="1m", limit="501")
        assert len(rows) == 501
        assert all(b[0] - a[0] == 60_000 for a, b in itertools.pairwise(rows))
        assert rows[-1][0] <= source.exchange_ms(source.start_ns) < rows[-1][0] + 60_000


def test_files_of_both_markets_make_two_markets(data_dir: Path) -> None:
    folder = data_dir / "frames"
    names = ",".join(str(folder / f"{name}_ethusdt_20240808.jsonl.gz") for name in MARKETS)
    assert {market.market for market in recorded_markets(names)} == set(MARKETS)


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    with pytest.raises(ConfigError, match="none"):
        recorded_markets(str(missing))
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"recv_ns":1,"frame":{"stream":"ethusdt@trade","data":{\n')
    with pytest.raises(ConfigError, match="line 1"):
        recorded_markets(str(broken))
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(ConfigError, match="no depth frame"):
        recorded_markets(str(empty))


def _line(recv_ns: int, stream: str, data: dict[str, object]) -> str:
    return json.dumps({"recv_ns": recv_ns, "frame": {"stream": stream, "data": data}}, separators=(",", ":"))


def test_a_made_recording_folds_over_other_frames_and_keeps_their_order(tmp_path: Path) -> None:
    def trade(number: int, price: str, time_ms: int) -> dict[str, object]:
        return {
            "e": "trade",
            "E": time_ms,
            "s": "ETHUSDT",
            "t": number,
            "p": price,
            "q": "1.5",
            "T": time_ms,
            "m": False,
        }

    depth = {"e": "depthUpdate", "E": 5, "s": "ETHUSDT", "U": 1, "u": 2, "b": [["10.00", "1"]], "a": [["11.00", "1"]]}
    path = tmp_path / "made.jsonl"
    path.write_text(
        "\n".join(
            [
                _line(1 * SECOND, "ethusdt@depth@100ms", depth),
                _line(2 * SECOND, "ethusdt@trade", trade(7, "10.00", 2_000)),
                _line(3 * SECOND, "ethusdt@depth@100ms", {**depth, "U": 3, "u": 4}),
                _line(4 * SECOND, "ethusdt@trade", trade(8, "10.00", 2_000)),
                _line(5 * SECOND, "ethusdt@trade", trade(9, "10.01", 2_000)),
            ]
        )
    )
    frames = play(RecordedMarket([path]))
    assert [(f.time_ns // SECOND, f.stream.partition("@")[2]) for f in frames] == [
        (1, "depth@100ms"),
        (3, "depth@100ms"),
        (4, "aggTrade"),
        (5, "aggTrade"),
    ]
    folded = json.loads(frames[2].payload)
    assert (folded["a"], folded["f"], folded["l"], folded["q"]) == (7, 7, 8, "3.00000000")
