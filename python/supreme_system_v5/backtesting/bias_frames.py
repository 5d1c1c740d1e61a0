"""The bias checks on recorded frames: shorter and altered copies of the recording, and shorter warm-ups."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.adapters.exchange.market.recorded_bars import bars_folder
from supreme_system_v5.adapters.exchange.market.recording import Line, read_lines
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, NS_PER_MS, RAW_TRADE, TRADE, stream_kind
from supreme_system_v5.backtesting.bias import WARM_BARS, DecisionLog, Played
from supreme_system_v5.backtesting.frames import FrameData, open_frames
from supreme_system_v5.backtesting.frames_backtest import FrameBacktester
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.money import format_e8, parse_e8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Strategy

_HISTORY_MAX: Final = 999  # closed klines that one request of the venue gives
_UNIT: Final = 1_024


class FramesRunner:
    """Plays a recording. ``folder`` is for the copies. ``make`` makes a strategy for a run and is handed the files that
    the run will be fed, which an honest strategy has no use for.
    """

    def __init__(
        self, parameters: Parameters, data: FrameData, folder: Path, make: Callable[[tuple[Path, ...]], Strategy]
    ) -> None:
        self._parameters = parameters
        self._data = data
        self._folder = folder
        self._make = make
        self._bars_dir = data.bars_dir or bars_folder(data.paths[0])
        self._breaks = self._find_breaks()

    def whole(self) -> Played:
        """The recording as it is."""
        return self._play(self._data.paths)

    def cut_at(self, share: float) -> int:
        """Just before a trade that begins a new aggTrade: else the cut itself would split the one before."""
        breaks = self._breaks
        return breaks[min(len(breaks) - 1, int(len(breaks) * share))] - 1

    def cut(self, at_ns: int) -> Played:
        """The lines up to there."""
        return self._play((self._copy("cut", at_ns, None),))

    def altered(self, at_ns: int, seed: int) -> Played:
        """With the numbers of all later lines moved: prices by some ticks, quantities by a factor."""
        return self._play((self._copy("altered", at_ns, random.Random(seed)),))

    def starts(self, whole: Played) -> tuple[list[int], int, str]:  # noqa: ARG002 - a recording begins where it does
        """The recording's own beginning."""
        if not self._data.venue.has_bars:
            return [], 0, "no bars lie beside the recording: every run begins without a warm-up"
        return [self._data.venue.start_ns], _HISTORY_MAX, ""

    def warmed(self, at_ns: int, bars: int) -> Played:  # noqa: ARG002
        """The recording after so many klines of warm-up."""
        return self._play(self._data.paths, bars)

    def _play(self, paths: tuple[Path, ...], warm_bars: int = WARM_BARS) -> Played:
        data = open_frames(paths, self._bars_dir)
        run = FrameBacktester(self._parameters, data, self._make(paths))
        log = DecisionLog(run.pump)
        see = run.collector.see

        def both(effects: list[Effect]) -> None:
            log.see(effects)
            see(effects)

        run.collector.see = both  # type: ignore[method-assign]
        run.run(None, NEVER, warm_bars)
        return Played(log.decisions, int(run.engine.state.now_ns))

    # -- the copies

    def _find_breaks(self) -> list[int]:
        """The receive times of trades that fold into nothing before them."""
        breaks: list[int] = []
        last: tuple[Any, ...] = ()
        is_session = bool(self._data.venue.session)
        for line in read_lines(self._data.paths):
            if stream_kind(line.stream) == RAW_TRADE:
                data = json.loads(line.payload)
                key = (data["T"], parse_e8(data["p"]), data["m"])
                if key != last:
                    breaks.append(line.recv_ns)
                last = key
            elif is_session and stream_kind(line.stream) == TRADE:
                breaks.append(line.recv_ns)
        return breaks or [self._data.venue.start_ns + NS_PER_MS]

    def _copy(self, name: str, at_ns: int, chance: random.Random | None) -> Path:
        path = self._folder / f"{name}.jsonl.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            for line in self._lines(at_ns, chance):
                stream = b'{"stream":"%b","data":%b}' % (line.stream.encode(), line.payload)
                file.write(b'{"recv_ns":%d,"frame":%b}\n' % (line.recv_ns, stream if line.stream else line.payload))
        return path

    def _lines(self, at_ns: int, chance: random.Random | None) -> Iterator[Line]:
        shift_e8 = 0 if chance is None else chance.choice((-1, 1)) * chance.randrange(5, 200)
        shift_e8 *= int(self._data.instrument.tick_e8)
        for line in read_lines(self._data.paths):
            if line.recv_ns <= at_ns:
                yield line
            elif chance is None:
                return
            elif line.stream:
                data = json.loads(line.payload)
                _alter(data, stream_kind(line.stream), shift_e8, chance)
                yield line._replace(payload=json.dumps(data, separators=(",", ":")).encode())
            else:
                yield line


def _alter(data: dict[str, Any], kind: str, shift_e8: int, chance: random.Random) -> None:
    """Move the numbers of a frame in place."""

    def price(text: str) -> str:
        return format_e8(max(1, parse_e8(text) + shift_e8))

    def quantity(text: str) -> str:
        return format_e8(max(1, parse_e8(text)) * chance.randrange(_UNIT // 2, 2 * _UNIT) // _UNIT + 1)

    if kind in (RAW_TRADE, TRADE):
        data["p"], data["q"] = price(data["p"]), quantity(data["q"])
        data["m"] = chance.random() < 0.5
    elif kind == "quote":
        data["b"], data["a"] = price(data["b"]), price(data["a"])
        data["B"], data["A"] = quantity(data["B"]), quantity(data["A"])
    elif kind == "depth":
        for side in ("b", "a"):
            data[side] = [[price(level), text if parse_e8(text) == 0 else quantity(text)] for level, text in data[side]]
