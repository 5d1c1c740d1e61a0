"""Every object that hangs on a few roots, as JSON: what the engine side is, at the start of a segment.

A node for each object, list, dict, set and tuple, once however often it is referred to; long lists of numbers by what
is not zero. What is not of our own classes (a hash) is left out: it stays what it is where this is put back.
"""

from __future__ import annotations

import math
from typing import Any, Final

from supreme_system_v5.adapters.storage.recording.codec import attributes_of

OUR: Final = "supreme_system_v5."
SPARSE_FROM: Final = 256  # a list of numbers at least as long is told by its non-zero places
# Nodes: [kind, ...]; a reference to one is {"@": its number}, a float beyond JSON {"f": its words}.
OBJECT: Final = "o"
LIST: Final = "l"
SPARSE: Final = "s"
DICT: Final = "d"
SET: Final = "e"
TUPLE: Final = "t"
FOREIGN: Final = "x"


def capture(roots: dict[str, object]) -> dict[str, Any]:
    """The graph below ``roots``. Raises TypeError for a value that nothing here can tell (a mistake of ours)."""
    found = _Capture()
    return {"roots": {name: found.ref(value) for name, value in roots.items()}, "nodes": found.nodes}


class _Capture:
    def __init__(self) -> None:
        self.nodes: list[list[Any]] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no identity is used twice

    def ref(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"f": repr(value)}
        number = self._numbers.get(id(value))
        if number is None:
            number = len(self.nodes)
            self._numbers[id(value)] = number
            self._kept.append(value)
            node: list[Any] = []
            self.nodes.append(node)
            node.extend(self._node(value))
        return {"@": number}

    def _node(self, value: Any) -> list[Any]:
        if isinstance(value, list):
            if len(value) >= SPARSE_FROM and all(type(one) is int for one in value):
                return [SPARSE, len(value), [[at, one] for at, one in enumerate(value) if one]]
            return [LIST, [self.ref(one) for one in value]]
        if isinstance(value, tuple):
            return [TUPLE, [self.ref(one) for one in value]]
        if isinstance(value, dict):
            return [DICT, [[self.ref(key), self.ref(one)] for key, one in value.items()]]
        if isinstance(value, set):
            return [SET, sorted(value)]
        kind = type(value)
        if not kind.__module__.startswith(OUR):
            if hasattr(value, "hexdigest"):
                return [FOREIGN, kind.__name__]
            raise TypeError(f"a {kind.__name__} cannot be recorded")
        return [OBJECT, kind.__name__, {name: self.ref(getattr(value, name)) for name in attributes_of(value)}]
