"""Who may import whom: the table of floors, and what the pure rooms may not touch."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.source_tree import PACKAGE, PACKAGE_NAME, imports_of, module_name, package_files, tree_of

GROUND = ("optimized", "core.domain")
# room -> the rooms (or single modules) that it may import beside itself and the ground floor
FLOORS: dict[str, tuple[str, ...]] = {
    "optimized": (),
    "core.domain": (),
    "core.market": (),
    "core.wire": (),
    "core.risk": ("core.market", "core.strategies.base"),
    "core.strategies": ("core.market", "core.risk"),
    "core.matching": ("core.market",),
    "core.engine": ("core.market", "core.risk", "core.strategies.base"),
    "adapters.control": (),
    "adapters.exchange": ("core.wire", "core.matching", "core.market"),
    "adapters.execution": ("core.wire", "core.matching"),
    "adapters.feeds": ("core.wire",),
    "adapters.journal": ("core.wire",),
    "adapters.monitoring": ("core.wire",),
    "adapters.storage": ("core.wire",),
    "orchestrator": ("core.engine", "adapters"),
    # Research: a plain loop over the same engine, and the data on disk that it reads. The daemon imports neither.
    "backtesting": ("core", "history", "adapters.storage", "adapters.exchange", "adapters.feeds"),
    "history": ("core.wire", "adapters.storage"),
}
RESEARCH = ("backtesting", "history")
# The top floor (commands/ and the files beside the rooms) may import anything, and nobody below imports it.
TOP = ("", "commands", *(path.stem for path in PACKAGE.glob("*.py")))
PURE = ("optimized", "core")
# A clock, a socket, a file, a thread, an await or chance: none of it belongs in the pure rooms.
NOT_PURE = frozenset(
    """
    asyncio concurrent ctypes fcntl glob http io logging multiprocessing os pathlib queue random
    secrets select selectors shutil signal socket sqlite3 ssl subprocess sys tempfile threading time urllib uuid
    """.split()
)
NOT_PURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "id", "__import__"})
NOT_PURE_METHODS = frozenset({"now", "utcnow", "today"})
THIRD_PARTY = {
    "optimized": {"mypy_extensions"},
    "core": {"mypy_extensions"},
    "core.wire": {"mypy_extensions", "msgspec"},
}
NEVER_AT_RUNTIME = frozenset({"numpy", "pyarrow", "pandas", "numba", "ccxt", "talib", "talipp", "pytest", "hypothesis"})


def room_of(name: str) -> str:
    """The room of a module, "" for the package itself."""
    known = [room for room in (*FLOORS, *TOP) if room and (name == room or name.startswith(f"{room}."))]
    return max(known, key=len, default=name.split(".", maxsplit=1)[0] if name else "")


def is_inside(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def own_imports(path: Path) -> list[tuple[int, str]]:
    prefix = f"{PACKAGE_NAME}."
    return [(line, name[len(prefix) :]) for line, name in imports_of(path) if name.startswith(prefix)]


def test_every_room_is_in_the_table() -> None:
    strangers = sorted(
        {module_name(path) for path in package_files() if room_of(module_name(path)) not in (*FLOORS, *TOP)}
        - {"core", "adapters"}
    )
    assert not strangers, f"say in tests/test_layers.py which floor these are on: {strangers}"


def test_imports_keep_to_the_floors() -> None:
    faults = []
    for path in package_files():
        name = module_name(path)
        room = room_of(name)
        if room in TOP or room not in FLOORS:
            continue
        for line, target in own_imports(path):
            allowed = (room,) if room in GROUND else (room, *GROUND, *FLOORS[room])
            if not is_inside(target, allowed):
                faults.append(f"{name}:{line} ({room}) imports {target}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_touch_nothing_of_the_world(room: str) -> None:
    faults = []
    for path in package_files():
        name = module_name(path)
        if not is_inside(name, (room,)):
            continue
        allowed = THIRD_PARTY["core.wire" if is_inside(name, ("core.wire",)) else room]
        for line, target in imports_of(path):
            top = target.split(".", maxsplit=1)[0]
            if top in NOT_PURE or not (top in sys.stdlib_module_names or top in allowed or top == PACKAGE_NAME):
                faults.append(f"{name}:{line} imports {target}")
        faults += _impure_acts(path, name)
    assert not faults, "\n".join(faults)


def _impure_acts(path: Path, name: str) -> list[str]:
    faults = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            faults.append(f"{name}:{node.lineno} awaits")
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in NOT_PURE_CALLS:
                faults.append(f"{name}:{node.lineno} calls {node.func.id}()")
            if isinstance(node.func, ast.Attribute) and node.func.attr in NOT_PURE_METHODS:
                faults.append(f"{name}:{node.lineno} asks the clock: .{node.func.attr}()")
            if isinstance(node.func, ast.Name) and node.func.id == "hash":
                faults.append(f"{name}:{node.lineno} calls hash(), which differs between processes")
    return faults


def allowed_in(name: str) -> frozenset[str]:
    """numpy and pyarrow are for research; of it the daemon imports nothing (`test_the_daemon_imports_no_research`)."""
    return frozenset({"numpy", "pyarrow"}) if is_inside(name, RESEARCH) else frozenset()


def test_the_daemon_imports_no_research() -> None:
    daemon = [path for path in package_files() if room_of(module_name(path)) not in (*RESEARCH, "commands")]
    faults = [
        f"{module_name(path)}:{line} imports {target}"
        for path in daemon
        for line, target in own_imports(path)
        if is_inside(target, RESEARCH)
    ]
    assert not faults, "\n".join(faults)


def test_nothing_heavy_at_runtime() -> None:
    faults = [
        f"{module_name(path)}:{line} imports {target}"
        for path in package_files()
        for line, target in imports_of(path)
        if target.split(".", maxsplit=1)[0] in NEVER_AT_RUNTIME - allowed_in(module_name(path))
    ]
    assert not faults, "\n".join(faults)


def test_package_files_import_nothing() -> None:
    """An `__init__.py` that imports its room makes every small import a large one."""
    heavy = [
        str(path)
        for path in package_files()
        if path.name == "__init__.py"
        and any(
            name not in {"__future__.annotations", "os", f"{PACKAGE_NAME}.pure_import"} for _, name in imports_of(path)
        )
    ]
    assert not heavy
