"""What people and machines are told about a session: status dictionary, banner, status line, summary."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from supreme_system_v5 import __version__, build_info
from supreme_system_v5.adapters.monitoring import view
from supreme_system_v5.core.engine.status import SessionStart, engine_status
from supreme_system_v5.optimized.latency_histogram import LatencyHistogram

if TYPE_CHECKING:
    from supreme_system_v5.app import Application


class Reporter:
    """Reads the application; changes nothing."""

    def __init__(self, application: Application) -> None:
        self.app = application
        self.start = SessionStart(application.trading.engine)
        self.started_s = time.monotonic()
        self.stop_reason = "stop requested"
        self.left_open_elsewhere: list[dict[str, object]] = []
        self.notes: list[str] = []
        self.urls: dict[str, str] = {}

    def status(self) -> dict[str, Any]:
        """The whole status dictionary."""
        app = self.app
        assert app.market.feeds is not None
        status: dict[str, Any] = engine_status(app.trading.engine, self.start)
        feeds = app.market.feeds.counters()
        latency = app.master.latency
        status.update(
            schema_version=1,
            pid=os.getpid(),
            session=self.app.session.id,
            core=build_info.core(),
            uptime_seconds=time.monotonic() - self.started_s,
            frames={**feeds["frames"], "processed": self.app.master.processed},
            reconnects=feeds["reconnects"],
            gaps={name: count + status["book"]["gaps"] for name, count in feeds["gaps"].items()},
            feed_up=feeds["feed_up"],
            feeds=feeds,
            latency_ms=_milliseconds(latency),
            frame_latency_ms=_milliseconds(self.app.master.decision_latency),
            resources=self.app.monitor.resources(),
            journal={"commits": self.app.journal.commits, "records": self.app.journal.records},
            left_open_elsewhere=self.left_open_elsewhere,
            urls=self.urls,
        )
        return status

    def health(self) -> dict[str, object]:
        status = self.status()
        return {key: status[key] for key in ("state", "session", "source", "source_class", "no_trade_reason")}

    def summary(self) -> str:
        """What the session did, for its end."""
        return view.summary(self.status(), self.stop_reason, str(self.app.session.dir))

    def print_status(self) -> None:
        self.app.console.status(view.status_line(self.status(), self.app.console.width, self.app.console.is_live))

    def print_banner(self) -> None:
        settings = self.app.settings
        failed = [line.partition(": ") for line in self.app.market.choice.failures]
        notes = list(self.notes)
        if self.app.is_demo:
            notes.append("demo: a scripted market with short bars, made to show whole trades; it proves nothing")
        self.app.console.line(
            view.banner(
                {
                    "version": __version__,
                    "session": self.app.session.id,
                    "mode": settings.execution_mode,
                    "market": settings.market,
                    "symbol": settings.symbols[0],
                    "source": self.app.market.choice.source,
                    "source_class": "simulated" if self.app.market.is_simulated else "real",
                    "account": self.app.trading.parameters.account,
                    "core": build_info.core(),
                    "strategy": settings.strategy,
                    "bar_seconds": settings.bar_seconds,
                    "balance": engine_status(self.app.trading.engine, self.start)["equity"],
                    "max_ram_mb": settings.max_ram_mb,
                    "max_cpu_percent": settings.max_cpu_percent,
                    "urls": {"metrics": self.urls["metrics"]},
                    "duration_seconds": self.app.duration_s or None,
                    "failed_sources": [{"source": name, "reason": why} for name, _, why in failed],
                    "left_open_elsewhere": self.left_open_elsewhere,
                    "artifacts": str(self.app.session.dir),
                    "notes": notes,
                },
                self.app.console.is_live,
            )
        )


def _milliseconds(histogram: LatencyHistogram) -> dict[str, float]:
    return {
        "p50": histogram.percentile_ns(50) / 1e6,
        "p95": histogram.percentile_ns(95) / 1e6,
        "p99": histogram.percentile_ns(99) / 1e6,
        "count": int(histogram.count),
    }
