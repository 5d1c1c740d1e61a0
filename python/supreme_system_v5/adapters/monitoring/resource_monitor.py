"""Watches the process itself: memory, CPU, event-loop lag; turns them into the two throttle levels.

One timer every 100 ms measures the loop's lag, every tenth call also takes RSS (/proc/self/statm) and CPU time
(clock). No psutil: it costs 1 MB of the memory that is being watched.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from supreme_system_v5.adapters.monitoring.ladder import (
    CPU_NAMES,
    MEMORY_NAMES,
    Ladder,
    SavingMeter,
    cpu_ladder,
    memory_ladder,
)

LAG_PERIOD_SECONDS: Final = 0.1
LAG_WINDOW_SECONDS: Final = 10.0
CPU_WINDOW_SECONDS: Final = 60.0
SAMPLES_PER_MEASUREMENT: Final = 10
BYTES_PER_MB: Final = 1024 * 1024

_STATM: Final = Path("/proc/self/statm")
_STATUS: Final = Path("/proc/self/status")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def rss_bytes() -> int:
    """Resident memory of this process now. Without /proc (macOS) the peak so far, the only figure libc gives."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return peak_rss_bytes()


def peak_rss_bytes() -> int:
    """The highest resident memory so far (VmHWM)."""
    try:
        for line in _STATUS.read_bytes().splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed (nearest rank); 0.0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # ceiling
    return ordered[min(max(rank, 1), len(ordered)) - 1]


class Measurements:
    """The windows over raw samples: CPU seconds over 60 s, loop lag over 10 s, RSS now. No clock of its own."""

    def __init__(self) -> None:
        self.rss_bytes = 0
        self.cpu_percent = 0.0  # over the last 60 s (less at the start), percent of one core
        self.cpu_last_percent = 0.0  # since the measurement before
        self._cpu: deque[tuple[float, float]] = deque()
        self._lags: deque[tuple[float, float]] = deque()

    def on_lag(self, time_s: float, lag_s: float) -> None:
        """One wake-up of the loop was ``lag_s`` late."""
        self._lags.append((time_s, max(0.0, lag_s)))
        while time_s - self._lags[0][0] > LAG_WINDOW_SECONDS:
            self._lags.popleft()

    def on_sample(self, time_s: float, cpu_s: float, rss: int) -> None:
        """CPU seconds used by the process so far and its RSS in bytes."""
        self.rss_bytes = rss
        if self._cpu and time_s > self._cpu[-1][0]:
            last_s, last_cpu_s = self._cpu[-1]
            self.cpu_last_percent = 100.0 * (cpu_s - last_cpu_s) / (time_s - last_s)
        self._cpu.append((time_s, cpu_s))
        # One sample at or before the window's start stays: the difference then covers the whole window.
        while len(self._cpu) > 2 and time_s - self._cpu[1][0] >= CPU_WINDOW_SECONDS:
            self._cpu.popleft()
        first_s, first_cpu_s = self._cpu[0]
        if time_s > first_s:
            self.cpu_percent = 100.0 * (cpu_s - first_cpu_s) / (time_s - first_s)

    def restart_cpu_window(self) -> None:
        """Forget the CPU of before a throttle step: the next step is judged by what this one achieved."""
        while len(self._cpu) > 1:
            self._cpu.popleft()

    def lag_p99_ms(self) -> float:
        return 1000.0 * percentile([lag for _, lag in self._lags], 0.99)


