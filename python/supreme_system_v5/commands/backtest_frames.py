"""`backtest` on a recording of frames: in the account of a daemon on the exchange that plays it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from supreme_system_v5.backtesting.frames import FrameData, open_frames
from supreme_system_v5.backtesting.frames_backtest import FrameBacktester
from supreme_system_v5.backtesting.frames_venue import SYMBOL
from supreme_system_v5.backtesting.results import BacktestResult
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.trading import account_key, make_parameters

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def frame_parameters(settings: Settings, data: FrameData) -> Parameters:
    """The parameters of a daemon on the exchange that plays the recording: a simulated account of its market."""
    settings = replace(settings, market=data.market, symbols=(SYMBOL,))
    return make_parameters(settings, account_key(settings, True, False))


def open_recording(settings: Settings, paths: Sequence[Path], is_whole: bool) -> FrameData:
    """Look at the recording. Raises ConfigError for a part of one (``is_whole`` False), and for bad files."""
    if not is_whole:
        raise ConfigError("FROM and TO are for bars and trades", "a recording of frames is played from its beginning")
    if tuple(settings.symbols) != (SYMBOL,):
        raise ConfigError(f"recordings are played of {SYMBOL} only, not of {settings.symbols[0]}", f"SYMBOLS={SYMBOL}")
    return open_frames(paths)


def play_recording(
    settings: Settings, paths: Sequence[Path], is_whole: bool, show: Callable[[int, float], None]
) -> BacktestResult:
    """The finished run; ``show`` is told the events and the share of the data so far. Raises ConfigError."""
    data = open_recording(settings, paths, is_whole)
    parameters = frame_parameters(settings, data)
    run = FrameBacktester(parameters, data, make_strategy(parameters))
    run.run(lambda share: show(int(run.engine.state.events), share))
    result = run.result()
    result.is_simulated = data.venue.is_simulated
    return result
