"""Equity is one number: on the metrics page, in the status, in the summary and in the journal."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system import independent
from tests.system.world import FAST, FAST_EXCHANGE, Daemon, World, price_e8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def equity_metric(url: str) -> Decimal:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5.0) as reply:
        families = text_string_to_metric_families(reply.read().decode())
    samples = [sample for family in families if family.name == "equity" for sample in family.samples]
    assert len(samples) == 1
    return Decimal(repr(samples[0].value))


def still(daemon: Daemon) -> dict[str, Any]:
    """A status that does not change any more: the market is frozen and what was under way has arrived."""
    status = daemon.status()
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        time.sleep(0.3)
        before, status = status, daemon.status()
        if before.get("frames") == status["frames"] and before["equity_exact"] == status["equity_exact"]:
            return status
    raise AssertionError("the market does not stand still")


def last_equity(journal: Path) -> dict[str, int]:
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM equity ORDER BY time_ns DESC LIMIT 1").fetchone())


@pytest.mark.parametrize("on_stop", ["keep", "close"])
def test_metrics_status_summary_and_journal_agree(tmp_path: Path, on_stop: str) -> None:
    with World(FAST, tmp_path / "h") as world:
        exchange = world.start_exchange(*FAST_EXCHANGE)
        daemon = world.start("run", ON_STOP=on_stop)
        daemon.wait_active()
        while daemon.status()["trades_closed"] < 1:  # so that fees and results are in it
            time.sleep(0.05)
        if on_stop == "keep":
            for _ in range(20):  # it may close in the moment of the freeze
                daemon.wait_position()
                exchange.signal(signal.SIGSTOP)
                status = still(daemon)
                if status["position"]:
                    break
                exchange.signal(signal.SIGCONT)
            assert status["position"]
            assert equity_metric(status["urls"]["metrics"]) == Decimal(status["equity"])
        daemon.signal(signal.SIGTERM)
        assert daemon.wait(20) == 0, daemon.said()
        exchange.signal(signal.SIGCONT)
        summary = json.loads(next(world.home.artifacts_dir.glob("*/summary.json")).read_text())
        books = independent.read(world.home.journal_path, world.root / "scratch")
        assert books is not None
        independent.check(books)
        if on_stop == "keep":
            assert summary["equity_exact"] == status["equity_exact"]
        row = last_equity(world.home.journal_path)
        assert price_e8(summary["equity_exact"]) == row["equity_e8"]
        assert price_e8(summary["wallet_exact"]) == row["wallet_e8"] == books.ledger["wallet_e8"]
        assert row["position_e8"] == books.ledger["position_e8"]
        assert (row["position_e8"] != 0) == (on_stop == "keep")
        unrealized = independent.multiply(row["position_e8"], row["mark_e8"]) - books.ledger["cost_e8"]
        assert books.ledger["dust_e8"] == 0
        assert row["equity_e8"] == books.ledger["wallet_e8"] + unrealized
