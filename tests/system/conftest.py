"""`long` tests run when SUPREME_LONG=1 (or `-m long`) asks for them; the others belong to every run of the suite."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: a safety test that takes many seconds; SUPREME_LONG=1 runs them too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("SUPREME_LONG") == "1" or "long" in str(config.getoption("markexpr")):
        return
    long = [item for item in items if item.get_closest_marker("long") is not None]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
