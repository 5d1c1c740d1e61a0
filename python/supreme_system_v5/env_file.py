"""`.env`: where it is, what stands in it, and its first copy. Imports nothing of the core (see pure_import)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NAME = ".env"
PROFILE_NAME = ".env.ultra_constrained"
HOME_KEY = "SUPREME_HOME"


@dataclass(frozen=True)
class EnvFile:
    """What was read: values and line numbers by key, and what could not be read."""

    path: Path
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def find(env: Mapping[str, str], root: Path) -> Path:
    """The one file that counts: the own one of the home that SUPREME_HOME names, where it has one; else the clone's."""
    home = env.get(HOME_KEY, "")
    if home:
        own = Path(home).expanduser() / NAME
        if own.is_file():
            return own.resolve()
    return root / NAME


def read(path: Path) -> EnvFile:
    """Never raises: a file that is not there is empty, anything else that is wrong becomes a fault."""
    found = EnvFile(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return found
    except UnicodeDecodeError:
        found.faults.append(f"{path}: this is not a text file")
        return found
    except OSError as error:
        found.faults.append(f"{path}: cannot be read: {error.strerror}")
        return found
    from dotenv.parser import parse_stream  # slow to import, so only where there is a file

    line_ends = text.splitlines()
    for binding in parse_stream(io.StringIO(text)):
        line = binding.original.line
        if binding.error or (binding.key is not None and binding.value is None):
            shown = line_ends[line - 1].strip() if line <= len(line_ends) else ""
            found.faults.append(f"{path}:{line}: not KEY=value: {shown[:60]!r}")
        elif binding.key is not None and binding.key in found.values:
            found.faults.append(f"{path}:{line}: {binding.key} is already set in line {found.lines[binding.key]}")
        elif binding.key is not None and binding.value is not None:
            found.values[binding.key] = binding.value
            found.lines[binding.key] = line
    return found


def create(path: Path, profile: Path, text: str) -> bool:
    """The first copy: ``profile``, or ``text`` where an installed package has no clone. True when it was written."""
    if path.exists():
        return False
    try:
        content = profile.read_text(encoding="utf-8") if profile.is_file() else text
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except OSError:  # a read-only clone: the defaults are the profile
        return False
    return True
