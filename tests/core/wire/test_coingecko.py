"""CoinGecko answers, recorded ones where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.wire.coingecko import parse_error, parse_simple_price

NOW_NS = 1_700_000_000_000_000_000


def test_price_and_its_age() -> None:
    text = b'{"ethereum":{"usd":2371.25,"usd_24h_vol":1.5e10,"last_updated_at":1711356300}}'
    event = parse_simple_price(text, "ethereum", NOW_NS)
    assert (event.time_ns, event.price_e8, event.updated_ms) == (NOW_NS, 237_125_000_000, 1_711_356_300_000)


def test_an_answer_without_its_age_says_so() -> None:
    assert parse_simple_price(b'{"ethereum":{"usd":7}}', "ethereum", NOW_NS).updated_ms == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{}", "wrong_symbol"),
        (b'{"bitcoin":{"usd":1}}', "wrong_symbol"),
        (b'{"ethereum":{}}', "malformed"),
        (b'{"ethereum":{"usd":null}}', "malformed"),
        (b'{"ethereum":{"usd":"nan"}}', "non_finite"),
        (b'{"ethereum":{"usd":0}}', "out_of_range"),
        (b'{"ethereum":{"usd":-1}}', "out_of_range"),
        (b'{"ethereum":{"usd":1e400}}', "out_of_range"),
        (b'{"ethereum":{"usd":1e-400}}', "out_of_range"),
        (b'{"ethereum":{"usd":1,"last_updated_at":99999999999}}', "out_of_range"),
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"<html>", "malformed"),
        (b"\xff", "malformed"),
    ],
)
def test_unusable_answers(text: bytes, reason: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse_simple_price(text, "ethereum", NOW_NS)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "number", ["1e999999999999999999999", "1e-999999999999999999999", "9" * 6000, "1." + "3" * 6000]
)
def test_extreme_numbers_never_escape(number: str) -> None:
    try:
        event = parse_simple_price(b'{"ethereum":{"usd":%s}}' % number.encode(), "ethereum", NOW_NS)
    except FrameError:
        return
    assert 0 < event.price_e8 < 10**18


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"status":{"error_code":429,"error_message":"slow down"}}', 429),
        (b'{"error_code":10002,"error_message":"api key missing"}', 10002),
        (b'{"error":{"status":{"error_code":10005}}}', 0),
        (b'{"error":"coin not found"}', 0),
    ],
)
def test_a_refusal_under_http_200_is_the_venues_error(text: bytes, code: int) -> None:
    with pytest.raises(VenueError) as caught:
        parse_simple_price(text, "ethereum", NOW_NS)
    assert caught.value.code == code
    assert caught.value.message


def test_error_with_its_waiting_time() -> None:
    error = parse_error(429, b"<html>Too many</html>", "60")
    assert (error.status, error.code, error.retry_after_seconds) == (429, 0, 60.0)
    assert "Too many" in error.message


def test_published_answer(data_dir: Path) -> None:
    lines = (data_dir / "coingecko" / "pycoingecko_fixtures.jsonl").read_text().splitlines()
    bodies = [json.dumps(row["body"]) for row in map(json.loads, lines) if row["test"] == "test_get_price"]
    assert bodies
    for text in bodies:
        assert parse_simple_price(text.encode(), "bitcoin", NOW_NS).price_e8 == 798_489_000_000
