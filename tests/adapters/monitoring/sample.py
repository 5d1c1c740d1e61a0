"""Status dicts as the daemon gives them, for the views and the metrics."""

from __future__ import annotations

import copy
from typing import Any

NOW_NS = 1_794_000_000_000_000_000
SAMPLE: dict[str, Any] = {
    "schema_version": 1,
    "time_ns": NOW_NS,
    "pid": 4321,
    "session": "20261106-212000-a1b2",
    "mode": "paper",
    "market": "usdm",
    "symbol": "ETH-USDT",
    "source": "simulated",
    "source_class": "simulated",
    "account": "3fa9",
    "core": "compiled",
    "state": "active",
    "uptime_seconds": 754.2,
    "price": "3412.55",
    "bid": "3412.54",
    "ask": "3412.55",
    "spread_bps": 0.029,
    "mark": "3412.61",
    "position": {
        "side": "LONG",
        "quantity": "0.058",
        "entry_price": "3400.10",
        "stop": "3366.09",
        "target": "3468.10",
        "opened_ns": NOW_NS - 177_000_000_000,
        "timeout_ns": NOW_NS + 723_000_000_000,
        "unrealized": "0.7221",
        "is_protected": True,
        "unprotected_seconds": 0.0,
    },
    "dust": "0",
    "equity": "10011.4821",
    "wallet": "10010.76",
    "pnl_session": {"gross": "12.15", "fees": "1.39", "funding": "0", "net": "10.76"},
    "pnl_today": {"gross": "-4.02", "fees": "3.11", "funding": "-0.02", "net": "-7.15"},
    "pnl_total": {"gross": "12.15", "fees": "1.39", "funding": "0", "net": "10.76"},
    "trades_closed": 7,
    "trades_session": 2,
    "no_trade_reason": "in position; exits are watched on every event",
    "refusals_today": {"spread": 12, "in_position": 3, "cooldown": 1},
    "refusals": {"spread": 12, "in_position": 3, "cooldown": 1},
    "gate": {
        "seen": 16214,
        "skipped": 11350,
        "passes": {"first": 1, "price": 3, "volume": 4820, "interval": 28, "bar_close": 12},
        "skip_ratio": 0.7,
        "interval_seconds": 41.5,
        "next_interval_seconds": 23.4,
        "multiplier": 1.12,
        "interval_multiplier": 1,
    },
    "signals": {"long": 3, "short": 1},
    "orders": {"FILLED": 5, "CANCELED": 3, "OPEN": 2},
    "data_age_ms": {"trade": 210, "quote": 4, "depth": 61, "mark": 620},
    "throttle": {"cpu_level": 0, "memory_level": 0, "cpu_name": "normal", "memory_name": "normal"},
    "breakers": [
        {"name": "consecutive_losses", "state": "closed", "reason": "", "until_ns": 0},
        {"name": "kelly", "state": "closed", "reason": "", "until_ns": 0},
    ],
    "day": {"date": "2026-11-06", "baseline": "10018.63", "drawdown": "0.0007", "limit": "0.05"},
    "frames": {"processed": 81234, "rejected": {"malformed": 2}},
    "reconnects": {"simulated": 1},
    "gaps": {"simulated": 0},
    "feed_up": {"simulated": True},
    "latency_ms": {"p50": 0.043, "p95": 0.081, "p99": 0.31, "count": 4864},
    "resources": {
        "rss_bytes": 52 * 1048576,
        "peak_rss_bytes": 54 * 1048576,
        "cpu_percent": 2.31,
        "loop_lag_ms_p99": 1.2,
        "max_ram_mb": 450,
        "max_cpu_percent": 85,
        "loop_lag_ms_max": 100,
    },
    "bars": {"committed": 512, "provisional": 1, "late": 0, "duplicates": 0, "warm": True},
    "digest": "ab12",
    "left_open_elsewhere": [],
    "urls": {"metrics": "http://127.0.0.1:9108/metrics", "control": "state/control.sock"},
}


def sample_status() -> dict[str, Any]:
    """A simulated session with a position and refusals; a fresh copy."""
    return copy.deepcopy(SAMPLE)


def flat_status() -> dict[str, Any]:
    """The usual sight: flat on the real market, no signal."""
    status = sample_status()
    status.update(
        source="binance",
        source_class="real",
        position={},
        no_trade_reason="RSI 44, needs < 30; last < 30 was 37 bars ago",
        feed_up={"binance": True, "coingecko": False},
        reconnects={"binance": 3, "coingecko": 0},
        gaps={"binance": 1, "coingecko": 0},
        left_open_elsewhere=[
            {
                "account": "77d0",
                "source_class": "simulated",
                "market": "usdm",
                "symbol": "ETH-USDT",
                "quantity": "-0.041",
                "entry_price": "3388.02",
            }
        ],
        breakers=[
            {
                "name": "consecutive_losses",
                "state": "open",
                "reason": "5 losses in a row",
                "until_ns": status["time_ns"] + 612_000_000_000,
            }
        ],
        throttle={"cpu_level": 2, "memory_level": 0, "cpu_name": "intervals x4", "memory_name": "normal"},
    )
    return status
