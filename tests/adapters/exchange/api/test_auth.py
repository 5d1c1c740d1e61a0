"""Keys, signatures and the time window."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from supreme_system_v5.adapters.exchange.api.auth import check_signed, check_timing, is_signed_by
from supreme_system_v5.adapters.exchange.api.call import Call
from supreme_system_v5.adapters.exchange.api.keys import Key, KeyRing, looks_live
from supreme_system_v5.adapters.exchange.api.rest_request import read_call
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.adapters.exchange.api.desk import START_MS, Desk, Ed25519, code_of, hmac_of
from tests.adapters.exchange.worlds import START_NS

# The worked examples of the venue's documentation.
DOC_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
DOC_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
DOC_REST = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
DOC_REST_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
DOC_MIXED_SIGNATURE = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"


def refused(call: Call, exchange_ns: int = START_NS, keys: KeyRing | None = None) -> tuple[int, str]:
    with pytest.raises(Refusal) as found:
        if keys is None:
            check_timing(call, exchange_ns)
        else:
            check_signed(keys, call, exchange_ns)
    return found.value.code, found.value.message


def timed(timestamp: object, market: str = "spot", **more: str) -> Call:
    return Call(market, "GET", "/", {"timestamp": str(timestamp), **more})


def test_the_documented_examples() -> None:
    key = Key(DOC_KEY, "doc", DOC_SECRET)
    for target, body, signature in (
        (f"/api/v3/order?{DOC_REST}&signature={DOC_REST_SIGNATURE}", "", DOC_REST_SIGNATURE),
        ("/api/v3/order", f"{DOC_REST}&signature={DOC_REST_SIGNATURE}", DOC_REST_SIGNATURE),
        (
            "/api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
            "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=" + DOC_MIXED_SIGNATURE,
            DOC_MIXED_SIGNATURE,
        ),
    ):
        call = read_call("spot", "POST", target, {}, body.encode())
        assert call.signature == signature
        assert call.params["quantity"] == "1"
        assert call.params["symbol"] == "LTCBTC"
        assert is_signed_by(key, call), target
        call.signature = call.signature.upper()  # hex in any case
        assert is_signed_by(key, call)
        call.signature = call.signature[:-1] + ("0" if call.signature[-1] != "0" else "1")
        assert not is_signed_by(key, call)


def test_the_payload_is_signed_as_it_was_sent_and_encoded() -> None:
    key = Key("k", "a", "secret")
    encoded = "newClientOrderId=a%2Fb&timestamp=1"
    call = read_call("usdm", "POST", f"/fapi/v1/order?{encoded}&signature={hmac_of('secret', encoded)}", {})
    assert call.params["newClientOrderId"] == "a/b"
    assert is_signed_by(key, call)
    plain = read_call(
        "usdm", "POST", f"/fapi/v1/order?{encoded}&signature={hmac_of('secret', encoded.replace('%2F', '/'))}", {}
    )
    assert not is_signed_by(key, plain)


def test_query_and_body() -> None:
    call = read_call("spot", "POST", "/api/v3/order?side=BUY&a=1+2", {"X-MBX-APIKEY": "k"}, b"side=SELL&b=%C3%A9")
    assert call.params == {"side": "BUY", "a": "1 2", "b": "é"}  # the query goes first
    assert (call.payload, call.api_key, call.is_micro) == ("side=BUY&a=1+2side=SELL&b=%C3%A9", "k", False)
    assert read_call("spot", "GET", "/x", {"X-MBX-TIME-UNIT": "microsecond"}).is_micro
    for target, headers, code in (
        ("/x?a=1&a=2", {}, -1101),
        ("/x?a=%ff", {}, -1100),
        ("/x", {"X-MBX-TIME-UNIT": "NANO"}, -1194),
    ):
        with pytest.raises(Refusal) as found:
            read_call("spot", "GET", target, headers)
        assert found.value.code == code


def test_the_time_window() -> None:
    now_ms = START_MS
    check_timing(timed(now_ms - 5_000), START_NS)
    check_timing(timed(now_ms + 999), START_NS)
    check_timing(timed((now_ms - 5_000) * 1_000), START_NS)  # microseconds
    check_timing(timed(now_ms - 60_000, recvWindow="60000"), START_NS)
    check_timing(timed(now_ms - 1, recvWindow="1.000"), START_NS)
    late = (-1021, "Timestamp for this request is outside of the recvWindow.")
    assert refused(timed(now_ms - 5_001)) == late
    assert refused(timed(now_ms * 1_000 - 1_001, recvWindow="1.0")) == late
    assert refused(timed(now_ms + 1_000)) == (
        -1021,
        "Timestamp for this request was 1000ms ahead of the server's time.",
    )
    assert refused(timed(now_ms, recvWindow="60001")) == (-1131, "recvWindow must be less than 60000.")
    assert refused(timed(now_ms, recvWindow="-1"))[0] == -1100
    assert refused(timed(now_ms, "usdm", recvWindow="5.5"))[0] == -1100
    assert refused(timed("now"))[0] == -1100
    assert refused(timed("")) == (
        -1102,
        "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    )


def test_both_looks_at_the_window() -> None:
    desk = Desk()
    for market, path, code in (("spot", "/api/v3/place", -1021), ("usdm", "/fapi/v1/place", -5028)):
        signed = desk.sign({"recvWindow": 1_000})
        payload = urlencode({name: value for name, value in signed.items() if name != "signature"})
        call = Call(market, "POST", path, signed, payload, desk.key.api_key, signed["signature"])
        call.arrived_ns = START_NS  # in time when it came, too old when its turn comes
        assert code_of(desk.exchange.call(call, START_NS + 1_001_000_000)) == (400, code)


def test_who_is_let_in() -> None:
    desk = Desk()
    assert desk.rest("GET", "/api/v3/mine").status == 200
    assert code_of(desk.rest("GET", "/api/v3/mine", api_key="")) == (401, -2014)
    assert code_of(desk.rest("GET", "/api/v3/mine", api_key="x" * 64)) == (401, -2015)
    other = desk.exchange.keys.make("other")
    assert code_of(desk.rest("GET", "/api/v3/mine", api_key=other.api_key)) == (400, -1022)
    unsigned = Call("spot", "GET", "/api/v3/mine", {"timestamp": str(START_MS)}, "", desk.key.api_key)
    reply = desk.exchange.call(unsigned, START_NS)
    assert reply.body == {
        "code": -1102,
        "msg": "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
    }
    desk.exchange.keys.remove(desk.key.api_key)
    assert code_of(desk.rest("GET", "/api/v3/mine")) == (401, -2015)


def test_ed25519() -> None:
    keys = KeyRing()
    pair = Ed25519()
    key = keys.register("ed", pair.pem)
    payload = f"symbol=ETHUSDT&timestamp={START_MS}"
    params = {"symbol": "ETHUSDT", "timestamp": str(START_MS)}
    call = Call("spot", "GET", "/", params, payload, key.api_key, pair.sign(payload))
    assert check_signed(keys, call, START_NS) == "ed"
    call.signature = pair.sign(payload + "0")
    assert refused(call, keys=keys) == (-1022, "Signature for this request is not valid.")
    call.signature = "no base64!"
    assert refused(call, keys=keys)[0] == -1022
    with pytest.raises(ValueError, match="not a public key"):
        keys.register("ed", "nonsense")


def test_over_the_websocket_values_are_signed_unencoded() -> None:
    """The documentation's example with a symbol in another script; the official SDK encodes, which is taken too."""
    params = {
        "apiKey": DOC_KEY,
        "price": "0.10000000",
        "quantity": "1.00000000",
        "recvWindow": "5000",
        "side": "BUY",
        "symbol": "１２３４５６",
        "timeInForce": "GTC",
        "timestamp": "1645423376532",
        "type": "LIMIT",
    }
    plain = "&".join(f"{name}={value}" for name, value in params.items())
    key = Key(DOC_KEY, "doc", DOC_SECRET)
    signature = "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd"
    for signed in (signature, hmac_of(DOC_SECRET, urlencode(params))):
        assert is_signed_by(key, Call("spot", "", "order.place", params, plain, DOC_KEY, signed, is_websocket=True))
    assert not is_signed_by(key, Call("spot", "", "order.place", params, plain, DOC_KEY, "0" * 64, is_websocket=True))


def test_keys_follow_from_the_seed_and_are_no_live_keys() -> None:
    first, again, other = KeyRing(7).make("main"), KeyRing(7).make("main"), KeyRing(8).make("main")
    assert (first.api_key, first.secret) == (again.api_key, again.secret) != (other.api_key, other.secret)
    assert len(first.api_key) == len(first.secret) == 64
    assert not looks_live(first.api_key)
    assert not looks_live(first.secret)
    assert looks_live(DOC_KEY)
    ring = KeyRing(7)
    made = [ring.make("main"), ring.make("main"), ring.register("ed", Ed25519().pem)]
    copy = KeyRing(7)
    copy.restore(ring.save())
    assert [copy.get(key.api_key).account for key in made] == ["main", "main", "ed"]  # type: ignore[union-attr]
    assert copy.make("main").api_key == ring.make("main").api_key
