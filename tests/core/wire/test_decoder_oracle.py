"""The hand parser against msgspec and exact decimals, on generated frames and on broken ones."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import Depth, Event, FeedStatus, MarkPrice, Quote, Tick, Trade
from supreme_system_v5.core.wire import binance_decode, byte_cursor, numbers
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from supreme_system_v5.core.wire.binance_schema import FRAME_BYTES_MAX, LEVELS_MAX, SchemaDecoder
from tests.core.wire.frames import AGG_TRADE, DEPTH, MARK, QUOTE, RECV_NS, SIM_NS, TRADE, compact, words, wrapped

REASONS = {"malformed", "non_finite", "out_of_range", "unknown_stream", "wrong_symbol", "not_an_event"}


@st.composite
def decimals(draw: st.DrawFn, low: int = 0) -> str:
    """Text of a number in [low, 1e10) with 0 to 8 decimals; low is 0 or 1 (in the last place)."""
    places = draw(st.integers(0, 8))
    scaled = draw(st.one_of(st.integers(low, 10 ** (10 + places) - 1), st.integers(low, 500_000)))
    text = str(scaled).rjust(places + 1, "0")
    return f"{text[:-places]}.{text[-places:]}" if places else text


PRICES = decimals(low=1)
IDS = st.one_of(st.integers(0, 2**62), st.integers(0, 10**13))
TIMES = st.integers(0, 4_102_444_800_000)
LEVELS = st.lists(st.tuples(PRICES, decimals()).map(list), max_size=8)
EXTRAS = st.dictionaries(
    st.text(min_size=2, max_size=5).filter(lambda name: name not in ("pu", "x_time_ns", "stream", "data")),
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=6), st.lists(st.integers(0, 9))),
    max_size=3,
)


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """(market, stream, data) of a valid frame."""
    market = draw(st.sampled_from(["spot", "usdm"]))
    kind = draw(st.sampled_from(["aggTrade", "trade", "bookTicker", "depth", "markPrice"]))
    data: dict[str, Any] = {"s": "ETHUSDT", "E": draw(TIMES)}
    if kind in ("aggTrade", "trade"):
        identity = {"a" if kind == "aggTrade" else "t": draw(IDS)}
        data |= {
            "e": kind,
            "p": draw(PRICES),
            "q": draw(PRICES),
            "T": draw(TIMES),
            "m": draw(st.booleans()),
            **identity,
        }
    elif kind == "bookTicker":
        data |= {"u": draw(IDS), "b": draw(PRICES), "B": draw(decimals()), "a": draw(PRICES), "A": draw(decimals())}
        if draw(st.booleans()):
            data["e"] = "bookTicker"
        else:
            del data["E"]
    elif kind == "depth":
        first, final = sorted((draw(IDS), draw(IDS)))
        data |= {"e": "depthUpdate", "U": first, "u": final, "b": draw(LEVELS), "a": draw(LEVELS)}
        if market == "usdm":
            data["pu"] = draw(IDS)
    else:
        rate = draw(st.sampled_from(["", "0.00010000", "-0.00375", "1", "-1.0"]))
        data |= {"e": "markPriceUpdate", "p": draw(PRICES), "i": draw(decimals()), "r": rate, "T": draw(TIMES)}
    data |= draw(EXTRAS)
    order = draw(st.permutations(list(data)))
    return market, f"ethusdt@{kind}", {key: data[key] for key in order}


def e8(text: str) -> int:
    value = Decimal(text or "0") * 10**8
    assert value == int(value)
    return int(value)


def expected_words(market: str, data: dict[str, Any], time_ns: int) -> tuple[object, ...]:
    """What a frame means, worked out with decimals and nothing of the parsers."""
    event = data.get("e", "bookTicker")
    if event in ("aggTrade", "trade"):
        price, quantity = e8(data["p"]), e8(data["q"])
        identity = data["a" if event == "aggTrade" else "t"]
        fields = (identity, price, quantity, data["E"], data["T"], data["m"], float(price) / 1e8, float(quantity) / 1e8)
        return ("Trade", 4, time_ns, *fields)
    if event == "bookTicker":
        return (
            "Quote",
            3,
            time_ns,
            data.get("E", 0),
            data["u"],
            e8(data["b"]),
            e8(data["B"]),
            e8(data["a"]),
            e8(data["A"]),
        )
    if event == "depthUpdate":
        sides = [tuple(e8(text) for level in data[side] for text in level) for side in "ba"]
        return ("Depth", 2, time_ns, data["E"], data["U"], data["u"], data["pu"] if market == "usdm" else -1, *sides)
    return ("MarkPrice", 5, time_ns, data["E"], e8(data["p"]), e8(data["i"]), e8(data["r"]), data["T"])


@given(frames(), st.sampled_from([0, SIM_NS]), st.booleans(), st.sampled_from([None, 1]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_both_parsers_read_what_the_frame_says(
    frame: tuple[str, str, dict[str, Any]], sim_ns: int, is_wrapped: bool, indent: int | None, is_ascii: bool
) -> None:
    market, stream, data = frame
    whole: dict[str, Any] = {"stream": stream, "data": data} if is_wrapped else dict(data)
    if sim_ns:
        whole["x_time_ns"] = sim_ns
    separators = None if indent else (",", ":")
    raw = json.dumps(whole, indent=indent, separators=separators, ensure_ascii=is_ascii).encode("utf-8", "replace")
    if "�" in raw.decode() or b"?" in raw:  # a lone surrogate, which UTF-8 cannot say
        return
    wanted = expected_words(market, data, sim_ns or RECV_NS)
    one, schema = FrameDecoder(market, "ETHUSDT"), SchemaDecoder(market, "ETHUSDT")
    assert words(schema.decode(raw, RECV_NS)) == wanted
    assert words(one.decode(raw, RECV_NS)) == wanted
    assert one.has_sim_time == bool(sim_ns)
    scanned = one.scan(raw, RECV_NS)
    assert scanned is None or words(scanned) == wanted


def test_a_quantity_beyond_what_a_float_holds_reads_the_same_in_every_build() -> None:
    raw = b'{"e":"aggTrade","E":0,"s":"ETHUSDT","a":0,"p":"1","q":"6747515134.75","f":0,"l":0,"T":0,"m":false,"M":true}'
    trade = FrameDecoder("spot", "ETHUSDT").decode(raw, RECV_NS)
    assert isinstance(trade, Trade) and trade.quantity_e8 == 674751513475000000
    assert trade.quantity == float(674751513475000000) / 1e8


PLAIN = [
    ("ethusdt@aggTrade", AGG_TRADE),
    ("ethusdt@trade", TRADE),
    ("ethusdt@bookTicker", QUOTE),
    ("ethusdt@bookTicker", {"e": "bookTicker", **QUOTE, "E": 1, "T": 1}),
    ("ethusdt@depth@100ms", DEPTH),
]


@given(st.sampled_from(PLAIN), st.randoms(use_true_random=False), st.sampled_from([0, SIM_NS]))
@settings(max_examples=100, deadline=None)
def test_the_hand_parser_takes_the_plain_form_in_any_key_order(
    plain: tuple[str, dict[str, Any]], random: Any, sim_ns: int
) -> None:
    """Else the fast path could be dead and nobody would notice."""
    keys = list(plain[1])
    random.shuffle(keys)
    data = {key: plain[1][key] for key in keys}
    assert FrameDecoder("usdm", "ETHUSDT").scan(wrapped(plain[0], data, sim_ns), RECV_NS) is not None


SEEDS = [wrapped(*plain, sim_ns) for plain in [*PLAIN, ("ethusdt@markPrice", MARK)] for sim_ns in (0, SIM_NS)]
SEEDS += [compact(plain[1]) for plain in PLAIN] + [b'{"x_time_ns":%d}' % SIM_NS, b'{"e":"serverShutdown","E":1}']
SPLINTERS = [
    b"nan",
    b"Infinity",
    b"1e400",
    b"-",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"9" * 30,
    b"0",
    b".",
]
SPLINTERS += [b'"p":"1",', b'"s":"ETHUSDT",', b'"b":[],']
SPLINTERS += [b"null", b"true", b" ", b"\x00", b"\xff", b"\\u0070", b'"p":"1"', b'"x_time_ns":7', b"e5", b"\n"]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        change = draw(st.sampled_from(["cut", "insert", "replace", "drop", "flip"]))
        splinter = draw(st.sampled_from(SPLINTERS))
        if change == "cut":
            del raw[at:]
        elif change == "insert":
            raw[at:at] = splinter
        elif change == "replace":
            raw[at : at + len(splinter)] = splinter
        elif change == "drop":
            del raw[at : at + draw(st.integers(1, 12))]
        elif at < len(raw):
            raw[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(raw)


def check_bounds(event: Event) -> None:
    """Whatever came in, no number that gets out is outside its bounds."""
    limit = numbers.VALUE_E8_LIMIT
    assert 0 < event.time_ns <= numbers.TIME_NS_MAX
    if isinstance(event, Trade):
        assert 0 < event.price_e8 < limit and 0 < event.quantity_e8 < limit
        assert 0 <= event.trade_id <= numbers.ID_MAX
        assert 0 <= event.trade_time_ms <= numbers.TIME_MS_MAX and 0 <= event.event_time_ms <= numbers.TIME_MS_MAX
    elif isinstance(event, Quote):
        assert 0 < event.bid_e8 < limit and 0 < event.ask_e8 < limit
        assert 0 <= event.bid_quantity_e8 < limit and 0 <= event.ask_quantity_e8 < limit
    elif isinstance(event, Depth):
        for side in (event.bids, event.asks):
            assert all(0 < price < limit for price in side[::2]) and all(0 <= held < limit for held in side[1::2])
        assert 0 <= event.first_update_id <= event.final_update_id <= numbers.ID_MAX
    elif isinstance(event, MarkPrice):
        assert 0 < event.mark_e8 < limit and 0 <= event.index_e8 < limit
        assert abs(int(event.funding_rate_e8)) <= numbers.RATE_E8_MAX
    else:
        assert isinstance(event, Tick | FeedStatus)


@given(st.one_of(mutated(), st.binary(max_size=80)), st.sampled_from(["spot", "usdm"]))
@settings(max_examples=1500, deadline=None)
def test_broken_frames_end_in_a_frame_error_or_a_sane_event(raw: bytes, market: str) -> None:
    one, schema = FrameDecoder(market, "ETHUSDT"), SchemaDecoder(market, "ETHUSDT")
    scanned = one.scan(raw, RECV_NS)
    outcomes: list[object] = []
    for parser in (one, schema):
        try:
            event = parser.decode(raw, RECV_NS)
            check_bounds(event)
            outcomes.append(words(event))
        except FrameError as error:
            assert error.reason in REASONS
            outcomes.append(error.reason)
    assert outcomes[0] == outcomes[1]
    if scanned is not None:
        assert words(scanned) == outcomes[1]


def test_the_bounds_of_both_parsers_are_the_same() -> None:
    """The compiled files repeat the bounds as literals."""
    if binance_decode.IS_COMPILED:
        cursor, decode = vars(byte_cursor), vars(binance_decode)
    else:
        cursor, decode = byte_cursor.__dict__, binance_decode.__dict__
    assert cursor["_WHOLE_DIGITS_MAX"] == numbers.WHOLE_DIGITS_MAX
    assert cursor["_ID_MAX"] == numbers.ID_MAX
    assert cursor["_TIME_MS_MAX"] == numbers.TIME_MS_MAX
    assert cursor["_TIME_NS_MAX"] == numbers.TIME_NS_MAX
    assert cursor["_LEVELS_MAX"] == LEVELS_MAX
    assert decode["_FRAME_BYTES_MAX"] == FRAME_BYTES_MAX
