"""The single trades behind an aggTrade: the venue's raw `trade` stream and /trades, unfolded from what is kept.

An aggTrade says how many trades it is made of (f..l), not how large each was. Where that is known (a recording, a
client's fill) it is kept; elsewhere the quantity is dealt out by a rule of the first id alone: always the same way.
"""

from __future__ import annotations

from random import Random
from typing import Final

from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.wire.binance_encode import BinanceEncoder

PARTS_MAX: Final = 30_000

AggRow = tuple[int, int, int, int, int, int, bool]  # as TradeHistory.row gives it


def deal_out(first_id: int, last_id: int, quantity: int, step: int) -> list[tuple[int, int]]:
    """(id, quantity) of each trade: at least a step each, whole steps, together all of it.

    A quantity of fewer steps than there are trades cannot be; then the last ones have nothing and are left out.
    """
    count = min(last_id - first_id + 1, max(1, quantity // step))
    if count == 1:
        return [(first_id, quantity)]
    draw = Random(first_id).random
    weights = [draw() for _ in range(count)]
    spare = quantity // step - count
    total = sum(weights)
    parts = [(1 + int(spare * weight / total)) * step for weight in weights]
    parts[0] += quantity - sum(parts)
    return [(first_id + index, part) for index, part in enumerate(parts)]


def keep_parts(store: dict[int, list[tuple[int, int]]], first_id: int, parts: list[tuple[int, int]]) -> None:
    """Remember the trades of an aggTrade, the last so many of them."""
    store[first_id] = parts
    if len(store) > PARTS_MAX + PARTS_MAX // 4:
        for old in list(store)[: len(store) - PARTS_MAX]:
            del store[old]


def trade_payload(
    encoder: BinanceEncoder, event_ms: int, trade_ms: int, trade: tuple[int, int], price_e8: int, is_buyer_maker: bool
) -> bytes:
    """A `trade` frame's data object; ``trade``: its id and quantity."""
    head = f'{{"e":"trade","E":{event_ms},'
    if encoder.market != SPOT:
        head += f'"T":{trade_ms},'
    body = (
        f'"s":"{encoder.venue_symbol}","t":{trade[0]},"p":"{encoder.price_text(price_e8)}",'
        f'"q":"{encoder.quantity_text(trade[1])}",'
    )
    maker = "true" if is_buyer_maker else "false"
    tail = f'"T":{trade_ms},"m":{maker},"M":true}}' if encoder.market == SPOT else f'"X":"MARKET","m":{maker}}}'
    return (head + body + tail).encode()
