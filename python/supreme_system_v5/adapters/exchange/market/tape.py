"""The public tape of a generated market in which clients trade: one sequence of trade ids for everybody's trades.

Trades are written down as they happen and given out together: those of one taker at one price become one aggTrade,
enter the trade history and the bars, and each client's trade keeps its own id and quantity in the raw stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from supreme_system_v5.adapters.exchange.market.raw_trades import deal_out, keep_parts
from supreme_system_v5.adapters.exchange.market.sim_market import NS_PER_MS, OutFrame
from supreme_system_v5.core.domain.events import Trade

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket

FRAME_NS = 1_000


class _Entry(NamedTuple):
    """``ids`` trades from ``first_id`` on; of a client (``is_client``) always one."""

    first_id: int
    ids: int
    price_e8: int
    quantity_e8: int
    is_buyer_maker: bool
    trade_ms: int
    is_client: bool


class Tape:
    """What has been traded and not yet been given out."""

    def __init__(self, market: GeneratedMarket) -> None:
        self._market = market
        self._entries: list[_Entry] = []

    def next_trade_id(self) -> int:
        """The next id of the one sequence."""
        trade_id = self._market.next_trade_id
        self._market.next_trade_id += 1
        return trade_id

    def add_market(self, time_ns: int, price_e8: int, steps: int, count: int, is_buyer_maker: bool) -> None:
        """The background traded with itself: ``count`` trades, at most one a step."""
        count = max(1, min(count, steps))
        first_id = self._market.next_trade_id
        self._market.next_trade_id += count
        quantity_e8 = steps * self._market.quantity_unit
        self._entries.append(
            _Entry(first_id, count, price_e8, quantity_e8, is_buyer_maker, time_ns // NS_PER_MS, False)
        )

    def add_client(self, time_ns: int, trade_id: int, price_e8: int, quantity_e8: int, is_buyer_maker: bool) -> None:
        """A client's order traded; its id came from ``next_trade_id``."""
        self._entries.append(_Entry(trade_id, 1, price_e8, quantity_e8, is_buyer_maker, time_ns // NS_PER_MS, True))

    def print_out(self, first_ns: int) -> tuple[list[OutFrame], list[Trade]]:
        """Everything written down, in order of the ids: the aggTrade frames from ``first_ns`` on, and for the venue
        what the market traded with itself.

        The venue has booked its clients' fills, and no order of theirs may fill a second time: it is told of the rest
        from the other side, on which nobody's order can rest at that price.
        """
        if not self._entries:
            return [], []
        self._entries.sort()
        groups: list[list[_Entry]] = []
        for entry in self._entries:
            if groups and _continues(groups[-1][-1], entry):
                groups[-1].append(entry)
            else:
                groups.append([entry])
        self._entries = []
        frames: list[OutFrame] = []
        trades: list[Trade] = []
        for index, group in enumerate(groups):
            frame, trade = self._print_group(first_ns + index * FRAME_NS, group)
            frames.append(frame)
            trades.append(trade)
        return frames, trades

    def _print_group(self, time_ns: int, group: list[_Entry]) -> tuple[OutFrame, Trade]:
        market = self._market
        first = group[0]
        last_id = group[-1].first_id + group[-1].ids - 1
        quantity_e8 = sum(entry.quantity_e8 for entry in group)
        if len(group) > 1:
            parts = [part for entry in group for part in _parts(entry, market.quantity_unit)]
            keep_parts(market.trade_parts, first.first_id, parts)
        price_e8, is_buyer_maker, trade_ms = first.price_e8, first.is_buyer_maker, first.trade_ms
        agg_id = market.trades.add(
            time_ns, trade_ms, price_e8, quantity_e8, first.first_id, last_id, first.is_buyer_maker
        )
        for store in (market.minutes, market.seconds):
            store.add_trade(trade_ms, price_e8, quantity_e8, last_id - first.first_id + 1, is_buyer_maker)
        payload = market.encoder.agg_trade(
            trade_ms, trade_ms, agg_id, price_e8, quantity_e8, first.first_id, last_id, is_buyer_maker
        )
        own_e8 = sum(entry.quantity_e8 for entry in group if not entry.is_client)
        trade = Trade(time_ns, trade_ms, trade_ms, agg_id, price_e8, own_e8, not is_buyer_maker)
        return OutFrame(time_ns, market.trade_stream, payload), trade


def _continues(before: _Entry, entry: _Entry) -> bool:
    return (
        entry.first_id == before.first_id + before.ids
        and entry.price_e8 == before.price_e8
        and entry.is_buyer_maker == before.is_buyer_maker
        and entry.trade_ms == before.trade_ms
    )


def _parts(entry: _Entry, step: int) -> list[tuple[int, int]]:
    return deal_out(entry.first_id, entry.first_id + entry.ids - 1, entry.quantity_e8, step)
