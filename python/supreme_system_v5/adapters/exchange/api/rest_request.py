"""A REST request as a Call: parameters from query and body, and the payload exactly as it was sent and signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from supreme_system_v5.adapters.exchange.api.call import Call
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

_SIGNATURE: Final = "signature="
_TIME_UNITS: Final = {"": False, "MILLISECOND": False, "MICROSECOND": True}


def read_call(
    market: str, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", address: str = ""
) -> Call:
    """``target``: path and query as in the request line. A parameter in both is the query's. Raises Refusal."""
    path, _, query = target.partition("?")
    params, payload, signature = _split(query)
    if body:
        more, rest, other = _split(body.decode("utf-8", "surrogateescape"))
        for name, value in more.items():
            params.setdefault(name, value)
        payload += rest
        signature = signature or other
    is_micro = False
    if market == SPOT:
        unit = headers.get("X-MBX-TIME-UNIT", "").upper()
        if unit not in _TIME_UNITS:
            raise Refusal(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
        is_micro = _TIME_UNITS[unit]
    api_key = headers.get("X-MBX-APIKEY", "")
    return Call(market, method, path, params, payload, api_key, signature, address, False, is_micro)


def origin_form(target: str) -> str:
    """Path and query of a request line, which may also name scheme and host (RFC 9112, absolute form)."""
    scheme, mark, rest = target.partition("://")
    if target.startswith("/") or not mark or not scheme.isalpha():
        return target
    return "/" + rest.partition("/")[2]


def _split(text: str) -> tuple[dict[str, str], str, str]:
    """Parameters decoded; the text without its signature; the signature."""
    params: dict[str, str] = {}
    if not text:
        return params, "", ""
    if not text.isascii():
        _check_text(text)
    parts = text.split("&")
    signature = ""
    kept: list[str] = []
    for part in parts:
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = _decoded(name), _decoded(value)
        if name in params:
            raise Refusal(-1101, f"Duplicate values for parameter '{name}'.")
        params[name] = value
        if part.startswith(_SIGNATURE):
            signature = value
        else:
            kept.append(part)
    if not signature:
        return params, text, ""
    return params, "&".join(kept), signature


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8
        raise Refusal(-1100, "Illegal characters found in a parameter.") from None


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(-1100, "Illegal characters found in a parameter.") from None
