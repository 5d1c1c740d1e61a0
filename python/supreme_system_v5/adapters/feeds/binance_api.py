"""Binance market data over REST: paths, weights, paging. Answers in our words; no retries."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.feeds.rest import WEIGHT_MINUTE, Reply, RestClient
from supreme_system_v5.core.domain.events import BookSnapshot, MarkPrice, Trade
from supreme_system_v5.core.domain.instrument import SPOT, Instrument
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.wire import binance_rest as wire

PREFIX: Final = {"spot": "/api/v3/", "usdm": "/fapi/v1/"}
PAGE_MAX: Final = 1000  # rows both markets give a page
PAGES_MAX: Final = 50
BOOK_LEVELS: Final = 1000  # a side; beyond what the book keeps, at a fifth of the weight of 5000
_WEIGHTS: Final = {
    "spot": {"exchangeInfo": 20, "depth": 50, "klines": 2, "aggTrades": 4},
    "usdm": {"depth": 20, "klines": 5, "aggTrades": 20},
}
_INTERVALS: Final = {
    60: "1m",
    180: "3m",
    300: "5m",
    900: "15m",
    1800: "30m",
    3600: "1h",
    7200: "2h",
    14400: "4h",
    21600: "6h",
    28800: "8h",
    43200: "12h",
    86400: "1d",
}

Params = dict[str, "str | int"]


def interval_name(bar_seconds: int) -> str:
    """The venue's name of a kline interval; seconds otherwise (the simulated exchange has them, the venue only 1s)."""
    return _INTERVALS.get(bar_seconds, f"{bar_seconds}s")


