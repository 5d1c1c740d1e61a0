"""The generated market's past: what came before its start, and the downtime of a resumed one.

Coarse on purpose: bars without quotes (1,500 minutes in about 30 ms), for the last quarter of an hour also a few
aggTrades a second, folded into the bars they belong to. Time only goes forward: from the beginning of the past (or
the saved state) to the start of the live market.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.market.history import ROW
from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS, NS_PER_MS
from supreme_system_v5.core.domain.money import E8

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket

PAST_MINUTES: Final = 1_500
BARS_SAVED: Final = 500
STATE_VERSION: Final = 1
_SUBSTEPS: Final = 12  # a coarse minute is 12 steps of 5 s
_TICK_E8: Final = 1_000_000


def restarts_of(state: dict[str, object] | None) -> int:
    """How often a market has been resumed: each time it draws from a new stream of numbers."""
    return 0 if state is None else _integer(state, "restarts") + 1


def _integer(state: dict[str, object], key: str) -> int:
    value = state.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"market state: {key} is not an integer")
    return value


def _number(state: dict[str, object], key: str) -> float:
    value = state.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not (-1e12 < value < 1e12):
        raise ValueError(f"market state: {key} is not a number")
    return float(value)


def build(market: GeneratedMarket, state: dict[str, object] | None) -> None:
    """Give the market its bars and trades up to ``start_ns``."""
    start_ms = market.start_ns // NS_PER_MS
    if state is None:
        begin_ms = start_ms - start_ms % MINUTE_MS - PAST_MINUTES * MINUTE_MS
    else:
        begin_ms = _restore(market, state, start_ms)
    coarse_ms = start_ms - market.profile.coarse_seconds * 1_000
    coarse_ms -= coarse_ms % MINUTE_MS
    minute_ms = begin_ms + (-begin_ms) % MINUTE_MS
    if state is not None and minute_ms > begin_ms:
        _seconds(market, begin_ms, min(minute_ms, start_ms))
    if minute_ms < coarse_ms - PAST_MINUTES * MINUTE_MS:  # a very long downtime: the middle is one move
        skipped_s = (coarse_ms - PAST_MINUTES * MINUTE_MS - minute_ms) / 1_000
        market.path.advance(skipped_s)
        market.minutes.data = market.minutes.data[:0]
        minute_ms = coarse_ms - PAST_MINUTES * MINUTE_MS
    while minute_ms < coarse_ms:
        _minute(market, minute_ms)
        minute_ms += MINUTE_MS
    _seconds(market, max(minute_ms, begin_ms), start_ms)
    if state is None:  # a fresh market begins in a typical hour, whatever its past came to
        market.path.calm()


def _minute(market: GeneratedMarket, open_ms: int) -> None:
    path = market.path
    path.turn_second(60.0)
    first = last = high = low = _ticks(path.fair)
    for _ in range(_SUBSTEPS):
        last = _ticks(path.advance(60.0 / _SUBSTEPS))
        high = max(high, last)
        low = min(low, last)
    step = market.quantity_unit
    busy = path.activity() * (0.5 + market.rng.random())
    sweeps = 60_000.0 / (110.0 if market.market == "spot" else 98.0) * busy
    volume = max(step, int(sweeps * 0.9 * E8) // step * step)
    taker = volume // step // 2 * step
    prices = [first * _TICK_E8, high * _TICK_E8, low * _TICK_E8, last * _TICK_E8]
    turnover = volume * ((prices[1] + prices[2]) // 2) // E8
    market.minutes.append_row([open_ms, *prices, volume, turnover, int(sweeps * 3) + 1, taker, turnover // 2])


def _seconds(market: GeneratedMarket, from_ms: int, to_ms: int) -> None:
    """Three trades a second, folded into bars like any other."""
    rng = market.rng
    path = market.path
    for second_ms in range(from_ms, to_ms, 1_000):
        path.turn_second()
        for offset_ms in (3, 334, 667):
            trade_ms = second_ms + offset_ms
            if trade_ms >= to_ms:
                break
            price_e8 = _ticks(path.advance(1.0 / 3.0)) * _TICK_E8
            size = market.profile.sweep_size.sample(rng.random()) * 3.0 * path.activity()
            quantity_e8 = max(1, int(size * market.steps_per_unit)) * market.quantity_unit
            count = min(7, quantity_e8 // market.quantity_unit)
            first_id = market.next_trade_id
            market.next_trade_id += count
            is_buyer_maker = rng.random() < 0.5
            time_ns = trade_ms * NS_PER_MS
            market.trades.add(time_ns, trade_ms, price_e8, quantity_e8, first_id, first_id + count - 1, is_buyer_maker)
            market.minutes.add_trade(trade_ms, price_e8, quantity_e8, count, is_buyer_maker)
            market.seconds.add_trade(trade_ms, price_e8, quantity_e8, count, is_buyer_maker)


def _ticks(fair: float) -> int:
    return int(fair + 0.5)


# Saved state -----------------------------------------------------------------------------------------------------


def state_of(market: GeneratedMarket) -> dict[str, object]:
    """What a resumed market needs: small, without the book (it is drawn anew around the price)."""
    path = market.path
    first = max(0, len(market.minutes) - BARS_SAVED)
    forming = None if not len(market.minutes) else market.minutes.row(len(market.minutes) - 1)
    return {
        "version": STATE_VERSION,
        "market": market.market,
        "symbol": market.symbol,
        "profile": market.profile.name,
        "seed": market.seed,
        "restarts": market.restarts,
        "time_ns": market.last_ns,
        "fair": path.fair,
        "anchor": path.anchor,
        "fast": path.fast,
        "slow": path.slow,
        "script_seconds": path.script_seconds,
        "next_agg_id": market.trades.next_agg_id,
        "next_trade_id": market.next_trade_id,
        "update_id": market.levels.update_id,
        "close_e8": forming[4] if forming else 0,
        "bars": [market.minutes.row(i) for i in range(first, len(market.minutes))],
    }


def _restore(market: GeneratedMarket, state: dict[str, object], start_ms: int) -> int:
    """Take over ids, price, volatility and bars; returns the ms at which the past goes on."""
    if state.get("version") != STATE_VERSION or state.get("market") != market.market:
        raise ValueError("market state: another version or another market")
    time_ms = _integer(state, "time_ns") // NS_PER_MS
    if time_ms >= start_ms:
        raise ValueError("market state: saved later than the start; time never goes back")
    path = market.path
    path.fair = max(1_000.0, _number(state, "fair"))
    path.anchor = max(1_000.0, _number(state, "anchor"))
    path.fast = max(-5.0, min(5.0, _number(state, "fast")))
    path.slow = max(-5.0, min(5.0, _number(state, "slow")))
    path.script_seconds = _number(state, "script_seconds")
    market.trades.set_first_id(_integer(state, "next_agg_id"))
    market.next_trade_id = _integer(state, "next_trade_id")
    market.levels.update_id = _integer(state, "update_id") + 1_000
    bars: Any = state.get("bars")
    if not isinstance(bars, list):
        raise ValueError("market state: bars is not a list")
    for row in bars:
        if not isinstance(row, list) or len(row) != ROW or not all(isinstance(x, int) for x in row):
            raise ValueError("market state: a bar is not a row of integers")
        market.minutes.append_row(row)
    return time_ms - time_ms % 1_000 + 1_000


def is_usable(state: dict[str, object], market: str, seed: int, profile: str) -> bool:
    """True when the state is whole and of this market, seed and profile."""
    wanted = {"version": STATE_VERSION, "market": market, "seed": seed, "profile": profile}
    if any(state.get(key) != value for key, value in wanted.items()):
        return False
    bars = state.get("bars")
    if not isinstance(bars, list) or not all(isinstance(row, list) and len(row) == ROW for row in bars):
        return False
    try:
        for key in ("time_ns", "restarts", "next_agg_id", "next_trade_id", "update_id"):
            _integer(state, key)
        for key in ("fair", "anchor", "fast", "slow", "script_seconds"):
            _number(state, key)
    except ValueError:
        return False
    return all(isinstance(x, int) for row in bars for x in row)


def save_state(market: GeneratedMarket, path: Path) -> None:
    """Write the state atomically (a temporary file, then rename)."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(state_of(market), separators=(",", ":")), encoding="utf-8")
    temporary.replace(path)


def load_state(path: Path) -> dict[str, object] | None:
    """The saved state; None when there is none or it cannot be read (a fresh market then starts)."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None
