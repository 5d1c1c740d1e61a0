"""What a frame means, and the reason given when it means nothing."""

from __future__ import annotations

from typing import Any

import pytest

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import Depth, FeedStatus, MarkPrice, Quote, Tick, Trade
from supreme_system_v5.core.wire import binance_decode, byte_cursor
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from tests.core.wire.frames import (
    AGG_TRADE,
    DEPTH,
    MARK,
    QUOTE,
    RECV_NS,
    SIM_NS,
    TRADE,
    compact,
    words,
    wrapped,
)


def decoder(market: str = "usdm") -> FrameDecoder:
    return FrameDecoder(market, "ETHUSDT")


def reason_of(raw: bytes, market: str = "usdm") -> str:
    with pytest.raises(FrameError) as caught:
        decoder(market).decode(raw, RECV_NS)
    return caught.value.reason


def test_agg_trade() -> None:
    event = decoder().decode(wrapped("ethusdt@aggTrade", AGG_TRADE), RECV_NS)
    assert isinstance(event, Trade)
    assert words(event)[2:] == (
        RECV_NS,
        1520538925,
        268_380_000_000,
        200_000,
        1723161255612,
        1723161255611,
        True,
        2683.8,
        0.002,
    )


def test_raw_trade_of_the_recordings_takes_its_id_from_t() -> None:
    event = decoder().decode(wrapped("ethusdt@trade", TRADE), RECV_NS)
    assert isinstance(event, Trade)
    assert (event.trade_id, event.price_e8, event.is_buyer_maker) == (1520538925, 268_380_000_000, False)


def test_spot_quote_has_neither_type_nor_time() -> None:
    event = decoder("spot").decode(wrapped("ethusdt@bookTicker", QUOTE), RECV_NS)
    assert isinstance(event, Quote)
    assert words(event)[3:] == (0, 35346513501, 268_380_000_000, 302_920_000, 268_381_000_000, 3_143_950_000)


def test_usdm_quote_carries_its_event_time() -> None:
    data = {"e": "bookTicker", **QUOTE, "T": 1, "E": 1568014460893, "st": 1, "ps": "ETHUSDT"}
    event = decoder().decode(wrapped("ethusdt@bookTicker", data), RECV_NS)
    assert isinstance(event, Quote)
    assert event.event_time_ms == 1568014460893


@pytest.mark.parametrize("speed", ["", "@0ms", "@100ms", "@250ms", "@500ms"])
def test_depth_of_every_speed(speed: str) -> None:
    event = decoder().decode(wrapped(f"ethusdt@depth{speed}", DEPTH), RECV_NS)
    assert isinstance(event, Depth)
    assert (event.first_update_id, event.final_update_id, event.previous_final_id) == (157, 160, 149)
    assert list(event.bids) == [268_380_000_000, 302_920_000, 267_900_000_000, 0]
    assert list(event.asks) == [273_370_000_000, 0]


def test_spot_depth_has_no_previous_id_even_where_one_is_sent() -> None:
    event = decoder("spot").decode(wrapped("ethusdt@depth@100ms", DEPTH), RECV_NS)
    assert isinstance(event, Depth)
    assert event.previous_final_id == -1


def test_depth_sides_may_be_empty() -> None:
    event = decoder().decode(wrapped("ethusdt@depth", {**DEPTH, "b": [], "a": []}), RECV_NS)
    assert isinstance(event, Depth)
    assert (list(event.bids), list(event.asks)) == ([], [])


@pytest.mark.parametrize("stream", ["ethusdt@markPrice", "ethusdt@markPrice@1s"])
def test_mark_price(stream: str) -> None:
    event = decoder().decode(wrapped(stream, MARK), RECV_NS)
    assert isinstance(event, MarkPrice)
    assert words(event)[3:] == (1562305380000, 1_179_415_000_000, 1_178_462_659_091, -38_167, 1562306400000)


