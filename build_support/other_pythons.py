"""A short set of tests, on a compiled install, for every Python from 3.10 to 3.13 that this machine has.

Each gets a venv of its own under .venv-test/, kept between runs. Says which ran and why another did not; exit 1 when
a test failed, or in CI (CI=true) when an interpreter that is there could not be set up.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
SHORT_SET = ("tests/optimized", "tests/core", "tests/test_build.py", "tests/test_cli.py", "tests/test_config.py")
SKIPPED = "--ignore=tests/core/matching/exchange"  # another process than the daemon, and it runs on 3.11 twice
TEST_PACKAGES = ("pytest", "pytest-timeout", "hypothesis")
PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


class SetupError(Exception):
    """The interpreter is there and its environment could not be made."""


def candidates(version: str) -> Iterator[str]:
    """Where an interpreter of this version may be. A shim that is there may still fail: probe it."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    homes = (Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions", Path("/opt/python"))
    for home in homes:
        yield from (str(path) for path in sorted(home.glob(f"{version}*/bin/python{version}")))
    for path in sorted(Path("~/.local/share/uv/python").expanduser().glob(f"cpython-{version}*/bin/python{version}")):
        yield str(path)


def find(version: str) -> str | None:
    for path in candidates(version):
        try:
            found = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if found.returncode == 0 and found.stdout.strip() == version:
            return path
    return None


def fingerprint() -> str:
    """Changes when the sources or the pins do."""
    files = [ROOT / "setup.py", ROOT / "pyproject.toml", *ROOT.glob("requirements-*.txt")]
    files += sorted((ROOT / "python").rglob("*.py")) + sorted((ROOT / "build_support").glob("*.py"))
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare(python: str, folder: Path) -> Path:
    """A venv with the package and what the short set needs; the one from last time where nothing changed."""
    inside = folder / "bin" / "python"
    stamp = folder / "stamp"
    if inside.exists() and stamp.exists() and stamp.read_text() == fingerprint():
        return inside
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    test_pins = [line for line in lines if line.split("==")[0] in TEST_PACKAGES]
    if not inside.exists():
        step([python, "-m", "venv", "--clear", str(folder)])
    pip = [str(inside), "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install", "--prefer-binary"]
    step([*pip, "-r", "requirements-ultra.txt", *test_pins])
    step([*pip, "--no-deps", "--force-reinstall", "."])
    stamp.write_text(fingerprint())
    return inside


def step(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError((done.stderr or done.stdout).strip()[-2_000:])


def expected_core(inside: Path) -> str:
    """What environment.sh says of this interpreter."""
    environment = {**os.environ, "VENV": str(inside.parent.parent)}
    command = ["sh", "build_support/environment.sh", "expected-core"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    own = "{}.{}".format(*sys.version_info[:2])
    verdicts, is_failed = [], False
    for version in VERSIONS:
        if version == own:
            verdicts.append(f"{version}: the whole suite, above")
            continue
        python = find(version)
        if python is None:
            verdicts.append(f"{version}: not on this machine (or not usable)")
            continue
        print(f"-- Python {version}", flush=True)
        try:
            inside = prepare(python, ROOT / ".venv-test" / version)
        except SetupError as error:
            print(error)
            verdicts.append(f"{version}: NOT RUN, its environment could not be made")
            is_failed = is_failed or os.environ.get("CI") == "true"
            continue
        core = expected_core(inside)
        tests = [name for name in SHORT_SET if (ROOT / name).exists()]
        command = [
            str(inside),
            "-m",
            "pytest",
            "-q",
            "-r",
            "f",
            "-m",
            "not slow and not parity and not bench",
            *tests,
            SKIPPED,
        ]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "SUPREME_EXPECT_CORE": core}, check=False)
        verdicts.append(f"{version}: {'ok' if done.returncode == 0 else 'FAILED'}, core: {core}")
        is_failed = is_failed or done.returncode != 0
    print("Pythons\n  " + "\n  ".join(verdicts))
    return 1 if is_failed else 0


if __name__ == "__main__":
    sys.exit(main())
