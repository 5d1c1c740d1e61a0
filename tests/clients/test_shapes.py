"""Every field of the official examples of trading, accounts and user data, in bodies that a running exchange gave.

The examples are those of the documentation and of the SDKs' own tests (market data: test_shapes_market). Each body was
produced under the condition the documentation names for its fields: an iceberg, a strategy id, a prevented match, an
expiry, an Ed25519 session. What is excepted stands in ``shape_tables``, with its reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.exchange.shapes import examples
from tests.clients import shape_scene_spot, shape_scene_usdm
from tests.clients.foreign import UserDataStreamEventsResponse, parse_user_event
from tests.clients.raw import Rest
from tests.clients.sdk_models import Ledger
from tests.clients.sdk_tables import SPOT_MISSING, SPOT_UNKNOWN
from tests.clients.shape_records import Records, compare
from tests.clients.shape_tables import SPOT_EXCEPTED, USDM_EXCEPTED, spot_docs, spot_sdk, usdm_sdk
from tests.clients.venue_process import Venue


@pytest.fixture(scope="module")
def spot(venue: Venue, rest: Rest) -> Records:
    return shape_scene_spot.record(venue, rest)


@pytest.fixture(scope="module")
def usdm(venue: Venue, rest: Rest) -> Records:
    return shape_scene_usdm.record(venue, rest)


def _agree(faults: list[str]) -> None:
    assert not faults, "\n".join(faults)


def test_spot_documentation(spot: Records, data_dir: Path) -> None:
    rows = examples(data_dir, "spot_docs_examples")
    _agree(compare(spot, rows, spot_docs(rows), SPOT_EXCEPTED))


def test_spot_sdk(spot: Records, data_dir: Path) -> None:
    rows = examples(data_dir, "spot_sdk_examples")
    _agree(compare(spot, rows, spot_sdk(rows), SPOT_EXCEPTED))


def test_the_sdk_holds_every_event_of_the_scene(spot: Records) -> None:
    """Also those that only some orders bring about: expiries, prevented matches, icebergs, lists."""
    ledger = Ledger()
    for name, frames in spot.bodies.items():
        for frame in frames if name.startswith("e ") else []:
            event = frame["event"]
            ledger.add(f"event {event['e']}", parse_user_event(event, UserDataStreamEventsResponse), event)
    assert ledger.parsed > 50
    told = ("v", "A", "B", "u", "U", "pl", "pL", "pY", "j", "J", "eR")
    missing = {
        name: why for name, why in SPOT_MISSING.items() if name not in {f"event executionReport {key}" for key in told}
    }
    ledger.check(SPOT_UNKNOWN, missing)


def test_usdm_sdk(usdm: Records, data_dir: Path) -> None:
    rows = examples(data_dir, "usdm_sdk_examples")
    _agree(compare(usdm, rows, usdm_sdk(rows), USDM_EXCEPTED))


def test_every_documented_operation_has_an_operation_of_ours(spot: Records, data_dir: Path) -> None:
    """A table entry that names nothing would compare nothing."""
    rows = examples(data_dir, "spot_docs_examples")
    named = {name for name in spot_docs(rows).values() if name}
    assert len(named) > 50
    assert named <= set(spot.bodies)
