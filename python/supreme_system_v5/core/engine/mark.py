"""The engine's state in words, for a recording: enough to name what differs when a replay does.

``check_of`` is cheap enough for every event, ``state_words`` for once a second and every decision. Floats enter by
their exact hexadecimal form, so the words are the same compiled and pure.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.schedule import TIMER_COUNT
from supreme_system_v5.core.engine.state import EngineState
from supreme_system_v5.optimized.analyzer import Snapshot

CHECK_MASK: Final = 0xFFFF
GATE_WORDS: Final = 12  # of the gate's state; the volumes behind them are in their sum


def check_of(engine: Engine) -> int:
    """16 bits of the market numbers taken, the decisions made, the next timer and the books."""
    state = engine.state
    checksum: i64 = state.view.checksum
    due_ns: i64 = state.schedule.next_ns
    mixed: i64 = checksum ^ (checksum >> 21) ^ (due_ns >> 4) ^ (due_ns >> 24)
    return int(mixed + state.digest.entries * 7919 + state.events * 31 + state.next_sequence * 257) & CHECK_MASK


def state_words(engine: Engine) -> dict[str, object]:
    """Everything of the engine that a decision can depend on, by name; the books of levels by their checksum."""
    state = engine.state
    words: dict[str, object] = {
        "time_ns": int(state.now_ns),
        "digest": state.fingerprint(),
        "digest_entries": state.digest.entries,
        "events": state.events,
        "next_sequence": state.next_sequence,
        "source": state.source,
        "cpu_level": state.cpu_level,
        "memory_level": state.memory_level,
        "venue_offset_ns": int(state.venue_offset_ns),
        "lag_ns": int(state.lag_ns),
        "stream_quote_ns": int(state.stream_quote_ns),
        "book_asked_ns": int(state.book_asked_ns),
        "is_fallback": state.is_fallback,
        "is_clock_blocked": state.is_clock_blocked,
        "is_stopping": state.is_stopping,
        "is_closing": state.is_closing,
        "is_journal_broken": state.is_journal_broken,
        "clock_faults": state.clock_faults,
        "refusals": dict(state.refusals),
        "rejected_frames": dict(state.rejected_frames),
        "order_states": dict(state.order_states),
        "signals": [state.signals_long, state.signals_short],
        "trades_closed": state.trades_closed,
        "timers_ns": [state.schedule.due_ns(slot) for slot in range(TIMER_COUNT)],
    }
    _add_market(words, state)
    _add_chart(words, engine)
    _add_books(words, engine)
    return words


def _add_market(words: dict[str, object], state: EngineState) -> None:
    view = state.view
    book = view.local_book
    words["market.checksum"] = int(view.checksum)
    words["market.bid"] = [int(view.bid_e8), int(view.bid_quantity_e8)]
    words["market.ask"] = [int(view.ask_e8), int(view.ask_quantity_e8)]
    words["market.quote"] = [int(view.quote_ns), int(view.quote_update_id)]
    words["market.trade"] = [int(view.trade_ns), int(view.last_trade_id), int(view.last_trade_e8)]
    words["market.mark"] = [int(view.mark_ns), int(view.mark_e8), int(view.funding_rate_e8), int(view.next_funding_ms)]
    words["market.book"] = [book.is_synced, int(book.last_update_id), int(book.gaps)]
    words["market.best"] = [int(book.book.best_bid_e8()), int(book.book.best_ask_e8())]


def _add_chart(words: dict[str, object], engine: Engine) -> None:
    chart = engine.chart
    bars = chart.bars
    bar = bars.current
    words["bars.forming"] = [] if bar is None else [*bar.key(), bar.is_provisional]
    words["bars.committed"] = chart.committed
    words["bars.provisional"] = chart.provisional
    words["bars.waiting"] = [len(chart.pending), chart.is_awaiting_bars, chart.is_history_due]
    words["bars.held_trades"] = [len(chart.held), chart.is_awaiting_trades]
    words["bars.last"] = [int(chart.last_close_ms), int(bars.last_trade_id), int(bars.late), int(bars.duplicates)]
    words["indicators"] = [] if chart.snapshot is None else _indicators(chart.snapshot)
    words["indicators.sum"] = _sum_hex(chart.analyzer.state())
    gate = chart.gate.state()
    words["gate"] = [value.hex() for value in gate[:GATE_WORDS]]
    words["gate.volumes"] = _sum_hex(gate[GATE_WORDS:])
    words["gate.passes"] = [int(count) for count in chart.gate.passes]
    words["strategy"] = [value.hex() for value in chart.strategy.state()]


def _indicators(snapshot: Snapshot) -> list[str]:
    values = [
        snapshot.price,
        snapshot.ema,
        snapshot.rsi,
        snapshot.macd,
        snapshot.macd_signal,
        snapshot.macd_histogram,
        snapshot.atr,
        snapshot.volume_mean,
        float(snapshot.bars),
    ]
    return [value.hex() for value in values]


def _sum_hex(values: list[float]) -> str:
    """One number for many, added in their order."""
    total = 0.0
    for value in values:
        total = total * 0.75 + value
    return total.hex()


def _add_books(words: dict[str, object], engine: Engine) -> None:
    state = engine.state
    ledger = state.ledger.fields()
    for name in ledger:
        words["ledger." + name] = ledger[name]
    position = state.position
    words["position"] = {} if position is None else position.fields(state.ledger)
    words["position.protected"] = [] if position is None else [position.protected_e8, position.unprotected_since_ns]
    for order in state.orders.values():
        words["order." + order.client_order_id] = [
            order.role,
            order.state,
            order.side,
            order.quantity_e8,
            order.filled_e8,
            order.price_e8,
            order.trigger_e8,
        ]
    words["exit_wanted"] = engine.desk.wanted_exit
    for breaker in engine.risk.breakers:
        words["breaker." + breaker.name] = [breaker.state, breaker.reason, int(breaker.until_ns), breaker.is_probing]
    results = engine.risk.performance.results_e8
    words["results"] = [len(results), sum(results), engine.risk.performance.consecutive_losses]
    day = engine.day
    words["day"] = [int(day.start_ns), day.baseline_e8, day.realized_e8, day.fees_e8, day.funding_e8, day.is_limit_hit]
    words["funding.last_ms"] = engine.funding.last_funding_ms
