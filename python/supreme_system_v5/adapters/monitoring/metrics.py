"""The Prometheus metrics, made at scrape time from the engine's own counters.

Nothing on the hot path knows Prometheus: the engine counts in its state, the status dict shows it, and this collector
reads the dict when somebody scrapes. No default registry, no process or gc collectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric

from supreme_system_v5.adapters.monitoring.text import number, pick, rejected_frames, rows, table

NS_PER_SECOND: Final = 1e9
STRATEGY_LATENCY: Final = "strategy_latency_seconds"
INDICATOR_LATENCY: Final = "optimized_indicator_latency_seconds"
FRAME_LATENCY: Final = "frame_latency_seconds"
# The fine buckets of a histogram are folded to the ones nearest to these: 100 ns to 1 s.
_BOUNDS_NS: Final = (*(digit * 10**power for power in range(2, 9) for digit in (1, 2, 5)), 10**9)

_HISTOGRAM_HELP: Final = {
    STRATEGY_LATENCY: "From the bytes leaving the socket to the effects returned, trades that passed the gate.",
    INDICATOR_LATENCY: "One update of the streaming indicators (commit or preview).",
    FRAME_LATENCY: "From the bytes leaving the socket to the effects returned, every frame: the protected lane.",
}


class Histogram(Protocol):
    """What the collector reads of optimized.LatencyHistogram: bucket (upper bounds in ns, counts) and the totals."""

    @property
    def count(self) -> int: ...

    @property
    def sum_ns(self) -> int: ...

    @property
    def buckets(self) -> tuple[list[int], list[int]]: ...


@lru_cache(maxsize=4)
def _chosen(bounds_ns: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({min(bounds_ns, key=lambda b: abs(b - want)) for want in _BOUNDS_NS})) if bounds_ns else ()


def folded_buckets(bounds_ns: Iterable[int], counts: Iterable[int]) -> list[tuple[str, float]]:
    """Fine buckets (upper bounds in ns, counts) as cumulative Prometheus buckets (le in seconds, count).

    Every ``le`` is one of the fine bounds, the one nearest to a round figure, so each cumulative count is exact.
    A count without a bound of its own (overflow) lands in +Inf.
    """
    bounds = tuple(bounds_ns)
    all_counts = list(counts)
    out: list[tuple[str, float]] = []
    total, index = 0, 0
    for limit in _chosen(bounds):
        while index < len(bounds) and bounds[index] <= limit:
            total += all_counts[index]
            index += 1
        out.append((repr(limit / NS_PER_SECOND), float(total)))
    return [*out, ("+Inf", float(sum(all_counts)))]


class StatusCollector:
    """A Prometheus collector over the status dict and the latency histograms, by metric name."""

    def __init__(self, status: Callable[[], Mapping[str, object]], histograms: Mapping[str, Histogram]) -> None:
        self._status = status
        self._histograms = histograms

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not read a status that does not exist yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families; read in the loop's own thread, so the numbers belong to one moment."""
        status = self._status()
        yield from self._latencies()
        yield from _strategy_and_gate(status)
        yield from _resources(status)
        yield from _feeds(status)
        yield from _trading(status)
        yield from _identity(status)

    def _latencies(self) -> Iterator[Metric]:
        for name, text in _HISTOGRAM_HELP.items():
            family = HistogramMetricFamily(name, text)
            histogram = self._histograms.get(name)
            if histogram is None:
                family.add_metric([], [("+Inf", 0.0)], 0.0)
            else:
                family.add_metric([], folded_buckets(*histogram.buckets), histogram.sum_ns / NS_PER_SECOND)
            yield family


def _gauge(name: str, text: str, value: object) -> Metric:
    return GaugeMetricFamily(name, text, value=number(value))


def _counter(name: str, text: str, value: object) -> Metric:
    return CounterMetricFamily(name, text, value=number(value))


def _by(kind: str, name: str, text: str, label: str, values: Mapping[str, object] | Mapping[str, float]) -> Metric:
    family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], number(value))
    return family


def _strategy_and_gate(status: Mapping[str, object]) -> Iterator[Metric]:
    gate = table(status, "gate")
    signals = {"long": 0, "short": 0, **table(status, "signals")}
    seen, skipped = number(gate.get("seen")), number(gate.get("skipped"))
    yield _by("counter", "strategy_signals_total", "Signals fired by the strategy.", "side", signals)
    yield _counter("events_processed_total", "Trades that the event gate let through to analysis.", seen - skipped)
    yield _counter("events_skipped_total", "Trades that the event gate skipped.", skipped)
    text = "Passes of the event gate by reason (interval and bar_close come from timers, not from a trade)."
    yield _by("counter", "events_passed_total", text, "reason", table(gate, "passes"))
    yield _gauge("event_skip_ratio", "Skipped trades / all trades seen by the gate, 0..1.", gate.get("skip_ratio"))
    processed = pick(status, "frames", "processed")
    yield _counter("frames_processed_total", "Frames decoded into an event of any kind.", processed)