class BinanceApi:
    """One market and symbol. Every method raises VenueError or FrameError; ``sim_time_ns`` > 0 asks the simulated
    exchange to answer as of then. Reply times are its X-Time-Ns, 0 on a real venue.
    """

    def __init__(self, market: str, symbol: str, rest_url: str) -> None:
        self.market = market
        self.symbol = symbol
        self.venue_symbol = symbol.replace("-", "")
        self.rest = RestClient(rest_url, WEIGHT_MINUTE[market])
        self._sim_offset_ns = 0  # the simulated exchange's own clock minus its X-Time-Ns

    async def call(
        self, name: str, params: Params | None = None, is_protected: bool = False, sim_time_ns: int = 0
    ) -> Reply:
        """GET one endpoint by its last name."""
        weight = _WEIGHTS[self.market].get(name, 1)
        return await self.rest.get(PREFIX[self.market] + name, params, weight, is_protected, sim_time_ns)

    async def server_time(self, timeout_seconds: float = 0.0, sim_time_ns: int = 0) -> tuple[int, Reply]:
        """The venue's clock in ms, and the reply with its stamps."""
        path = PREFIX[self.market] + "time"
        reply = await self.rest.get(path, None, 1, True, sim_time_ns, timeout_seconds=timeout_seconds)
        server_ms = wire.parse_server_time(reply.body)
        if reply.time_ns > 0:
            self._sim_offset_ns = server_ms * 1_000_000 - reply.time_ns
        return server_ms, reply

    async def instrument(self) -> Instrument:
        """The symbol's filters from exchangeInfo."""
        params: Params = {"symbol": self.venue_symbol} if self.market == SPOT else {}
        reply = await self.call("exchangeInfo", params, is_protected=True)
        return wire.parse_exchange_info(reply.body, self.market, self.symbol)

    async def book(self, time_ns: int, sim_time_ns: int = 0) -> BookSnapshot:
        """A depth snapshot, stamped with the exchange's time where it has one, else ``time_ns``."""
        params: Params = {"symbol": self.venue_symbol, "limit": BOOK_LEVELS}
        reply = await self.call("depth", params, True, sim_time_ns)
        return wire.parse_depth(reply.body, reply.time_ns or time_ns)

    async def mark(self, time_ns: int) -> MarkPrice:
        """USD-M mark price and announced funding."""
        reply = await self.call("premiumIndex", {"symbol": self.venue_symbol}, is_protected=True)
        return wire.parse_premium_index(reply.body, reply.time_ns or time_ns)

    async def funding_rates(self, from_ms: int, to_ms: int) -> list[tuple[int, int, int]]:
        """Settled USD-M funding in [from_ms, to_ms]: (time ms, rate 1e-8, mark 1e-8), oldest first."""
        params: Params = {"symbol": self.venue_symbol, "startTime": from_ms, "endTime": to_ms, "limit": PAGE_MAX}
        return wire.parse_funding_rates((await self.call("fundingRate", params, is_protected=True)).body)

    async def latest_bars(self, bar_seconds: int, count: int, now_ms: int) -> tuple[list[Bar], int]:
        """The last ``count`` closed klines, oldest first, and the reply's time (0 on a real venue)."""
        params: Params = {
            "symbol": self.venue_symbol,
            "interval": interval_name(bar_seconds),
            "limit": min(count + 1, PAGE_MAX),  # the newest one is still open
        }
        reply = await self.call("klines", params, is_protected=True)
        bars = wire.parse_klines(reply.body, self._venue_ms(reply.time_ns) or now_ms)
        return bars[-count:], reply.time_ns

    async def bars(
        self, bar_seconds: int, from_ms: int, to_ms: int, now_ms: int, sim_time_ns: int = 0
    ) -> tuple[list[Bar], int]:
        """The closed klines that open in [from_ms, to_ms), oldest first, and the last reply's time."""
        bars: list[Bar] = []
        start_ms = from_ms
        time_ns = 0
        for _ in range(PAGES_MAX):
            params: Params = {
                "symbol": self.venue_symbol,
                "interval": interval_name(bar_seconds),
                "startTime": start_ms,
                "endTime": to_ms - 1,
                "limit": PAGE_MAX,
            }
            reply = await self.call("klines", params, False, sim_time_ns)
            time_ns = reply.time_ns
            page = wire.parse_klines(reply.body, self._venue_ms(time_ns) or now_ms)
            bars += [bar for bar in page if start_ms <= bar.open_ms < to_ms]
            if len(page) < PAGE_MAX - 1:  # the open kline is left out of a full page
                break
            start_ms = int(page[-1].open_ms) + bar_seconds * 1000
            if start_ms >= to_ms:
                break
        return bars, time_ns

    async def trades(self, from_id: int, count_max: int, time_ns: int, sim_time_ns: int = 0) -> tuple[list[Trade], int]:
        """aggTrades from an id on, at most ``count_max``, oldest first, and the last reply's time."""
        trades: list[Trade] = []
        reply_ns = 0
        while len(trades) < count_max:
            limit = min(PAGE_MAX, count_max - len(trades))
            next_id = int(trades[-1].trade_id) + 1 if trades else from_id
            params: Params = {"symbol": self.venue_symbol, "fromId": next_id, "limit": limit}
            reply = await self.call("aggTrades", params, False, sim_time_ns)
            reply_ns = reply.time_ns
            page = wire.parse_agg_trades(reply.body, reply_ns or time_ns)
            trades += page
            if len(page) < limit:
                break
        return trades, reply_ns

    async def trades_between(self, from_ms: int, to_ms: int, count_max: int, time_ns: int) -> list[Trade]:
        """aggTrades of [from_ms, to_ms) by trade time, oldest first; stops after ``count_max`` (the caller sees it)."""
        params: Params = {"symbol": self.venue_symbol, "limit": PAGE_MAX}
        trades: list[Trade] = []
        hour_ms = from_ms
        while not trades and hour_ms < to_ms:  # the first trade of the span; from there on by id
            params["startTime"] = hour_ms
            params["endTime"] = min(to_ms, hour_ms + 3_600_000) - 1  # the venue's longest window is an hour
            reply = await self.call("aggTrades", params)
            trades = wire.parse_agg_trades(reply.body, reply.time_ns or time_ns)
            hour_ms += 3_600_000
        while trades and trades[-1].trade_time_ms < to_ms and len(trades) < count_max:
            page, _ = await self.trades(int(trades[-1].trade_id) + 1, PAGE_MAX, time_ns)
            trades += page
            if len(page) < PAGE_MAX:
                break
        return [trade for trade in trades if from_ms <= trade.trade_time_ms < to_ms][:count_max]

    async def start_market(self) -> None:
        """Let a simulated exchange's clock run: we are warm and subscribed."""
        await self.rest.post("/x/start")

    async def close(self) -> None:
        await self.rest.close()

    def _venue_ms(self, time_ns: int) -> int:
        """The venue's clock at a reply's X-Time-Ns: it says which klines are closed. 0 on a real venue."""
        return (time_ns + self._sim_offset_ns) // 1_000_000 if time_ns > 0 else 0
