"""Every field of the official examples of trading, accounts and user data, in bodies that a running exchange gave.

The examples are those of the documentation and of the SDKs' own tests (market data: test_shapes_market). Each body was
produced under the condition the documentation names for its fields: an iceberg, a strategy id, a prevented match, an
expiry, an Ed25519 session. What is excepted stands in ``shape_tables``, with its reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.exchange import test_shapes_market as market
from tests.adapters.exchange import test_shapes_market_streams as streams
from tests.adapters.exchange.shapes import examples
from tests.clients import shape_scene_spot, shape_scene_usdm
from tests.clients.foreign import UserDataStreamEventsResponse, parse_user_event
from tests.clients.raw import Rest
from tests.clients.sdk_models import Ledger
from tests.clients.sdk_tables import SPOT_MISSING, SPOT_UNKNOWN
from tests.clients.shape_records import Records, compare, is_success, key_of, needless
from tests.clients.shape_tables import (
    NOT_COMPARED,
    SPOT_EXCEPTED,
    USDM_EXCEPTED,
    self_trades,
    spot_docs,
    spot_sdk,
    usdm_sdk,
)
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


def test_the_examples_of_self_trade_prevention(spot: Records, data_dir: Path) -> None:
    rows = [row for row in examples(data_dir, "spot_docs_examples") if row.file == "stp_faq.md"]
    asked = [(self_trades(row), row) for row in rows if is_success(row) and self_trades(row)]
    assert len(asked) == 25
    faults = {(name, path, what) for name, row in asked for path, what in spot.faults(name, row.json)}
    # Told in the answer to an order only where the account is in a trade group: none is here.
    assert faults == {("POST /api/v3/order", "tradeGroupId", "missing")}


def test_every_example_is_compared_or_its_reason_given(data_dir: Path) -> None:
    done = {name for table in (market.SPOT, market.USDM, streams.SPOT, streams.USDM) for name in table}
    done |= {*market.SPOT_NOT_SERVED, *market.USDM_NOT_SERVED, *streams.SPOT_NOT_SERVED, *streams.USDM_NOT_SERVED}
    left, named = [], set()
    for name, tables in (("spot_docs", spot_docs), ("spot_sdk", spot_sdk), ("usdm_sdk", usdm_sdk)):
        rows = examples(data_dir, f"{name}_examples")
        operations = tables(rows)
        for row in rows:
            is_elsewhere = row.file == "filters.md" or (row.file == "stp_faq.md" and self_trades(row))
            if operations[key_of(row)] or row.name in done or is_elsewhere or not is_success(row):
                continue
            if row.name in NOT_COMPARED:
                named.add(row.name)
            else:
                left.append(key_of(row))
    assert left == []
    assert named == set(NOT_COMPARED)


def test_no_exception_is_needless(spot: Records, usdm: Records, data_dir: Path) -> None:
    """What is produced by now must be compared."""
    docs, sdk = examples(data_dir, "spot_docs_examples"), examples(data_dir, "spot_sdk_examples")
    left = needless(spot, docs, spot_docs(docs), SPOT_EXCEPTED) & needless(spot, sdk, spot_sdk(sdk), SPOT_EXCEPTED)
    assert left == set()
    futures = examples(data_dir, "usdm_sdk_examples")
    assert needless(usdm, futures, usdm_sdk(futures), USDM_EXCEPTED) == set()


def test_every_documented_operation_has_an_operation_of_ours(spot: Records, data_dir: Path) -> None:
    """A table entry that names nothing would compare nothing."""
    rows = examples(data_dir, "spot_docs_examples")
    named = {name for name in spot_docs(rows).values() if name}
    assert len(named) > 50
    assert named <= set(spot.bodies)