def _resources(status: Mapping[str, object]) -> Iterator[Metric]:
    used, throttle = table(status, "resources"), table(status, "throttle")
    yield _gauge("system_memory_usage_bytes", "Resident memory of the daemon now.", used.get("rss_bytes"))
    peak = used.get("peak_rss_bytes")
    yield _gauge("system_memory_peak_bytes", "Highest resident memory since the start (VmHWM).", peak)
    cpu_text = "CPU of the daemon over 60 s, percent of one core."
    yield _gauge("system_cpu_usage_percent", cpu_text, used.get("cpu_percent"))
    lag_s = number(used.get("loop_lag_ms_p99")) / 1000
    yield _gauge("event_loop_lag_seconds", "How late the event loop wakes up, p99 over 10 s.", lag_s)
    cpu, memory = number(throttle.get("cpu_level")), number(throttle.get("memory_level"))
    yield _gauge("throttle_level", "The higher of the two throttle ladders' levels; 0 = none.", max(cpu, memory))
    steps = "1 intervals x2, 2 intervals x4, 3 depth off, 4 reduce-only."
    yield _gauge("throttle_cpu_level", f"Level of the CPU ladder: 0 normal, {steps}", cpu)
    steps = "1 optional parts shed, 2 no entries, 3 shutdown."
    yield _gauge("throttle_memory_level", f"Level of the memory ladder: 0 normal, {steps}", memory)


def _feeds(status: Mapping[str, object]) -> Iterator[Metric]:
    reconnects = sum(number(n) for n in table(status, "reconnects").values())
    gaps = sum(number(n) for n in table(status, "gaps").values())
    up = {name: int(bool(value)) for name, value in table(status, "feed_up").items()}
    yield _by("gauge", "feed_up", "1 when the source is connected and subscribed.", "source", up)
    yield _counter("feed_reconnects_total", "Reconnects of all market-data connections.", reconnects)
    yield _counter("feed_gaps_total", "Gaps found in the market data, each followed by a resync.", gaps)
    text = "Frames dropped as unusable, by reason."
    yield _by("counter", "frames_rejected_total", text, "reason", rejected_frames(status))


def _trading(status: Mapping[str, object]) -> Iterator[Metric]:
    simulated = " SIMULATED market: not real money." if pick(status, "source_class") == "simulated" else ""
    text = f"Orders by final or current state.{simulated}"
    yield _by("counter", "orders_total", text, "state", table(status, "orders"))
    refusals = table(status, "refusals")
    yield _by("counter", "risk_refusals_total", "Intents that the risk manager refused.", "reason", refusals)
    breakers = {str(item.get("name")): int(item.get("state") == "open") for item in rows(status, "breakers")}
    yield _by("gauge", "breaker_open", "1 while the breaker refuses entries.", "name", breakers)
    position = table(status, "position")
    sign = -1.0 if position.get("side") == "SHORT" else 1.0
    size = sign * abs(number(position.get("quantity")))
    yield _gauge("position_size", f"Open position in the base asset, negative when short.{simulated}", size)
    yield _gauge("equity", f"Wallet plus unrealised result in the quote asset.{simulated}", pick(status, "equity"))
    text = f"Loss since the UTC day's first event / equity then, 0..1.{simulated}"
    yield _gauge("daily_drawdown_ratio", text, pick(status, "day", "drawdown"))
    bare = position.get("unprotected_seconds")
    yield _gauge("position_unprotected_seconds", "How long the open position has had no resting stop.", bare)


def _identity(status: Mapping[str, object]) -> Iterator[Metric]:
    core = str(pick(status, "core") or "unknown")
    yield GaugeMetricFamily("uptime_seconds", "Since the start of the process.", number(pick(status, "uptime_seconds")))
    build = GaugeMetricFamily("build_info", "Which core runs; always 1.", labels=["core"])
    build.add_metric([core], 1)
    yield build
    names = ["mode", "market", "symbol", "source", "source_class"]
    session = GaugeMetricFamily("session_info", "What is traded and where prices come from; always 1.", labels=names)
    session.add_metric([str(pick(status, name) or "") for name in names], 1)
    yield session


class Exposition:
    """Renders the text format; one registry of its own."""

    def __init__(self, status: Callable[[], Mapping[str, object]], histograms: Mapping[str, Histogram]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(StatusCollector(status, histograms))

    def render(self) -> bytes:
        """The body of /metrics."""
        return generate_latest(self._registry)
