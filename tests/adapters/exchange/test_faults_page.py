"""docs/exchange.md tells of every fault, argument and option that there is, and of none that there is not."""

from __future__ import annotations

import argparse
import re

from supreme_system_v5.adapters.exchange.faults.kinds import FORMS, KINDS
from supreme_system_v5.commands.exchange_options import add_arguments
from tests.source_tree import ROOT

PAGE = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
FAULTS = PAGE.partition("## Faults")[2].partition("## Measured")[0]


def test_every_kind_of_fault_with_its_arguments() -> None:
    rows = {
        name: row
        for row in re.findall(r"^\| (`.*) \|$", FAULTS, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row.partition("|")[0])
    }
    assert set(rows) == set(KINDS) - {"move"}
    common = {"market", "path", "method", "on", "probability", "count", "seconds"}
    for kind, row in rows.items():
        words = set(re.findall(r"\w+", row.split("|")[1]))
        assert KINDS[kind] - common <= words, kind
        known = KINDS[kind] | FORMS.get(kind, frozenset()) | {"hold", "drop", "all", "quote", "depth", "EXPIRED"}
        assert {word for word in words if word.isidentifier()} <= known, kind
    assert "`move` {fraction, seconds}" in FAULTS
    for name in common:
        assert f"`{name}`" in FAULTS


def test_every_option_of_the_command() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings}
    told = set(re.findall(r"(?<!-)--[a-z][a-z-]+", PAGE))
    assert options <= told
    assert told <= options | {"--port", "--json", "--wait", "--duration"}
