"""The optional compiled core: mypyc over the pure rooms, in one group. Everything else is in pyproject.toml.

Without mypy, a C compiler or Python's headers the same sources are installed as they are (core: pure).
SUPREME_BUILD=pure asks for that; SUPREME_BUILD=compiled makes a failed compilation an error.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent / "build_support"))
from build_backend import has_compiler

SOURCE = Path("python")
PACKAGE = SOURCE / "supreme_system_v5"
COMPILED_ROOMS = (
    "optimized",
    "core/domain",
    "core/market",
    "core/risk",
    "core/strategies",
    "core/matching",
    "core/engine",
    "core/wire/binance_decode.py",
    "core/wire/byte_cursor.py",
    "backtesting/frames_cut.py",
    "backtesting/frames_loop.py",
    "backtesting/loop.py",
    "backtesting/sampling.py",
)
NOT_COMPILED = frozenset(
    {
        "core/domain/errors.py",  # a compiled subclass of Exception loses its class attributes (exit_code)
        # Strategies to copy: what anyone adds is plain Python, and so are they.
        "core/strategies/template.py",
        "core/strategies/trade_window.py",
    }
)
COMPILE_FLAGS = (
    "-ffp-contract=off",  # a fused multiply-add would break the equality of digests between ARM and x86
    "-fwrapv",  # integers wrap around 64 bits (the checksum of the market counts on it); Python's own flags say so too
    "-fno-semantic-interposition",  # calls between our own functions need no indirection (analyzer update 70 -> 66 ns)
)
WHY_PURE = Path("build/why-pure.txt")
CHOICE = os.environ.get("SUPREME_BUILD", "auto")


def compiled_files() -> list[str]:
    """The files of the compiled core, sorted, so that the build does not depend on the file system's order."""
    found: set[Path] = set()
    for room in COMPILED_ROOMS:
        path = PACKAGE / room
        found.update(path.glob("*.py") if path.is_dir() else [path] if path.exists() else [])
    chosen = (path for path in found if path.name != "__init__.py")
    return sorted(path.as_posix() for path in chosen if path.relative_to(PACKAGE).as_posix() not in NOT_COMPILED)


def give_up(reason: str) -> None:
    """Go on without the compiled core, leaving the reason in build/; or stop when it was demanded."""
    if CHOICE == "compiled":
        raise SystemExit(f"supreme: the compiled core cannot be built: {reason}")
    print(f"supreme: core: pure ({reason})", file=sys.stderr)
    WHY_PURE.parent.mkdir(exist_ok=True)
    WHY_PURE.write_text(f"{reason}\n", encoding="utf-8")


def core_extensions() -> list[Extension]:
    """The mypyc group, or nothing when this machine cannot build it."""
    WHY_PURE.unlink(missing_ok=True)
    if CHOICE == "pure" or "sdist" in sys.argv or "egg_info" in sys.argv or "dist_info" in sys.argv:
        return []
    if CHOICE == "auto" and not has_compiler():
        give_up("there is no C compiler")
        return []
    try:
        from mypyc.build import mypycify
    except Exception as error:  # mypy itself may be there and unusable
        give_up(f"mypy is not usable: {error}")
        return []
    os.environ["MYPYPATH"] = str(SOURCE)
    # Only what keeps mypyc from compiling counts here; style is `make lint`.
    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            found: list[Extension] = mypycify(
                [*options, *compiled_files()],
                opt_level="2",
                debug_level="0",
                multi_file=True,  # a third of the memory of one file, and no slower
                group_name=PACKAGE.name,
            )
    except (Exception, SystemExit) as error:
        give_up(f"mypyc: {error}\n{said.getvalue().strip()}")
        return []
    for extension in found:
        extension.extra_compile_args = [*(extension.extra_compile_args or []), *COMPILE_FLAGS]
    return found


class BuildSources(build_py):
    """Copies the sources; first forgets those of an earlier build, so that a deleted module stays deleted."""

    def run(self) -> None:
        built = Path(self.build_lib) / PACKAGE.name
        for path in built.rglob("*.py") if built.exists() else ():
            path.unlink()
        super().run()


class BuildCore(build_ext):
    """All of the compiled core or nothing of it: half of one would mix two sets of classes."""

    extensions: list[Extension]

    def run(self) -> None:
        wanted = {Path(self.get_ext_fullpath(extension.name)).name for extension in self.extensions}
        library = Path(self.build_lib)
        for path in library.rglob("*.so") if library.exists() else ():
            if path.name not in wanted:
                path.unlink()
        try:
            super().run()
        except Exception as error:  # no compiler, no headers, no memory: whatever it was, the sources still run
            give_up(f"compiler: {error}")
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []
            shutil.rmtree(self.build_temp, ignore_errors=True)


setup(ext_modules=core_extensions(), cmdclass={"build_py": BuildSources, "build_ext": BuildCore})
