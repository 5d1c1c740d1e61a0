"""Does a typed model of the official SDK hold exactly what the exchange sent? Nothing unknown, nothing lost.

The models take every field as optional and drop what they do not know without a word, so parsing alone proves little:
each body is compared with the model it became, key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel


class Finding(NamedTuple):
    """``kind``: unknown (no field for it), missing (a field we never sent), lost (its value changed or went)."""

    kind: str
    model: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.model} {self.path}"


def findings(model: Any, raw: Any, path: str = "") -> list[Finding]:
    """Every difference between a parsed model (or list of them, or plain values) and the body it came from."""
    if isinstance(model, BaseModel):
        return _of_model(model, raw, path)
    if isinstance(model, list) and isinstance(raw, list):
        found = [] if len(model) == len(raw) else [Finding("lost", "list", path)]
        for item, body in zip(model, raw, strict=False):
            found += findings(item, body, f"{path}[]")
        return found
    if isinstance(model, dict) and isinstance(raw, dict):
        return [] if model == raw else [Finding("lost", "dict", path)]
    return (
        [] if model == raw and type(model) is type(raw) else [Finding("lost", type(model).__name__, f"{path}={raw!r}")]
    )


def _of_model(model: BaseModel, raw: Any, path: str) -> list[Finding]:
    fields = type(model).model_fields
    if "actual_instance" in fields:
        return findings(model.actual_instance, raw, path)  # type: ignore[attr-defined]
    name = type(model).__name__
    if not isinstance(raw, dict):
        return [Finding("lost", name, f"{path}={raw!r}")]
    names = {field.alias or key: key for key, field in fields.items() if key != "additional_properties"}
    found: list[Finding] = []
    for key, value in raw.items():
        inner = f"{path}.{key}" if path else key
        if key not in names:
            found.append(Finding("unknown", name, inner))
        elif value is not None or getattr(model, names[key]) is not None:
            found += findings(getattr(model, names[key]), value, inner)
    return found + [Finding("missing", name, f"{path}.{key}" if path else key) for key in names if key not in raw]


class Ledger:
    """The findings of many bodies; a field missing in one body of a kind and there in another is not missing."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str], Finding] = {}
        self._sent: set[tuple[str, str, str]] = set()
        self.parsed = 0
        self.kinds: set[str] = set()

    def add(self, kind: str, model: Any, raw: Any) -> None:
        """``kind`` is the name of the call or event."""
        self.parsed += 1
        self.kinds.add(kind)
        for finding in findings(model, raw):
            self.found[(kind, finding.kind, finding.path)] = finding
        self._sent |= {(kind, "missing", path) for path in _paths(raw)}

    def check(self, unknown: Mapping[str, str], missing: Mapping[str, str]) -> None:
        """Raises AssertionError naming what no table explains."""
        faults = self.faults(unknown, missing)
        assert not faults, "\n".join(faults)

    def faults(self, unknown: Mapping[str, str], missing: Mapping[str, str]) -> list[str]:
        """What no table explains. The tables map "call path" or "* path" to the reason."""
        faults = []
        for key, finding in sorted(self.found.items()):
            kind, what, path = key
            table = unknown if what == "unknown" else missing if what == "missing" else {}
            if key in self._sent or any(_explains(name, kind, path) for name in table):
                continue
            faults.append(f"{kind}: {finding}")
        return faults


def _explains(name: str, kind: str, path: str) -> bool:
    where, _, what = name.rpartition(" ")
    return where in ("*", kind) and (path == what or path.endswith("." + what))


def _paths(raw: Any, path: str = "") -> set[str]:
    if isinstance(raw, dict):
        here = {f"{path}.{key}" if path else key for key in raw}
        return here.union(*(_paths(value, f"{path}.{key}" if path else key) for key, value in raw.items()))
    if isinstance(raw, list):
        return set().union(*(_paths(item, f"{path}[]") for item in raw))
    return set()
