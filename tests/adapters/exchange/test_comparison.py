"""The generated market against the recordings: the figures of benchmarks/compare_market.py, over a shorter stretch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

# A quarter of the command's stretch scatters more: (lowest, highest) ratio generated / recorded.
LOOSE = (0.5, 2.0)
# Figures that lie further away for the reason that the command prints.
FURTHER = {"spot aggTrade size p50": (0.5, 3.0)}


@pytest.fixture(scope="module")
def command(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_market", repository / "benchmarks" / "compare_market.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_the_generated_market_is_like_the_recorded_one(command: ModuleType, market: str, data_dir: Path) -> None:
    made, _ = command.generated(market, 2.5, 3)
    real = command.recorded(market, data_dir)
    assert set(made) == set(real)
    assert len(made) == 26
    ratios = {key: made[key] / real[key] for key in made}
    outside = {
        key: ratio for key, ratio in ratios.items() if not _bounds(market, key)[0] <= ratio <= _bounds(market, key)[1]
    }
    assert outside == {}


def _bounds(market: str, key: str) -> tuple[float, float]:
    return FURTHER.get(f"{market} {key}", LOOSE)


def test_a_figure_outside_the_bound_needs_a_reason(command: ModuleType) -> None:
    assert command.verdict("spot", "trades/s mean", 20.0, 22.0) == (20.0 / 22.0, "")
    assert command.verdict("spot", "trades/s mean", 10.0, 22.0)[1] == command.UNEXPLAINED
    assert command.verdict("usdm", "depth frames/s", 10.0, 19.0)[1].startswith("recorded is depth@0ms")
