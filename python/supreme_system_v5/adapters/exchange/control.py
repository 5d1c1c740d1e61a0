"""Control calls of our own for accounts (`/x/account`, `/x/deposit`), and what the status says of trading.

They are no part of the venue's API: a test opens accounts with them, and Ed25519 keys by their public part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.api.keys import Key, looks_live
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.domain.money import parse_e8, plain_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal

if TYPE_CHECKING:
    from aiohttp import web

    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.server import ExchangeServer

AMOUNT_MAX_E8: Final = 10**12 * 10**8
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)
_AMOUNT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_ASSET: Final = re.compile(r"[A-Z0-9]{1,10}", re.ASCII)
_OWN_KEY: Final = re.compile(r"[A-Za-z0-9]{16,128}", re.ASCII)


def amount_e8(value: object, what: str) -> int:
    """A balance: decimal text or a whole number, not negative. Raises ValueError naming ``what``."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{what} must be a decimal number as text")
    text = str(value)
    if _AMOUNT.fullmatch(text) is None:
        raise ValueError(f"{what} must be a plain decimal number, not {text[:40]!r}")
    found = parse_e8(text)
    if not (0 <= found <= AMOUNT_MAX_E8):
        raise ValueError(f"{what} must be between 0 and {AMOUNT_MAX_E8 // 10**8}")
    return found


def balances_e8(value: object, what: str) -> dict[str, int]:
    """{asset: amount}. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be an object: {{asset: amount}}")
    found = {}
    for asset, amount in value.items():
        if not isinstance(asset, str) or _ASSET.fullmatch(asset) is None:
            raise ValueError(f"{what}: {asset!r} is no asset")
        found[asset] = amount_e8(amount, f"{what} {asset}")
    return found


def check_own_key(exchange: Exchange, api_key: str, secret: str) -> None:
    """Raises ValueError for a key or secret that is live, malformed, or taken."""
    for name, text in (("API key", api_key), ("API secret", secret)):
        if looks_live(text):
            raise ValueError(f"the {name} that ends with {text[-4:]} looks like one of the real venue")
        if _OWN_KEY.fullmatch(text) is None:
            raise ValueError(f"an {name} has 16 to 128 letters and digits")
    if exchange.keys.get(api_key) is not None:
        raise ValueError("this API key is taken")


def add_key(exchange: Exchange, account: str, api_key: str, secret: str) -> Key:
    """Give an account a key of the caller's choice. Raises ValueError as ``check_own_key``."""
    check_own_key(exchange, api_key, secret)
    row = {"api_key": api_key, "account": account, "secret": secret, "pem": ""}
    exchange.keys.restore([*exchange.keys.save(), row])
    found = exchange.keys.get(api_key)
    assert found is not None
    return found


