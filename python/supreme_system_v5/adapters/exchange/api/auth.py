"""Who asks, and may it: API key, time window and signature, by the venue's rules and in its words.

Timing: a request must not be 1000 ms or more ahead of the venue, nor older than its recvWindow, both when it arrives
and once more when it is about to be executed. ``timestamp`` may be in milliseconds or microseconds.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Final
from urllib.parse import quote_plus

from supreme_system_v5.adapters.exchange.api.call import Call
from supreme_system_v5.adapters.exchange.api.errors import (
    bad_key_format,
    bad_signature,
    too_early,
    too_late,
    unauthorized,
    unknown_key,
)
from supreme_system_v5.adapters.exchange.api.keys import Key, KeyRing
from supreme_system_v5.adapters.exchange.api.params import INTEGER_RANGE, illegal
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

RECV_WINDOW_US: Final = 5_000_000
RECV_WINDOW_MAX_US: Final = 60_000_000
AHEAD_US: Final = 1_000_000
MICROSECONDS_FROM: Final = 10**14  # a timestamp from here on is in microseconds (ms of the year 5138)
_API_KEY: Final = re.compile(r"[A-Za-z0-9]{1,128}", re.ASCII)
_WINDOW: Final = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,3}))?", re.ASCII)
_WINDOW_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,3})?$"


def known_key(keys: KeyRing, api_key: str) -> Key:
    """The key of a request. Raises Refusal -2014, -2015."""
    key = keys.get(api_key)
    if key is None:
        raise bad_key_format() if _API_KEY.fullmatch(api_key) is None else unknown_key()
    return key


def check_signed(keys: KeyRing, call: Call, exchange_ns: int) -> str:
    """The account of a signed request. ``exchange_ns``: the venue's clock. Raises Refusal."""
    if not call.api_key and call.session_account:
        check_timing(call, exchange_ns)
        return call.session_account
    if call.is_websocket and not call.api_key:
        raise _missing("apiKey") if call.signature else unauthorized()
    key = known_key(keys, call.api_key)
    check_timing(call, exchange_ns)
    if not call.signature:
        raise _missing("signature")
    if not is_signed_by(key, call):
        raise bad_signature()
    return key.account


def check_timing(call: Call, exchange_ns: int) -> None:
    """Both rules, at the venue's clock. Raises Refusal -1102, -1100, -1131, -1021."""
    text = call.params.get("timestamp", "")
    if not text:
        raise _missing("timestamp")
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise illegal("timestamp", INTEGER_RANGE)
    sent_us = int(text)
    if sent_us < MICROSECONDS_FROM:
        sent_us *= 1_000
    now_us = exchange_ns // 1_000
    if sent_us >= now_us + AHEAD_US:
        raise too_early()
    if now_us - sent_us > window_us(call):
        raise too_late()


def window_us(call: Call) -> int:
    """recvWindow in microseconds. Raises Refusal -1100, -1131."""
    text = call.params.get("recvWindow", "")
    if not text:
        return RECV_WINDOW_US
    found = _WINDOW.fullmatch(text)
    if found is None or (found[2] is not None and call.market != SPOT):
        raise illegal("recvWindow", _WINDOW_RANGE if call.market == SPOT else INTEGER_RANGE)
    window = int(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0"))
    if window > RECV_WINDOW_MAX_US:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    return window


def is_signed_by(key: Key, call: Call) -> bool:
    """True when the signature is the key's, over the payload exactly as it was sent.

    Over the WebSocket API the values are signed unencoded (the documentation's example with a symbol in another
    script shows it); the official SDK encodes them, so that is taken too.
    """
    if _verify(key, call.payload, call.signature):
        return True
    if not call.is_websocket:
        return False
    encoded = "&".join(f"{name}={quote_plus(value)}" for name, value in (p.split("=", 1) for p in _pairs(call.payload)))
    return encoded != call.payload and _verify(key, encoded, call.signature)


def _pairs(payload: str) -> list[str]:
    return [pair for pair in payload.split("&") if "=" in pair]


def _verify(key: Key, payload: str, signature: str) -> bool:
    message = payload.encode("utf-8", "surrogateescape")
    if key.public_key is None:
        expected = hmac.digest(key.secret_bytes, message, "sha256").hex()
        return hmac.compare_digest(expected, signature.lower()) if signature.isascii() else False
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    from cryptography.exceptions import InvalidSignature

    try:
        key.public_key.verify(raw, message)
    except InvalidSignature:
        return False
    return True


def _missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
