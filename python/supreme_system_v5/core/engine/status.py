"""The engine's answer to "how are you?": plain values for status, monitor, metrics and the summary.

Money is decimal text, times are ns UTC of engine time. Reading changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timezone

from mypy_extensions import i64

from supreme_system_v5.core.domain.market import NS_PER_MS, NS_PER_SECOND
from supreme_system_v5.core.domain.money import format_e8, plain_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.engine.chart import Chart
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.state import REDUCE_ONLY, RUNNING, STOPPING, WARMING
from supreme_system_v5.optimized.smart_events import REASON_NAMES

CPU_NAMES = ("normal", "intervals x2", "intervals x4", "depth off", "reduce-only")
MEMORY_NAMES = ("normal", "optional parts shed", "no entries", "shutdown")


class SessionStart:
    """The ledger's totals when the session began, to tell its own result from the account's."""

    def __init__(self, engine: Engine) -> None:
        ledger = engine.state.ledger
        self.realized_e8 = ledger.realized_e8
        self.fees_e8 = ledger.fees_e8
        self.funding_e8 = ledger.funding_e8


def engine_status(engine: Engine, start: SessionStart) -> dict[str, object]:
    """The engine's part of the status dictionary."""
    state = engine.state
    view = state.view
    ledger = state.ledger
    day = engine.day
    mid_e8 = int(view.mid_e8())
    spread_bps = (int(view.ask_e8) - int(view.bid_e8)) * 10_000.0 / mid_e8 if mid_e8 > 0 else 0.0
    return {
        "time_ns": int(state.now_ns),
        "mode": state.parameters.mode,
        "market": state.parameters.market,
        "symbol": state.parameters.symbol,
        "source": state.source,
        "source_class": "simulated" if state.parameters.is_simulated else "real",
        "account": state.parameters.account,
        "state": trading_state(engine),
        "price": format_e8(int(view.last_trade_e8), 2),
        "bid": format_e8(int(view.bid_e8), 2),
        "ask": format_e8(int(view.ask_e8), 2),
        "spread_bps": spread_bps,
        "mark": format_e8(int(view.mark_e8), 2),
        "position": _position(engine),
        "dust": plain_e8(ledger.dust_e8),
        "equity": format_e8(state.equity_e8(), 4),
        "wallet": format_e8(ledger.wallet_e8, 4),
        "equity_exact": plain_e8(state.equity_e8()),
        "wallet_exact": plain_e8(ledger.wallet_e8),
        "pnl_session": _pnl(engine, start.realized_e8, start.fees_e8, start.funding_e8),
        "pnl_today": _pnl(engine, day.realized_e8, day.fees_e8, day.funding_e8),
        "pnl_total": _pnl(engine, 0, 0, 0),
        "trades_closed": state.trades_closed,
        "trades_session": state.trades_session,
        "no_trade_reason": no_trade_reason(engine),
        "refusals": dict(state.refusals),
        "refusals_today": dict(state.refusals_today),
        "gate": _gate(engine),
        "signals": {"long": state.signals_long, "short": state.signals_short},
        "orders": dict(state.order_states),
        "open_orders": [
            {"id": o.client_order_id, "role": o.role, "state": o.state, "quantity": plain_e8(o.quantity_e8)}
            for o in state.orders.values()
        ],
        "data_age_ms": {
            "trade": _age_ms(engine, view.trade_ns),
            "quote": _age_ms(engine, view.quote_ns),
            "depth": _age_ms(engine, view.depth_ns),
            "mark": _age_ms(engine, view.mark_ns),
        },
        **_safety(engine),
        "bars": {
            "committed": int(engine.chart.committed),
            "provisional": engine.chart.provisional,
            "late": int(engine.chart.bars.late),
            "duplicates": int(engine.chart.bars.duplicates),
            "warm": engine.chart.analyzer_is_warm(),
        },
        "book": {"synced": view.local_book.is_synced, "gaps": int(view.local_book.gaps)},
        "kelly": _kelly(engine),
        "funding": "unknown" if engine.funding.is_unknown() else "known",
        "clock_faults": state.clock_faults,
        "events": int(state.events),
        "rejected_by_engine": dict(state.rejected_frames),
        "digest": state.fingerprint(),
    }


