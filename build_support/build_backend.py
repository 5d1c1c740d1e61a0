"""setuptools' build backend, except that mypy is fetched only where a compiler could use what it makes."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Mapping

from setuptools import build_meta
from setuptools.build_meta import (  # noqa: F401 - the hooks that pip calls
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_wheel,
)

COMPILER_REQUIREMENT = "mypy[mypyc]==2.4.1"


def has_compiler() -> bool:
    """True when the C compiler that this Python was built for can be found."""
    words = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    return any(shutil.which(word) for word in (words[0], "cc"))


def get_requires_for_build_wheel(config_settings: Mapping[str, object] | None = None) -> list[str]:
    """What pip installs into the build environment."""
    requirements: list[str] = list(build_meta.get_requires_for_build_wheel(config_settings))
    choice = os.environ.get("SUPREME_BUILD", "auto")
    if choice == "compiled" or (choice == "auto" and has_compiler()):
        requirements.append(COMPILER_REQUIREMENT)
    return requirements
