"""What the digest sees, and what it must not see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame
from tests.determinism.daemon import settings_of
from tests.determinism.for_loop import ForLoop
from tests.determinism.recordings import MARKETS, SECOND, long_test, recording

SLICE_SECONDS = 75  # a minute bar closes in it
SAID = """
import sys
from pathlib import Path
from tests.determinism.test_digest import play
print(play(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).digest)
"""
# The first number of a price (or size) in each stream, moved by its last digit.
ALTERED = {
    "trade price": ("@aggTrade", rb'("p":")([0-9.]+)'),
    "trade size": ("@aggTrade", rb'("q":")([0-9.]+)'),
    "bid": ("@bookTicker", rb'("b":")([0-9.]+)'),
    "bid size": ("@bookTicker", rb'("B":")([0-9.]+)'),
    "level price": ("@depth", rb'("b":\[\[")([0-9.]+)'),
    "level size": ("@depth", rb'("b":\[\["[0-9.]+",")([0-9.]+)'),
}


def play(data_dir: Path, folder: Path, market: str, seconds: float = SLICE_SECONDS, **keys: str) -> ForLoop:
    source = recording(data_dir, market)
    return ForLoop(source, settings_of(market, folder, **keys), source.start_ns + int(seconds * SECOND)).run()


class OneNumber:
    """Changes one number of the n-th frame of a stream that has it."""

    def __init__(self, what: str, number: int) -> None:
        self._stream, pattern = ALTERED[what]
        self._pattern = re.compile(pattern)
        self._left = number
        self.done = 0

    def __call__(self, frame: OutFrame) -> OutFrame:
        if self._stream not in frame.stream or not self._pattern.search(frame.payload):
            return frame
        self._left -= 1
        if self._left != 0:
            return frame
        self.done += 1
        return frame._replace(payload=self._pattern.sub(self._move, frame.payload, count=1))

    @staticmethod
    def _move(match: re.Match[bytes]) -> bytes:
        text = match[2]
        digit = b"1" if text[-1:] != b"1" else b"2"
        return match[1] + text[:-1] + digit


@pytest.fixture(scope="module")
def clean(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return play(data_dir, tmp_path_factory.mktemp("clean"), "usdm").digest


@pytest.mark.parametrize("what", sorted(ALTERED))
@pytest.mark.parametrize("number", [350, pytest.param(150, marks=long_test)])
def test_one_altered_number_of_one_frame_changes_it(
    data_dir: Path, tmp_path: Path, clean: str, what: str, number: int
) -> None:
    source = recording(data_dir, "usdm")
    alter = OneNumber(what, number)
    end_ns = source.start_ns + SLICE_SECONDS * SECOND
    digest = ForLoop(source, settings_of("usdm", tmp_path), end_ns, alter=alter).run().digest
    assert alter.done == 1
    assert digest != clean


@pytest.mark.parametrize(
    "keys",
    [
        {"SEED": "43"},
        {"VOLUME_THRESHOLD": "1.6"},
        {"GATE_TARGET_SKIP": "0.71"},
        {"MIN_PRICE_CHANGE_PCT": "0.00002"},
        {"SCALPING_INTERVAL_MAX": "50"},
        {"INITIAL_BALANCE": "10001"},
        {"BAR_SECONDS": "30"},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_an_altered_decision_changes_it(data_dir: Path, tmp_path: Path, clean: str, keys: dict[str, str]) -> None:
    assert play(data_dir, tmp_path, "usdm", **keys).digest != clean


def test_a_lost_frame_changes_it(data_dir: Path, tmp_path: Path, clean: str) -> None:
    source = recording(data_dir, "usdm")
    shorter = ForLoop(source, settings_of("usdm", tmp_path), source.start_ns + (SLICE_SECONDS - 1) * SECOND).run()
    assert shorter.digest != clean


def test_the_same_again_is_the_same(data_dir: Path, tmp_path: Path, clean: str) -> None:
    assert play(data_dir, tmp_path, "usdm").digest == clean


@pytest.mark.slow
def test_no_hash_seed_is_seen_in_it(data_dir: Path, tmp_path: Path, clean: str) -> None:
    for seed, mode in (("0", "true"), ("1", "true"), ("4242", "false")):  # the last one in the pure core
        said = subprocess.run(
            [sys.executable, "-c", SAID, str(data_dir), str(tmp_path), "usdm"],
            env={**os.environ, "PYTHONHASHSEED": seed, "OPTIMIZED_MODE": mode},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.stdout.strip() == clean, f"PYTHONHASHSEED={seed} OPTIMIZED_MODE={mode}: {said.stdout}{said.stderr}"


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize(
    ("target", "low", "high"), [("", 0.79, 0.83), ("0.70", 0.67, 0.73)], ids=["literal", "target 0.70"]
)
def test_skip_ratio(data_dir: Path, tmp_path: Path, market: str, target: str, low: float, high: float) -> None:
    """Recorded trades folded to aggTrades as the venue gives them out: literal about 0.80, target 0.70 +- 0.03."""
    source = recording(data_dir, market)
    loop = ForLoop(source, settings_of(market, tmp_path, GATE_TARGET_SKIP=target)).run()
    gate = loop.trading.engine.chart.gate
    ratio = gate.skip_ratio()
    mode = f"target {target}" if target else "literal"
    print(f"skip ratio {market} @aggTrade (folded), {mode}: {ratio:.3f} of {gate.trades_seen} trades")
    assert low <= ratio <= high
    assert ratio == pytest.approx(gate.trades_skipped / gate.trades_seen)
