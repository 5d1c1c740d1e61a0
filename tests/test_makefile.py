"""The Makefile: targets are the verbs, keys are handed on, only what changed is built, what is missing is said."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from supreme_system_v5.verbs import LATER, MAKE_ONLY, VERBS
from tests.source_tree import ROOT

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")

REQUIREMENTS = ("requirements-ultra.txt", "requirements-research.txt", "requirements-dev.txt")
# Stands for .venv/bin/python: tells what it was asked and what it found in the environment.
ECHO = '#!/bin/sh\necho "ran $* SEED=$SEED DURATION=$DURATION NAME=$NAME"\n'
STEPS = '#!/bin/sh\necho "step $1"\nmkdir -p .venv/bin\ncp echo.sh .venv/bin/python\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose building steps only say their names."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("setup.py", "pyproject.toml", *REQUIREMENTS, "main.py"):
        (tmp_path / name).touch()
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "module.py").touch()
    (tmp_path / "build_support").mkdir()
    (tmp_path / "build_support" / "environment.sh").write_text(STEPS)
    (tmp_path / "echo.sh").write_text(ECHO)
    (tmp_path / "echo.sh").chmod(0o755)
    age(tmp_path)
    return tmp_path


def age(folder: Path) -> None:
    """Everything was written a minute ago: a stamp made now is newer, whatever the file system's resolution."""
    for path in folder.rglob("*"):
        stat = path.stat()
        os.utime(path, (stat.st_atime - 60, stat.st_mtime - 60))


def make(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "SUPREME_", "PYTHON"))}
    clean |= {"PATH": os.environ["PATH"], **environment}
    assert MAKE is not None
    command = [MAKE, *words]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False)


def steps(done: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r"^step (.*)$", done.stdout, re.MULTILINE)


def test_targets_are_the_verbs() -> None:
    database = make(ROOT, "-pnq", "help").stdout
    phony = re.search(r"^\.PHONY: (.*)$", database, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == {verb.name for verb in VERBS if not verb.is_alias}


def test_every_target_runs_its_own_verb(clone: Path) -> None:
    make(clone, "setup-ultra")
    assert steps(make(clone, "download")) == ["research"]  # once, and only for the verbs that need it
    for verb in VERBS:
        if verb.is_alias or verb.module in {MAKE_ONLY, "help"}:
            continue
        done = make(clone, verb.name)
        assert f"ran main.py {verb.name} " in done.stdout, f"{verb.name}: {done.stdout}{done.stderr}"
        assert steps(done) == []


def test_keys_reach_the_command(clone: Path) -> None:
    done = make(clone, "run-ultra-local", "SEED=7", "DURATION=5")
    assert "ran main.py validate --brief SEED=7" in done.stdout
    assert "ran main.py run-ultra-local SEED=7 DURATION=5" in done.stdout
    assert "NAME=drawdown" in make(clone, "close-breaker", "NAME=drawdown").stdout
    assert "SEED=9" in make(clone, "status", SEED="9").stdout


def test_only_what_changed_is_built_again(clone: Path) -> None:
    assert steps(make(clone, "check-config")) == ["venv", "deps", "package"]
    assert steps(make(clone, "check-config")) == []
    age(clone)
    (clone / "python" / "module.py").write_text("changed = 1\n")
    assert steps(make(clone, "check-config")) == ["package"]
    age(clone)
    (clone / "requirements-ultra.txt").write_text("changed\n")
    assert steps(make(clone, "check-config")) == ["deps", "package"]
    age(clone)
    assert steps(make(clone, "check-config")) == []
    (clone / ".venv" / "bin" / "python").unlink()
    assert steps(make(clone, "check-config")) == ["venv", "deps", "package"]


def test_a_stop_does_not_wait_for_a_build(clone: Path) -> None:
    make(clone, "setup-ultra")
    age(clone)
    (clone / "python" / "module.py").write_text("changed = 1\n")
    for verb in ("stop", "emergency-stop", "status", "clear-halt"):
        assert steps(make(clone, verb)) == []


def test_a_failed_step_leaves_no_stamp(clone: Path) -> None:
    (clone / "build_support" / "environment.sh").write_text(STEPS + 'test "$1" != deps\n')
    done = make(clone, "setup-ultra")
    assert done.returncode == 2
    assert steps(done) == ["venv", "deps"]
    (clone / "build_support" / "environment.sh").write_text(STEPS)
    assert steps(make(clone, "setup-ultra"))[-2:] == ["deps", "package"]


def test_help_and_later_verbs_need_no_environment() -> None:
    text = make(ROOT, "help", "VENV=.no-venv", f"PYTHON={sys.executable}").stdout
    assert "  run-ultra-local " in text
    for verb in VERBS:
        if verb.module == LATER:
            done = make(ROOT, verb.name, "VENV=.no-venv", f"PYTHON={sys.executable}")
            assert done.returncode == 2
            assert "not available yet" in done.stderr


def shim(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def environment_step(step: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(ROOT / "build_support" / "environment.sh"), step]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_an_old_python_is_told(tmp_path: Path) -> None:
    shim(tmp_path, "python3", 'if [ "$1" = --version ]; then echo Python 3.8.10; else exit 1; fi')
    done = environment_step("venv", tmp_path, PATH=f"{tmp_path}:/nowhere")
    assert done.returncode != 0
    assert "Python 3.10 or newer is needed; found:" in done.stderr


def test_a_missing_venv_module_names_the_package(tmp_path: Path) -> None:
    shim(tmp_path, "python3", f'case "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"')
    done = environment_step("venv", tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode != 0
    assert f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_shim_that_fails_is_passed_over(tmp_path: Path) -> None:
    shim(tmp_path, "python3", "echo 'shim: command not found' >&2; exit 127")
    shim(tmp_path, "python3.13", "exit 127")
    shim(
        tmp_path,
        "python3.12",
        f'case "$*" in *-m*venv*) echo "made by 3.12"; exit 0;; esac\nexec {sys.executable} "$@"',
    )
    done = environment_step("venv", tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "made by 3.12" in done.stdout
