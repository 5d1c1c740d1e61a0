"""What is running: version, Python, and whether the core is compiled."""

from __future__ import annotations

import platform

from supreme_system_v5 import __version__, pure_import

COMPILED = "compiled"
PURE = "pure"


def core() -> str:
    """``compiled`` or ``pure``: which core this process runs. An optional build that failed shows here."""
    from supreme_system_v5.core.domain import money

    return COMPILED if pure_import.is_compiled(money) else PURE


def describe() -> dict[str, str]:
    """The same for people and machines."""
    return {
        "version": __version__,
        "core": core(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
