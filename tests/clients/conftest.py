"""One exchange for the whole room. A test that trades asks for ``flat`` and leaves it so: no order, no position."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import venue_process
from tests.clients.raw import Rest
from tests.clients.venue_process import Venue

# What the clients themselves warn of while they run: named, and in this room only.
FOREIGN_WARNINGS = (
    "ignore:websockets.*is deprecated:DeprecationWarning",
    "ignore:There is no current event loop:DeprecationWarning",  # python-binance
    "ignore:parameter 'timeout' of type 'float' is deprecated:DeprecationWarning",  # the SDKs, of aiohttp
)
ROOM = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ROOM in item.path.parents:
            for warning in FOREIGN_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def venue(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    running = venue_process.start(repository, tmp_path_factory.mktemp("exchange"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def rest(venue: Venue) -> Iterator[Rest]:
    """Signed calls with nothing in between."""
    caller = Rest(venue)
    yield caller
    caller.close()


@pytest.fixture
def flat(rest: Rest) -> Iterator[None]:
    """Nothing is open and no position is left, before and after."""
    rest.flatten()
    yield
    rest.flatten()
