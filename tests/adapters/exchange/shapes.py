"""Compares a JSON body of ours with an official example: same keys, same JSON types, at every depth.

How to use it:

    rows = examples(data_dir, "usdm_sdk_examples")           # -> list[Example]; .name is the test or the heading
    row = pick(rows, "test_query_order_success")             # or pick(rows, "/fapi/v1/order", "test_new_order_success")
    assert differences(row.json, ours, excepted=EXCEPTED) == []

- Every key of the example must be in ours with the same JSON type. A string that is a decimal in the example must be
  a decimal in ours (and never a number); an integer must be an integer, true/false must be true/false.
- ``excepted``: {path: reason}; what lies at or under such a path is not compared. A path names keys with dots and list
  elements with [], as in "symbols[].filters[].priceExponent"; at the top of a list it begins with "[]".
- ``nullable``: paths where ours may be null (the example shows a value, the documentation allows null).
- A list of objects: each example object's key must be in some object of ours of the same kind (the same filterType,
  ruleType or indicator, where ours has such a one), with the right type wherever it appears. A list of ours may be
  empty only where the example's is, or where the path is nullable.
- A list of values (a kline row, a price level): as many of ours as the example has are compared place by place.
- ``extra_keys(example, ours)`` names what ours has beyond the example; each should be explained by the caller.
- ``uncovered(rows, done, not_served)`` is what nobody compared: a suite ends with ``assert uncovered(...) == []``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
KINDS: Final = ("filterType", "ruleType", "indicator", "e")  # the key that tells what kind of object it is


class Example(NamedTuple):
    """``name``: the SDK's test or the documentation's heading; ``path``: of the request, "" where there is none."""

    file: str
    name: str
    path: str
    json: Any


def examples(data_dir: Path, name: str) -> list[Example]:
    """The rows of one file of examples (``spot_docs_examples``, ``spot_sdk_examples``, ``usdm_sdk_examples``)."""
    with gzip.open(data_dir / "examples" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Example(
            str(row["file"]).rsplit("/", 1)[-1], row.get("test") or row["heading"], row.get("path") or "", row["json"]
        )
        for row in rows
    ]


def pick(rows: Iterable[Example], *words: str) -> Example:
    """The one example whose file, name and path are among the words. Raises LookupError for none or several."""
    found = [row for row in rows if all(word in (row.file, row.name, row.path) for word in words)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} examples for {words}")
    return found[0]


def uncovered(rows: Iterable[Example], done: Collection[str], not_served: Mapping[str, str]) -> list[str]:
    """Names of examples that were neither compared nor are listed (with a reason) as not served."""
    return sorted({row.name for row in rows if row.name not in done and row.name not in not_served})


def differences(
    example: Any, ours: Any, excepted: Mapping[str, str] | None = None, nullable: Collection[str] = (), path: str = ""
) -> list[str]:
    """What ours lacks or has of another type; empty when the shapes agree."""
    excepted = excepted or {}
    if path in excepted:
        return []
    if ours is None and path in nullable:
        return []
    if isinstance(example, dict):
        return _of_object(example, ours, excepted, nullable, path)
    if isinstance(example, list):
        return _of_list(example, ours, excepted, nullable, path)
    fault = _of_value(example, ours)
    return [f"{path or 'body'}: {fault}"] if fault else []


def _of_value(example: Any, ours: Any) -> str:
    if example is None:
        return "" if ours is None else f"null expected, not {ours!r}"
    if isinstance(example, bool) or isinstance(ours, bool):
        return "" if isinstance(example, bool) and isinstance(ours, bool) else f"like {example!r}, not {ours!r}"
    if isinstance(example, float):
        return "" if isinstance(ours, (int, float)) else f"a number expected, not {ours!r}"
    if isinstance(example, int):
        return "" if isinstance(ours, int) else f"an integer expected, not {ours!r}"
    if not isinstance(ours, str):
        return f"a string expected like {example!r}, not {ours!r}"
    if DECIMAL.fullmatch(example) and not DECIMAL.fullmatch(ours):
        return f"a decimal expected like {example!r}, not {ours!r}"
    return ""


def _of_object(
    example: dict[str, Any], ours: Any, excepted: Mapping[str, str], nullable: Collection[str], path: str
) -> list[str]:
    if not isinstance(ours, dict):
        return [f"{path or 'body'}: an object expected, not {ours!r:.60}"]
    found: list[str] = []
    for key, value in example.items():
        inner = f"{path}.{key}" if path else key
        if inner in excepted:
            continue
        if key not in ours:
            found.append(f"{inner}: missing")
        else:
            found.extend(differences(value, ours[key], excepted, nullable, inner))
    return found


def _of_list(
    example: list[Any], ours: Any, excepted: Mapping[str, str], nullable: Collection[str], path: str
) -> list[str]:
    inner = f"{path}[]"
    if not isinstance(ours, list):
        return [f"{path or 'body'}: a list expected, not {ours!r:.60}"]
    if not example or inner in excepted:
        return []
    if not ours:
        return [] if path in nullable else [f"{path or 'body'}: empty, the example has {len(example)}"]
    if isinstance(example[0], dict):
        found: list[str] = []
        for item in example:
            found.extend(_of_element(item, ours, excepted, nullable, inner))
        return sorted(set(found), key=found.index)
    if isinstance(example[0], list):
        return [fault for item in ours for fault in differences(example[0], item, excepted, nullable, inner)]
    if len({type(item) for item in example}) == 1 and isinstance(example[0], str):  # names: any number of them
        return [fault for item in ours for fault in differences(example[0], item, excepted, nullable, inner)]
    if len(ours) < len(example):
        return [f"{path or 'body'}: {len(ours)} values, the example has {len(example)}"]
    places = zip(example, ours, strict=False)
    return [fault for wanted, got in places for fault in differences(wanted, got, excepted, nullable, inner)]


def _of_element(
    example: dict[str, Any], ours: list[Any], excepted: Mapping[str, str], nullable: Collection[str], path: str
) -> list[str]:
    """An example object of a list against all of ours of its kind: a key in any of them, right wherever it is."""
    if not all(isinstance(item, dict) for item in ours):
        return [f"{path}: an object expected"]
    for kind in KINDS:
        same = [item for item in ours if kind in example and item.get(kind) == example[kind]]
        if same and set(example) <= set(same[0]) | {key for key in example if f"{path}.{key}" in excepted}:
            ours = same
            break
    found: list[str] = []
    for key, value in example.items():
        inner = f"{path}.{key}"
        if inner in excepted:
            continue
        having = [item[key] for item in ours if key in item]
        if not having:
            found.append(f"{inner}: missing")
        for item in having:
            found.extend(differences(value, item, excepted, nullable, inner))
    return found


def extra_keys(example: Any, ours: Any, path: str = "") -> list[str]:
    """Paths of keys that ours has and the example has not."""
    if isinstance(example, dict) and isinstance(ours, dict):
        found: list[str] = []
        for key, value in ours.items():
            inner = f"{path}.{key}" if path else key
            found.extend(extra_keys(example[key], value, inner) if key in example else [inner])
        return found
    if isinstance(example, list) and isinstance(ours, list) and example and isinstance(example[0], dict):
        merged: dict[str, Any] = {key: value for item in example for key, value in item.items()}
        inner_faults = [fault for item in ours for fault in extra_keys(merged, item, f"{path}[]")]
        return sorted(set(inner_faults), key=inner_faults.index)
    return []
