"""Bodies of ours by operation, and their comparison with the official examples of that operation.

An operation is "POST /api/v3/order" (REST), "order.place" (WebSocket API, the whole reply) or "e executionReport" (user
event, as framed). Of several recorded bodies a field must be in one, and right wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.adapters.exchange.shapes import Example, differences

STRATEGY_TYPE: Final = 1_000_000
# Looked into on their own, to merge bodies.
_PARTS: Final = ("result", "event", "cancelResponse", "newOrderResponse", "orderReports", "fills", "preventedMatches")


class Records:
    def __init__(self) -> None:
        self.bodies: dict[str, list[Any]] = {}

    def add(self, operation: str, body: Any) -> Any:
        self.bodies.setdefault(operation, []).append(body)
        return body

    def faults(self, operation: str, example: Any) -> list[tuple[str, str]]:
        """(path, what) of what our bodies of this operation lack of the example."""
        ours = self.bodies.get(operation)
        if not ours:
            return [("", "nothing of ours was recorded")]
        return _faults(example, ours)


def _faults(example: Any, ours: list[Any], path: str = "") -> list[tuple[str, str]]:
    if isinstance(example, list):
        items = [item for body in ours if isinstance(body, list) for item in body]
        kinds = [item for item in example if isinstance(item, dict)]
        if not items or len(kinds) != len(example):
            return _told(differences(example, items), path)
        return [pair for kind in kinds for pair in _of_object(kind, items, path, "[]")]
    if not isinstance(example, dict):
        return [pair for body in ours for pair in _told(differences(example, body), path)]
    return _of_object(example, ours, path)


def _of_object(example: dict[str, Any], ours: list[Any], path: str, within: str = "") -> list[tuple[str, str]]:
    """``within`` is [] for the elements of a list."""
    parts = [name for name in _PARTS if isinstance(example.get(name), (dict, list))]
    rest = {name: value for name, value in example.items() if name not in parts}
    found = _told(differences([rest], ours), path + within if path else "")
    for name in parts:
        inner = [body[name] for body in ours if type(body.get(name)) is type(example[name])]
        where = f"{path}{within}.{name}" if path or within else name
        found += _faults(example[name], inner, where) if inner else [(where, "missing")]
    return found


def _told(faults: Iterable[str], path: str) -> list[tuple[str, str]]:
    told = []
    for fault in faults:
        where, _, what = fault.partition(": ")
        inner = where.removeprefix("[]").removeprefix(".")
        told.append((".".join(part for part in (path, inner) if part), what))
    return told


def is_success(row: Example) -> bool:
    """False for requests, errors and fragments: only success bodies are compared."""
    example = row.json
    if not isinstance(example, dict):
        return True
    if row.file == "web-socket-api.md":
        return example.get("status") == 200
    return "code" not in example or "orderId" in example or "algoId" in example or example["code"] == 200


def compare(
    records: Records, rows: list[Example], operation_of: Mapping[str, str], excepted: Mapping[str, str]
) -> list[str]:
    """The faults of every row that has an operation.

    ``excepted``: {"operation", "operation path", "operation .last part" or "* last part": reason}.
    """
    found = set()
    for row in rows:
        for operation, path, what in _differing(records, row, operation_of):
            if not _names(operation, path) & excepted.keys():
                found.add(f"{operation} {path}: {what}")
    return sorted(found)


def needless(
    records: Records, rows: list[Example], operation_of: Mapping[str, str], excepted: Mapping[str, str]
) -> set[str]:
    """The exceptions that except nothing of these rows."""
    used = set()
    for row in rows:
        for operation, path, _ in _differing(records, row, operation_of):
            used |= _names(operation, path)
    return set(excepted) - used


def _differing(records: Records, row: Example, operation_of: Mapping[str, str]) -> list[tuple[str, str, str]]:
    operation = operation_of.get(key_of(row), "")
    if not operation or not is_success(row):
        return []
    return [(operation, path, what) for path, what in records.faults(operation, row.json)]


def _names(operation: str, path: str) -> set[str]:
    last = path.rpartition(".")[2]
    return {operation, f"{operation} {path}", f"{operation} .{last}", f"* {last}"}


def key_of(row: Example) -> str:
    """How the tables name an example: file, test or heading, path."""
    return f"{row.file} {row.name} {row.path}".strip()
