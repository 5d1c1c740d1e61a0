"""The strangers' libraries, unmodified. What they warn of at import is their business: ignored here, by name, only."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # python-binance 1.0.37 asks websockets for a class of its old API.
    warnings.filterwarnings("ignore", message="websockets.WebSocketClientProtocol is deprecated")
    warnings.filterwarnings("ignore", message="websockets.legacy is deprecated")
    import binance
    import ccxt
    import ccxt.pro as ccxtpro
    from binance.exceptions import BinanceAPIException
    from binance.ws.depthcache import DepthCacheManager, FuturesDepthCacheManager
    from binance_common.configuration import (
        ConfigurationRestAPI,
        ConfigurationWebSocketAPI,
        ConfigurationWebSocketStreams,
    )
    from binance_common.errors import BadRequestError, UnauthorizedError
    from binance_common.utils import parse_user_event
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )
    from binance_sdk_spot.spot import Spot
    from binance_sdk_spot.websocket_api.models import UserDataStreamEventsResponse

__all__ = [
    "BadRequestError",
    "BinanceAPIException",
    "ConfigurationRestAPI",
    "ConfigurationWebSocketAPI",
    "ConfigurationWebSocketStreams",
    "DepthCacheManager",
    "DerivativesTradingUsdsFutures",
    "FuturesDepthCacheManager",
    "Spot",
    "UnauthorizedError",
    "UserDataStreamEventsResponse",
    "binance",
    "ccxt",
    "ccxtpro",
    "parse_user_event",
]
