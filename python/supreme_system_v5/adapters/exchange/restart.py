"""Going on from a saved state: markets, accounts and orders as they were, and the time that has passed since.

A short downtime is lived through tick by tick, as if the exchange had never stopped. A long one is generated coarsely
(minute bars, see market/past.py): orders and stops that the bars passed fill, timers strike, funding is paid; then the
book is drawn anew around the new price. Either way market time begins where the wall clock is, and never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.market import past
from supreme_system_v5.adapters.exchange.market.generator import funding_rate_e8
from supreme_system_v5.adapters.exchange.market.shared_market import SharedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import (
    FUNDING_PERIOD_MS,
    MINUTE_MS,
    NS_PER_MS,
    NS_PER_SECOND,
    SimMarket,
)
from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import SPOT

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange

TICK_BY_TICK_NS: Final = 600 * NS_PER_SECOND
_ALL_E8: Final = 10**9 * 10**8  # a bar that passes an order fills all of it


def state_of(exchange: Exchange, options: Mapping[str, object]) -> dict[str, Any]:
    """What the state file holds. ``options``: what a later start must agree with."""
    return {
        "options": dict(options),
        "markets": {name: _saved(market) for name, market in exchange.markets.items()},
        "exchange": exchange.save(),
    }


def _saved(market: SimMarket) -> dict[str, Any]:
    assert isinstance(market, SharedMarket)
    return market.save()


class Revival:
    """The markets of a saved state at ``start_ns``; ``restore`` is for the exchange that is built over them.

    Raises ValueError, KeyError or TypeError for what is no state.
    """

    def __init__(self, body: Mapping[str, Any], start_ns: int) -> None:
        self._exchange_state: Mapping[str, Any] = body["exchange"]
        saved = [self._market_of(state, body["options"]) for state in body["markets"].values()]
        self.saved_ns = max(market.last_ns for market in saved)
        self.start_ns = max(start_ns, self.saved_ns)
        self.is_coarse = self.start_ns - min(market.last_ns for market in saved) > TICK_BY_TICK_NS
        self._passed: dict[str, int] = {market.market: market.last_ns for market in saved}
        self.markets: list[SimMarket] = list(saved)
        if self.is_coarse:
            self.markets = [self._later(market) for market in saved]

    @staticmethod
    def _market_of(state: dict[str, Any], options: Mapping[str, Any]) -> SharedMarket:
        market = SharedMarket(
            state["market"], state["seed"], options["start_ns"], options["profile"], options["bar_seconds"]
        )
        market.restore(state)
        return market

    def _later(self, market: SharedMarket) -> SharedMarket:
        profile = market.profile
        return SharedMarket(
            market.market, market.seed, self.start_ns, profile.name, profile.script_bar_seconds, past.state_of(market)
        )

    @property
    def downtime_seconds(self) -> float:
        return (self.start_ns - self.saved_ns) / NS_PER_SECOND

    def restore(self, exchange: Exchange) -> None:
        """Accounts, keys and orders; then everything up to ``start_ns``. The venues are bound to the markets."""
        exchange.restore(self._exchange_state)
        for market in self.markets:
            assert isinstance(market, SharedMarket)
            if self.is_coarse:
                self._live_through(market, exchange)
            else:
                self._step_through(market, exchange)
        exchange.advance(self.start_ns)

    def _step_through(self, market: SharedMarket, exchange: Exchange) -> None:
        live_until(market, exchange, self.start_ns)
        market.start_ns = max(market.last_ns, self.start_ns)

    def _live_through(self, market: SharedMarket, exchange: Exchange) -> None:
        """The bars of the downtime, as the venue would have seen them."""
        venue: Any = exchange.spot if market.market == SPOT else exchange.usdm
        from_ms = self._passed[market.market] // NS_PER_MS
        for row in past_rows(market, from_ms, self.start_ns // NS_PER_MS):
            _live_bar(market, venue, row)
            exchange.settle(market.market)
        venue.on_quote(self.start_ns)
        venue.on_depth(self.start_ns)
        # Resting orders are part of what the new book shows.
        resting = venue.matcher.resting.all()
        market.liquidity.touched |= {(int(order.side), int(order.price_e8)) for order in resting}
        market.settle(self.start_ns)
        exchange.settle(market.market)


def live_until(market: SimMarket, exchange: Exchange | None, time_ns: int) -> None:
    """Let happen what happens up to a market time, with nobody looking."""
    while market.next_ns() <= time_ns:
        market.step()
        if exchange is not None:
            exchange.settle(market.market)


def past_rows(market: SharedMarket, from_ms: int, to_ms: int) -> list[Sequence[int]]:
    """The minute bars that began after ``from_ms``."""
    minutes = market.minutes
    rows = [minutes.row(index) for index in range(len(minutes))]
    return [row for row in rows if from_ms < row[0] < to_ms]


def _live_bar(market: SharedMarket, venue: Any, row: Sequence[int]) -> None:
    open_ms, prices = row[0], (row[1], row[3], row[2], row[4])  # open, low, high, close
    for index, price_e8 in enumerate(prices):
        time_ms = open_ms + index * (MINUTE_MS // 4)
        time_ns = time_ms * NS_PER_MS
        if hasattr(venue, "advance"):
            venue.advance(time_ns)
        is_falling = index == 1
        venue.on_trade(Trade(time_ns, time_ms, time_ms, 0, price_e8, _ALL_E8, is_falling))
        if market.market != SPOT:
            next_ms = time_ms - time_ms % FUNDING_PERIOD_MS + FUNDING_PERIOD_MS
            rate_e8 = funding_rate_e8(market.seed, next_ms)
            venue.on_mark(time_ns, price_e8, price_e8 - price_e8 // 5_000, rate_e8, next_ms)
