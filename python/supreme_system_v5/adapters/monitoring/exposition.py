"""Prometheus' text format 0.0.4, as much of it as is needed to be scraped.

Source: prometheus.io/docs/instrumenting/exposition_formats. The client library would cost 3.4 MB and 20 ms of the start
(it brings an HTTP server and WSGI along); its parser judges this one in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Sample = tuple[str, Mapping[str, str], float]  # suffix of the name, labels, value


class Family:
    """One metric with its samples. ``kind``: counter, gauge or histogram."""

    __slots__ = ("about", "kind", "name", "samples")

    def __init__(self, kind: str, name: str, about: str, samples: Iterable[Sample]) -> None:
        self.kind = kind
        self.name = name
        self.about = about
        self.samples = list(samples)


def render(families: Iterable[Family]) -> bytes:
    """The body of a scrape."""
    lines: list[str] = []
    for family in families:
        name = family.name
        about = family.about.replace("\\", r"\\").replace("\n", r"\n")
        lines.append(f"# HELP {name} {about}")
        lines.append(f"# TYPE {name} {family.kind}")
        lines += [f"{name}{suffix}{_labels(labels)} {_number(value)}" for suffix, labels, value in family.samples]
    return "".join(f"{line}\n" for line in lines).encode()


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))
