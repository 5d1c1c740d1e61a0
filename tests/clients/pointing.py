"""How each client is pointed at the exchange: addresses, key, secret and options; nothing of a client is replaced."""

from __future__ import annotations

from typing import Any

from tests.clients.foreign import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
    DerivativesTradingUsdsFutures,
    Spot,
    binance,
)
from tests.clients.venue_process import Venue


def ccxt_config(venue: Venue, *types: str, **options: Any) -> dict[str, Any]:
    """For ``ccxt.binance``, ``ccxt.binanceusdm`` and their async and pro forms. ``types``: "spot", "linear".

    With both in one instance the spot streams are asked for at /stream: ccxt tells the two by that word of the URL.
    """
    rest, ws = venue.rest, venue.ws
    spot_streams = f"{ws}/stream" if len(types) > 1 else f"{ws}/ws"
    return {
        "apiKey": venue.key,
        "secret": venue.secret,
        "urls": {
            "api": {
                "public": f"{rest}/api/v3",
                "private": f"{rest}/api/v3",
                "fapiPublic": f"{rest}/fapi/v1",
                "fapiPublicV2": f"{rest}/fapi/v2",
                "fapiPublicV3": f"{rest}/fapi/v3",
                "fapiPrivate": f"{rest}/fapi/v1",
                "fapiPrivateV2": f"{rest}/fapi/v2",
                "fapiPrivateV3": f"{rest}/fapi/v3",
                "ws": {
                    "spot": spot_streams,
                    "linear": f"{ws}/ws",
                    "ws-api": {"spot": venue.ws_api, "linear": venue.ws_fapi},
                },
            }
        },
        "enableRateLimit": False,
        "options": {
            "fetchMarkets": {"types": list(types)},
            "fetchCurrencies": False,
            "fetchMargins": False,
            "defaultType": "swap" if types == ("linear",) else "spot",
            **options,
        },
    }


def python_binance(venue: Venue) -> binance.Client:
    """The synchronous client. It must not ping before it is pointed."""
    client = binance.Client(venue.key, venue.secret, ping=False)
    _point(client, venue)
    return client


async def python_binance_async(venue: Venue) -> binance.AsyncClient:
    """``AsyncClient.create`` pings at once, so the object is made, pointed, and then asked for the time as it would."""
    client = binance.AsyncClient(venue.key, venue.secret)
    _point(client, venue)
    await client.ping()
    return client


def _point(client: Any, venue: Venue) -> None:
    client.API_URL = f"{venue.rest}/api"
    client.FUTURES_URL = f"{venue.rest}/fapi"
    client.ws_api._url = venue.ws_api
    client.ws_future._url = venue.ws_fapi


def socket_manager(client: binance.AsyncClient, venue: Venue) -> binance.BinanceSocketManager:
    manager = binance.BinanceSocketManager(client)
    manager.STREAM_URL = f"{venue.ws}/"
    manager.FSTREAM_URL = f"{venue.ws}/"
    return manager


def sdk_spot(venue: Venue, **auth: Any) -> Spot:
    """The official spot SDK: REST, WebSocket API and streams."""
    auth = auth or {"api_key": venue.key, "api_secret": venue.secret}
    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=venue.rest, **auth),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=venue.ws_api, **auth),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=venue.ws),
    )


def sdk_usdm(venue: Venue) -> DerivativesTradingUsdsFutures:
    """The official USD-M SDK: REST, WebSocket API and streams."""
    auth = {"api_key": venue.key, "api_secret": venue.secret}
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(base_path=venue.rest, **auth),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=venue.ws_fapi, **auth),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=venue.ws),
    )
