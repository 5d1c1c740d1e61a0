"""Decimal text of a venue to exact integers, and the bounds every number from outside must keep.

One grammar for every parser of this room: ASCII digits, optionally a point and 1 to 8 decimals (more only when they
are zeros). No sign, no exponent, no blanks: no venue sends them, and each is a way to smuggle in a number nobody meant.
The bounds leave room in 64 bits for what is computed from the numbers later (sums of a bar's volume, ms to ns).
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Final

from msgspec import Meta

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.money import E8

WHOLE_DIGITS_MAX: Final = 10
VALUE_E8_LIMIT: Final = 10**WHOLE_DIGITS_MAX * E8  # prices and quantities are below 1e10 units
RATE_E8_MAX: Final = E8  # a funding rate of 100 % is no funding rate
ID_MAX: Final = 2**62
TIME_MS_MAX: Final = 4_102_444_800_000  # 2100-01-01; in ns it still fits 64 bits, microseconds do not pass
TIME_NS_MAX: Final = TIME_MS_MAX * 1_000_000

Id = Annotated[int, Meta(ge=0, le=ID_MAX)]
TimeMs = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]
TimeNs = Annotated[int, Meta(ge=1, le=TIME_NS_MAX)]

# The numbers of a book repeat: remembering them is five times as fast as reading them again (pure build).
KNOWN_MAX: Final = 8192
KNOWN_TEXT_MAX: Final = 24
_known: Final[dict[str, int]] = {}

_SCALES: Final[tuple[int, ...]] = tuple(10 ** (8 - places) for places in range(9))


def quantity_e8(text: str) -> int:
    """A number >= 0 in 1e-8 units. Raises FrameError (malformed, non_finite, out_of_range)."""
    value_e8 = _known.get(text)
    if value_e8 is None:
        value_e8 = _text_e8(text)
        if len(_known) >= KNOWN_MAX:
            _known.clear()
        if len(text) <= KNOWN_TEXT_MAX:
            _known[text] = value_e8
    return value_e8


def price_e8(text: str) -> int:
    """A number > 0 in 1e-8 units. Raises FrameError."""
    value_e8 = quantity_e8(text)
    if value_e8 <= 0:
        raise FrameError("out_of_range", text[:40])
    return value_e8


def optional_e8(text: str) -> int:
    """As quantity_e8, with "" (the venue has no such number) as 0."""
    return quantity_e8(text) if text else 0


def rate_e8(text: str) -> int:
    """A signed rate in 1e-8 units; "" (a contract without funding) is 0. Raises FrameError."""
    if not text:
        return 0
    is_negative = text.startswith("-")
    magnitude_e8 = quantity_e8(text[1:] if is_negative else text)
    if magnitude_e8 > RATE_E8_MAX:
        raise FrameError("out_of_range", text[:40])
    return -magnitude_e8 if is_negative else magnitude_e8


def decimal_price_e8(value: Decimal) -> int:
    """A JSON number > 0 to 1e-8 units, rounded half to even (averages carry more places than a price has)."""
    if not value.is_finite():
        raise FrameError("non_finite", str(value)[:40])
    if not 0 < value < VALUE_E8_LIMIT // E8:
        raise FrameError("out_of_range", str(value)[:40])
    scaled_e8 = int((value * E8).to_integral_value(rounding=ROUND_HALF_EVEN))
    if not 0 < scaled_e8 < VALUE_E8_LIMIT:
        raise FrameError("out_of_range", str(value)[:40])
    return scaled_e8


def _text_e8(text: str) -> int:
    whole, dot, part = text.partition(".")
    digits = whole + part
    is_short = 1 <= len(whole) <= WHOLE_DIGITS_MAX and len(part) <= 8 and (part or not dot)
    if is_short and digits.isascii() and digits.isdigit():
        return int(digits) * _SCALES[len(part)]
    return _unusual_e8(text)


def _unusual_e8(text: str) -> int:
    """What is not the plain form: accept spare zeros, otherwise say why not."""
    whole, dot, part = text.partition(".")
    if whole.isascii() and whole.isdigit() and (not dot or (part.isascii() and part.isdigit())):
        whole, part = whole.lstrip("0") or "0", part.rstrip("0")
        if len(whole) > WHOLE_DIGITS_MAX or len(part) > 8:
            raise FrameError("out_of_range", text[:40])
        return int(whole + part) * _SCALES[len(part)]
    try:
        value = float(text)
    except ValueError:
        raise FrameError("malformed", f"not a number: {text[:40]!r}") from None
    if not math.isfinite(value):
        raise FrameError("non_finite", text[:40])
    raise FrameError("out_of_range" if value < 0 else "malformed", f"not a plain number: {text[:40]!r}")