def test_mark_price_of_a_contract_without_funding() -> None:
    event = decoder().decode(wrapped("ethusdt@markPrice", {**MARK, "r": "", "T": 0}), RECV_NS)
    assert isinstance(event, MarkPrice)
    assert (event.funding_rate_e8, event.next_funding_ms) == (0, 0)


@pytest.mark.parametrize("data", [AGG_TRADE, TRADE, DEPTH, MARK, {"e": "bookTicker", **QUOTE}, QUOTE])
def test_raw_frames_mean_the_same_as_wrapped_ones(data: dict[str, Any]) -> None:
    streams = {"aggTrade": "aggTrade", "trade": "trade", "depthUpdate": "depth", "markPriceUpdate": "markPrice"}
    stream = streams.get(data.get("e", ""), "bookTicker")
    one = decoder()
    raw_event = one.decode(compact(data), RECV_NS)
    assert words(raw_event) == words(one.decode(wrapped(f"ethusdt@{stream}", data), RECV_NS))


@pytest.mark.parametrize("data", [AGG_TRADE, TRADE, DEPTH, MARK, {"e": "bookTicker", **QUOTE}, QUOTE])
def test_simulated_time_is_the_events_time_in_raw_and_wrapped_frames(data: dict[str, Any]) -> None:
    streams = {"aggTrade": "aggTrade", "trade": "trade", "depthUpdate": "depth", "markPriceUpdate": "markPrice"}
    stream = streams.get(data.get("e", ""), "bookTicker")
    one = decoder()
    for raw in (wrapped(f"ethusdt@{stream}", data, SIM_NS), compact({**data, "x_time_ns": SIM_NS})):
        assert one.decode(raw, RECV_NS).time_ns == SIM_NS
        assert one.has_sim_time
    assert one.decode(wrapped(f"ethusdt@{stream}", data), RECV_NS).time_ns == RECV_NS
    assert not one.has_sim_time


def test_heartbeat() -> None:
    one = decoder()
    event = one.decode(b'{"x_time_ns":%d}' % SIM_NS, RECV_NS)
    assert isinstance(event, Tick)
    assert event.time_ns == SIM_NS
    assert one.has_sim_time


def test_a_refused_frame_leaves_no_simulated_time_behind() -> None:
    one = decoder()
    one.decode(b'{"x_time_ns":%d}' % SIM_NS, RECV_NS)
    with pytest.raises(FrameError):
        one.decode(wrapped("ethusdt@aggTrade", {**AGG_TRADE, "p": "nan"}, SIM_NS), RECV_NS)
    assert not one.has_sim_time


@pytest.mark.parametrize(
    "raw",
    [b'{"e":"serverShutdown","E":1770123456789}', wrapped("!serverShutdown", {"e": "serverShutdown", "E": 1})],
)
def test_server_shutdown(raw: bytes) -> None:
    event = decoder().decode(raw, RECV_NS)
    assert isinstance(event, FeedStatus)
    assert words(event)[2:] == (RECV_NS, "binance", "", "server_shutdown", 0)


def test_unknown_fields_blanks_escapes_and_key_order_are_tolerated() -> None:
    expected = words(decoder().decode(wrapped("ethusdt@aggTrade", AGG_TRADE), RECV_NS))
    reordered = dict(reversed(list(AGG_TRADE.items())))
    strange = {"new": {"deep": [1, {"x": None}]}, **reordered, "more": [1.5e3, "\\u20ac \\" + '" €']}
    assert words(decoder().decode(wrapped("ethusdt@aggTrade", strange), RECV_NS)) == expected
    spaced = b' { "data" : %s , "later":1, "stream":"ethusdt@aggT\\u0072ade" } ' % compact(AGG_TRADE)
    assert words(decoder().decode(spaced, RECV_NS)) == expected


