"""The kinds of data, the days they are stored by, and the range of time that a person asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError, SupremeError

BARS: Final = "bars"
TRADES: Final = "trades"
FRAMES: Final = "frames"
MARKETS: Final = ("spot", "usdm")
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
NO_FROM_MS: Final = 0
NO_TO_MS: Final = 4_102_444_800_000  # 2100-01-01

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class DataError(SupremeError):
    """A file of data, or what a server sent, is not usable (exit 1)."""


class Range(NamedTuple):
    """``from_ms`` <= time < ``to_ms``, ms UTC."""

    from_ms: int
    to_ms: int

    @property
    def is_open(self) -> bool:
        """True when nothing was asked for: all there is."""
        return self.from_ms == NO_FROM_MS and self.to_ms == NO_TO_MS


ALL_TIME: Final = Range(NO_FROM_MS, NO_TO_MS)


def parse_range(from_text: str, to_text: str) -> Range:
    """A range from ``FROM`` and ``TO``: days (TO's day is inside) or times such as 2024-08-01T12:30, in UTC.

    An empty text is no bound. Raises ConfigError naming the key.
    """
    found = Range(
        _time_ms("FROM", from_text, 0) if from_text else NO_FROM_MS,
        _time_ms("TO", to_text, DAY_MS) if to_text else NO_TO_MS,
    )
    if found.from_ms >= found.to_ms:
        raise ConfigError(f"FROM={from_text} is not before TO={to_text}", "swap them; TO's day itself is included")
    return found


def _time_ms(name: str, text: str, whole_day_ms: int) -> int:
    try:
        is_day = _DAY.fullmatch(text) is not None
        found = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise ConfigError(
            f"{name}={text} is not a day", "give it as 2024-08-01, or with a time (UTC) as 2024-08-01T12:30"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    time_ms = int(found.timestamp()) * 1_000 + (whole_day_ms if is_day else 0)
    if not 0 <= time_ms <= NO_TO_MS:
        raise ConfigError(f"{name}={text} is out of range", "a day from 1970 to 2099")
    return time_ms


def day_of(time_ms: int) -> date:
    """The UTC day that a time lies in."""
    return datetime.fromtimestamp(time_ms // 1_000, timezone.utc).date()


def day_start_ms(day: date) -> int:
    """Midnight UTC at which a day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()) * 1_000


def days_of(span: Range) -> Iterator[date]:
    """The days that a range touches, oldest first."""
    day, last = day_of(span.from_ms), day_of(span.to_ms - 1)
    while day <= last:
        yield day
        day += timedelta(days=1)


def time_text(time_ms: int) -> str:
    """A time for people, to the minute where it is one: 2021-05-19 12:31 or 2021-05-19 12:31:05.123."""
    when = datetime.fromtimestamp(time_ms // 1_000, timezone.utc)
    text = when.strftime("%Y-%m-%d %H:%M" if time_ms % MINUTE_MS == 0 else "%Y-%m-%d %H:%M:%S")
    return f"{text}.{time_ms % 1_000:03d}" if time_ms % 1_000 else text


def venue_symbol(symbol: str) -> str:
    """ETH-USDT as the venue writes it: ETHUSDT. Raises ConfigError for what is no symbol."""
    found = symbol.upper().replace("-", "").replace("/", "")
    if re.fullmatch(r"[A-Z0-9]{4,20}", found, re.ASCII) is None:
        raise ConfigError(f"SYMBOL={symbol} is not a symbol", "give it as ETH-USDT")
    return found
