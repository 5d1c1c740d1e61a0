"""The files of a public archive in the venue's layout: names, CSV, zip, checksum. The same request, the same bytes.

    data/spot/daily/aggTrades/ETHUSDT/ETHUSDT-aggTrades-2026-11-18.zip (and .CHECKSUM)
    data/futures/um/monthly/klines/ETHUSDT/1m/ETHUSDT-1m-2026-10.zip

Spot's files have no header line, its times are microseconds from 2025 on; USD-M's have one, and milliseconds.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.archives.deep_past import DAY_MS, DeepPast
from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.wire.binance_encode import BinanceEncoder

AGG_TRADES: Final = "aggTrades"
KLINES: Final = "klines"
CHECKSUM: Final = ".CHECKSUM"
_MICRO_FROM_MS: Final = 1_735_689_600_000  # 2025-01-01
_PATH: Final = re.compile(
    r"/data/(?P<market>spot|futures/um)/(?P<period>daily|monthly)/"
    r"(?:(?P<agg>aggTrades)/(?P<symbol_a>[A-Z0-9]+)/(?P=symbol_a)-aggTrades-"
    r"|klines/(?P<symbol_k>[A-Z0-9]+)/1m/(?P=symbol_k)-1m-)"
    r"(?P<date>\d{4}-\d{2}(?:-\d{2})?)\.zip(?P<checksum>\.CHECKSUM)?",
    re.ASCII,
)
_AGG_HEADER: Final = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_KLINE_HEADER: Final = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


class Wanted(NamedTuple):
    """One file of the archive, as a path names it: from ``from_ms`` up to, not including, ``to_ms``."""

    market: str
    symbol: str
    kind: str  # AGG_TRADES or KLINES
    name: str  # of the file in the zip, without its ending
    from_ms: int
    to_ms: int
    is_checksum: bool


def parse(path: str) -> Wanted | None:
    """What a path asks for; None for one that is no file of an archive."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    try:
        is_month = found["period"] == "monthly"
        begin = datetime.strptime(found["date"], "%Y-%m" if is_month else "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    end = (begin.replace(day=28) + timedelta(days=4)).replace(day=1) if is_month else begin + timedelta(days=1)
    kind = AGG_TRADES if found["agg"] else KLINES
    symbol = found["symbol_a"] or found["symbol_k"]
    name = f"{symbol}-{AGG_TRADES if found['agg'] else '1m'}-{found['date']}"
    market = SPOT if found["market"] == "spot" else USDM
    span = int(begin.timestamp()) * 1_000, int(end.timestamp()) * 1_000
    return Wanted(market, symbol, kind, name, *span, found["checksum"] is not None)


def is_there(wanted: Wanted, past: DeepPast) -> bool:
    """True for a whole day or month of this past."""
    return past.start_ms <= wanted.from_ms and wanted.to_ms <= past.end_ms


def make_zip(wanted: Wanted, past: DeepPast) -> bytes:
    """The zip file. A month takes seconds: not for an event loop."""
    encoder = BinanceEncoder(wanted.market, wanted.symbol)
    parts = io.StringIO()
    if wanted.market != SPOT:
        parts.write((_AGG_HEADER if wanted.kind == AGG_TRADES else _KLINE_HEADER) + "\n")
    for day_ms in range(wanted.from_ms, wanted.to_ms, DAY_MS):
        lines = _agg_lines if wanted.kind == AGG_TRADES else _kline_lines
        parts.write("".join(lines(encoder, past, day_ms)))
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        entry = zipfile.ZipInfo(f"{wanted.name}.csv")  # dated 1980: no clock in the bytes
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, parts.getvalue())
    return body.getvalue()


def make_checksum(wanted: Wanted, content: bytes) -> bytes:
    """The .CHECKSUM file that belongs to a zip."""
    return f"{hashlib.sha256(content).hexdigest()}  {wanted.name}.zip\n".encode()


def _agg_lines(encoder: BinanceEncoder, past: DeepPast, day_ms: int) -> list[str]:
    price, quantity = encoder.price_text, encoder.quantity_text
    unit = _unit(encoder, day_ms)
    tail = ",True\n" if encoder.is_spot else "\n"
    flags = ("False", "True") if encoder.is_spot else ("false", "true")
    return [
        f"{t[0]},{price(t[1])},{quantity(t[2])},{t[3]},{t[4]},{t[5] * unit},{flags[t[6]]}{tail}"
        for t in past.trades(day_ms, day_ms + DAY_MS)
    ]


def _kline_lines(encoder: BinanceEncoder, past: DeepPast, day_ms: int) -> list[str]:
    price, quantity, amount = encoder.price_text, encoder.quantity_text, encoder.bar_amount_text
    unit = _unit(encoder, day_ms)
    return [
        f"{r[0] * unit},{price(r[1])},{price(r[2])},{price(r[3])},{price(r[4])},{quantity(r[5])},"
        f"{(r[0] + MINUTE_MS) * unit - 1},{amount(r[6])},{r[7]},{quantity(r[8])},{amount(r[9])},0\n"
        for r in past.rows(day_ms, day_ms + DAY_MS)
    ]


def _unit(encoder: BinanceEncoder, day_ms: int) -> int:
    return 1_000 if encoder.is_spot and day_ms >= _MICRO_FROM_MS else 1
