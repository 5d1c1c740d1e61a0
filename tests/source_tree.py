"""The repository's Python files and what they import, for the tests that look at the house itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_NAME = "supreme_system_v5"
PACKAGE = ROOT / "python" / PACKAGE_NAME


@cache
def package_files() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def all_files() -> tuple[Path, ...]:
    """Package, tests, scripts and build files."""
    folders = ("python", "tests", "scripts", "benchmarks", "build_support")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return tuple(sorted([*found, ROOT / "main.py", ROOT / "setup.py"]))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """Dotted name inside the package: core/domain/money.py -> core.domain.money."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports; `from a import b` gives a.b, so that a module b is seen.

    Imports for type checking only are left out: they are gone at run time.
    """
    tree = tree_of(path)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports are not used here"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
