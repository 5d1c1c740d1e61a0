"""Payloads of the streams that are made of the market's own frames: klines, tickers, partial depth, liquidations.

Field order and decimals are the venue's (official spot documentation 2026-07, USD-M SDK 2026-08). Times in ms.
``ps`` (pair) and ``st`` (symbol type, 1 = USD-M) are what the USD-M streams have carried since 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.rest.stats import Window
from supreme_system_v5.core.wire.binance_encode import BinanceEncoder, signed8, text8

SYMBOL_TYPE: Final = 1
Levels = Sequence[tuple[int, int]]


class Bar(NamedTuple):
    """A bar of a kline stream; ids -1 without a trade. ``row`` is a kline row of core/wire/binance_encode.py."""

    row: Sequence[int]
    close_ms: int
    first_id: int
    last_id: int
    is_closed: bool


class ForcedOrder(NamedTuple):
    """A liquidation order that was executed. Prices and quantities in 1e-8 units."""

    side: int
    quantity_e8: int
    price_e8: int
    average_price_e8: int
    trade_ms: int


def _pair(encoder: BinanceEncoder) -> str:
    return "" if encoder.is_spot else f',"ps":"{encoder.venue_symbol}","st":{SYMBOL_TYPE}'


def kline(encoder: BinanceEncoder, event_ms: int, bar: Bar, interval: str, is_continuous: bool = False) -> bytes:
    """A kline, or the same as continuous_kline of the perpetual contract."""
    symbol = encoder.venue_symbol
    price, quantity, amount = encoder.price_text, encoder.quantity_text, encoder.bar_amount_text
    r = bar.row
    head = f'{{"e":"kline","E":{event_ms},"s":"{symbol}","k":{{"t":{r[0]},"T":{bar.close_ms},"s":"{symbol}",'
    if is_continuous:
        head = f'{{"e":"continuous_kline","E":{event_ms},"ps":"{symbol}","ct":"PERPETUAL","k":{{"t":{r[0]},'
        head += f'"T":{bar.close_ms},'
    return (
        f'{head}"i":"{interval}","f":{bar.first_id},"L":{bar.last_id},"o":"{price(r[1])}","c":"{price(r[4])}",'
        f'"h":"{price(r[2])}","l":"{price(r[3])}","v":"{quantity(r[5])}","n":{r[7]},'
        f'"x":{"true" if bar.is_closed else "false"},"q":"{amount(r[6])}","V":"{quantity(r[8])}",'
        f'"Q":"{amount(r[9])}","B":"0"}}}}'
    ).encode()


def mini_ticker(encoder: BinanceEncoder, event_ms: int, w: Window) -> bytes:
    """24hrMiniTicker"""
    price = encoder.price_text
    return (
        f'{{"e":"24hrMiniTicker","E":{event_ms},"s":"{encoder.venue_symbol}","c":"{price(w.last_e8)}",'
        f'"o":"{price(w.open_e8)}","h":"{price(w.high_e8)}","l":"{price(w.low_e8)}",'
        f'"v":"{encoder.quantity_text(w.volume_e8)}","q":"{encoder.amount_text(w.quote_e8)}"{_pair(encoder)}}}'
    ).encode()


def ticker(encoder: BinanceEncoder, event_ms: int, w: Window, bid: tuple[int, int], ask: tuple[int, int]) -> bytes:
    """24hrTicker; spot's also has the price before the window and the best prices."""
    price, quantity = encoder.price_text, encoder.quantity_text
    before = best = ""
    if encoder.is_spot:
        before = f'"x":"{price(w.before_e8)}",'
        best = f'"b":"{price(bid[0])}","B":"{quantity(bid[1])}","a":"{price(ask[0])}","A":"{quantity(ask[1])}",'
    return (
        f'{{"e":"24hrTicker","E":{event_ms},"s":"{encoder.venue_symbol}",{_change(encoder, w)},'
        f'"w":"{price(w.average_e8)}",{before}"c":"{price(w.last_e8)}","Q":"{quantity(w.last_quantity_e8)}",{best}'
        f'"o":"{price(w.open_e8)}","h":"{price(w.high_e8)}","l":"{price(w.low_e8)}",'
        f"{_sums(encoder, w)}{_pair(encoder)}}}"
    ).encode()


def rolling_ticker(encoder: BinanceEncoder, event_ms: int, window: str, w: Window) -> bytes:
    """1hTicker, 4hTicker, 1dTicker (spot)."""
    price = encoder.price_text
    return (
        f'{{"e":"{window}Ticker","E":{event_ms},"s":"{encoder.venue_symbol}",{_change(encoder, w)},'
        f'"o":"{price(w.open_e8)}","h":"{price(w.high_e8)}","l":"{price(w.low_e8)}","c":"{price(w.last_e8)}",'
        f'"w":"{price(w.average_e8)}",{_sums(encoder, w)}}}'
    ).encode()