def open_account(exchange: Exchange, asked: Mapping[str, Any], _time_ns: int) -> dict[str, object]:
    """A new account, or one more key for one that is there. Raises ValueError saying what is wrong.

    {"name", "spot": {asset: amount}, "usdm": amount of USDT, and for the key "public_key" (PEM, Ed25519), or
    "api_key" and "api_secret", or nothing: the exchange makes one}
    """
    known = {"name", "spot", "usdm", "public_key", "api_key", "api_secret"}
    if set(asked) - known:
        raise ValueError(f"unknown field {sorted(set(asked) - known)[0]!r}; known: {', '.join(sorted(known))}")
    name = asked.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError("name must be 1 to 32 letters, digits, '_', '.' or '-'")
    spot_e8 = balances_e8(asked.get("spot", {}), "spot")
    usdm_e8 = amount_e8(asked.get("usdm", "0"), "usdm")
    is_new = not exchange.keys.of_account(name)
    if not is_new and (spot_e8 or usdm_e8):
        raise ValueError(f"account {name!r} exists; POST /x/deposit changes balances")
    texts = {field: asked.get(field, "") for field in ("public_key", "api_key", "api_secret")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("keys must be text")
    if texts["public_key"]:
        from supreme_system_v5.adapters.exchange.api.keys import load_public_key

        load_public_key(texts["public_key"])  # before anything has changed
    elif texts["api_key"] or texts["api_secret"]:
        check_own_key(exchange, texts["api_key"], texts["api_secret"])
    made = exchange.open_account(name, spot_e8, usdm_e8) if is_new else None
    key = made if made is not None else exchange.keys.make(name)
    if texts["public_key"]:
        exchange.keys.remove(key.api_key)
        key = exchange.keys.register(name, texts["public_key"])
    elif texts["api_key"] or texts["api_secret"]:
        exchange.keys.remove(key.api_key)
        key = add_key(exchange, name, texts["api_key"], texts["api_secret"])
    kind = "ED25519" if key.is_ed25519 else "HMAC"
    return {"account": name, "api_key": key.api_key, "api_secret": key.secret, "key_type": kind, "is_new": is_new}


def deposit(exchange: Exchange, asked: Mapping[str, Any], time_ns: int) -> dict[str, object]:
    """{"account", "market", "asset" (spot), "amount"}; a negative amount is taken out. Raises ValueError."""
    account, market, amount = asked.get("account"), asked.get("market", SPOT), asked.get("amount")
    if not isinstance(account, str) or not exchange.keys.of_account(account):
        raise ValueError(f"there is no account {account!r}")
    if not isinstance(market, str) or market not in exchange.markets:
        raise ValueError(f"market {market!r} is not served here")
    sign = -1 if isinstance(amount, str) and amount.startswith("-") else 1
    delta_e8 = sign * amount_e8(amount[1:] if sign < 0 and isinstance(amount, str) else amount, "amount")
    try:
        if market == SPOT:
            asset = asked.get("asset", "USDT")
            if not isinstance(asset, str) or _ASSET.fullmatch(asset) is None:
                raise ValueError(f"{asset!r} is no asset")
            exchange.spot.deposit(account, asset, delta_e8, time_ns)
        else:
            asset = "USDT"
            exchange.usdm.deposit(account, delta_e8, time_ns)
    except Refusal as refusal:
        raise ValueError(refusal.message) from None
    exchange.settle(market)
    return {"account": account, "market": market, "asset": asset, "amount": plain_e8(delta_e8)}


def counts(exchange: Exchange) -> dict[str, object]:
    """What the status says of trading: accounts, keys, orders, listeners; nothing of a key."""
    found: dict[str, object] = {}
    for market in exchange.markets:
        venue: Any = exchange.spot if market == SPOT else exchange.usdm
        found[market] = {
            "accounts": len(venue.accounts),
            "open_orders": len(venue.orders.all_open()),
            "orders_kept": len(venue.orders),
            "orders_ever": venue.ids.order_id - 1,
        }
        if market == USDM:
            found[market]["positions"] = sum(a.position.quantity_e8 != 0 for a in venue.accounts.values())  # type: ignore[index]
    found["user_streams"] = exchange.streams.count()
    found["user_events"] = exchange.streams.sent
    return found


class Control:
    """The calls over HTTP: a JSON object in, a JSON object out, 400 with {"error"} for what cannot be done."""

    def __init__(self, server: ExchangeServer, exchange: Exchange) -> None:
        self._server = server
        self._exchange = exchange
        server.add_control("POST", "/x/account", self._handler(open_account))
        server.add_control("POST", "/x/deposit", self._handler(deposit))
        server.status_parts["trading"] = lambda: counts(exchange)

    def _handler(
        self, act: Callable[[Exchange, Mapping[str, Any], int], dict[str, object]]
    ) -> Callable[[web.Request], object]:
        async def on_request(request: web.Request) -> web.Response:
            from aiohttp import web

            from supreme_system_v5.adapters.exchange.bodies import read_json, read_text

            try:
                asked = read_json(await read_text(request) or "{}")
                if not isinstance(asked, dict):
                    raise ValueError("the body must be a JSON object")
                found = act(self._exchange, asked, self._server.clock.shown_ns)
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response(found)

        return on_request
