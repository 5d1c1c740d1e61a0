"""What people and machines are told about a session: status dictionary, banner, status line, summary."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from supreme_system_v5 import __version__, build_info
from supreme_system_v5.adapters.journal.words import OpenPosition
from supreme_system_v5.adapters.monitoring import view
from supreme_system_v5.core.domain.money import format_e8, plain_e8
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
        self.left_open_elsewhere: list[OpenPosition] = []
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
            recording=self.app.recording.status(),
            journal={"commits": self.app.journal.commits, "records": self.app.journal.records},
            left_open_elsewhere=self._elsewhere(),
            urls=self.urls,
        )
        return status

    def health(self) -> dict[str, object]:
        status = self.status()
        return {key: status[key] for key in ("state", "session", "source", "source_class", "no_trade_reason")}

    def headline(self) -> str:
        """One line for the log: what runs, on what."""
        app = self.app
        parameters = app.trading.parameters
        tried = "; ".join(app.market.choice.failures) or "none failed"
        return (
            f"{__version__} {build_info.core()} core, pid {os.getpid()}, {parameters.mode} {parameters.market}"
            f" {parameters.symbol}, account {parameters.account}, source {app.market.choice.source}"
            f"{' SIMULATED' if app.market.is_simulated else ''} (tried: {tried})"
        )

    def end_reason(self) -> str:
        """Why the session ended: the engine's own reason where it was not asked to (memory limit, journal fault)."""
        shutdown = self.app.master.shutdown
        if shutdown is not None and shutdown.exit_code in (2, 3):
            return shutdown.reason
        return self.app.controls.reason

    def summary(self) -> str:
        """What the session did, for its end."""
        return view.summary(self.status(), self.end_reason(), str(self.app.session.dir))

    def left_open(self) -> str:
        """One line about the position that a session without an orderly end leaves; "" when flat."""
        state = self.app.trading.engine.state
        position = state.position
        if position is None:
            return ""
        side = "LONG" if position.side > 0 else "SHORT"
        quantity = plain_e8(abs(state.ledger.position_e8))
        entry, stop = format_e8(state.ledger.entry_price_e8(), 2), format_e8(position.stop_trigger_e8, 2)
        mark = " (SIMULATED)" if self.app.market.is_simulated else ""
        return f"LEFT OPEN  {side} {quantity} @ {entry} with its stop at {stop}{mark}; the next start goes on with it"

    def _elsewhere(self) -> list[dict[str, object]]:
        """Positions of other accounts of this home: nobody attends to them now."""
        return [
            {
                "account": other.key.id,
                "mode": other.key.mode,
                "source_class": other.key.source_class,
                "market": other.key.market,
                "symbol": other.key.symbol,
                "quantity": plain_e8(other.quantity_e8),
                "entry_price": plain_e8(other.entry_price_e8),
            }
            for other in self.left_open_elsewhere
        ]

    def print_status(self) -> None:
        self.app.console.status(view.status_line(self.status(), self.app.console.width, self.app.console.is_live))

    def print_banner(self) -> None:
        settings = self.app.settings
        failed = [line.partition(": ") for line in self.app.market.choice.failures]
        notes = list(self.notes)
        if self.app.is_demo:
            notes.append("demo: a scripted market with short bars, made to show whole trades; it proves nothing")
            notes.append(f"market time runs {settings.sim_speed:g} times as fast; times shown are market time")
        self.app.console.line(
            view.banner(
                {
                    "version": __version__,
                    "session": self.app.session.id,
                    "mode": self.app.trading.parameters.mode,
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
                    "left_open_elsewhere": self._elsewhere(),
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
