"""Words to Binance's wire format: what the simulated exchange says (streams and REST bodies, both markets).

The field order and the number of decimals are those of the venue (spot: 8 decimals everywhere; USD-M: the symbol's
precision). Prices and quantities come in 1e-8 units, times in ms. Sources: reference notes on the official spot
documentation (2026-07) and USD-M SDK (2026-08); the recordings for the key order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.money import E8

_PRICE_UNIT = 1_000_000  # USD-M ETHUSDT: 2 decimals
_QUANTITY_UNIT = 100_000  # USD-M ETHUSDT: 3 decimals

# One row of a kline store: open_ms, open, high, low, close, volume, quote volume, trades, taker base, taker quote.
KlineRow = Sequence[int]


def text8(value_e8: int) -> str:
    """A non-negative number with 8 decimals."""
    return f"{value_e8 // E8}.{value_e8 % E8:08d}"


def signed8(value_e8: int) -> str:
    """A number with 8 decimals and its sign."""
    return f"-{text8(-value_e8)}" if value_e8 < 0 else text8(value_e8)


def _text2(price_e8: int) -> str:
    ticks = price_e8 // _PRICE_UNIT
    return f"{ticks // 100}.{ticks % 100:02d}"


def _text3(quantity_e8: int) -> str:
    steps = quantity_e8 // _QUANTITY_UNIT
    return f"{steps // 1000}.{steps % 1000:03d}"


def _text5(amount_e8: int) -> str:
    parts = amount_e8 // 1_000
    return f"{parts // 100_000}.{parts % 100_000:05d}"


def error_body(code: int, message: str) -> bytes:
    """The venue's error body, `{"code":-1121,"msg":"Invalid symbol."}`."""
    return json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode()


