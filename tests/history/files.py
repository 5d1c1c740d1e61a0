"""Data on disk for the tests of this room: rows as plain Python numbers, and the files that hold them."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.history.columns import BarChunk, TradeChunk, int64_column

Row = tuple[int, ...]
DAY0_MS = 1_722_470_400_000  # 2024-08-01


def numbers(column: object) -> list[int]:
    return memoryview(column).cast("B").cast("q").tolist()  # type: ignore[arg-type]


def trade_rows(chunks: Iterable[TradeChunk]) -> list[Row]:
    """(time, id, price, quantity, is_buyer_maker) of every trade."""
    found: list[Row] = []
    for chunk in chunks:
        columns = [numbers(column) for column in chunk[1:5]]
        columns.append(list(bytes(chunk.is_buyer_maker)))
        assert {len(column) for column in columns} == {chunk.rows}
        found += zip(*columns, strict=True)
    return found


def bar_rows(chunks: Iterable[BarChunk]) -> list[Row]:
    """(open time, open, high, low, close, volume) of every bar."""
    found: list[Row] = []
    for chunk in chunks:
        columns = [numbers(column) for column in chunk[1:]]
        assert {len(column) for column in columns} == {chunk.rows}
        found += zip(*columns, strict=True)
    return found


def trade_chunk(rows: Sequence[Row]) -> TradeChunk:
    columns = [int64_column([row[place] for row in rows]) for place in range(4)]
    return TradeChunk(len(rows), *columns, bytes(row[4] for row in rows))


def bar_chunk(rows: Sequence[Row]) -> BarChunk:
    return BarChunk(len(rows), *[int64_column([row[place] for row in rows]) for place in range(6)])


def some_trades(count: int, start_ms: int = DAY0_MS, step_ms: int = 1_000, first_id: int = 100) -> list[Row]:
    """Trades with ids in a row and prices that wander."""
    return [
        (start_ms + n * step_ms, first_id + n, 268_000_000_000 + (n * 7919 % 1000) * 1_000_000, 1_000_000 + n, n % 2)
        for n in range(count)
    ]


def some_bars(count: int, start_ms: int = DAY0_MS, step_ms: int = 60_000) -> list[Row]:
    """Bars in a row, possible ones."""
    found: list[Row] = []
    close = 268_000_000_000
    for n in range(count):
        opened, close = close, 268_000_000_000 + (n * 7919 % 1000) * 1_000_000
        high, low = max(opened, close) + 2_000_000, min(opened, close) - 1_000_000
        found.append((start_ms + n * step_ms, opened, high, low, close, 5_000_000_000 + n))
    return found


def agg_csv(rows: Sequence[Row], unit: int = 1, is_spot: bool = True, header: bool = False) -> str:
    """As the venue's aggTrades files: spot with a last column of its own and True/False, USD-M with true/false."""
    lines = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"] * header
    for time_ms, number, price, quantity, maker in rows:
        flag = str(bool(maker)) if is_spot else str(bool(maker)).lower()
        tail = ",True" if is_spot else ""
        lines.append(f"{number},{format_e8(price)},{format_e8(quantity)},1,2,{time_ms * unit},{flag}{tail}")
    return "\n".join(lines) + "\n"


def kline_csv(rows: Sequence[Row], unit: int = 1, header: bool = False) -> str:
    """As the venue's klines files."""
    lines = [
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
    ] * header
    for open_ms, *values in rows:
        texts = ",".join(format_e8(value) for value in values)
        lines.append(f"{open_ms * unit},{texts},{(open_ms + 60_000) * unit - 1},1.0,3,0.5,0.5,0")
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    """As the name wants it: plain, .gz or .zip."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem + ".csv", text)
    else:
        path.write_text(text)
    return path