def _change(encoder: BinanceEncoder, w: Window) -> str:
    return f'"p":"{encoder.signed_price_text(w.change_e8)}","P":"{w.change_percent}"'


def _sums(encoder: BinanceEncoder, w: Window) -> str:
    return (
        f'"v":"{encoder.quantity_text(w.volume_e8)}","q":"{encoder.amount_text(w.quote_e8)}","O":{w.open_ms},'
        f'"C":{w.close_ms},"F":{w.first_id},"L":{w.last_id},"n":{w.count}'
    )


def average(encoder: BinanceEncoder, event_ms: int, price_e8: int, last_ms: int) -> bytes:
    """avgPrice (spot)."""
    return (
        f'{{"e":"avgPrice","E":{event_ms},"s":"{encoder.venue_symbol}","i":"5m","w":"{encoder.price_text(price_e8)}",'
        f'"T":{last_ms}}}'
    ).encode()


def partial_depth(
    encoder: BinanceEncoder, event_ms: int, update_id: int, previous_id: int, bids: Levels, asks: Levels
) -> bytes:
    """The best levels: spot's without symbol or event type, USD-M's in the form of a depthUpdate."""
    if encoder.is_spot:
        return encoder.depth_body(event_ms, update_id, bids, asks)
    return with_pair(encoder, encoder.depth(event_ms, previous_id + 1, update_id, previous_id, bids, asks))


def slow_depth(encoder: BinanceEncoder, event_ms: int, ids: tuple[int, int, int], bids: str, asks: str) -> bytes:
    """A diff over a longer time. ``ids``: first, last and previous update id; sides as the inside of JSON arrays."""
    head = f'{{"e":"depthUpdate","E":{event_ms},'
    if not encoder.is_spot:
        head += f'"T":{event_ms},'
    head += f'"s":"{encoder.venue_symbol}","U":{ids[0]},"u":{ids[1]},'
    if not encoder.is_spot:
        head += f'"pu":{ids[2]},'
    return f'{head}"b":[{bids}],"a":[{asks}]{_pair(encoder)}}}'.encode()


def with_pair(encoder: BinanceEncoder, payload: bytes) -> bytes:
    """A USD-M payload with ``ps`` and ``st`` at its end."""
    return payload[:-1] + _pair(encoder).encode() + b"}"


def mark_price(encoder: BinanceEncoder, event_ms: int, mark: tuple[int, int, int, int, int], average_e8: int) -> bytes:
    """markPriceUpdate with the moving average of the mark price."""
    _, mark_e8, index_e8, rate_e8, next_funding_ms = mark
    return (
        f'{{"e":"markPriceUpdate","E":{event_ms},"s":"{encoder.venue_symbol}","p":"{text8(mark_e8)}",'
        f'"i":"{text8(index_e8)}","P":"{text8(mark_e8)}","r":"{signed8(rate_e8)}","ap":"{text8(average_e8)}",'
        f'"T":{next_funding_ms},"st":{SYMBOL_TYPE}}}'
    ).encode()


def force_order(encoder: BinanceEncoder, event_ms: int, order: ForcedOrder, is_array: bool) -> bytes:
    """forceOrder (the !all form is an object too, and names pair and type)."""
    price, quantity = encoder.price_text, encoder.quantity_text(order.quantity_e8)
    tail = _pair(encoder) if is_array else ""
    side = "BUY" if order.side > 0 else "SELL"
    return (
        f'{{"e":"forceOrder","E":{event_ms},"o":{{"s":"{encoder.venue_symbol}","S":"{side}",'
        f'"o":"LIMIT","f":"IOC","q":"{quantity}","p":"{price(order.price_e8)}","ap":"{price(order.average_price_e8)}",'
        f'"X":"FILLED","l":"{quantity}","z":"{quantity}","T":{order.trade_ms}}}{tail}}}'
    ).encode()


def asset_index(asset: str, event_ms: int, index_e8: int) -> bytes:
    """assetIndexUpdate: index, buffers of 5 % and, for the automatic exchange, 2.5 %."""
    twentieth_e8, fortieth_e8 = index_e8 // 20, index_e8 // 40
    return (
        f'{{"e":"assetIndexUpdate","E":{event_ms},"s":"{asset}","i":"{text8(index_e8)}","b":"0.05000000",'
        f'"a":"0.05000000","B":"{text8(index_e8 - twentieth_e8)}","A":"{text8(index_e8 + twentieth_e8)}",'
        f'"q":"0.02500000","g":"0.02500000","Q":"{text8(index_e8 - fortieth_e8)}",'
        f'"G":"{text8(index_e8 + fortieth_e8)}"}}'
    ).encode()