def test_levels_with_more_than_two_entries_are_read() -> None:
    data = {**DEPTH, "b": [["2683.80", "3.0292", []]], "a": []}
    event = decoder().decode(wrapped("ethusdt@depth", data), RECV_NS)
    assert isinstance(event, Depth)
    assert list(event.bids) == [268_380_000_000, 302_920_000]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "malformed"),
        (b"garbage", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (b"[]", "malformed"),
        (b"7", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"stream":"ethusdt@aggTrade"}', "malformed"),
        (b'{"stream":"ethusdt@aggTrade","data":7}', "malformed"),
        (wrapped("ethusdt@aggTrade", AGG_TRADE)[:-1], "malformed"),
        (wrapped("ethusdt@aggTrade", AGG_TRADE) + b"x", "malformed"),
        (wrapped("ethusdt@aggTrade", TRADE), "malformed"),
        (wrapped("ethusdt@trade", AGG_TRADE), "malformed"),
        (wrapped("ethusdt@trade", {**TRADE, "e": "aggTrade"}), "malformed"),
        (b'{"e":7}', "malformed"),
        (wrapped("ethusdt@kline_1m", {}), "unknown_stream"),
        (wrapped("ethusdt@depth20@100ms", {"lastUpdateId": 1, "bids": [], "asks": []}), "unknown_stream"),
        (wrapped("!bookTicker", QUOTE), "unknown_stream"),
        (b'{"e":"kline"}', "unknown_stream"),
        (b"{}", "unknown_stream"),
        (wrapped("btcusdt@aggTrade", AGG_TRADE), "wrong_symbol"),
        (wrapped("ethusdt@aggTrade", {**AGG_TRADE, "s": "BTCUSDT"}), "wrong_symbol"),
        (wrapped("ethusdt@aggTrade", {**AGG_TRADE, "s": "ethusdt"}), "wrong_symbol"),
        (b'{"result":null,"id":1}', "not_an_event"),
        (b'{"id":1,"result":["ethusdt@trade"],"x_time_ns":5}', "not_an_event"),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":null}', "not_an_event"),
        (b'{"code":2,"msg":"Invalid request"}', "not_an_event"),
        (b'{"x_time_ns":0}', "out_of_range"),
        (b'{"x_time_ns":9223372036854775808}', "out_of_range"),
        (b'{"x_time_ns":-5}', "out_of_range"),
        (b'{"x_time_ns":1.5}', "malformed"),
        (wrapped("ethusdt@depth", {key: DEPTH[key] for key in DEPTH if key != "pu"}), "malformed"),
        (wrapped("ethusdt@depth", {**DEPTH, "U": 161}), "out_of_range"),
        (wrapped("ethusdt@depth", {**DEPTH, "b": [["1"]]}), "malformed"),
        (wrapped("ethusdt@depth", {**DEPTH, "b": [["0", "1"]]}), "out_of_range"),
        (wrapped("ethusdt@depth", {**DEPTH, "b": [["1", "-1"]]}), "out_of_range"),
        (wrapped("ethusdt@depth", {**DEPTH, "b": [["1", "1"]] * 10_001}), "out_of_range"),
        (wrapped("ethusdt@markPrice", {**MARK, "r": "1.5"}), "out_of_range"),
        (wrapped("ethusdt@markPrice", {**MARK, "p": "0"}), "out_of_range"),
    ],
)
def test_reasons(raw: bytes, reason: str) -> None:
    assert reason_of(raw) == reason
    assert decoder().scan(raw, RECV_NS) is None


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("p", "nan", "non_finite"),
        ("p", "NaN", "non_finite"),
        ("p", "Infinity", "non_finite"),
        ("p", "-inf", "non_finite"),
        ("p", "1e400", "non_finite"),
        ("p", "0", "out_of_range"),
        ("p", "0.00000000", "out_of_range"),
        ("p", "-1", "out_of_range"),
        ("p", "10000000000", "out_of_range"),
        ("p", "9" * 5000, "out_of_range"),
        ("p", "1.000000001", "out_of_range"),
        ("p", "1e5", "malformed"),
        ("p", "+1", "malformed"),
        ("p", " 1", "malformed"),
        ("p", "1_0", "malformed"),
        ("p", "1.", "malformed"),
        ("p", ".5", "malformed"),
        ("p", "1.2.3", "malformed"),
        ("p", "٣", "malformed"),
        ("p", "", "malformed"),
        ("p", "0x10", "malformed"),
        ("p", 2683.8, "malformed"),
        ("p", None, "malformed"),
        ("q", "0", "out_of_range"),
        ("q", "nan", "non_finite"),
        ("q", "-0.5", "out_of_range"),
        ("E", -1, "out_of_range"),
        ("E", 10**16, "out_of_range"),
        ("E", "1723161255612", "malformed"),
        ("T", 2**63, "out_of_range"),
        ("T", 1.5, "malformed"),
        ("a", -1, "out_of_range"),
        ("a", 2**62 + 1, "out_of_range"),
        ("a", True, "malformed"),
        ("m", 1, "malformed"),
        ("m", "true", "malformed"),
        ("s", None, "malformed"),
    ],
)
def test_bad_values_in_a_trade(field: str, value: object, reason: str) -> None:
    raw = wrapped("ethusdt@aggTrade", {**AGG_TRADE, field: value})
    assert reason_of(raw) == reason
    assert decoder().scan(raw, RECV_NS) is None


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_does_not_have(text: str) -> None:
    raw = wrapped("ethusdt@aggTrade", AGG_TRADE).replace(b'"2683.80000000"', text.encode())
    assert reason_of(raw) == "malformed"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'"a":1520538925', b'"a":01520538925'),
        (b'"m":true', b'"m":truE'),
        (b'"M":true', b'"M":trUe'),
        (b'"M":true', b'"M":nul'),
        (b'"M":true', b'"M":-'),
        (b'"M":true', b'"M":"a\x01b"'),
        (b'"M":true', b'"M":"a\\xb"'),
        (b'"M":true', b'"M":"a\nb"'),
        (b'"M":true', b"M:true"),
        (b'"M":true', b'"M";true'),
        (b'"M":true', b'"M":true,'),
        (b'"M":true', b'"M":true "N":1'),
    ],
)
def test_almost_json_is_not_json(good: bytes, bad: bytes) -> None:
    raw = wrapped("ethusdt@aggTrade", AGG_TRADE)
    assert good in raw
    assert reason_of(raw.replace(good, bad)) == "malformed"
    assert decoder().scan(raw.replace(good, bad), RECV_NS) is None


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    raw = wrapped("ethusdt@aggTrade", AGG_TRADE).replace(b'"p":', b'"p":"1.5","p":')
    one = decoder()
    event = one.decode(raw, RECV_NS)
    assert isinstance(event, Trade)
    assert event.price_e8 == 268_380_000_000
    assert words(one.scan(raw, RECV_NS)) == words(event)


