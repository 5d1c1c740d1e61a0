"""Which core runs: what was built, what was asked for, and never half of each."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from supreme_system_v5 import __version__, build_info, pure_import
from tests.source_tree import PACKAGE, module_name, package_files

PACKAGE_NAME = pure_import.PACKAGE
IS_PURE_FORCED = pure_import.is_wanted(os.environ)
NOT_COMPILED = {"core.domain.errors"}
# The orders' side of the simulated exchange: another process than the daemon, whose library it would only make larger.
INTERPRETED_ROOM = "core.matching.exchange."
COMPILED_ROOMS = (
    "optimized",
    "core.domain",
    "core.market",
    "core.risk",
    "core.matching",
    "core.engine",
    "backtesting.loop",
    "backtesting.sampling",
)


def core_in_a_new_process(code: str, **environment: str) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in {"OPTIMIZED_MODE", "SUPREME_OPTIMIZED_MODE"}}
    done = subprocess.run(
        [sys.executable, "-c", f"from supreme_system_v5 import build_info, cli; {code}; print(build_info.core())"],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[-1]


def test_the_core_is_the_expected_one() -> None:
    expected = os.environ.get("SUPREME_EXPECT_CORE", "")
    if not expected:
        pytest.skip("SUPREME_EXPECT_CORE is not set: run by `make test`")
    assert build_info.core() == expected


def test_a_core_is_all_compiled_or_all_pure() -> None:
    kinds = {}
    for path in package_files():
        name = module_name(path)
        is_meant = name.startswith(COMPILED_ROOMS) and not name.startswith(INTERPRETED_ROOM)
        if path.name != "__init__.py" and is_meant and name not in NOT_COMPILED:
            kinds[name] = pure_import.is_compiled(importlib.import_module(f"{PACKAGE_NAME}.{name}"))
    assert kinds
    assert set(kinds.values()) == {build_info.core() == build_info.COMPILED}, kinds


def test_optimized_mode_false_forces_the_pure_core() -> None:
    assert core_in_a_new_process("0", OPTIMIZED_MODE="false") == "pure"
    assert core_in_a_new_process("0", OPTIMIZED_MODE="true", SUPREME_OPTIMIZED_MODE="off") == "pure"


def test_the_env_file_forces_the_pure_core_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPTIMIZED_MODE=false\n")
    run_help = f"import pathlib; cli.main(['help'], root=pathlib.Path({str(tmp_path)!r}))"
    assert core_in_a_new_process(run_help) == "pure"


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPTIMIZED_MODE=false\n")
    run_help = f"import pathlib; cli.main(['help'], root=pathlib.Path({str(tmp_path)!r}))"
    assert core_in_a_new_process(run_help, OPTIMIZED_MODE="true") == core_in_a_new_process("0")


def test_sources_are_there_for_the_pure_choice() -> None:
    """Beside every compiled module lies its source; a wheel without them could not run pure."""
    module = importlib.import_module(f"{PACKAGE_NAME}.core.domain.money")
    assert module.__file__ is not None
    folder = Path(module.__file__).parent
    assert {path.name for path in (PACKAGE / "core" / "domain").glob("*.py")} <= {p.name for p in folder.glob("*.py")}


def test_choosing_too_late_is_an_error() -> None:
    if build_info.core() == build_info.PURE:
        pytest.skip("the core is pure here: there is nothing compiled to be too late for")
    with pytest.raises(RuntimeError, match="already loaded compiled"):
        pure_import.install()
    assert not pure_import.is_installed()


def test_versions_agree() -> None:
    try:
        installed = importlib.metadata.version("supreme-system-v5")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed: running from the sources")
    assert installed == __version__
    assert f"## {__version__}" in (PACKAGE.parent.parent / "CHANGELOG.md").read_text()
