"""Opening data: what a file holds is told by its content, its rows arrive exactly, what is broken is named."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.ahead import read_ahead
from supreme_system_v5.history.kinds import DataError, parse_range
from supreme_system_v5.history.open import BARS, FRAMES, TRADES, Data, SourceQuery, open_data
from supreme_system_v5.history.store import Store, series
from tests.history.files import (
    DAY0_MS,
    agg_csv,
    bar_chunk,
    bar_rows,
    kline_csv,
    some_bars,
    some_trades,
    trade_chunk,
    trade_rows,
    write,
)

NOWHERE = Path("no-such-store")


def opened(*paths: Path, span: tuple[str, str] = ("", "")) -> Data:
    return open_data(",".join(map(str, paths)), NOWHERE, SourceQuery(span=parse_range(*span)))


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".zip"])
@pytest.mark.parametrize(("unit", "is_spot", "header"), [(1, True, False), (1_000, True, False), (1, False, True)])
def test_the_venues_trades(tmp_path: Path, suffix: str, unit: int, is_spot: bool, header: bool) -> None:
    rows = some_trades(300)
    name = f"ETHUSDT-aggTrades-2024-08-01{suffix}"
    path = write(tmp_path / name, agg_csv(rows, unit, is_spot, header))
    data = opened(path)
    assert (data.kind, data.symbol, data.bar_ms) == (TRADES, "ETH-USDT", 0)
    assert data.market == ("spot" if is_spot else "usdm")
    assert trade_rows(data.trades()) == rows
    assert trade_rows(data.trades()) == rows  # and once more
    assert data.bytes_read == data.bytes_total == path.stat().st_size
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.sources() == [(str(path), 300, digest)]


@pytest.mark.parametrize(("unit", "header"), [(1, False), (1_000, False), (1, True)])
def test_the_venues_bars(tmp_path: Path, unit: int, header: bool) -> None:
    rows = some_bars(200)
    data = opened(write(tmp_path / "ETHUSDT-1m-2024-08-01.zip", kline_csv(rows, unit, header)))
    assert (data.kind, data.symbol, data.bar_ms) == (BARS, "ETH-USDT", 60_000)
    assert bar_rows(data.bars()) == rows


def test_single_trades_of_the_venue_are_trades_too(tmp_path: Path) -> None:
    text = "7,2680.10,0.5,1340.05,1722470400000,True,True\n8,2680.2,0.25,670.05,1722470400001,False,True\n"
    assert trade_rows(opened(write(tmp_path / "a.csv", text)).trades()) == [
        (1_722_470_400_000, 7, 268_010_000_000, 50_000_000, 1),
        (1_722_470_400_001, 8, 268_020_000_000, 25_000_000, 0),
    ]


def test_a_large_file_comes_in_chunks_and_in_order(tmp_path: Path) -> None:
    rows = some_trades(150_000, step_ms=500)
    data = opened(write(tmp_path / "large.csv", agg_csv(rows)))
    chunks = [chunk.rows for chunk in data.trades()]
    assert max(chunks) <= 65_536 and sum(chunks) == len(rows)
    assert trade_rows(data.trades()) == rows


def test_files_follow_each_other_and_a_range_cuts_both_ends(tmp_path: Path) -> None:
    rows = some_bars(600)
    paths = [write(tmp_path / f"{n}.csv", kline_csv(rows[n * 200 : n * 200 + 200])) for n in range(3)]
    assert bar_rows(opened(*paths).bars()) == rows
    assert bar_rows(opened(tmp_path).bars()) == rows
    assert bar_rows(opened(*paths, span=("2024-08-01T01:00", "2024-08-01T08:00")).bars()) == rows[60:480]
    with pytest.raises(DataError, match=r"goes back in time: 2024-08-01 00:00 comes after 2024-08-01 06:39 of"):
        bar_rows(opened(paths[1], paths[0]).bars())
    with pytest.raises(DataError, match="goes back in time"):
        bar_rows(opened(paths[1], paths[1]).bars())


def test_a_step_back_inside_a_file_is_named(tmp_path: Path) -> None:
    rows = some_trades(10)
    rows[6], rows[7] = rows[7], rows[6]
    with pytest.raises(DataError, match=r"2024-08-01 00:00:06 comes after 2024-08-01 00:00:07"):
        trade_rows(opened(write(tmp_path / "a.csv", agg_csv(rows))).trades())


def test_an_impossible_bar_is_named(tmp_path: Path) -> None:
    rows = some_bars(10)
    rows[4] = (*rows[4][:2], rows[4][3], rows[4][2], *rows[4][4:])  # high below low
    with pytest.raises(DataError, match="the bar of 2024-08-01 00:04 is impossible"):
        bar_rows(opened(write(tmp_path / "a.csv", kline_csv(rows))).bars())


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("1,2680.123456789,1,1,1,1722470400000,True,True", "more than 8 decimal places"),
        ("1,1e400,1,1,1,1722470400000,True,True", "decimal"),
        ("1,nan,1,1,1,1722470400000,True,True", "decimal"),
        ("1,-5,1,1,1,1722470400000,True,True", "out of range"),
        ("1,99999999999,1,1,1,1722470400000,True,True", "out of range"),
        ("1,2680,1,1,1,soon,True,True", "int64"),
        ("1,2680,1,1,1,1722470400000,True", "8 columns"),
        ("1,2680,1,1,1,1722470400000,perhaps,True", "bool"),
    ],
)
def test_a_broken_row_is_an_error_that_names_the_file(tmp_path: Path, line: str, word: str) -> None:
    path = write(tmp_path / "broken.csv", agg_csv(some_trades(5)) + line + "\n")
    with pytest.raises(DataError) as found:
        trade_rows(opened(path).trades())
    assert str(path) in found.value.message and word in found.value.message


@pytest.mark.parametrize("suffix", [".csv.gz", ".zip"])
def test_a_cut_file_is_an_error_and_never_a_short_history(tmp_path: Path, suffix: str) -> None:
    whole = write(tmp_path / f"whole{suffix}", agg_csv(some_trades(5_000)))
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:-2_000])
    with pytest.raises(DataError, match="cannot read"):
        trade_rows(opened(cut).trades())


def test_frames_are_told_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "usdm_ethusdt_20240808.jsonl.gz", '{"recv_ns":1,"frame":{}}\n' * 3)
    data = opened(path)
    assert (data.kind, data.market, data.symbol, data.paths) == (FRAMES, "usdm", "ETH-USDT", (path,))
    assert data.sources()[0].rows == 3


def test_what_is_no_data_or_not_there_or_mixed(tmp_path: Path) -> None:
    letter = write(tmp_path / "letter.txt", "Dear venue,\nwhere is my trade\n")
    trades = write(tmp_path / "t.csv", agg_csv(some_trades(3)))
    bars = write(tmp_path / "b.csv", kline_csv(some_bars(3)))
    for wrong, words in [
        (str(letter), "neither trades, bars nor frames"),
        (str(tmp_path / "none.csv"), "there is no file"),
        (f"{trades},{bars}", "mixes trades"),
    ]:
        with pytest.raises(ConfigError, match=words):
            open_data(wrong, NOWHERE)


def test_the_store_by_range(tmp_path: Path) -> None:
    store = Store(tmp_path)
    wanted = series("usdm", "ETH-USDT", TRADES)
    rows = some_trades(3 * 86_400, step_ms=1_000)
    for n in range(3):
        store.put(wanted, date(2024, 8, 1 + n), [trade_chunk(rows[n * 86_400 : (n + 1) * 86_400])])
    bars = some_bars(1440)
    store.put(wanted._replace(kind=BARS), date(2024, 8, 1), [bar_chunk(bars)])

    data = open_data("", tmp_path, SourceQuery())
    assert (data.kind, data.market, data.symbol) == (TRADES, "usdm", "ETH-USDT")
    assert trade_rows(data.trades()) == rows
    span = parse_range("2024-08-01T23:59:00", "2024-08-02T00:01")
    assert trade_rows(open_data("", tmp_path, SourceQuery(span=span)).trades()) == rows[86_340:86_460]
    assert [path.name for path in open_data("", tmp_path, SourceQuery(span=span)).paths] == [
        "2024-08-01.parquet",
        "2024-08-02.parquet",
    ]
    of_bars = open_data("", tmp_path, SourceQuery(kind=BARS))
    assert of_bars.kind == BARS and bar_rows(of_bars.bars()) == bars

    with pytest.raises(ConfigError, match=r"lacks trades of usdm ETHUSDT for 2024-07-31") as found:
        open_data("", tmp_path, SourceQuery(kind=TRADES, span=parse_range("2024-07-31", "2024-08-02")))
    assert "make download SYMBOL=ETH-USDT MARKET=usdm FROM=2024-07-31 TO=2024-08-02" in found.value.remedy
    store.path(wanted, date(2024, 8, 2)).unlink()
    with pytest.raises(ConfigError, match=r"for 2024-08-02"):  # a hole in the middle is not skipped
        open_data("", tmp_path, SourceQuery(kind=TRADES))
    with pytest.raises(ConfigError, match="there are no trades of spot"):
        open_data("", tmp_path, SourceQuery(market="spot"))


def test_a_stored_file_opens_by_its_name_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = some_bars(1440, DAY0_MS)
    store.put(series("spot", "ETH-USDT", BARS), date(2024, 8, 1), [bar_chunk(rows)])
    data = opened(store.path(series("spot", "ETH-USDT", BARS), date(2024, 8, 1)))
    assert (data.kind, data.market, data.symbol) == (BARS, "spot", "ETH-USDT")
    assert bar_rows(data.bars()) == rows


@pytest.mark.parametrize(
    ("name", "rows", "first_ms", "market"),
    [
        ("bars_1m/spot_ETHUSDT_20210420_20210520.csv.gz", 42_915, 1_618_951_200_000, "spot"),
        ("bars_1m/usdm_ETHUSDT_20230703_20230817.csv.gz", 64_066, 1_688_426_760_000, "usdm"),
        ("frames/spot_ethusdt_20240808_trades.csv.gz", 14_515, 1_723_161_255_611, "spot"),
        ("frames/usdm_ethusdt_20240808_trades.csv.gz", 14_076, 1_723_161_256_560, "usdm"),
    ],
)
def test_recorded_files(data_dir: Path, name: str, rows: int, first_ms: int, market: str) -> None:
    data = opened(data_dir / name)
    found = trade_rows(data.trades()) if data.kind == TRADES else bar_rows(data.bars())
    assert (len(found), found[0][0], data.market, data.symbol) == (rows, first_ms, market, "ETH-USDT")


# Reading ahead ---------------------------------------------------------------------------------------------------


def test_reading_ahead_keeps_order_passes_errors_on_and_ends_its_thread() -> None:
    assert list(read_ahead(iter(range(1_000)))) == list(range(1_000))

    def broken() -> Iterator[int]:
        yield 1
        raise DataError("the disk is gone")

    reader = read_ahead(broken())
    assert next(reader) == 1
    with pytest.raises(DataError, match="the disk is gone"):
        next(reader)

    made: list[int] = []

    def counted() -> Iterator[int]:
        for n in range(1_000):
            made.append(n)
            yield n

    early = read_ahead(counted(), 2)
    assert next(early) == 0
    early.close()
    assert len(made) <= 5
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
