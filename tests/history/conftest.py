"""One venue for the tests that download; it takes a second to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.history.venue import Venue


@pytest.fixture(scope="module")
def one_venue() -> Iterator[Venue]:
    venue = Venue()
    yield venue
    venue.close()


@pytest.fixture
def venue(one_venue: Venue) -> Iterator[Venue]:
    """The venue without a fault, before and after."""
    one_venue.calm()
    yield one_venue
    one_venue.calm()
