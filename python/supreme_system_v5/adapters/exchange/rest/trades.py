"""REST answers from the trades: trades, historicalTrades, aggTrades, avgPrice."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.api.params import Params, bad_combination
from supreme_system_v5.adapters.exchange.market.raw_trades import AggRow
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.rest.request import dump, limit_of, stamp_ms, time_ms_of
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.refusal import Refusal

AVERAGE_MINUTES: Final = 5
HOUR_MS: Final = 3_600_000


class SingleTrade(NamedTuple):
    """One of the trades that an aggTrade stands for. Prices and quantities in 1e-8 units."""

    trade_id: int
    price_e8: int
    quantity_e8: int
    trade_ms: int
    time_ns: int
    is_buyer_maker: bool


def singles(market: SimMarket, index: int) -> list[SingleTrade]:
    """The trades of a kept aggTrade, oldest first."""
    row = market.trades.row(index)
    time_ns = market.trades.times[index]
    return [SingleTrade(number, row[1], part, row[5], time_ns, row[6]) for number, part in market.raw_trades(row)]


def recent_trades(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/trades"""
    params.symbol()
    limit = limit_of(params, 500, 1_000)
    params.done()
    return _bodies(market, params, _last(market, as_of_ns, limit))


def historical_trades(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/historicalTrades: from an id on, among the trades that are kept."""
    params.symbol()
    limit = limit_of(params, 500, 1_000) if market.market == SPOT else limit_of(params, 100, 500)
    from_id = params.integer("fromId")
    params.done()
    if from_id is None:
        return _bodies(market, params, _last(market, as_of_ns, limit))
    chosen: list[SingleTrade] = []
    count = market.trades.count_as_of(as_of_ns)
    index = bisect_left(market.trades.last_ids, from_id, 0, count)
    while index < count and len(chosen) < limit:
        chosen.extend([trade for trade in singles(market, index) if trade.trade_id >= from_id])
        index += 1
    return _bodies(market, params, chosen[:limit])


def _last(market: SimMarket, as_of_ns: int, limit: int) -> list[SingleTrade]:
    groups: list[list[SingleTrade]] = []
    index = market.trades.count_as_of(as_of_ns) - 1
    found = 0
    while index >= 0 and found < limit:
        groups.append(singles(market, index))
        found += len(groups[-1])
        index -= 1
    return [trade for group in reversed(groups) for trade in group][-limit:]


def _bodies(market: SimMarket, params: Params, chosen: list[SingleTrade]) -> bytes:
    encoder = market.encoder
    price, quantity, amount = encoder.price_text, encoder.quantity_text, encoder.amount_text
    tail = '"isBestMatch":true' if market.market == SPOT else '"isRPITrade":false'
    parts: list[str] = []
    for t in chosen:
        maker = "true" if t.is_buyer_maker else "false"
        parts.append(
            f'{{"id":{t.trade_id},"price":"{price(t.price_e8)}","qty":"{quantity(t.quantity_e8)}",'
            f'"quoteQty":"{amount(t.price_e8 * t.quantity_e8 // E8)}",'
            f'"time":{stamp_ms(params, t.trade_ms, t.time_ns)},"isBuyerMaker":{maker},{tail}}}'
        )
    return ("[" + ",".join(parts) + "]").encode()


def agg_trades(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/aggTrades"""
    params.symbol()
    limit = limit_of(params, 500, 1_000)
    from_id = params.integer("fromId")
    start_ms, end_ms = time_ms_of(params, "startTime"), time_ms_of(params, "endTime")
    params.done()
    if start_ms is not None and end_ms is not None:
        if market.market == SPOT and start_ms > end_ms:
            raise bad_combination()
        if market.market != SPOT and end_ms - start_ms > HOUR_MS:
            raise Refusal(-1127, "More than 1 hours between startTime and endTime.")
    if market.market == SPOT and from_id is not None and (start_ms is not None or end_ms is not None):
        raise bad_combination()
    trades = market.trades
    rows = _deep_rows(market, limit, from_id, start_ms, end_ms)
    if len(rows) < limit:
        rows += trades.select(as_of_ns, limit - len(rows), from_id, start_ms, end_ms)
    if params.is_micro and rows:
        first_id = trades.row(0)[0]
        rows = [(*row[:5], stamp_ms(params, row[5], trades.times[row[0] - first_id]), row[6]) for row in rows]
    return market.encoder.agg_trades_body(rows)


def _deep_rows(
    market: SimMarket, limit: int, from_id: int | None, start_ms: int | None, end_ms: int | None
) -> list[AggRow]:
    """What a request wants of the days before the trades that are kept."""
    deep = market.deep_past
    if deep is None:
        return []
    if from_id is not None:
        return deep.trades_from_id(from_id, limit)
    if start_ms is None or start_ms >= deep.end_ms:
        return []
    return deep.trades_in_time(start_ms, deep.end_ms if end_ms is None else end_ms, limit)


def average_price(market: SimMarket, as_of_ns: int, minutes: int = AVERAGE_MINUTES) -> tuple[int, int, int]:
    """(volume-weighted price of the last minutes in 1e-8 units, last trade's ms and market time).

    Without a trade in that time it is the last price; 0 when none is kept.
    """
    trades = market.trades
    count = trades.count_as_of(as_of_ns)
    if not count:
        return 0, market.exchange_ms(as_of_ns), as_of_ns
    first = bisect_left(trades.times, as_of_ns - minutes * 60_000_000_000, 0, count)
    volume = sum([abs(quantity) for quantity in trades.quantities[first:count]])
    pairs = zip(trades.prices[first:count], trades.quantities[first:count], strict=True)
    amount = sum([price * abs(quantity) for price, quantity in pairs])
    price_e8 = amount // volume if volume else trades.prices[count - 1]
    return price_e8, trades.trade_ms[count - 1], trades.times[count - 1]


def avg_price(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/avgPrice"""
    params.symbol()
    params.done()
    price_e8, last_ms, last_ns = average_price(market, as_of_ns)
    return dump(
        {
            "mins": AVERAGE_MINUTES,
            "price": market.encoder.price_text(price_e8),
            "closeTime": stamp_ms(params, last_ms, last_ns),
        }
    )
