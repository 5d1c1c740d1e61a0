"""Request weight limits of the simulated exchange: counted a minute per address, 429 over the limit, 418 far beyond it.

The limits are those of the shipped exchangeInfo (``rateLimits``); a start may ask for another or for so many times of
them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

BAN_SECONDS: Final = 120.0
BAN_SECONDS_MAX: Final = 3 * 86_400.0  # the venue's: from 2 minutes to 3 days, longer for who offends again
REQUEST_WEIGHT: Final = "REQUEST_WEIGHT"
RAW_REQUESTS: Final = "RAW_REQUESTS"
ORDERS: Final = "ORDERS"
_UNIT_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


class RateLimit(NamedTuple):
    """One entry of ``rateLimits``."""

    kind: str
    interval: str
    number: int  # of intervals
    limit: int

    @property
    def seconds(self) -> int:
        return _UNIT_SECONDS[self.interval] * self.number

    @property
    def suffix(self) -> str:
        """As in the names of headers: 10S, 1M, 1D."""
        return f"{self.number}{self.interval[0]}"


@cache
def exchange_info(market: str) -> dict[str, Any]:
    """The shipped exchangeInfo of a market."""
    path = Path(__file__).parent.parent / "fixtures" / f"exchange_info_{market}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def rate_limits(market: str) -> tuple[RateLimit, ...]:
    """The limits in the market's exchangeInfo."""
    rows = exchange_info(market)["rateLimits"]
    return tuple(RateLimit(r["rateLimitType"], r["interval"], r["intervalNum"], r["limit"]) for r in rows)


@cache
def limit_of(market: str, kind: str) -> RateLimit | None:
    """The first limit of a kind; None where the venue has none."""
    return next((item for item in rate_limits(market) if item.kind == kind), None)


class WeightLimiter:
    """``limit`` 0 = the venue's own, times ``factor``. Time is given by the caller (seconds, any origin)."""

    def __init__(self, limit: int = 0, factor: int = 1) -> None:
        self.fixed = limit
        self.factor = factor
        self._used: dict[tuple[str, str], list[int]] = {}  # market, address -> minute, weight used in it
        self._raw: dict[tuple[str, str], list[int]] = {}  # the same of requests, in their own interval
        self._banned: dict[str, float] = {}  # address -> until
        self._bans: dict[str, int] = {}

    def limit(self, market: str) -> int:
        """Weight a minute."""
        found = limit_of(market, REQUEST_WEIGHT)
        return self.fixed or (found.limit if found is not None else 0) * self.factor

    def charge(self, market: str, weight: int, now: float, address: str = "") -> int:
        """Count a request; returns the weight used in this minute."""
        key = (market, address)
        raw = limit_of(market, RAW_REQUESTS)
        if raw is not None:
            slot = int(now // raw.seconds)
            cell = self._raw.get(key)
            if cell is None or cell[0] != slot:
                cell = self._raw[key] = [slot, 0]
            cell[1] += 1
        return self._add(key, weight, now)

    def refund(self, market: str, weight: int, now: float, address: str = "") -> int:
        """Take a request's weight back (the venue charges nothing for orders that succeed); returns what is used."""
        return self._add((market, address), -weight, now)

    def used(self, market: str, now: float, address: str = "") -> int:
        """The weight used in this minute."""
        return self._add((market, address), 0, now)

    def _add(self, key: tuple[str, str], weight: int, now: float) -> int:
        minute = int(now // 60)
        cell = self._used.get(key)
        if cell is None or cell[0] != minute:
            cell = self._used[key] = [minute, 0]
        cell[1] = max(0, cell[1] + weight)
        return cell[1]

    def refusal(self, market: str, used: int, now: float, address: str = "") -> tuple[int, int] | None:
        """(HTTP status, Retry-After seconds) when the request is refused."""
        banned_until = self._banned.get(address, 0.0)
        if now < banned_until:
            return 418, int(banned_until - now) + 1
        limit = self.limit(market)
        if used <= limit:
            return self._raw_refusal(market, now, address)
        if used > 2 * limit:
            count = self._bans.get(address, 0)
            self._bans[address] = count + 1
            span = min(BAN_SECONDS * 4.0**count, BAN_SECONDS_MAX)
            self._banned[address] = now + span
            return 418, int(span)
        return 429, int(60 - now % 60) + 1

    def _raw_refusal(self, market: str, now: float, address: str) -> tuple[int, int] | None:
        raw, own = limit_of(market, RAW_REQUESTS), limit_of(market, REQUEST_WEIGHT)
        if raw is None or own is None:
            return None
        raised = max(1, self.limit(market) // own.limit)  # with the weight: it is for who asks more than a client may
        if self._raw.get((market, address), [0, 0])[1] <= raw.limit * raised:
            return None
        return 429, int(raw.seconds - now % raw.seconds) + 1

    def save(self) -> dict[str, Any]:
        """Bans outlive a restart; what was used in a minute does not."""
        return {"banned": self._banned, "bans": self._bans}

    def restore(self, saved: dict[str, Any]) -> None:
        self._banned = {str(address): float(until) for address, until in saved["banned"].items()}
        self._bans = {str(address): int(count) for address, count in saved["bans"].items()}
