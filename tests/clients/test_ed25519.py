"""Clients that sign with an Ed25519 key: ccxt, python-binance, and the SDK with a session that is logged on."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.clients.binance_clients import close
from tests.clients.foreign import binance, ccxt
from tests.clients.pointing import ccxt_config, sdk_spot
from tests.clients.raw import SYMBOL
from tests.clients.sdk_clients import socket_sdk, wait_for
from tests.clients.sdk_models import Ledger
from tests.clients.sdk_tables import SPOT_MISSING, SPOT_UNKNOWN
from tests.clients.venue_process import Venue


class Ed25519Key(NamedTuple):
    api_key: str
    private_pem: str


@pytest.fixture(scope="module")
def ed25519(venue: Venue) -> Ed25519Key:
    """An account of its own whose key is known to the exchange by its public part only."""
    private = Ed25519PrivateKey.generate()
    public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    asked = {"name": "ed25519", "spot": {"USDT": "10000", "ETH": "5"}, "usdm": "10000", "public_key": public_pem}
    made = venue.ask("/x/account", asked)
    assert made["key_type"] == "ED25519"
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Ed25519Key(made["api_key"], pem)


def test_ccxt(venue: Venue, ed25519: Ed25519Key) -> None:
    for name, types in (("binance", "spot"), ("binanceusdm", "linear")):
        config = ccxt_config(venue, types) | {"apiKey": ed25519.api_key, "secret": ed25519.private_pem}
        exchange = getattr(ccxt, name)(config)
        assert exchange.fetch_balance()["USDT"]["free"] > 0
        exchange.close()


def test_python_binance(venue: Venue, ed25519: Ed25519Key) -> None:
    client = binance.Client(ed25519.api_key, private_key=ed25519.private_pem, ping=False)
    client.API_URL = f"{venue.rest}/api"
    order = client.order_market_buy(symbol=SYMBOL, quantity="0.01")
    assert client.get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "FILLED"
    close(client)


def test_the_sdk_logs_on_and_trades_without_signing(venue: Venue, ed25519: Ed25519Key) -> None:
    async def story() -> None:
        ledger = Ledger()
        api = sdk_spot(venue, api_key=ed25519.api_key, private_key=ed25519.private_pem).websocket_api
        async with socket_sdk(api, ledger) as sdk:
            await sdk.ask("session_logon")
            status = await sdk.ask("session_status")
            assert status.result.api_key == ed25519.api_key
            subscribed = await sdk.api.user_data_stream_subscribe()
            sdk.check("user_data_stream_subscribe", subscribed.response.data())
            events: list[Any] = []
            subscribed.stream.on("message", events.append)
            placed = await sdk.ask("order_place", symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.01)
            assert placed.result.status == "FILLED"
            await wait_for(lambda: events, "no event")
            await sdk.ask("session_subscriptions")
            await sdk.ask("session_logout")
        ledger.check(SPOT_UNKNOWN, SPOT_MISSING)

    asyncio.run(story())
