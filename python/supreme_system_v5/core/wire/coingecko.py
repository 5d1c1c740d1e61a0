"""CoinGecko's `/simple/price`: a cached average over venues, a mark for risk and never an executable price."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import FallbackPrice
from supreme_system_v5.core.wire.binance_rest import retry_after_seconds
from supreme_system_v5.core.wire.binance_schema import frame_error
from supreme_system_v5.core.wire.numbers import TIME_MS_MAX, decimal_price_e8


class _Price(Struct):
    usd: Decimal | None = None
    updated_seconds: Annotated[int, Meta(ge=0, le=TIME_MS_MAX // 1000)] = field(name="last_updated_at", default=0)


class _Status(Struct):
    error_code: int = 0
    error_message: str = ""


class _Refusal(Struct):
    """The shapes its errors come in: {"status":{...}}, {"error_code":...}, {"error":"..."} (text or an object)."""

    status: _Status | None = None
    error_code: int = 0
    error_message: str = ""
    error: msgspec.Raw = msgspec.Raw(b"")


_ANSWER: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PRICE: Final = msgspec.json.Decoder(_Price)
_REFUSAL: Final = msgspec.json.Decoder(_Refusal)
_ERROR_KEYS: Final = frozenset({"status", "error", "error_code"})


def parse_simple_price(body: bytes, coin_id: str, time_ns: int) -> FallbackPrice:
    """The USD price of ``coin_id``, entering at engine time ``time_ns``; ``updated_ms`` 0 when not given.

    Raises FrameError for an unusable body, VenueError where it is CoinGecko's refusal (even under HTTP 200).
    """
    try:
        answer = _ANSWER.decode(body)
        entry = answer.get(coin_id)
        if entry is None:
            if _ERROR_KEYS & answer.keys():
                raise parse_error(200, body, None)
            raise FrameError("wrong_symbol", f"no price of {coin_id}")
        price = _PRICE.decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise frame_error(error) from None
    if price.usd is None:
        raise FrameError("malformed", f"no usd price of {coin_id}")
    return FallbackPrice(time_ns, decimal_price_e8(price.usd), price.updated_seconds * 1000)


def parse_error(status: int, body: bytes, retry_after: str | None = None) -> VenueError:
    """CoinGecko's refusal as an exception to raise; never raises itself. Codes: 429, 10002, 10005, 10010, 1020 ..."""
    code = 0
    message = body[:200].decode("utf-8", "replace")
    try:
        refusal = _REFUSAL.decode(body)
        if refusal.status is not None:
            code, message = refusal.status.error_code, refusal.status.error_message
        elif refusal.error_code or refusal.error_message:
            code, message = refusal.error_code, refusal.error_message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # a proxy's page; its first words are the message
    return VenueError(status, code, message[:200], retry_after_seconds(retry_after))
