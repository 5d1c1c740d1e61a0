"""USD-M listen keys: one an account, valid for 60 minutes of market time after the last sign of life."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.api.endpoint import USER_STREAM, Endpoint
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.matching.exchange.refusal import Refusal

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.params import Params

VALID_NS: Final = 3_600 * 1_000_000_000
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class ListenKeys:
    """The active keys. The same accounts and order of requests give the same keys."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.made = 0
        self._keys: dict[str, tuple[str, int]] = {}  # account -> key, valid until
        self._accounts: dict[str, str] = {}  # key -> account
        self.due_ns = NEVER_NS  # when the next one expires

    def start(self, account: str, time_ns: int) -> str:
        """The account's key, the running one with its time begun anew."""
        key = self._keys[account][0] if account in self._keys else self._make(account)
        self._hold(account, key, time_ns + VALID_NS)
        return key

    def keep(self, account: str, time_ns: int) -> str:
        """Another 60 minutes. Raises Refusal -1125 when there is none."""
        if account not in self._keys:
            raise Refusal(-1125, "This listenKey does not exist.")
        key = self._keys[account][0]
        self._hold(account, key, time_ns + VALID_NS)
        return key

    def stop(self, account: str) -> str:
        """End the account's key, and say which it was. Raises Refusal -1125 when it has none."""
        if account not in self._keys:
            raise Refusal(-1125, "This listenKey does not exist.")
        key = self._keys.pop(account)[0]
        del self._accounts[key]
        self._plan()
        return key

    def account_of(self, key: str) -> str:
        """Whose key it is, "" for one that is not active."""
        return self._accounts.get(key, "")

    def expire(self, time_ns: int) -> list[tuple[str, str]]:
        """The (account, key) that end by now; they are active no more."""
        ended = [(account, key) for account, (key, until_ns) in self._keys.items() if until_ns <= time_ns]
        for account, key in ended:
            del self._keys[account]
            del self._accounts[key]
        self._plan()
        return ended

    def _make(self, account: str) -> str:
        self.made += 1
        digest = hashlib.sha512(f"{self.seed}/listen/{account}/{self.made}".encode()).digest()
        return "".join(_ALPHABET[byte % 36] for byte in digest)

    def _hold(self, account: str, key: str, until_ns: int) -> None:
        self._keys[account] = (key, until_ns)
        self._accounts[key] = account
        self._plan()

    def _plan(self) -> None:
        self.due_ns = min((until_ns for _, until_ns in self._keys.values()), default=NEVER_NS)

    def save(self) -> dict[str, Any]:
        return {"made": self.made, "keys": {account: list(entry) for account, entry in self._keys.items()}}

    def restore(self, saved: dict[str, Any]) -> None:
        self.made = int(saved["made"])
        self._keys.clear()
        self._accounts.clear()
        for account, (key, until_ns) in saved["keys"].items():
            self._hold(account, key, until_ns)
        self._plan()


def start(x: Exchange, account: str, _params: Params, time_ns: int) -> object:
    return {"listenKey": x.listen_keys.start(account, time_ns)}


def keep(x: Exchange, account: str, _params: Params, time_ns: int) -> object:
    return {"listenKey": x.listen_keys.keep(account, time_ns)}


def stop(x: Exchange, account: str, _params: Params, _time_ns: int) -> object:
    x.streams.end(USDM, account, x.listen_keys.stop(account))
    return {}


_PATH: Final = "/fapi/v1/listenKey"
ENDPOINTS: Final = [
    Endpoint(USDM, "POST", _PATH, "userDataStream.start", USER_STREAM, 1, start),
    Endpoint(USDM, "PUT", _PATH, "userDataStream.ping", USER_STREAM, 1, keep),
    Endpoint(USDM, "DELETE", _PATH, "userDataStream.stop", USER_STREAM, 1, stop),
]