def _safety(engine: Engine) -> dict[str, object]:
    """Throttle, breakers and the day."""
    state = engine.state
    day = engine.day
    return {
        "throttle": {
            "cpu_level": state.cpu_level,
            "cpu_name": CPU_NAMES[min(state.cpu_level, 4)],
            "memory_level": state.memory_level,
            "memory_name": MEMORY_NAMES[min(state.memory_level, 3)],
        },
        "breakers": [
            {"name": b.name, "state": b.state_at(state.now_ns), "reason": b.reason, "until_ns": int(b.until_ns)}
            for b in engine.risk.breakers
        ],
        "day": {
            "date": datetime.fromtimestamp(int(day.start_ns) // NS_PER_SECOND, timezone.utc).strftime("%Y-%m-%d"),
            "baseline": format_e8(day.baseline_e8, 4),
            "drawdown": day.drawdown(),
            "limit": state.parameters.max_daily_drawdown_pct,
            "is_limit_hit": day.is_limit_hit,
        },
    }


def trading_state(engine: Engine) -> str:
    state = engine.state
    if state.is_stopping:
        return STOPPING
    if state.is_fallback or state.is_journal_broken or state.cpu_level >= 4 or state.memory_level >= 2:
        return REDUCE_ONLY
    if engine.day.is_limit_hit or state.is_clock_blocked:
        return REDUCE_ONLY
    return RUNNING if engine.chart.analyzer_is_warm() else WARMING


def no_trade_reason(engine: Engine) -> str:
    """The first unmet condition with its value, in words; what is open when something is."""
    state = engine.state
    position = state.position
    if state.is_stopping:
        return "no signal met the rule" if state.signals_long + state.signals_short == 0 else "stopping"
    if position is not None:
        side = "LONG" if position.side == BUY else "SHORT"
        return f"in a {side} position; one at a time"
    chart = engine.chart
    facts = engine.watch.facts(BUY)
    reason = engine.risk.blocking_reason(facts)
    waiting = _waiting_reason(chart)
    if waiting and reason in ("", "stale_trades", "stale_quotes", "no_quote"):
        return waiting
    if reason:
        return _explain(engine, reason)
    if chart.snapshot is None:
        return "waiting for the first bar"
    return chart.strategy.unmet(chart.snapshot)


def _waiting_reason(chart: Chart) -> str:
    """Why no signal can come at all ("" when one could)."""
    if not chart.analyzer_is_warm():
        return f"warming up: {chart.committed} bars known"
    if chart.is_blocked_by_bars():
        return "waiting for the venue's kline of a bar that was seen only in part"
    bar = chart.bars.current
    if bar is None:
        return "waiting for the first trade"
    if bar.is_provisional:
        return "the forming bar was seen only in part; trading starts with the next one"
    return ""


def _explain(engine: Engine, reason: str) -> str:
    state = engine.state
    if reason == "stale_trades":
        return _silence(engine, "trade", state.view.trade_ns)
    if reason == "stale_quotes":
        return _silence(engine, "quote", state.stream_quote_ns)
    if reason == "lagging_exchange_time":
        return f"exchange time lags {int(state.lag_ns) / NS_PER_SECOND:.1f} s behind"
    if reason == "spread":
        bid_e8, ask_e8 = int(state.view.bid_e8), int(state.view.ask_e8)
        bps = (ask_e8 - bid_e8) * 20_000 / max(1, ask_e8 + bid_e8)
        return f"spread {bps:.1f} bps, needs <= {state.parameters.max_spread_bps:.1f}"
    if reason == "daily_drawdown":
        return f"daily loss {engine.day.drawdown():.1%}, limit hit; entries resume at 00:00 UTC"
    if reason == "fallback_source":
        return "prices come from CoinGecko: it may reduce risk, it opens nothing"
    if reason.startswith("breaker_"):
        breaker = engine.risk.breaker(reason[len("breaker_") :])
        if breaker is not None:
            return f"breaker {breaker.name} is {breaker.state_at(state.now_ns)}: {breaker.reason}"
    return reason.replace("_", " ")


def _silence(engine: Engine, what: str, stamp_ns: i64) -> str:
    if stamp_ns == 0:
        return f"waiting for the first {what}"
    limit_s = engine.parameters.stale_after_seconds
    return f"no {what} for {_age_ms(engine, stamp_ns) / 1000:.0f} s, needs <= {limit_s:.0f} s"


def _age_ms(engine: Engine, stamp_ns: i64) -> float:
    if stamp_ns == 0:
        return -1.0
    return float(engine.state.now_ns - stamp_ns) / NS_PER_MS


def _pnl(engine: Engine, realized_e8: int, fees_e8: int, funding_e8: int) -> dict[str, str]:
    """Realised result since a baseline; the open position's is in ``position.unrealized``."""
    ledger = engine.state.ledger
    gross_e8 = ledger.realized_e8 - realized_e8
    fees_e8 = ledger.fees_e8 - fees_e8
    funding_e8 = ledger.funding_e8 - funding_e8
    return {
        "gross": format_e8(gross_e8, 4),
        "fees": format_e8(fees_e8, 4),
        "funding": format_e8(funding_e8, 4),
        "net": format_e8(gross_e8 - fees_e8 + funding_e8, 4),
    }


def _position(engine: Engine) -> dict[str, object]:
    state = engine.state
    position = state.position
    if position is None:
        return {}
    unprotected_ns = int(state.now_ns) - position.unprotected_since_ns if position.unprotected_since_ns else 0
    return {
        "side": "LONG" if position.side == BUY else "SHORT",
        "quantity": plain_e8(abs(state.ledger.position_e8)),
        "entry_price": format_e8(state.ledger.entry_price_e8(), 2),
        "stop": format_e8(position.stop_trigger_e8, 2),
        "target": format_e8(position.target_trigger_e8, 2),
        "opened_ns": position.opened_ns,
        "timeout_ns": position.timeout_ns,
        "unrealized": format_e8(state.equity_e8() - state.ledger.wallet_e8, 4),
        "is_protected": position.unprotected_since_ns == 0,
        "unprotected_seconds": unprotected_ns / NS_PER_SECOND,
        "exit": engine.desk.wanted_exit,
    }


def _gate(engine: Engine) -> dict[str, object]:
    gate = engine.chart.gate
    next_s = (int(gate.due_ns) - int(engine.state.now_ns)) / NS_PER_SECOND if gate.due_ns > 0 else 0.0
    return {
        "seen": int(gate.trades_seen),
        "skipped": int(gate.trades_skipped),
        "skip_ratio": gate.skip_ratio(),
        "passes": {REASON_NAMES[i]: int(gate.passes[i]) for i in range(1, len(REASON_NAMES))},
        "interval_seconds": gate.interval_seconds,
        "next_interval_seconds": max(0.0, next_s),
        "multiplier": gate.volume_multiplier,
        "interval_multiplier": 1 if engine.state.cpu_level < 1 else (2 if engine.state.cpu_level < 2 else 4),
    }


def _kelly(engine: Engine) -> dict[str, object]:
    performance = engine.risk.performance
    if not performance.has_enough:
        return {"trades": len(performance.results_e8), "note": "size not scaled before 30 trades"}
    half = performance.half_kelly()
    count = len(performance.results_e8)
    note = f"no edge shown in {count} trades" if not half > 0.0 else f"half-Kelly {half:.4f} over {count} trades"
    return {"trades": count, "half_kelly": half, "note": note}