class ResourceMonitor:
    """Samples the process and calls ``on_pressure(cpu_level, memory_level)`` whenever a level changes, only then.

    ``on_announce(text)`` gets the lines for people: each step and what it saved. ``start()`` needs a running loop;
    everything happens in that loop's thread. Limits: MB of RSS, percent of one core, ms of loop lag (p99).
    """

    def __init__(
        self,
        max_ram_mb: float,
        max_cpu_percent: float,
        loop_lag_ms_max: float,
        on_pressure: Callable[[int, int], None],
        on_announce: Callable[[str], None] | None = None,
        cpu: Ladder | None = None,
        memory: Ladder | None = None,
        read_rss: Callable[[], int] = rss_bytes,
        saving: SavingMeter | None = None,
    ) -> None:
        self.max_ram_mb = max_ram_mb
        self.max_cpu_percent = max_cpu_percent
        self.loop_lag_ms_max = loop_lag_ms_max
        self.on_pressure = on_pressure
        self.on_announce = on_announce
        self.cpu = cpu or cpu_ladder()
        self.memory = memory or memory_ladder()
        self.measured = Measurements()
        self.saving = saving or SavingMeter()
        self.read_rss = read_rss
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._turn = 0

    def start(self) -> None:
        """Take the first measurement and start the timer on the running loop."""
        self.measured.on_sample(time.monotonic(), time.process_time(), self.read_rss())
        self._due_s = time.monotonic() + LAG_PERIOD_SECONDS
        self._timer = asyncio.get_running_loop().call_later(LAG_PERIOD_SECONDS, self._wake)

    def stop(self) -> None:
        """Stop sampling; safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        now_s = time.monotonic()
        self.measured.on_lag(now_s, now_s - self._due_s)
        self._turn += 1
        if self._turn % SAMPLES_PER_MEASUREMENT == 0:
            self.judge(now_s, time.process_time(), self.read_rss())
        if self._timer is None:
            return  # stopped by what the pressure led to
        self._due_s = now_s + LAG_PERIOD_SECONDS
        self._timer = asyncio.get_running_loop().call_later(LAG_PERIOD_SECONDS, self._wake)

    def judge(self, time_s: float, cpu_s: float, rss: int) -> None:
        """One measurement (monotonic seconds, CPU seconds so far, RSS in bytes) through both ladders."""
        self.measured.on_sample(time_s, cpu_s, rss)
        cpu_before, memory_before = self.cpu.level, self.memory.level
        self.cpu.feed(time_s, self.cpu_pressure())
        self.memory.feed(time_s, rss / (self.max_ram_mb * BYTES_PER_MB))
        reports = [self.saving.feed(time_s, self.measured.cpu_last_percent)]
        if self.cpu.level != cpu_before:
            reports.append(self.saving.on_step(time_s, cpu_before, self.cpu.level))
            reports.append(self._cpu_text(cpu_before))
            self.measured.restart_cpu_window()
        if self.memory.level != memory_before:
            reports.append(self._memory_text(memory_before))
        for text in reports:
            if text and self.on_announce is not None:
                self.on_announce(text)
        if (self.cpu.level, self.memory.level) != (cpu_before, memory_before):
            self.on_pressure(self.cpu.level, self.memory.level)

    def cpu_pressure(self) -> float:
        """The worse of CPU and loop lag as a share of its limit."""
        return max(self.measured.cpu_percent / self.max_cpu_percent, self.measured.lag_p99_ms() / self.loop_lag_ms_max)

    def _cpu_text(self, before: int) -> str:
        level = self.cpu.level
        word = "pressure" if level > before else "relief"
        cpu = f"CPU {self.measured.cpu_percent:.1f} % of {self.max_cpu_percent:g} %"
        lag = f"loop lag p99 {self.measured.lag_p99_ms():.0f} of {self.loop_lag_ms_max:g} ms"
        return f"CPU {word}: {CPU_NAMES[before]} -> {CPU_NAMES[level]} ({cpu}, {lag})"

    def _memory_text(self, before: int) -> str:
        level = self.memory.level
        word = "pressure" if level > before else "relief"
        rss_mb = self.measured.rss_bytes / BYTES_PER_MB
        return (
            f"memory {word}: {MEMORY_NAMES[before]} -> {MEMORY_NAMES[level]}"
            f" (RSS {rss_mb:.0f} MB, {100.0 * rss_mb / self.max_ram_mb:.0f} % of {self.max_ram_mb:g} MB)"
        )

    def resources(self) -> dict[str, object]:
        """The status dict's ``resources``: bytes, percent of a core, ms; with the limits they are held against."""
        return {
            "rss_bytes": self.read_rss(),
            "peak_rss_bytes": peak_rss_bytes(),
            "cpu_percent": round(self.measured.cpu_percent, 2),
            "loop_lag_ms_p99": round(self.measured.lag_p99_ms(), 2),
            "max_ram_mb": self.max_ram_mb,
            "max_cpu_percent": self.max_cpu_percent,
            "loop_lag_ms_max": self.loop_lag_ms_max,
        }

    def throttle(self) -> dict[str, object]:
        """The status dict's ``throttle``: both levels with their names for people."""
        return {
            "cpu_level": self.cpu.level,
            "memory_level": self.memory.level,
            "cpu_name": CPU_NAMES[self.cpu.level],
            "memory_name": MEMORY_NAMES[self.memory.level],
        }
