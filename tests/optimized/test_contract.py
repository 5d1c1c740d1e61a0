"""One contract for every class of the kernel: bounded memory, honest warm-up, bad input refused, same in = same out.

The classes are found by looking into the folder: a new one that is not registered here fails.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import math
import pkgutil
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from supreme_system_v5 import optimized
from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer, Snapshot
from supreme_system_v5.optimized.atr import ATR
from supreme_system_v5.optimized.circular_buffer import CircularBuffer, RollingAverage
from supreme_system_v5.optimized.ema import EMA
from supreme_system_v5.optimized.latency_histogram import LatencyHistogram
from supreme_system_v5.optimized.macd import MACD
from supreme_system_v5.optimized.order_book import OrderBook
from supreme_system_v5.optimized.rsi import RSI
from supreme_system_v5.optimized.smart_events import SmartEventProcessor

NOT_FINITE = (math.nan, math.inf, -math.inf, 1e301, -1e301)
TICK = 1_000_000


def numbers(count: int) -> list[float]:
    rng = random.Random(5)
    return [2000.0 + rng.gauss(0.0, 3.0) for _ in range(count)]


NUMBERS = numbers(6000)


def bar(i: int) -> tuple[float, float, float, float, float]:
    """(open, high, low, close, volume)"""
    previous, close = NUMBERS[i - 1], NUMBERS[i]
    return previous, max(previous, close) + 0.5, min(previous, close) - 0.25, close, abs(close - 2000.0)


def feed_book(book: OrderBook, i: int) -> None:
    rng = random.Random(i)
    middle = 200_000 + int(NUMBERS[i] * 10)
    bids = [number for _ in range(5) for number in ((middle - rng.randint(1, 90)) * TICK, rng.choice([0, 3, 9]) * TICK)]
    asks = [number for _ in range(5) for number in ((middle + rng.randint(1, 90)) * TICK, rng.choice([0, 3, 9]) * TICK)]
    book.apply(bids, asks)


def snapshot_values(snapshot: Snapshot) -> list[float]:
    return [
        snapshot.price,
        snapshot.ema,
        snapshot.rsi,
        snapshot.macd,
        snapshot.macd_signal,
        snapshot.macd_histogram,
        snapshot.atr,
        snapshot.volume_mean,
    ]


def macd_preview(macd: MACD, i: int) -> list[float]:
    macd.preview(NUMBERS[i])
    return [macd.preview_line, macd.preview_signal, macd.preview_histogram]


def bad_bars() -> list[tuple[float, float, float, float, float]]:
    good = (2000.0, 2001.0, 1999.0, 2000.5, 3.0)
    broken = [(*good[:k], value, *good[k + 1 :]) for k in range(5) for value in NOT_FINITE]
    broken += [(*good[:k], value, *good[k + 1 :]) for k in range(4) for value in (0.0, -1.0)]
    return [
        *broken,
        (2000.0, 2001.0, 1999.0, 2000.5, -1.0),
        (2002.0, 2001.0, 1999.0, 2000.5, 3.0),
        (1998.0, 2001.0, 1999.0, 2000.5, 3.0),
        (2000.0, 2001.0, 1999.0, 2002.0, 3.0),
        (2000.0, 2001.0, 1999.0, 1998.0, 3.0),
        (2000.0, 1999.0, 2001.0, 2000.0, 3.0),
    ]


@dataclass
class Case:
    """How to make one, feed it its i-th input, read it, and what it must refuse."""

    make: Callable[[], Any]
    feed: Callable[[Any, int], Any]
    outputs: Callable[[Any], list[Any]]
    refuses: list[Callable[[Any], Any]] = field(default_factory=list)
    preview: Callable[[Any, int], list[Any]] | None = None
    inputs_to_warm: int = 0  # 0: it has no warm-up


def each(call: Callable[[Any, Any], Any], values: Any) -> list[Callable[[Any], Any]]:
    return [lambda item, value=value: call(item, value) for value in values]


def atr_bad() -> list[tuple[float, float, float]]:
    broken = [(*values,) for k in range(3) for v in NOT_FINITE for values in [[v if j == k else 5.0 for j in range(3)]]]
    return [*broken, (5.0, 6.0, 5.5), (6.0, 5.0, 6.5), (6.0, 5.0, 4.5)]


def trade_bad() -> list[tuple[float, float]]:
    return [(v, 1.0) for v in (*NOT_FINITE, 0.0, -1.0)] + [(2000.0, v) for v in (*NOT_FINITE, 0.0, -1.0)]


CASES: dict[type, Case] = {
    CircularBuffer: Case(
        lambda: CircularBuffer(50),
        lambda b, i: b.append(NUMBERS[i]),
        lambda b: [*b.values(), len(b), b.is_full],
        each(lambda b, v: b.append(v), NOT_FINITE),
    ),
    RollingAverage: Case(
        lambda: RollingAverage(20),
        lambda r, i: r.update(NUMBERS[i]),
        lambda r: [r.mean],
        each(lambda r, v: r.update(v), NOT_FINITE) + each(lambda r, v: r.preview(v), NOT_FINITE),
        lambda r, i: [r.preview(NUMBERS[i])],
        20,
    ),
    EMA: Case(
        lambda: EMA(14),
        lambda e, i: e.update(NUMBERS[i]),
        lambda e: [e.value],
        each(lambda e, v: e.update(v), NOT_FINITE) + each(lambda e, v: e.preview(v), NOT_FINITE),
        lambda e, i: [e.preview(NUMBERS[i])],
        14,
    ),
    RSI: Case(
        lambda: RSI(14),
        lambda r, i: r.update(NUMBERS[i]),
        lambda r: [r.value],
        each(lambda r, v: r.update(v), NOT_FINITE) + each(lambda r, v: r.preview(v), NOT_FINITE),
        lambda r, i: [r.preview(NUMBERS[i])],
        15,
    ),
    MACD: Case(
        lambda: MACD(12, 26, 9),
        lambda m, i: m.update(NUMBERS[i]),
        lambda m: [m.line, m.signal, m.histogram],
        each(lambda m, v: m.update(v), NOT_FINITE) + each(lambda m, v: m.preview(v), NOT_FINITE),
        macd_preview,
        34,
    ),
    ATR: Case(
        lambda: ATR(14),
        lambda a, i: a.update(*bar(i)[1:4]),
        lambda a: [a.value],
        each(lambda a, v: a.update(*v), atr_bad()) + each(lambda a, v: a.preview(*v), atr_bad()),
        lambda a, i: [a.preview(*bar(i)[1:4])],
        15,
    ),
    OptimizedTechnicalAnalyzer: Case(
        OptimizedTechnicalAnalyzer,
        lambda a, i: a.commit(*bar(i)),
        lambda a: [a.bars, a.atr_pct(), a.median_atr_pct()],
        each(lambda a, v: a.commit(*v), bad_bars())
        + each(lambda a, v: a.preview(*v[1:]), [b for b in bad_bars() if b[1:] != (2001.0, 1999.0, 2000.5, 3.0)]),
    ),
    SmartEventProcessor: Case(
        lambda: SmartEventProcessor(0.002, 1.5, 30.0, 60.0, 42, 0.7),
        lambda g, i: g.on_trade(10**18 + i * 10**9, NUMBERS[i], bar(i)[4] + 0.01),
        lambda g: [g.due_ns, g.interval_seconds, g.trades_seen, g.trades_skipped, g.volume_multiplier, *g.passes],
        each(lambda g, v: g.on_trade(10**18, *v), trade_bad())
        + each(lambda g, v: g.on_bar_close(10**18, v), (*NOT_FINITE, 0.0, -1.0)),
    ),
    OrderBook: Case(
        lambda: OrderBook(TICK, 1024),
        feed_book,
        lambda b: [b.levels(1, 2000), b.levels(-1, 2000), b.imbalance(5), b.is_crossed()],
        each(lambda b, v: b.apply(*v), [([TICK], []), ([], [TICK])]),
    ),
    LatencyHistogram: Case(
        LatencyHistogram,
        lambda h, i: h.observe(int(NUMBERS[i] * 1000)),
        lambda h: [h.count, h.sum_ns, h.max_ns, h.percentile_ns(95.0)],
        each(lambda h, v: h.percentile_ns(v), (math.nan, 0.5, 101.0)),
    ),
}
PLAIN = {Snapshot}  # a value the analyzer overwrites: it takes no input of its own

ALL = pytest.mark.parametrize("case", [pytest.param(case, id=kind.__name__) for kind, case in CASES.items()])
WARMING = pytest.mark.parametrize(
    "case", [pytest.param(case, id=kind.__name__) for kind, case in CASES.items() if case.inputs_to_warm]
)


def fed(case: Case, count: int) -> Any:
    item = case.make()
    for i in range(1, count + 1):
        case.feed(item, i)
    return item


def seen(case: Case, item: Any) -> list[Any]:
    """Outputs and, where the class has one, the state the digest takes; NaN-free, compared exactly."""
    return case.outputs(item) + (item.state() if hasattr(item, "state") else [])


def reachable_bytes(item: Any) -> int:
    known: dict[int, Any] = {id(item): item}
    left = [item]
    while left:
        for child in gc.get_referents(left.pop()):
            if id(child) not in known and not isinstance(child, type) and not inspect.ismodule(child):
                known[id(child)] = child
                left.append(child)
    return sum(sys.getsizeof(child) for child in known.values())


def test_every_class_of_the_folder_is_registered() -> None:
    found = set()
    for module_info in pkgutil.iter_modules(optimized.__path__):
        module = importlib.import_module(f"{optimized.__name__}.{module_info.name}")
        found |= {
            kind
            for kind in vars(module).values()
            if isinstance(kind, type) and kind.__module__ == module.__name__ and kind.__name__[0] != "_"
        }
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in set(CASES) | PLAIN}


@ALL
def test_memory_is_bounded(case: Case) -> None:
    early, late = fed(case, 1000), fed(case, 5000)
    assert reachable_bytes(late) <= reachable_bytes(early) * 1.1 + 200


@ALL
def test_the_same_input_gives_the_same_output(case: Case) -> None:
    first, second = case.make(), case.make()
    for i in range(1, 600):
        case.feed(first, i)
        case.feed(second, i)
        if i % 50 == 0 or i < 40:
            assert seen(case, first) == seen(case, second)


@ALL
@pytest.mark.parametrize("count", [0, 1, 13, 14, 33, 34, 300])
def test_bad_input_is_refused_and_leaves_no_trace(case: Case, count: int) -> None:
    assert case.refuses
    item, twin = fed(case, count), fed(case, count)
    for refuse in case.refuses:
        with pytest.raises(ValueError, match=r"not |pairs|percent"):
            refuse(item)
        assert seen(case, item) == seen(case, twin)
    for i in range(count + 1, count + 60):
        case.feed(item, i)
        case.feed(twin, i)
    assert seen(case, item) == seen(case, twin)


@WARMING
def test_it_is_warm_exactly_when_seeded(case: Case) -> None:
    item = case.make()
    for i in range(1, 3 * case.inputs_to_warm):
        assert item.is_warm == (i > case.inputs_to_warm)
        assert all(math.isfinite(value) for value in case.outputs(item))
        case.feed(item, i)
    assert item.is_warm


@WARMING
def test_a_preview_is_the_next_update_and_changes_nothing(case: Case) -> None:
    assert case.preview is not None
    item, twin = case.make(), case.make()
    for i in range(1, 200):
        for other in (i + 7, i + 3):
            case.preview(item, other)
        assert seen(case, item) == seen(case, twin)
        promised = case.preview(item, i)
        case.feed(item, i)
        case.feed(twin, i)
        assert case.outputs(item) == promised
        assert seen(case, item) == seen(case, twin)


@pytest.mark.parametrize("kind", [EMA, RSI, ATR, RollingAverage, CircularBuffer])
@pytest.mark.parametrize("period", [0, -1])
def test_bad_periods_are_refused(kind: Any, period: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        kind(period)


@pytest.mark.parametrize("periods", [(26, 12, 9), (12, 12, 9), (0, 26, 9), (12, 26, 0)])
def test_bad_macd_periods_are_refused(periods: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="periods need"):
        MACD(*periods)
