"""The bias checks: honest runs pass, a strategy that knows the future or began too early is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from supreme_system_v5.adapters.exchange.market.recording import read_lines
from supreme_system_v5.backtesting.bias import ALTERED, CUT, WARM_UP, BiasReport, check_bias
from supreme_system_v5.backtesting.bias_columns import ColumnsRunner
from supreme_system_v5.backtesting.bias_frames import FramesRunner
from supreme_system_v5.backtesting.frames import open_frames
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Strategy
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.history.columns import BarChunk, TradeChunk
from supreme_system_v5.optimized.analyzer import Snapshot
from supreme_system_v5.trading import account_key, make_parameters
from tests.backtesting.bias_strategies import Chunks, Clairvoyant, Normalised, Simple, Slow
from tests.backtesting.frames_world import generated_lines, write_lines
from tests.backtesting.made_bars import MINUTE_MS, generated_bars
from tests.backtesting.series import BarRow, bar_chunks, generated_trades, recorded_bars, trade_chunks
from tests.determinism.daemon import BUSY, settings_of
from tests.determinism.recordings import FILES, MARKETS

MODEL = FillModel()
OPEN = Parameters(max_consecutive_losses=1_000, max_daily_drawdown_pct=0.9)
FAST = replace(
    OPEN,
    bar_seconds=1,
    position_timeout_minutes=0.5,
    scalping_interval_min_seconds=1.0,
    scalping_interval_max_seconds=2.0,
)


def of_bars(rows: list[BarRow], parameters: Parameters, make: Callable[[Chunks], Strategy] | None = None) -> BiasReport:
    def chunks() -> Iterator[BarChunk | TradeChunk]:
        yield from bar_chunks(rows, 700)

    honest = make or (lambda _chunks: make_strategy(parameters))
    return check_bias(ColumnsRunner(parameters, eth_usdt("usdm"), MODEL, MINUTE_MS, chunks, honest), seed=5)


def test_an_honest_run_on_bars_passes() -> None:
    report = of_bars(generated_bars(3_600, 1), OPEN)
    assert report.first is None
    assert len(report.cuts) == 5 and report.cuts[-1].decisions > report.cuts[0].decisions > 5
    assert report.bars_enough is not None and 35 < report.bars_enough <= 500
    assert report.warm[0].difference is not None, "35 bars cannot be enough"
    assert all(row.decisions > 0 for row in report.warm)


@pytest.mark.slow
def test_an_honest_run_on_trades_passes() -> None:
    rows = generated_trades(30_000, 4)

    def chunks() -> Iterator[BarChunk | TradeChunk]:
        yield from trade_chunks(rows, 3_000)

    runner = ColumnsRunner(FAST, eth_usdt("usdm"), MODEL, 0, chunks, lambda _chunks: make_strategy(FAST))
    report = check_bias(runner, seed=6)
    assert report.first is None
    assert report.cuts[0].decisions > 5
    assert report.bars_enough is not None and report.bars_enough <= 500


@pytest.mark.parametrize("make", [Clairvoyant, Normalised], ids=lambda make: make.__name__)
def test_who_looks_ahead_is_found_and_named(make: Callable[[Chunks], Strategy]) -> None:
    report = of_bars(generated_bars(2_000, 2), OPEN, make)
    found = report.first
    assert found is not None and found.check in (CUT, ALTERED)
    assert found.time_ns <= found.at_ns
    assert found.whole != found.changed and (found.whole or found.changed)
    assert any(row.cut for row in report.cuts) and any(row.altered for row in report.cuts)


def test_a_warm_up_that_is_too_short_is_found() -> None:
    bars = generated_bars(2_100, 3)
    report = of_bars(bars, OPEN, lambda _chunks: Slow(800))
    assert [row.cut for row in report.cuts] == [None] * 5
    assert report.first is not None and report.first.check == WARM_UP
    assert report.bars_enough == 1_000


def test_the_bars_that_are_enough_are_told() -> None:
    enough = of_bars(generated_bars(2_100, 3), OPEN, lambda _chunks: Slow(350))
    assert enough.first is None and enough.bars_enough == 400


def test_what_is_too_short_to_be_checked_is_said() -> None:
    report = of_bars(generated_bars(600, 3), OPEN)
    assert report.warm == [] and report.bars_enough is None
    assert "600" in report.warm_note or "599" in report.warm_note
    assert report.first is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spot_ETHUSDT_20210420_20210520", "usdm_ETHUSDT_20230703_20230817"])
def test_recorded_bars(data_dir: Path, name: str) -> None:
    report = of_bars(recorded_bars(data_dir / "bars_1m" / f"{name}.csv.gz"), replace(OPEN, market="usdm"))
    assert report.first is None
    assert report.bars_enough is not None and report.bars_enough <= 500


# Frames -----------------------------------------------------------------------------------------------------------


class EndOfFile(Simple):
    """Compares the price with the very last trade of the files it was given."""

    name = "end of file"

    def __init__(self, paths: tuple[Path, ...]) -> None:
        super().__init__()
        trades = [line for line in read_lines(paths) if line.stream.endswith("@trade")]
        self.last = float(json.loads(trades[-1].payload)["p"])

    def side(self, snapshot: Snapshot) -> int:
        return BUY if snapshot.price < self.last else SELL


def of_frames(
    paths: list[Path],
    market: str,
    folder: Path,
    make: Callable[[tuple[Path, ...]], Strategy] | None = None,
    cuts: int = 3,
) -> BiasReport:
    settings = settings_of(market, folder, **BUSY)
    parameters = make_parameters(settings, account_key(settings, True, False))
    honest = make or (lambda _paths: make_strategy(parameters))
    return check_bias(FramesRunner(parameters, open_frames(paths), folder, honest), cuts, seed=9)


def test_an_end_of_file_is_found_on_frames(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "made.jsonl.gz", generated_lines("usdm", 90.0))
    report = of_frames([path], "usdm", tmp_path, EndOfFile)
    found = report.first
    assert found is not None and found.check in (CUT, ALTERED) and found.time_ns <= found.at_ns
    assert "no bars" in report.warm_note


def test_an_honest_run_on_frames_passes(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "made.jsonl.gz", generated_lines("usdm", 90.0, seed=12))
    report = of_frames([path], "usdm", tmp_path)
    assert report.first is None and report.cuts[-1].decisions > 0


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_recorded_frames(data_dir: Path, tmp_path: Path, market: str) -> None:
    report = of_frames([data_dir / "frames" / name for name in FILES[market]], market, tmp_path, cuts=2)
    assert report.first is None and report.cuts[-1].decisions > 0
    assert len(report.warm) > 5
