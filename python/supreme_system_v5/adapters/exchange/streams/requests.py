"""Requests on a stream socket: SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY.

Replies and errors in the venue's words (official spot stream documentation, 2026-07; USD-M documents the same).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, Protocol

from supreme_system_v5.adapters.exchange.bodies import read_json

METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_TEXT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_ID_BITS: Final = 63


class Rejected(Exception):
    """A request the venue refuses, with its code and message."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class Subscriber(Protocol):
    """Whose streams they are. ``subscribe`` raises Rejected."""

    is_combined: bool

    def subscribe(self, name: str) -> None: ...
    def unsubscribe(self, name: str) -> None: ...
    def names(self) -> list[str]: ...


def answer(subscriber: Subscriber, text: str) -> bytes:
    """Do what a request asks; the reply."""
    request_id: object = None
    try:
        request = _parsed(text)
        request_id = _id_of(request)
        result = _perform(subscriber, request, text)
    except Rejected as error:
        body: dict[str, object] = {"error": {"code": error.code, "msg": str(error)}}
        if request_id is not None:
            body["id"] = request_id
        return _dump(body)
    return _dump({"result": result, "id": request_id})


def _dump(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _parsed(text: str) -> dict[str, Any]:
    try:
        request = read_json(text)
    except ValueError as error:
        at = error if isinstance(error, json.JSONDecodeError) else None
        line, column = (at.lineno, at.colno) if at is not None else (1, 1)
        raise Rejected(f"Invalid JSON: expected value at line {line} column {column}", 3) from None
    if not isinstance(request, dict):
        raise Rejected("Invalid request: expected an object at line 1 column 1")
    return request


def _id_of(request: dict[str, Any]) -> object:
    """A 64-bit number, a short text or null, and it must be there."""
    request_id = request.get("id", False)
    is_number = isinstance(request_id, int) and not isinstance(request_id, bool)
    is_good = (
        request_id is None
        or (is_number and -(2**_ID_BITS) <= request_id < 2**_ID_BITS)
        or (isinstance(request_id, str) and _TEXT_ID.fullmatch(request_id) is not None)
    )
    if not is_good:
        raise Rejected("Invalid request: request ID must be an unsigned integer")
    return request_id


def _perform(subscriber: Subscriber, request: dict[str, Any], text: str) -> object:
    if "method" not in request:
        raise Rejected(f"Invalid request: missing field `method` at line 1 column {len(text)}")
    method = request["method"]
    if method not in METHODS:
        column = text.find(json.dumps(method)) + len(json.dumps(method))
        known = ", ".join(f"`{name}`" for name in METHODS)
        raise Rejected(
            f"Invalid request: unknown variant `{method}`, expected one of {known} at line 1 column {column}"
        )
    params = request.get("params", [])
    if not isinstance(params, list):
        raise Rejected("Invalid request: invalid type: expected a sequence")
    if method == "LIST_SUBSCRIPTIONS":
        return subscriber.names()
    if method == "SET_PROPERTY":
        _set_property(subscriber, params)
        return None
    if method == "GET_PROPERTY":
        _property(params, 1)
        return subscriber.is_combined
    if not all(isinstance(name, str) for name in params):
        raise Rejected("Invalid request: invalid type: expected a string")
    for name in params:
        if method == "SUBSCRIBE":
            subscriber.subscribe(name)
        else:
            subscriber.unsubscribe(name)
    return None


def _property(params: list[Any], count: int) -> None:
    if not params or not isinstance(params[0], str):
        raise Rejected("Invalid request: property name must be a string")
    if len(params) > count:
        raise Rejected("Invalid request: too many parameters")
    if params[0] != "combined":
        raise Rejected("Unknown property", 0)


def _set_property(subscriber: Subscriber, params: list[Any]) -> None:
    _property(params, 2)
    if len(params) < 2 or not isinstance(params[1], bool):
        raise Rejected("Invalid value type: expected Boolean", 1)
    subscriber.is_combined = params[1]