class BinanceEncoder:
    """Encodes for one market and symbol; holds nothing else."""

    def __init__(self, market: str, venue_symbol: str) -> None:
        self.market = market
        self.venue_symbol = venue_symbol
        self.is_spot = market == SPOT
        self.price_text = text8 if self.is_spot else _text2
        self.quantity_text = text8 if self.is_spot else _text3
        self.amount_text = text8 if self.is_spot else _text2  # of the quote asset, in tickers and trades
        self.bar_amount_text = text8 if self.is_spot else _text5

    def signed_price_text(self, price_e8: int) -> str:
        """A price difference with the decimals of a price."""
        return f"-{self.price_text(-price_e8)}" if price_e8 < 0 else self.price_text(price_e8)

    # Streams -----------------------------------------------------------------------------------------------------

    def agg_trade(
        self,
        event_ms: int,
        trade_ms: int,
        agg_id: int,
        price_e8: int,
        quantity_e8: int,
        first_id: int,
        last_id: int,
        is_buyer_maker: bool,
    ) -> bytes:
        """An aggTrade frame's data object."""
        price = self.price_text(price_e8)
        quantity = self.quantity_text(quantity_e8)
        maker = "true" if is_buyer_maker else "false"
        extra = "" if self.is_spot else f',"nq":"{quantity}"'
        tail = ',"M":true}' if self.is_spot else "}"
        return (
            f'{{"e":"aggTrade","E":{event_ms},"s":"{self.venue_symbol}","a":{agg_id},"p":"{price}","q":"{quantity}"'
            f'{extra},"f":{first_id},"l":{last_id},"T":{trade_ms},"m":{maker}{tail}'
        ).encode()

    def quote(
        self,
        event_ms: int,
        update_id: int,
        bid_e8: int,
        bid_quantity_e8: int,
        ask_e8: int,
        ask_quantity_e8: int,
    ) -> bytes:
        """A bookTicker frame's data object; spot's has no event type and no times."""
        price = self.price_text
        quantity = self.quantity_text
        body = (
            f'"u":{update_id},"s":"{self.venue_symbol}","b":"{price(bid_e8)}","B":"{quantity(bid_quantity_e8)}",'
            f'"a":"{price(ask_e8)}","A":"{quantity(ask_quantity_e8)}"'
        )
        if self.is_spot:
            return f"{{{body}}}".encode()
        return f'{{"e":"bookTicker",{body},"T":{event_ms},"E":{event_ms}}}'.encode()

    def depth(
        self,
        event_ms: int,
        first_update_id: int,
        final_update_id: int,
        previous_final_id: int,
        bids: Sequence[tuple[int, int]],
        asks: Sequence[tuple[int, int]],
    ) -> bytes:
        """A diff-depth frame's data object; levels are (price, quantity), quantity 0 removes."""
        head = f'{{"e":"depthUpdate","E":{event_ms},'
        if not self.is_spot:
            head += f'"T":{event_ms},'
        head += f'"s":"{self.venue_symbol}","U":{first_update_id},"u":{final_update_id},'
        if not self.is_spot:
            head += f'"pu":{previous_final_id},'
        return f'{head}"b":[{self.levels(bids)}],"a":[{self.levels(asks)}]}}'.encode()

    def levels(self, levels: Sequence[tuple[int, int]]) -> str:
        """Levels as the inside of a JSON array of [price, quantity] text pairs."""
        price = self.price_text
        quantity = self.quantity_text
        return ",".join([f'["{price(p)}","{quantity(q)}"]' for p, q in levels])

    def mark_price(self, event_ms: int, mark_e8: int, index_e8: int, rate_e8: int, next_funding_ms: int) -> bytes:
        """A markPriceUpdate frame's data object (USD-M)."""
        mark = text8(mark_e8)
        return (
            f'{{"e":"markPriceUpdate","E":{event_ms},"s":"{self.venue_symbol}","p":"{mark}","i":"{text8(index_e8)}",'
            f'"P":"{mark}","r":"{signed8(rate_e8)}","T":{next_funding_ms}}}'
        ).encode()

    # REST bodies -------------------------------------------------------------------------------------------------

    def depth_body(
        self,
        event_ms: int,
        last_update_id: int,
        bids: Sequence[tuple[int, int]],
        asks: Sequence[tuple[int, int]],
    ) -> bytes:
        """The /depth reply; levels best first."""
        times = "" if self.is_spot else f'"E":{event_ms},"T":{event_ms},'
        return (
            f'{{"lastUpdateId":{last_update_id},{times}"bids":[{self.levels(bids)}],"asks":[{self.levels(asks)}]}}'
        ).encode()

    def klines_body(self, rows: Sequence[KlineRow], period_ms: int) -> bytes:
        """The /klines reply from kline rows of one period."""
        return self.bars_body(rows, [(row[0], row[0] + period_ms - 1) for row in rows])

    def bars_body(self, rows: Sequence[KlineRow], times: Sequence[tuple[int, int]], is_traded: bool = True) -> bytes:
        """Bars with their (open, close) times in the unit asked for.

        Without ``is_traded`` they are of a price that nobody trades (mark, index, premium): 8 decimals, no volume.
        """
        price = self.price_text if is_traded else signed8
        quantity = self.quantity_text
        amount = self.bar_amount_text
        bars: list[str] = []
        for r, (open_time, close_time) in zip(rows, times, strict=True):
            volume, turnover, base, quote = '"0"', '"0"', '"0"', '"0"'
            if is_traded:
                volume, turnover = f'"{quantity(r[5])}"', f'"{amount(r[6])}"'
                base, quote = f'"{quantity(r[8])}"', f'"{amount(r[9])}"'
            bars.append(
                f'[{open_time},"{price(r[1])}","{price(r[2])}","{price(r[3])}","{price(r[4])}",{volume},'
                f'{close_time},{turnover},{r[7]},{base},{quote},"0"]'
            )
        return ("[" + ",".join(bars) + "]").encode()

    def agg_trades_body(self, trades: Sequence[tuple[int, int, int, int, int, int, bool]]) -> bytes:
        """The /aggTrades reply from (agg_id, price, quantity, first_id, last_id, trade_ms, is_buyer_maker)."""
        price = self.price_text
        quantity = self.quantity_text
        tail = ',"M":true' if self.is_spot else ""
        rows: list[str] = []
        for agg_id, price_e8, quantity_e8, first_id, last_id, trade_ms, is_buyer_maker in trades:
            amount = f'"{quantity(quantity_e8)}"'
            # USD-M: also the normal quantity, without what retail price improvement orders took
            normal = "" if self.is_spot else f',"nq":{amount}'
            maker = "true" if is_buyer_maker else "false"
            rows.append(
                f'{{"a":{agg_id},"p":"{price(price_e8)}","q":{amount}{normal},"f":{first_id},"l":{last_id},'
                f'"T":{trade_ms},"m":{maker}{tail}}}'
            )
        return ("[" + ",".join(rows) + "]").encode()

    def price_ticker_body(self, time_ms: int, price_e8: int) -> bytes:
        """The /ticker/price reply for one symbol."""
        time = "" if self.is_spot else f',"time":{time_ms}'
        return f'{{"symbol":"{self.venue_symbol}","price":"{self.price_text(price_e8)}"{time}}}'.encode()

    def book_ticker_body(
        self, time_ms: int, update_id: int, bid: tuple[int, int] | None, ask: tuple[int, int] | None
    ) -> bytes:
        """The /ticker/bookTicker reply; a side that is empty is 0, as at the venue."""
        bid_price, bid_quantity = bid or (0, 0)
        ask_price, ask_quantity = ask or (0, 0)
        tail = "" if self.is_spot else f',"time":{time_ms},"lastUpdateId":{update_id}'
        return (
            f'{{"symbol":"{self.venue_symbol}","bidPrice":"{self.price_text(bid_price)}",'
            f'"bidQty":"{self.quantity_text(bid_quantity)}","askPrice":"{self.price_text(ask_price)}",'
            f'"askQty":"{self.quantity_text(ask_quantity)}"{tail}}}'
        ).encode()

    def premium_index_body(
        self, time_ms: int, mark_e8: int, index_e8: int, rate_e8: int, next_funding_ms: int
    ) -> bytes:
        """The /premiumIndex reply for one symbol (USD-M)."""
        return (
            f'{{"symbol":"{self.venue_symbol}","markPrice":"{text8(mark_e8)}","indexPrice":"{text8(index_e8)}",'
            f'"estimatedSettlePrice":"{text8(mark_e8)}","lastFundingRate":"{signed8(rate_e8)}",'
            f'"interestRate":"0.00010000","nextFundingTime":{next_funding_ms},"time":{time_ms}}}'
        ).encode()

    def funding_rates_body(self, rates: Sequence[tuple[int, int, int]]) -> bytes:
        """The /fundingRate reply from (funding_ms, rate, mark)."""
        return (
            "["
            + ",".join(
                [
                    f'{{"symbol":"{self.venue_symbol}","fundingTime":{t},"fundingRate":"{signed8(rate)}",'
                    f'"markPrice":"{text8(mark)}","rateType":"Regular"}}'
                    for t, rate, mark in rates
                ]
            )
            + "]"
        ).encode()
