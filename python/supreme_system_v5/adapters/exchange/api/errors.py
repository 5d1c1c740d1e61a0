"""Bodies of refusals, and the refusals that are no endpoint's own: unknown and retired paths, limits, keys."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.exchange.api.call import Reply
from supreme_system_v5.core.matching.exchange.refusal import Refusal

NOT_FOUND_TIME: Final = "2026-01-01T00:00:00.000+00:00"  # a constant: replies follow from the request alone


def refusal_body(refusal: Refusal) -> dict[str, object]:
    """``{"code", "msg"}`` and, where there is one, ``data``."""
    body: dict[str, object] = {"code": refusal.code, "msg": refusal.message}
    if refusal.data is not None:
        body["data"] = refusal.data
    return body


def refused(refusal: Refusal, headers: dict[str, str] | None = None) -> Reply:
    """The reply to a request that is refused."""
    return Reply(refusal.status, refusal_body(refusal), headers)


def not_found(path: str) -> Reply:
    """A path the venue does not have."""
    return Reply(404, {"timestamp": NOT_FOUND_TIME, "status": 404, "error": "Not Found", "path": _clean(path)})


def gone(path: str) -> Reply:
    """A path the venue has retired (spot listenKey, since 2026-02-20)."""
    return Reply(410, {"timestamp": NOT_FOUND_TIME, "status": 410, "error": "Gone", "path": _clean(path)})


def wrong_verb(path: str) -> Reply:
    """A path that is asked with another HTTP verb."""
    return Reply(405, {"timestamp": NOT_FOUND_TIME, "status": 405, "error": "Method Not Allowed", "path": _clean(path)})


def _clean(path: str) -> str:
    """A path that may hold bytes which are no text."""
    return path.encode("utf-8", "replace").decode()


def bad_key_format() -> Refusal:
    return Refusal(-2014, "API-key format invalid.", 401)


def unknown_key() -> Refusal:
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def unauthorized() -> Refusal:
    return Refusal(-1002, "You are not authorized to execute this request.", 401)


def bad_signature() -> Refusal:
    return Refusal(-1022, "Signature for this request is not valid.")


def too_early() -> Refusal:
    return Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def too_late() -> Refusal:
    return Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def unsupported(what: str = "") -> Refusal:
    """-1020 for what the venue has and this exchange does not serve."""
    return Refusal(
        -1020, "This operation is not supported." if not what else f"This operation is not supported: {what}."
    )
