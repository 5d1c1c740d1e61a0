"""The limits an entry must pass, one class each. A refusal is a value: its reason is counted and journalled."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.parameters import Parameters


class EntryFacts:
    """What the checks look at, filled by the engine for each intent. Ages in ns, prices in 1e-8 units."""

    def __init__(self) -> None:
        self.time_ns: i64 = 0
        self.side = 0
        self.is_spot = False
        self.has_one_price = False  # history without quotes, taken without a spread
        self.is_stopping = False
        self.is_journal_broken = False
        self.is_fallback = False
        self.is_clock_blocked = False
        self.cpu_level = 0
        self.memory_level = 0
        self.has_exposure = False  # position, working entry or working exit
        self.is_day_limit_hit = False
        self.trade_age_ns: i64 = 0
        self.quote_age_ns: i64 = 0
        self.lag_ns: i64 = 0  # how far exchange time is behind, from the last stamped event
        self.bid_e8: i64 = 0
        self.ask_e8: i64 = 0
        self.orders_last_minute = 0


class Check:
    """One limit. ``refusal`` returns the reason ("" = passes)."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def refusal(self, facts: EntryFacts) -> str:
        raise NotImplementedError


class StateCheck(Check):
    """Only a running, trusted session opens positions."""

    def refusal(self, facts: EntryFacts) -> str:
        if facts.is_stopping:
            return "stopping"
        if facts.is_journal_broken:
            return "journal_fault"
        if facts.is_clock_blocked:
            return "clock_resync"
        if facts.is_fallback:
            return "fallback_source"
        return ""


class PressureCheck(Check):
    """The budget's last steps before a shutdown: CPU level 4, memory level 2."""

    def refusal(self, facts: EntryFacts) -> str:
        if facts.memory_level >= 2:
            return "memory_pressure"
        return "cpu_pressure" if facts.cpu_level >= 4 else ""


class ExposureCheck(Check):
    """One position a symbol, no pyramiding; on spot a sell only closes."""

    def refusal(self, facts: EntryFacts) -> str:
        if facts.has_exposure:
            return "in_position"
        return "spot_short" if facts.is_spot and facts.side < 0 else ""


class StalenessCheck(Check):
    """Trades, quotes and exchange time must be fresh."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._limit_ns: i64 = int(parameters.stale_after_seconds * 1e9)

    def refusal(self, facts: EntryFacts) -> str:
        if facts.trade_age_ns > self._limit_ns:
            return "stale_trades"
        if facts.quote_age_ns > self._limit_ns:
            return "stale_quotes"
        return "lagging_exchange_time" if facts.lag_ns > self._limit_ns else ""


class DayCheck(Check):
    """After the daily drawdown no entry until the next UTC day."""

    def refusal(self, facts: EntryFacts) -> str:
        return "daily_drawdown" if facts.is_day_limit_hit else ""


class SpreadCheck(Check):
    """A quote on both sides, not crossed, and no wider than MAX_SPREAD_BPS."""

    def refusal(self, facts: EntryFacts) -> str:
        if facts.bid_e8 <= 0 or facts.ask_e8 <= 0:
            return "no_quote"
        if facts.has_one_price:
            return ""
        if facts.ask_e8 <= facts.bid_e8:
            return "crossed_quote"
        spread_bps = int(facts.ask_e8 - facts.bid_e8) * 20_000.0 / int(facts.ask_e8 + facts.bid_e8)
        return "spread" if spread_bps > self.parameters.max_spread_bps else ""


class OrderRateCheck(Check):
    """At most MAX_ORDERS_PER_MINUTE entries."""

    def refusal(self, facts: EntryFacts) -> str:
        return "order_rate" if facts.orders_last_minute >= self.parameters.max_orders_per_minute else ""


def entry_checks(parameters: Parameters) -> list[Check]:
    """All checks, in the order in which their reasons are told."""
    return [
        StateCheck(parameters),
        ExposureCheck(parameters),
        DayCheck(parameters),
        PressureCheck(parameters),
        StalenessCheck(parameters),
        SpreadCheck(parameters),
        OrderRateCheck(parameters),
    ]
