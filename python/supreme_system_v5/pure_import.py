"""OPTIMIZED_MODE=false: import the package's Python sources even where compiled modules lie beside them.

The sources are shipped next to the compiled modules, so the choice is made at import time and costs no second
install. It must be made before the first import from a compiled room; a core that is half compiled and half pure
would mix two sets of classes.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

PACKAGE = "supreme_system_v5"
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class SourceFinder:
    """A meta path finder that knows the package's ``.py`` files only; everything else is left to the next finder."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is None or not name.startswith(f"{PACKAGE}."):
            return None
        tail = name.rpartition(".")[2]
        for folder in path:
            package = os.path.join(folder, tail)
            if os.path.isfile(os.path.join(package, "__init__.py")):
                return _spec(name, os.path.join(package, "__init__.py"), [package])
            if os.path.isfile(f"{package}.py"):
                return _spec(name, f"{package}.py", None)
        return None


def _spec(name: str, location: str, package: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    loader = importlib.machinery.SourceFileLoader(name, location)
    return importlib.util.spec_from_file_location(name, location, loader=loader, submodule_search_locations=package)


def is_wanted(values: Mapping[str, str]) -> bool:
    """True when OPTIMIZED_MODE says false (SUPREME_OPTIMIZED_MODE wins). A bad value is reported by the settings."""
    text = values.get("SUPREME_OPTIMIZED_MODE", values.get("OPTIMIZED_MODE", ""))
    return text.strip().lower() in FALSE_WORDS


def install() -> None:
    """Prefer sources from here on. Harmless when repeated.

    Raises RuntimeError when a compiled module of the package is already loaded.
    """
    if is_installed():
        return
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{PACKAGE}.") and is_compiled(module):
            raise RuntimeError(f"{name} is already loaded compiled; choose the pure core before importing it")
    sys.meta_path.insert(0, SourceFinder)


def is_installed() -> bool:
    return SourceFinder in sys.meta_path


def is_compiled(module: ModuleType) -> bool:
    """True when a module came from a compiled file."""
    return str(getattr(module, "__file__", "")).endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
