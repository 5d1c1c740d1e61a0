"""`lookahead-check`: does a run on this data know what it cannot know yet, does it begin with enough history?"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.backtesting.bias import CUTS, WARM_BARS, BiasReport, BiasRunner, Difference, check_bias
from supreme_system_v5.backtesting.bias_columns import ColumnsRunner
from supreme_system_v5.backtesting.bias_frames import FramesRunner
from supreme_system_v5.backtesting.results import BARS, FRAMES
from supreme_system_v5.commands.backtest import bar_ms_of, instrument_of, model_of, open_data, parameters_of
from supreme_system_v5.commands.backtest_frames import frame_parameters, open_recording
from supreme_system_v5.commands.tables import render_table, say, say_json
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.history.open import Data

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

_CUTS_MAX: Final = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cuts", type=_cuts, default=CUTS, metavar="N", help="at how many moments the data is cut")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0, or 1 with the first decision that differs. Raises ConfigError for data that cannot be used."""
    data = open_data(settings, args)
    with tempfile.TemporaryDirectory(prefix="supreme-bias-") as folder:
        report = check_bias(_runner(settings, args, data, Path(folder)), args.cuts, settings.seed, _tell())
    _wipe()
    if args.json:
        say_json(_document(report, settings.strategy))
    else:
        say(render(report, settings.strategy))
    return 0 if report.first is None else 1


def _runner(settings: Settings, args: argparse.Namespace, data: Data, folder: Path) -> BiasRunner:
    if data.kind == FRAMES:
        recording = open_recording(settings, data.paths, not (getattr(args, "from") or args.to))
        of_frames = frame_parameters(settings, recording)
        return FramesRunner(of_frames, recording, folder, lambda _paths: make_strategy(of_frames))
    market, symbol = data.market or settings.market, data.symbol or settings.symbol
    parameters = parameters_of(settings, market, symbol)
    return ColumnsRunner(
        parameters,
        instrument_of(market, symbol),
        model_of(settings),
        bar_ms_of(settings, data),
        data.bars if data.kind == BARS else data.trades,
        lambda _chunks: make_strategy(parameters),
    )


def render(report: BiasReport, strategy: str) -> str:
    """The tables and the verdict."""
    lines = [f"Look-ahead: {strategy}, {report.decisions:,} decisions on the whole data", ""]
    headers = ("data up to (UTC)", "share", "decisions", "cut after it", "altered after it")
    rows = [
        (_utc(row.at_ns), f"{100 * row.share:.0f} %", f"{row.decisions:,}", _same(row.cut), _same(row.altered))
        for row in report.cuts
    ]
    lines += [render_table(headers, rows, ("data up to (UTC)", "cut after it", "altered after it")), ""]
    lines += _warm_lines(report)
    first = report.first
    if first is None:
        lines.append("OK: nothing that was decided depends on what came later.")
        if not any(row.decisions for row in report.cuts):
            lines.append("There was no decision to compare before any cut: this says little. Take more data.")
    else:
        lines.append(_named(first))
    return "\n".join(lines)


def _warm_lines(report: BiasReport) -> list[str]:
    if not report.warm:
        return [f"Warm-up: not checked: {report.warm_note}.", ""]
    begins = ", ".join(_utc(at_ns) for at_ns in report.starts)
    lines = [f"Warm-up: runs from {begins} on", ""]
    rows = [
        (f"{row.bars:,}", f"{row.decisions:,}", _same(row.difference), "what a daemon takes" * (row.bars == WARM_BARS))
        for row in report.warm
    ]
    headers = ("bars before", "decisions after", "against the longest", "")
    lines += [render_table(headers, rows, ("against the longest", "")), ""]
    if not any(row.decisions for row in report.warm):
        lines.append("There was no decision after a warm-up: this says nothing about it. Take more data.")
    elif report.bars_enough is not None:
        lines.append(f"{report.bars_enough:,} bars of warm-up suffice: more of them change no decision.")
    else:
        lines.append("No length that was tried suffices: even the longest but one changes a decision.")
    if report.warm_note:
        lines.append(f"({report.warm_note})")
    return [*lines, ""]


def _named(found: Difference) -> str:
    if found.check == "warm-up":
        head = f"FAILED: {WARM_BARS} bars of warm-up or more are not enough: more history changes a decision."
        names = ("with the longest history", "with less")
    else:
        head = f"FAILED: a decision depends on data after {_utc(found.at_ns)} (which was {found.check})."
        names = ("with the whole data", f"with the data {found.check}")
    width = max(len(name) for name in names)
    said = [
        f"  {name:{width}}  {text or 'nothing'}" for name, text in zip(names, (found.whole, found.changed), strict=True)
    ]
    return "\n".join([head, f"  the first is of {_utc(found.time_ns)}:", *said])


def _same(found: Difference | None) -> str:
    return "the same" if found is None else f"DIFFERS from {_utc(found.time_ns)} on"


def _utc(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns / 1e9, timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + ("" if time_ns % 10**9 == 0 else f".{time_ns % 10**9 // 10**6:03d}")


def _document(report: BiasReport, strategy: str) -> dict[str, Any]:
    def of(found: Difference | None) -> dict[str, Any] | None:
        return None if found is None else found._asdict()

    return {
        "strategy": strategy,
        "decisions": report.decisions,
        "is_ok": report.first is None,
        "first": of(report.first),
        "cuts": [{**row._asdict(), "cut": of(row.cut), "altered": of(row.altered)} for row in report.cuts],
        "warm_up": [{**row._asdict(), "difference": of(row.difference)} for row in report.warm],
        "bars_enough": report.bars_enough,
        "warm_note": report.warm_note,
    }


def _tell() -> Callable[[str], None]:
    """What is being played, on stderr: one line that changes on a terminal, a line each elsewhere."""
    is_live = sys.stderr.isatty()

    def tell(text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text} ..." if is_live else f"{text}\n")
        sys.stderr.flush()

    return tell


def _wipe() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _cuts(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= _CUTS_MAX:
        raise argparse.ArgumentTypeError(f"--cuts: 1 to {_CUTS_MAX}, not {text}")
    return int(text)
