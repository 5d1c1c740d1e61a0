"""What every test gets: the core that was asked for, recorded data or a reasoned skip, and no way out but loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import supreme_system_v5  # noqa: F401 - chooses compiled or pure (OPTIMIZED_MODE) before any test imports the core

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # the tests that use it skip by themselves
    pass
else:
    settings.register_profile(
        "house",
        deadline=None,
        derandomize=os.environ.get("CI") == "true",
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded data (see its README); skips where there is none."""
    name = os.environ.get("SUPREME_DATA_DIR", "")
    if not name:
        pytest.skip("SUPREME_DATA_DIR is not set: no recorded data")
    path = Path(name)
    if not path.is_dir():
        pytest.skip(f"SUPREME_DATA_DIR={name} is not a folder")
    return path


@pytest.fixture(scope="session")
def repository() -> Path:
    """The clone that the tests stand in."""
    return ROOT


def _is_loopback(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in {"", "localhost", "None"}:
        return True
    try:
        return ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that reaches out fails, also where the code under test swallows the error."""
    reached: list[str] = []
    real_lookup, real_connect, real_connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def refuse(host: object) -> None:
        reached.append(str(host))
        raise OSError(f"a test tried to reach {host}; only loopback is allowed")

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_loopback(host):
            refuse(host)
        return real_lookup(host, *args, **kwargs)

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            refuse(address[0])
        real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            refuse(address[0])
        return real_connect_ex(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    yield
    if reached:
        pytest.fail(f"the test reached out to {', '.join(sorted(set(reached)))}")
