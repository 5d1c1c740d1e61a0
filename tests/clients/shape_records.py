"""Bodies of ours by operation, and their comparison with the official examples of that operation.

An operation is "POST /api/v3/order" (REST), "order.place" (WebSocket API, the whole reply) or "e executionReport" (user
event, as framed). Of several recorded bodies a field must be in one, and right wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.adapters.exchange.shapes import Example, differences

STRATEGY_TYPE: Final = 1_000_000
_PARTS: Final = ("result", "event", "cancelResponse", "newOrderResponse")  # looked into on their own, to merge bodies


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
        return _told(differences(example, items), path)
    if not isinstance(example, dict):
        return [pair for body in ours for pair in _told(differences(example, body), path)]
    parts = [name for name in _PARTS if isinstance(example.get(name), (dict, list))]
    rest = {name: value for name, value in example.items() if name not in parts}
    found = _told(differences([rest], ours), path)
    for name in parts:
        inner = [body[name] for body in ours if type(body.get(name)) is type(example[name])]
        where = f"{path}.{name}" if path else name
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
        operation = operation_of.get(key_of(row), "")
        if not operation or not is_success(row) or operation in excepted:
            continue
        for path, what in records.faults(operation, row.json):
            last = path.rpartition(".")[2]
            if not {f"{operation} {path}", f"{operation} .{last}", f"* {last}"} & excepted.keys():
                found.add(f"{operation} {path}: {what}")
    return sorted(found)


def key_of(row: Example) -> str:
    """How the tables name an example: file, test or heading, path."""
    return f"{row.file} {row.name} {row.path}".strip()
