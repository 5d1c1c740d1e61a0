"""The bench of the exchange: its load sends what it says, and its arithmetic."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.test_bench_kit import run
from tests.source_tree import ROOT


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("exchange_load")


def test_every_order_that_rests_is_cancelled_once_and_later(load: ModuleType) -> None:
    placed: dict[int, int] = {}
    cancelled: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    for slot in range(10_000):
        kind, number = load.order_of(slot, 6)
        kinds[kind] += 1
        if kind == load.PLACE:
            placed[number] = slot
        elif kind == load.CANCEL:
            assert number in placed
            assert 50 <= slot - placed[number] <= 70
            cancelled[number] += 1
    assert set(cancelled.values()) == {1}
    assert len(placed) - len(cancelled) < 30
    assert 0.39 < kinds[load.PLACE] / 10_000 <= 0.4
    assert 0.39 < kinds[load.CANCEL] / 10_000 <= 0.4


def test_quantiles_and_slope(load: ModuleType) -> None:
    assert load.quantiles([]) == {"count": 0}
    found = load.quantiles([float(i) for i in range(1_000)])
    assert (found["count"], found["p50"], found["p99"], found["p99.9"], found["max"]) == (1_000, 500, 990, 999, 999)
    bench = importlib.import_module("bench_exchange")
    assert bench.least_squares([(x, 7 * x + 3) for x in range(20)]) == pytest.approx(7)
    assert bench.least_squares([(1, 1)]) == float("inf")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the bench needs two cores")
def test_a_short_run_answers_everything(tmp_path: Path) -> None:
    options = "--seconds 5 --warmup 1 --rate 60 --clients 2 --orders 300 --prefill 100".split()
    code, found, said = run("benchmarks/bench_exchange.py", tmp_path, *options)
    assert code == 1, said  # too few samples after the history is full: a miss, as it must be
    assert "memory: samples of RSS there" in found["missed"]
    assert found["load"]["unanswered"] == 0
    assert found["load"]["bad"] == {}
    assert found["memory"]["bad"] == {}
    assert found["memory"]["trading"]["spot"]["orders_ever"] >= 170
    assert found["load"]["ack_ms"]["rest"]["count"] > 100
    assert found["load"]["ack_ms"]["socket"]["count"] > 100