@pytest.mark.parametrize("field", list("eEsapqTm"))
def test_every_field_of_a_trade_is_needed(field: str) -> None:
    data = {key: value for key, value in AGG_TRADE.items() if key != field}
    assert reason_of(wrapped("ethusdt@aggTrade", data)) == "malformed"


def test_the_largest_accepted_numbers_are_exact() -> None:
    data = {**AGG_TRADE, "p": "9999999999.99999999", "a": 2**62, "E": 4_102_444_800_000}
    one = decoder()
    event = one.decode(wrapped("ethusdt@aggTrade", data), RECV_NS)
    assert isinstance(event, Trade)
    assert (event.price_e8, event.trade_id, event.event_time_ms) == (10**18 - 1, 2**62, 4_102_444_800_000)
    assert words(one.scan(wrapped("ethusdt@aggTrade", data), RECV_NS)) == words(event)


def test_a_frame_too_large_is_refused_unread() -> None:
    assert reason_of(wrapped("ethusdt@aggTrade", {**AGG_TRADE, "x": "y" * 4_200_000})) == "out_of_range"


def test_both_halves_of_the_hand_parser_are_of_one_kind() -> None:
    """A compiled decoder on an interpreted cursor would be slower than none."""
    is_cursor_compiled = type(byte_cursor.has).__name__ != "function"
    assert is_cursor_compiled == binance_decode.IS_COMPILED
