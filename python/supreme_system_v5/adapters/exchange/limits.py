"""Request weight limits of the simulated exchange: counted a minute, 429 over the limit, 418 far beyond it."""

from __future__ import annotations

from supreme_system_v5.adapters.exchange.rest_views import WEIGHT_LIMIT

BAN_SECONDS = 120.0


class WeightLimiter:
    """``limit`` 0 = the venue's own. Time is given by the caller (seconds, any origin)."""

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._used: dict[str, tuple[int, int]] = {}  # market -> minute, weight used in it
        self._banned_until = 0.0

    def charge(self, market: str, weight: int, now: float) -> int:
        """Count a request; returns the weight used in this minute."""
        minute = int(now // 60)
        used_minute, used = self._used.get(market, (minute, 0))
        used = weight + (used if used_minute == minute else 0)
        self._used[market] = (minute, used)
        return used

    def refusal(self, market: str, used: int, now: float) -> tuple[int, int] | None:
        """(HTTP status, Retry-After seconds) when the request is refused."""
        limit = self._limit or WEIGHT_LIMIT[market]
        if now < self._banned_until:
            return 418, int(self._banned_until - now) + 1
        if used <= limit:
            return None
        if used > 2 * limit:
            self._banned_until = now + BAN_SECONDS
            return 418, int(BAN_SECONDS)
        return 429, int(60 - now % 60) + 1
