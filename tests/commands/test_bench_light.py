"""bench-light: its verdicts, its page, and the reading of another process; the whole run is a benchmark's job."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.commands import bench_light, bench_page, measuring
from supreme_system_v5.commands.bench_light import Row
from supreme_system_v5.commands.measuring import Processes
from tests.commands.fake_daemon import settings_for


def measured(**changed: Any) -> dict[str, Any]:
    found = {
        "duration_seconds": 120.0,
        "warmup_seconds": 24.0,
        "start_seconds": 0.8,
        "cpu_percent": 2.1,
        "events_per_second": 194.0,
        "rss_peak_mb": 55.0,
        "latency_ms": {"p50": 0.04, "p95": 0.09, "p99": 0.4, "count": 1400},
        "gate": {"skip_ratio": 0.7},
        "exit_code": 0,
        "core": "compiled",
        "market": "usdm",
        "sim_speed": 1.0,
        "host": measuring.host(),
        "series": [
            {
                "t": float(t),
                "rss_mb": 50.0 + t / 10,
                "cpu_percent": 2.0,
                "p95_ms": 0.09,
                "skip_ratio": 0.7,
                "scrape_ms": 2.0,
            }
            for t in range(1, 30)
        ],
    }
    return {**found, **changed}


def missed(found: dict[str, Any], root: Path, samples: int = 1000, **env: str) -> list[str]:
    return [row.name for row in bench_light.verdicts(found, settings_for(root, **env), samples) if row.is_met is False]


def test_a_good_run_meets_every_target(tmp_path: Path) -> None:
    assert missed(measured(), tmp_path) == []


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"latency_ms": {"p50": 0.2, "p95": 0.3, "p99": 1, "count": 2000}}, "latency p50"),
        ({"latency_ms": {"p50": 0.1, "p95": 0.5, "p99": 1, "count": 2000}}, "latency p95"),
        ({"latency_ms": {"p50": 0.1, "p95": 0.2, "p99": 1, "count": 999}}, "latency samples"),
        ({"gate": {"skip_ratio": 0.59}}, "skip ratio"),
        ({"gate": {"skip_ratio": 0.81}}, "skip ratio"),
        ({"cpu_percent": 4.0}, "CPU average"),
        ({"rss_peak_mb": 64.0}, "RSS peak"),
        ({"start_seconds": 2.0}, "start to first pass"),
        ({"exit_code": 1}, "orderly end"),
    ],
)
def test_each_target_can_be_missed(tmp_path: Path, changed: dict[str, Any], name: str) -> None:
    assert missed(measured(**changed), tmp_path) == [name]


def test_nothing_measured_is_no_success(tmp_path: Path) -> None:
    found = missed(measured(latency_ms={}, gate={}, rss_peak_mb=0.0), tmp_path)
    assert {"latency samples", "latency p50", "latency p95", "skip ratio", "RSS peak"} <= set(found)
    series = [{**item, "scrape_ms": -1.0} for item in measured()["series"]]
    assert missed(measured(series=series), tmp_path) == ["metrics scrape"]
    assert missed(measured(), tmp_path, samples=2000) == ["latency samples"]


def test_too_few_samples_say_what_to_do() -> None:
    assert bench_light.too_few(measured(), 60.0, 1400) == ""
    assert bench_light.too_few(measured(), 60.0, 2000).startswith("too few samples: 1,400 of 2,000 in ")
    assert bench_light.too_few(measured(), 60.0, 2000).endswith("; DURATION=900 is the default")
    assert bench_light.too_few(measured(), 900.0, 2000).endswith("; give more DURATION")


def test_cpu_is_judged_by_the_market_and_its_speed(tmp_path: Path) -> None:
    assert missed(measured(cpu_percent=3.5), tmp_path, MARKET="spot") == ["CPU average"]
    assert missed(measured(cpu_percent=40.0), tmp_path, SIM_SPEED="20") == []


class Checked(HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(value) for key, value in attrs if key in ("src", "href")]


def test_page_is_self_contained_marked_and_escaped(tmp_path: Path) -> None:
    found = measured()
    rows = [*bench_light.verdicts(found, settings_for(tmp_path), 1000), Row("<b>", "<script>", "", False)]
    document = {"ok": False, "missed": ["<b>"], "session": "20261120T120000Z-abcd", **found}
    page = bench_page.render(document, rows)
    checked = Checked()
    checked.feed(page)
    assert checked.loads == []
    assert "script" not in checked.tags
    assert checked.tags.count("svg") == len(bench_page.CHARTS)
    assert "SIMULATED" in page
    text = bench_light.render(rows, found, ["<b>"])
    assert "MISSED" in text
    assert "SIMULATED" in text


def test_page_of_a_run_too_short_for_a_chart(tmp_path: Path) -> None:
    found = measured(series=measured()["series"][:1])
    document = {"ok": True, "missed": [], "session": "x", **found}
    assert "<svg" not in bench_page.render(document, bench_light.verdicts(found, settings_for(tmp_path), 1))


def test_another_process_is_measured_by_the_kernel() -> None:
    code = "x = bytearray(b'1' * 30_000_000)\nimport time\nend = time.process_time() + 0.3\n"
    code += "while time.process_time() < end: pass\nprint('ready', flush=True)\ntime.sleep(30)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            assert measuring.cpu_seconds(process.pid) >= 0.25
            now, peak = measuring.memory_bytes(process.pid)
            assert peak >= now > 30_000_000
        finally:
            process.kill()
    with pytest.raises(OSError):
        measuring.memory_bytes(process.pid)


def test_processes_are_ended_and_the_home_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURATION", "7")
    code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    code += "print(os.environ.get('DURATION'), os.environ['SUPREME_DATA_SOURCES'], flush=True); time.sleep(60)"
    monkeypatch.setattr(measuring, "END_SECONDS", 0.3)
    with Processes(settings_for(tmp_path), tmp_path) as processes:
        home = processes.home.root
        process = processes.start_daemon([sys.executable, "-c", code])
        assert processes.status(0.2) == {}
        end = time.monotonic() + 10
        while "binance" not in processes.said("daemon"):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert home.is_dir()
    assert process.returncode is not None
    assert not home.exists()
    assert "None binance" in processes.said("daemon")
    assert os.environ["DURATION"] == "7"
