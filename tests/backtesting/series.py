"""Trades and bars for tests: from the recordings' tables, or generated; as rows and as chunks of columns."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.history.columns import BarChunk, TradeChunk, int64_column

TradeRow = tuple[int, int, int, int, bool]  # time_ms, id, price_e8, quantity_e8, is_buyer_maker
BarRow = tuple[int, int, int, int, int, int]  # open_ms, open, high, low, close, volume
START_MS = 1_723_161_600_000


def recorded_trades(path: Path) -> list[TradeRow]:
    """A `frames/*_trades.csv.gz` table."""
    with gzip.open(path, "rt") as file:
        return [
            (
                int(r["trade_ms"]),
                int(r["trade_id"]),
                parse_e8(r["price"]),
                parse_e8(r["qty"]),
                r["taker_side"] == "SELL",
            )
            for r in csv.DictReader(file)
        ]


def recorded_bars(path: Path) -> list[BarRow]:
    """A `bars_1m/*.csv.gz` table."""
    with gzip.open(path, "rt") as file:
        return [
            (int(r[0]), parse_e8(r[1]), parse_e8(r[2]), parse_e8(r[3]), parse_e8(r[4]), parse_e8(r[5]))
            for r in list(csv.reader(file))[1:]
        ]


def generated_trades(count: int, seed: int, wildness: float = 1.0, has_ids: bool = True) -> list[TradeRow]:
    """A random walk near 2000 in whole ticks, bursts within a millisecond, now and then a long silence."""
    rng = random.Random(seed)
    rows: list[TradeRow] = []
    time_ms, price, drift = START_MS, 200_000.0, 0.0
    for number in range(count):
        if rng.random() < 0.4:
            time_ms += int(rng.expovariate(1 / 130.0))
        if rng.random() < 0.0003:
            time_ms += rng.randint(5_000, 90_000)
        drift = 0.999 * drift + rng.gauss(0.0, 0.02 * wildness)
        price = max(1_000.0, price + drift + rng.gauss(0.0, 2.0 * wildness))
        quantity = max(1, int(rng.lognormvariate(1.5, 1.5)))
        rows.append(
            (time_ms, number + 7 if has_ids else -1, int(price) * 1_000_000, quantity * 100_000, rng.random() < 0.5)
        )
    return rows


def trade_chunks(rows: list[TradeRow], size: int = 65_536) -> Iterator[TradeChunk]:
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        times, ids, prices, quantities = (int64_column([row[i] for row in part]) for i in range(4))
        yield TradeChunk(len(part), times, ids, prices, quantities, bytes(int(row[4]) for row in part))


def bar_chunks(rows: list[BarRow], size: int = 65_536) -> Iterator[BarChunk]:
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        columns = [int64_column([row[i] for row in part]) for i in range(6)]
        yield BarChunk(len(part), *columns)
