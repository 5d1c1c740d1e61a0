"""`backtest`: the engine over bars or trades on disk; a report, and nothing else is touched."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.backtesting.backtester import Backtester
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.backtesting.results import BARS, FRAMES, TRADES, BacktestResult, DataSource
from supreme_system_v5.commands.backtest_frames import play_recording
from supreme_system_v5.commands.export_frames import SESSION_WORD, exported
from supreme_system_v5.commands.tables import say, say_json
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.instrument import Instrument, eth_usdt
from supreme_system_v5.core.domain.money import parse_e8, plain_e8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.history import open as history
from supreme_system_v5.history.kinds import parse_range
from supreme_system_v5.history.open import Data, SourceQuery
from supreme_system_v5.trading import account_key, make_parameters

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

BAR_WIDTH: Final = 32
LINE_SECONDS: Final = 0.2  # between two states of the progress bar on a terminal
PLAIN_SECONDS: Final = 5.0  # between two lines elsewhere


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0, also for a strategy that loses. Raises ConfigError (exit 2) for data or settings that cannot be used."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads would only cost memory and start time
    data = open_data(settings, args)
    if data.kind == FRAMES:
        return _of_frames(settings, args, data)
    market = data.market or settings.market
    symbol = data.symbol or settings.symbol
    bar_ms = bar_ms_of(settings, data)
    if not bar_ms and settings.backtest_fills != "model":
        raise ConfigError("BACKTEST_FILLS=simplest is for bars", "leave it out, or give a file of bars as DATA")
    run = make_backtester(settings, market, symbol, bar_ms)
    progress = Progress(data)
    gc.freeze()  # what was imported stays: no collection needs to look at it again
    if bar_ms:
        run.run_bars(data.bars(), progress.show)
    else:
        run.run_trades(data.trades(), progress.show)
    progress.end()
    if run.rows == 0:
        raise ConfigError(
            f"there is nothing in the data for {args.data or 'the store'} in this range", "see FROM and TO"
        )
    return _finish(settings, args, data, run.result())


def _of_frames(settings: Settings, args: argparse.Namespace, data: Data) -> int:
    progress = Progress(data)

    def show(events: int, share: float) -> None:
        data.bytes_read = round(share * data.bytes_total)
        progress.show(events)

    is_whole = not (getattr(args, "from") or args.to)
    result = play_recording(settings, data.paths, is_whole, show)
    progress.end()
    return _finish(settings, args, data, result)


def _finish(settings: Settings, args: argparse.Namespace, data: Data, result: BacktestResult) -> int:
    result.sources = [DataSource(source.path, source.rows, source.sha256) for source in data.sources()]
    result.settings = {key: text for key, text in settings.texts.items() if key.isupper()}
    result.settings |= {"MARKET": result.market, "SYMBOLS": result.symbol}
    publish(result, Home(settings.home), bool(args.json))
    return 0


def open_data(settings: Settings, args: argparse.Namespace) -> Data:
    """What DATA, FROM, TO and KIND name."""
    kind = args.kind or ""
    if kind not in ("", BARS, TRADES):
        raise ConfigError(f"KIND={kind} is not a kind of data in the store", "KIND=bars or KIND=trades")
    span = parse_range(getattr(args, "from") or "", args.to or "")
    query = SourceQuery(settings.market, args.symbol or settings.symbol, kind, span)
    text: str = args.data or ""
    if text.startswith(SESSION_WORD):
        text = exported(settings, text)
    return history.open_data(text, Home(settings.home).root / "data", query)


def bar_ms_of(settings: Settings, data: Data) -> int:
    """The length of the data's bars, 0 for trades. Raises ConfigError where BAR_SECONDS says another one."""
    bar_ms = data.bar_ms if data.kind == BARS else 0
    if bar_ms not in (0, settings.bar_seconds * 1000):
        raise ConfigError(
            f"the data's bars are of {bar_ms // 1000} s and BAR_SECONDS={settings.bar_seconds}",
            f"make backtest ... BAR_SECONDS={bar_ms // 1000}",
        )
    return bar_ms


def make_backtester(settings: Settings, market: str, symbol: str, bar_ms: int) -> Backtester:
    """The run that the settings ask for, on this market's and symbol's instrument."""
    parameters = parameters_of(settings, market, symbol)
    return Backtester(parameters, instrument_of(market, symbol), make_strategy(parameters), model_of(settings), bar_ms)


def parameters_of(settings: Settings, market: str, symbol: str) -> Parameters:
    """The parameters of a run over history of this market and symbol."""
    settings = replace(settings, market=market, symbols=(symbol,))
    return make_parameters(settings, account_key(settings, False, False))


def model_of(settings: Settings) -> FillModel:
    """How fills are made, by the settings."""
    return FillModel(
        settings.backtest_spread_ticks,
        parse_e8(str(settings.backtest_depth)),
        settings.backtest_slippage_bps,
        settings.backtest_fills,
    )


def instrument_of(market: str, symbol: str) -> Instrument:
    """The venue's filters, as of the shipped fixture; those of ETH-USDT for a symbol that it does not know."""
    instrument = eth_usdt(market)
    base, _, quote = symbol.partition("-")
    instrument.symbol, instrument.venue_symbol = symbol, symbol.replace("-", "")
    instrument.base_asset, instrument.quote_asset = base, quote
    return instrument


def publish(result: BacktestResult, home: Home, is_json: bool) -> None:
    """The summary on the terminal, and the files under run_artifacts/."""
    folder = home.new_session(time.time_ns()).dir
    report = import_module("supreme_system_v5.backtesting.report.write")
    terminal = import_module("supreme_system_v5.backtesting.report.terminal")
    paths: list[Path] = report.write_report(result, folder)
    if is_json:
        say_json(
            {
                "digest": result.digest,
                "trades": len(result.trades),
                "final_equity": plain_e8(result.final_equity_e8),
                "events": result.events,
                "elapsed_seconds": result.elapsed_seconds,
                "files": [str(path) for path in paths],
            }
        )
        return
    say(terminal.terminal_summary(result))
    for path in paths:
        say(f"  {path}")


class Progress:
    """A bar on stderr: live on a terminal, a line every few seconds elsewhere."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._is_live = sys.stderr.isatty()
        self._start = self._shown = time.monotonic()

    def show(self, rows: int) -> None:
        """So many rows are done."""
        now = time.monotonic()
        if now - self._shown < (LINE_SECONDS if self._is_live else PLAIN_SECONDS):
            return
        self._shown = now
        share = min(1.0, self._data.bytes_read / max(self._data.bytes_total, 1))
        filled = round(share * BAR_WIDTH)
        text = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {100 * share:3.0f} %  {rows:,} rows"
        text += f"  {rows / max(now - self._start, 1e-9):,.0f} rows/s"
        sys.stderr.write(f"\r{text}" if self._is_live else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Wipe the live line."""
        if self._is_live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
