"""The house rules a machine can check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from supreme_system_v5.config import KEYS
from tests.source_tree import PACKAGE, ROOT, all_files, module_name, package_files, tree_of

LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Where a key works without being read as `settings.<key>`.
USED_ELSEWHERE = {
    "OPTIMIZED_MODE": "pure_import chooses the core before the settings exist",
    "SUPREME_HOME": "settings.home",
    "SYMBOLS": "settings.symbol",
}
# Assembled, so that this file does not name what it looks for.
MACHINE_PATHS = ["/" + "root/", "/" + "work/", "/tmp/" + "dev", "/" + "home/", "farm" + "-"]
NOTES = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_are_short() -> None:
    long = {relative(path): count for path in all_files() if (count := path.read_text().count("\n")) > LINES_MAX}
    assert not long


def test_functions_fit_a_screen() -> None:
    long = []
    for path in all_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{relative(path)}:{node.lineno} {node.name}: {lines}")
    assert not long, "\n".join(long)


def test_no_notes_to_self() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in all_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if NOTES.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_path_of_a_machine() -> None:
    texts = [
        ROOT / name
        for name in ("Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run", "pyproject.toml")
    ]
    texts += [ROOT / ".env.ultra_constrained", ROOT / "build_support" / "environment.sh", *all_files()]
    found = [
        f"{relative(path)}: {place}"
        for path in texts
        for place in [*MACHINE_PATHS, f"{ROOT.parent}/" if len(ROOT.parts) > 2 else "\0"]
        if place in path.read_text()
    ]
    assert not found, "\n".join(found)


def test_modules_and_classes_say_what_they_are() -> None:
    """A venue's field lists (`*_schema.py`) are read beside its documentation: the module's word is enough."""
    silent = []
    for path in package_files():
        tree = tree_of(path)
        if tree.body and not ast.get_docstring(tree):
            silent.append(relative(path))
        silent += [
            f"{relative(path)}:{node.lineno} class {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
            if not path.stem.endswith("_schema")
        ]
    assert not silent, "\n".join(silent)


def test_annotations_are_lazy_everywhere() -> None:
    """The floor is Python 3.10 and mypyc reads annotations: one rule for both."""
    missing = [
        relative(path)
        for path in all_files()
        if path.read_text().strip() and "from __future__ import annotations" not in path.read_text()
        if any(not isinstance(node, ast.Expr) for node in tree_of(path).body)
    ]
    assert not missing


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in package_files()}
    assert not [relative(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_no_empty_package() -> None:
    inits = [path for path in package_files() if path.name == "__init__.py"]
    empty = [
        relative(init.parent)
        for init in inits
        if not any(path.name != "__init__.py" and path.suffix != ".pyc" for path in init.parent.rglob("*.*"))
    ]
    assert not empty, f"what belongs to a later capability is not there yet: {empty}"


def test_every_key_has_an_effect() -> None:
    text = "\n".join(
        path.read_text()
        for path in package_files()
        if not module_name(path).startswith(("config", "commands.check_config"))
    )
    idle = [
        key.name
        for key in KEYS
        if key.name not in USED_ELSEWHERE and not re.search(rf"settings\.{key.attribute}(_e8)?\b", text)
    ]
    assert not idle, f"keys without an effect: {idle}"


def test_strategies_and_their_catalogue_agree() -> None:
    catalogue = pytest.importorskip("supreme_system_v5.core.strategies.catalogue")
    helpers = {"__init__", "base", "catalogue"}
    files = {path.stem for path in (PACKAGE / "core" / "strategies").glob("*.py")} - helpers
    assert set(catalogue.STRATEGY_NAMES) <= files
    for name in files:
        tree = tree_of(PACKAGE / "core" / "strategies" / f"{name}.py")
        makes_one = any(
            isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Strategy" for b in node.bases)
            for node in tree.body
        )
        assert not makes_one or name in catalogue.STRATEGY_NAMES, f"{name} is not in the catalogue"


def test_readme_promises_only_what_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"[a-z][a-z-]+", " ".join(re.findall(r"^[A-Z]+_VERBS := (.*)$", makefile, re.MULTILINE))))
    text = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    promised = set(re.findall(r"\bmake ([a-z][a-z-]+)", text))
    assert promised - targets == set()
    named = re.findall(r"(?<![\w/])(?:python/supreme_system_v5|scripts|tests|build_support)/[\w/]+\.py", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
