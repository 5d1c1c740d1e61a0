"""Files of trades or bars, in any order and state, into the store; and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.csv_files import csv_form, head_of, read_csv
from supreme_system_v5.history.day_maker import DayMaker
from supreme_system_v5.history.download import alone
from supreme_system_v5.history.kinds import (
    ALL_TIME,
    BARS,
    DAY_MS,
    FRAMES,
    MARKETS,
    MINUTE_MS,
    DataError,
    Range,
    day_of,
)
from supreme_system_v5.history.open import Data, is_parquet, open_data
from supreme_system_v5.history.parquet import Chunk, DayFile
from supreme_system_v5.history.progress import Progress
from supreme_system_v5.history.report import Report
from supreme_system_v5.history.store import SIMULATED, Series, Store, series
from supreme_system_v5.history.survey import save_report, survey_store
from supreme_system_v5.history.validate import Checker, OutOfOrder, columns_of_chunk, in_order


class Imported(NamedTuple):
    """What was stored, and what was found in it."""

    series: Series
    days: list[date]
    report: Report


def import_files(store: Store, text: str, symbol: str, market: str, is_shown: bool) -> Imported:
    """Store the rows of files joined by commas. What is stored of their time already is replaced.

    ``symbol`` and ``market``: "" = as the files say. Raises ConfigError, DataError.
    """
    data = open_data(text, Path())
    _refuse_frames(data)
    market, symbol = market or data.market, symbol or data.symbol
    if not symbol:
        raise ConfigError(f"{text} does not say which symbol it is of", "SYMBOL=ETH-USDT")
    if market not in MARKETS:
        raise ConfigError(f"{text} does not say which market it is of", "MARKET=spot or MARKET=usdm")
    if data.kind == BARS and (bar_ms := step_of(data)) != MINUTE_MS:
        raise ConfigError(f"{text} has bars of {bar_ms // 1_000} s", "the store keeps 1-minute bars")
    wanted = series(market, symbol, data.kind)
    source = SIMULATED if data.is_simulated else ""
    store.refuse_mix(wanted, source)
    span, day_count = _extent(data)
    progress = Progress("days", day_count, is_shown=is_shown)
    with alone(store.folder):
        days = DayMaker(store, wanted, source=source).put_all(
            lambda: _with_stored(store, wanted, data, span), ALL_TIME, on_day=lambda day: progress.step(day.isoformat())
        )
        progress.close()
        if not days:
            raise DataError(f"there is no usable row in {text}", "make check-data FILE= says what is wrong with them")
        report = survey_store(store, wanted, span)
        save_report(store, wanted, report)
    return Imported(wanted, days, report)


def survey_files(text: str) -> Report:
    """What is in files joined by commas, as they are. Raises ConfigError, DataError."""
    data = open_data(text, Path())
    _refuse_frames(data)
    bar_ms = step_of(data) if data.kind == BARS else MINUTE_MS
    report = Report(f"{data.kind} of {', '.join(path.name for path in data.paths)}", data.kind)
    checker = Checker(data.kind, report, bar_ms=bar_ms)
    try:
        for chunk in raw_chunks(data):
            checker.check(chunk)
    except OutOfOrder:
        report = Report(report.name, data.kind)
        checker = Checker(data.kind, report, bar_ms=bar_ms, is_sorted=True)
        for chunk in in_order(data.kind, raw_chunks(data), report):
            checker.check(chunk)
    checker.finish()
    return report


def raw_chunks(data: Data) -> Iterator[Chunk]:
    """The rows as they are, without a check."""
    for path in data.paths:
        if is_parquet(path):
            file = DayFile(path)
            yield from file.chunks(ALL_TIME.from_ms, ALL_TIME.to_ms)
            file.close()
            continue
        form = csv_form(head_of(path))
        assert form is not None
        yield from read_csv(path, form)


def step_of(data: Data) -> int:
    """The most frequent step between two bars, ms."""
    import numpy as np

    for chunk in raw_chunks(data):
        steps, counts = np.unique(np.abs(np.diff(columns_of_chunk(chunk)[0])), return_counts=True)
        if len(steps):
            return int(steps[np.argmax(counts)])
    return MINUTE_MS


def _extent(data: Data) -> tuple[Range, int]:
    """From the first to the last row, and the number of days that have one. Raises DataError for no row at all."""
    days: set[int] = set()
    first_ms, last_ms = ALL_TIME.to_ms, -1
    for chunk in raw_chunks(data):
        times = columns_of_chunk(chunk)[0]
        first_ms, last_ms = min(first_ms, int(times.min())), max(last_ms, int(times.max()))
        days.update(range(int(times.min()) // DAY_MS, int(times.max()) // DAY_MS + 1))
    if last_ms < 0:
        raise DataError(f"there is no row in {', '.join(map(str, data.paths))}", "is it the right file?")
    return Range(first_ms, last_ms + 1), len(days)


def _with_stored(store: Store, wanted: Series, data: Data, span: Range) -> Iterator[Chunk]:
    """The rows of the files, between what is stored of their first and of their last day."""
    yield from _stored(store, wanted, Range(span.from_ms - span.from_ms % DAY_MS, span.from_ms))
    yield from raw_chunks(data)
    yield from _stored(store, wanted, Range(span.to_ms, span.to_ms + -span.to_ms % DAY_MS))


def _stored(store: Store, wanted: Series, span: Range) -> Iterator[Chunk]:
    path = store.path(wanted, day_of(span.from_ms))
    if span.from_ms < span.to_ms and path.exists():
        file = DayFile(path)
        yield from file.chunks(span.from_ms, span.to_ms)
        file.close()


def _refuse_frames(data: Data) -> None:
    if data.kind == FRAMES:
        raise ConfigError(f"{data.paths[0]} holds recorded frames", "give frames to `make backtest DATA=` as they are")
