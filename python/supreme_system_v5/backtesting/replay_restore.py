"""The graph at a segment's start put over a freshly built engine side: the same objects, with what they held then.

Objects that are there already are filled; what came with the market (orders, bars, a position) is made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from supreme_system_v5.adapters.storage.recording import graph as g
from supreme_system_v5.core.domain import events as e
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.order import BUY, Order
from supreme_system_v5.core.engine.state import Position
from supreme_system_v5.core.matching.latency import Arrival
from supreme_system_v5.core.matching.liquidity import TakenLevel
from supreme_system_v5.core.matching.queue_position import QueuePosition
from supreme_system_v5.core.matching.working import WorkingOrder
from supreme_system_v5.optimized.analyzer import Snapshot


def _order() -> Order:
    return Order("", "", BUY, "", "", 0, 0, 0, False, 0, "")


# Compiled classes run their constructor whenever they are made: these give it anything, the attributes follow.
_MAKERS: Final[dict[str, Callable[[], Any]]] = {
    "Arrival": lambda: Arrival(0, None, ""),
    "Bar": lambda: Bar(0, 0, 0, 0, 0, 0, 0),
    "Depth": lambda: e.Depth(0, 0, 0, 0, 0, [], []),
    "ExecutionReport": lambda: e.ExecutionReport(0, "", "", 0, 0, 0, 0, False, "", ""),
    "Ledger": lambda: new_ledger(0),
    "Order": _order,
    "Position": lambda: Position(BUY, "", 0, 0),
    "QueuePosition": lambda: QueuePosition(0),
    "Snapshot": Snapshot,
    "TakenLevel": lambda: TakenLevel(0, 0),
    "Trade": lambda: e.Trade(0, 0, 0, 0, 1, 1, False),
    "WorkingOrder": lambda: WorkingOrder(_order()),
}


def overlay(roots: dict[str, object], graph: dict[str, Any]) -> None:
    """Make what hangs on ``roots`` what it was. Raises ConfigError for a graph that this version does not know."""
    try:
        work = _Overlay(graph["nodes"])
        for name, ref in graph["roots"].items():
            work.value(roots[name], ref)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"the state at the start of the oldest segment cannot be put back by this version ({error!r})",
            "replay it with the version that recorded it",
        ) from None


class _Overlay:
    def __init__(self, nodes: list[list[Any]]) -> None:
        self._nodes = nodes
        self._done: dict[int, Any] = {}

    def value(self, existing: Any, ref: Any) -> Any:
        """What ``ref`` stands for; ``existing`` itself, filled, where that is possible."""
        if not isinstance(ref, dict):
            return ref
        if "f" in ref:
            return float(ref["f"])
        number = int(ref["@"])
        if number not in self._done:
            self._fill(number, existing)
        return self._done[number]

    def _fill(self, number: int, existing: Any) -> None:
        kind, *rest = self._nodes[number]
        if kind == g.OBJECT:
            self._object(number, existing, *rest)
        elif kind == g.LIST:
            # A list that holds something is filled in place (it may be final); an empty one may be a shared constant.
            target = existing if isinstance(existing, list) and existing else []
            self._done[number] = target
            old = list(target)
            target[:] = [self.value(old[at] if at < len(old) else None, ref) for at, ref in enumerate(rest[0])]
        elif kind == g.SPARSE:
            values = [0] * int(rest[0])
            for at, one in rest[1]:
                values[at] = one
            self._done[number] = values
        elif kind == g.DICT:
            found: dict[Any, Any] = {}
            self._done[number] = found
            before = existing if isinstance(existing, dict) else {}
            for key_ref, ref in rest[0]:
                key = self.value(None, key_ref)
                found[key] = self.value(before.get(key), ref)
        elif kind == g.TUPLE:
            old = list(existing) if isinstance(existing, tuple) else []
            filled = [self.value(old[at] if at < len(old) else None, ref) for at, ref in enumerate(rest[0])]
            self._done[number] = tuple(filled)
        elif kind == g.SET:
            self._done[number] = set(rest[0])
        else:
            self._done[number] = existing

    def _object(self, number: int, existing: Any, name: str, attributes: dict[str, Any]) -> None:
        target = existing if type(existing).__name__ == name else _MAKERS[name]()
        self._done[number] = target
        for attribute, ref in attributes.items():
            before = getattr(target, attribute)
            after = self.value(before, ref)
            if after is not before and not (type(after) is type(before) and after == before and _is_plain(after)):
                setattr(target, attribute, after)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str))
