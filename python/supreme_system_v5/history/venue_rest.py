"""The venue's REST endpoints for history: klines and aggTrades, by time and by id, within its request weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from supreme_system_v5.core.domain.errors import ConfigError, FrameError
from supreme_system_v5.core.wire.numbers import price_e8, quantity_e8
from supreme_system_v5.history.columns import BarChunk, TradeChunk, int64_column
from supreme_system_v5.history.http import Http, NetworkError, Pace
from supreme_system_v5.history.kinds import MINUTE_MS, DataError

TRADES_LIMIT: Final = 1_000
HOUR_MS: Final = 3_600_000
SETTLE_MS: Final = 5_000  # younger bars and trades may not be final
_PREFIX: Final = {"spot": "/api/v3/", "usdm": "/fapi/v1/"}
_WEIGHT_MINUTE: Final = {"spot": 6_000, "usdm": 2_400}
_BARS_LIMIT: Final = {"spot": 1_000, "usdm": 1_500}
_BARS_WEIGHT: Final = {"spot": 2, "usdm": 10}
_TRADES_WEIGHT: Final = {"spot": 4, "usdm": 20}  # spot's was 2 until 2025; the header tells what was really used


class VenueRest:
    """One market's endpoints. ``symbol`` as the venue writes it."""

    def __init__(self, http: Http, base_url: str, market: str, symbol: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/") + _PREFIX[market]
        self._market = market
        self._symbol = symbol
        self._pace = Pace(_WEIGHT_MINUTE[market])

    def time_ms(self) -> int:
        """The venue's clock. Raises NetworkError."""
        found = self._ask("time", {}, 1)
        if not isinstance(found, dict) or not isinstance(found.get("serverTime"), int):
            raise DataError(f"{self._base}time does not tell the time", "is the address right?")
        return int(found["serverTime"])

    def first_bar_ms(self, from_ms: int) -> int:
        """When the first minute from ``from_ms`` on begins that the venue knows; 0 when there is none."""
        rows = self._bar_rows(from_ms, 0, 1)
        return int(rows[0][0]) if rows else 0

    def bars(self, from_ms: int, to_ms: int) -> Iterator[BarChunk]:
        """The closed 1-minute bars that open from ``from_ms`` up to, not including, ``to_ms``."""
        while from_ms < to_ms:
            rows = self._bar_rows(from_ms, to_ms - 1, _BARS_LIMIT[self._market])
            if not rows:
                return
            yield _bar_chunk(rows)
            from_ms = int(rows[-1][0]) + MINUTE_MS

    def first_trades(self, from_ms: int, to_ms: int) -> TradeChunk | None:
        """The first page of aggTrades with from_ms <= T < to_ms; None when there are none."""
        while from_ms < to_ms:
            until_ms = min(from_ms + HOUR_MS, to_ms) - 1
            found = self._trade_rows({"startTime": from_ms, "endTime": until_ms, "limit": TRADES_LIMIT})
            if found:
                return _trade_chunk(found)
            from_ms = until_ms + 1
        return None

    def trades_from_id(self, from_id: int, limit: int = TRADES_LIMIT) -> TradeChunk | None:
        """A page of aggTrades from an id on, whatever their time; None when there are none yet."""
        found = self._trade_rows({"fromId": from_id, "limit": limit})
        return _trade_chunk(found) if found else None

    def _bar_rows(self, from_ms: int, end_ms: int, limit: int) -> list[Any]:
        params: dict[str, object] = {"symbol": self._symbol, "interval": "1m", "startTime": from_ms, "limit": limit}
        if end_ms:
            params["endTime"] = end_ms
        return self._rows("klines", params, _BARS_WEIGHT[self._market])

    def _trade_rows(self, params: dict[str, object]) -> list[Any]:
        return self._rows("aggTrades", {"symbol": self._symbol, **params}, _TRADES_WEIGHT[self._market])

    def _rows(self, name: str, params: dict[str, object], weight: int) -> list[Any]:
        found = self._ask(name, params, weight)
        if not isinstance(found, list):
            raise DataError(f"{self._base}{name} does not answer with a list", "is the address right?")
        return found

    def _ask(self, name: str, params: dict[str, object], weight: int) -> Any:
        answer = self._http.get(self._base + name, params, self._pace, weight)
        if answer.status == 400:
            words = answer.body[:200].decode("utf-8", "replace")
            if "-1121" in words:
                known = f"the venue has no symbol {self._symbol} on its {self._market} market"
                raise ConfigError(known, "SYMBOL=ETH-USDT")
            raise NetworkError(f"{self._base}{name} refuses: {words}", "is this version up to date?")
        if answer.status != 200:
            raise NetworkError(f"{self._base}{name} is not there (HTTP {answer.status})", "is the address right?")
        try:
            return json.loads(answer.body)
        except ValueError:
            raise DataError(f"{self._base}{name} does not answer with JSON", "is the address right?") from None


def _bar_chunk(rows: list[Any]) -> BarChunk:
    try:
        opens = int64_column([int(row[0]) for row in rows])
        o, h, low, c = [int64_column([price_e8(row[place]) for row in rows]) for place in (1, 2, 3, 4)]
        volumes = int64_column([quantity_e8(row[5]) for row in rows])
    except (FrameError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise DataError(f"a kline of the venue cannot be read: {error}", "try again later") from None
    return BarChunk(len(rows), opens, o, h, low, c, volumes)


def _trade_chunk(rows: list[Any]) -> TradeChunk:
    try:
        times = int64_column([int(row["T"]) for row in rows])
        ids = int64_column([int(row["a"]) for row in rows])
        prices = int64_column([quantity_e8(row["p"]) for row in rows])
        quantities = int64_column([quantity_e8(row["q"]) for row in rows])
        flags = bytes([bool(row["m"]) for row in rows])
    except (FrameError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DataError(f"an aggTrade of the venue cannot be read: {error}", "try again later") from None
    return TradeChunk(len(rows), times, ids, prices, quantities, flags)
