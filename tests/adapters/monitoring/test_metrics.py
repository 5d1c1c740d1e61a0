"""The exposition, parsed by the official parser and, where it is installed, judged by promtool."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from supreme_system_v5.adapters.monitoring.metrics import (
    INDICATOR_LATENCY,
    STRATEGY_LATENCY,
    Exposition,
    folded_buckets,
)
from supreme_system_v5.optimized.latency_histogram import LatencyHistogram
from tests.adapters.monitoring.sample import flat_status, sample_status

# What is exported: name -> (type, labels)
METRICS = {
    "strategy_signals_total": ("counter", {"side"}),
    "strategy_latency_seconds": ("histogram", set()),
    "optimized_indicator_latency_seconds": ("histogram", set()),
    "events_processed_total": ("counter", set()),
    "events_skipped_total": ("counter", set()),
    "events_passed_total": ("counter", {"reason"}),
    "event_skip_ratio": ("gauge", set()),
    "system_memory_usage_bytes": ("gauge", set()),
    "system_cpu_usage_percent": ("gauge", set()),
    "event_loop_lag_seconds": ("gauge", set()),
    "throttle_level": ("gauge", set()),
    "feed_up": ("gauge", {"source"}),
    "feed_reconnects_total": ("counter", set()),
    "feed_gaps_total": ("counter", set()),
    "frames_rejected_total": ("counter", {"reason"}),
    "orders_total": ("counter", {"state"}),
    "risk_refusals_total": ("counter", {"reason"}),
    "breaker_open": ("gauge", {"name"}),
    "position_size": ("gauge", set()),
    "equity": ("gauge", set()),
    "daily_drawdown_ratio": ("gauge", set()),
    "position_unprotected_seconds": ("gauge", set()),
    "build_info": ("gauge", {"core"}),
}


def histograms() -> dict[str, LatencyHistogram]:
    strategy, indicator = LatencyHistogram(), LatencyHistogram()
    for ns in (900, 43_000, 81_000, 2_000_000, 5_000_000_000):
        strategy.observe(ns)
    indicator.observe(120)
    return {STRATEGY_LATENCY: strategy, INDICATOR_LATENCY: indicator}


def scrape(status: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    text = Exposition(lambda: status, histograms()).render().decode()
    return text, {family.name: family for family in text_string_to_metric_families(text)}


def value(families: Mapping[str, Any], name: str, /, **labels: str) -> float:
    for family in families.values():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    raise AssertionError(f"no sample {name} {labels}")


def test_every_metric_of_the_specification_with_type_labels_and_help() -> None:
    _, families = scrape(flat_status())
    for name, (kind, labels) in METRICS.items():
        family = families.get(name) or families.get(name.removesuffix("_total"))
        assert family is not None, name
        assert family.type == kind, name
        assert family.documentation.strip().endswith("."), name
        assert family.samples, name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels, name
            assert sample.name.startswith(name)


def test_values_are_those_of_the_status() -> None:
    _, families = scrape(sample_status())
    assert value(families, "events_skipped_total") == 11350
    assert value(families, "events_processed_total") == 16214 - 11350
    assert value(families, "events_passed_total", reason="bar_close") == 12
    assert value(families, "equity") == 10011.4821
    assert value(families, "position_size") == 0.058
    assert value(families, "event_loop_lag_seconds") == pytest.approx(0.0012)
    assert value(families, "breaker_open", name="kelly") == 0
    assert value(families, "build_info", core="compiled") == 1
    assert value(families, "strategy_signals_total", side="long") == 3


def test_frames_refused_by_the_decoder_and_by_the_engine_count_together() -> None:
    status = {**sample_status(), "rejected_by_engine": {"stale": 3, "malformed": 1}}
    _, families = scrape(status)
    assert value(families, "frames_rejected_total", reason="malformed") == 3
    assert value(families, "frames_rejected_total", reason="stale") == 3


def test_a_short_position_is_negative_and_pressure_shows_the_higher_level() -> None:
    status = sample_status()
    status["position"]["side"] = "SHORT"
    status["throttle"].update(cpu_level=1, memory_level=2)
    _, families = scrape(status)
    assert value(families, "position_size") == -0.058
    assert value(families, "throttle_level") == 2
    assert value(families, "throttle_cpu_level") == 1


def test_results_of_the_simulated_market_say_so() -> None:
    text, _ = scrape(sample_status())
    for name in ("equity", "position_size", "daily_drawdown_ratio", "orders"):
        assert any(line.startswith(f"# HELP {name}") and "SIMULATED" in line for line in text.splitlines()), name
    assert 'source_class="simulated"' in text
    assert "SIMULATED" not in scrape(flat_status())[0]


def test_an_empty_or_broken_status_is_no_error() -> None:
    for status in (
        {},
        {"position": None, "gate": None, "resources": {"rss_bytes": None}, "breakers": [None], "day": 7},
    ):
        _, families = scrape(status)
        assert value(families, "position_size") == 0
        assert value(families, "strategy_signals_total", side="short") == 0


def test_histogram_counts_are_exact_at_every_bound() -> None:
    observed = histograms()[STRATEGY_LATENCY]
    _, families = scrape({})
    samples = [s for s in families["strategy_latency_seconds"].samples if s.name.endswith("_bucket")]
    times_ns = (900, 43_000, 81_000, 2_000_000, 5_000_000_000)
    for sample in samples:
        limit_ns = float(sample.labels["le"]) * 1e9
        assert sample.value == sum(ns <= limit_ns * (1 + 1e-12) for ns in times_ns), sample
    assert value(families, "strategy_latency_seconds_count") == observed.count == 5
    assert value(families, "strategy_latency_seconds_sum") == pytest.approx(sum(times_ns) / 1e9)
    assert 15 <= len(samples) <= 30


def test_folded_buckets_of_nothing() -> None:
    assert folded_buckets([], []) == [("+Inf", 0.0)]


def test_scraping_reads_and_changes_nothing() -> None:
    status = sample_status()
    before = copy.deepcopy(status)
    first = Exposition(lambda: status, histograms()).render()
    assert Exposition(lambda: status, histograms()).render() == first
    assert status == before


def test_promtool_accepts_it() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (package: prometheus)")
    text, _ = scrape(sample_status())
    done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    # Exit 3 is a matter of taste (the names are fixed, dashboards use them), 1 is a fault of the format.
    assert done.returncode in (0, 3), done.stderr


def test_texts_from_outside_cannot_break_the_format() -> None:
    odd = 'a"b\\c\nd'
    _, families = scrape({"source": odd, "refusals": {odd: 2}})
    assert value(families, "risk_refusals_total", reason=odd) == 2
    assert families["session_info"].samples[0].labels["source"] == odd
