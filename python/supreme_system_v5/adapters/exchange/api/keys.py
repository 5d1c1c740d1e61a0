"""API keys of the simulated exchange: made from the seed, and marked so that nobody takes one for a live key.

A live key is 64 letters and digits without a pattern; ours begin with a word. Ed25519 keys are registered with their
public part, as on the venue; the private part never comes here.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

KEY_MARK: Final = "SIMULATEDkey"
SECRET_MARK: Final = "SIMULATEDsecret"
DEFAULT_ACCOUNT: Final = "main"
_LENGTH: Final = 64
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LIVE: Final = re.compile(r"[A-Za-z0-9]{64}", re.ASCII)


class Key:
    """``secret`` of an HMAC key, or ``public_key`` (a verifier) of an Ed25519 key."""

    def __init__(self, api_key: str, account: str, secret: str = "", public_key: Any = None, pem: str = "") -> None:
        self.api_key = api_key
        self.account = account
        self.secret = secret
        self.secret_bytes = secret.encode()
        self.public_key = public_key
        self.pem = pem

    @property
    def is_ed25519(self) -> bool:
        return self.public_key is not None


class KeyRing:
    """The keys by API key. The same seed and account names give the same keys."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._keys: dict[str, Key] = {}
        self._made: dict[str, int] = {}  # account -> how many keys were made for it

    def get(self, api_key: str) -> Key | None:
        """The key, None for one that is not known."""
        return self._keys.get(api_key)

    def of_account(self, account: str) -> list[Key]:
        """An account's keys, oldest first."""
        return [key for key in self._keys.values() if key.account == account]

    def make(self, account: str) -> Key:
        """A new HMAC key for an account."""
        return self._add(Key(self._name(KEY_MARK, account), account, self._name(SECRET_MARK, account)))

    def register(self, account: str, pem: str) -> Key:
        """A new Ed25519 key by its public part (PEM). Raises ValueError for anything else."""
        return self._add(Key(self._name(KEY_MARK, account), account, public_key=load_public_key(pem), pem=pem))

    def remove(self, api_key: str) -> None:
        """Forget a key; sessions and listen keys made with it do not outlive their next request."""
        self._keys.pop(api_key, None)

    def _add(self, key: Key) -> Key:
        self._keys[key.api_key] = key
        self._made[key.account] = self._made.get(key.account, 0) + 1
        return key

    def _name(self, mark: str, account: str) -> str:
        number = self._made.get(account, 0)
        digest = hashlib.sha512(f"{self.seed}/{account}/{number}/{mark}".encode()).digest()
        return mark + "".join(_ALPHABET[byte % 62] for byte in digest)[: _LENGTH - len(mark)]

    def save(self) -> list[dict[str, str]]:
        """Everything needed to know the keys again."""
        return [
            {"api_key": key.api_key, "account": key.account, "secret": key.secret, "pem": key.pem}
            for key in self._keys.values()
        ]

    def restore(self, saved: list[dict[str, str]]) -> None:
        """Take back saved keys. Raises ValueError or KeyError for what are none."""
        self._keys.clear()
        self._made.clear()
        for item in saved:
            public_key = load_public_key(item["pem"]) if item["pem"] else None
            self._add(Key(item["api_key"], item["account"], item["secret"], public_key, item["pem"]))


def load_public_key(pem: str) -> Any:
    """An Ed25519 public key. Raises ValueError saying what is wrong with it, or that a package is missing."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ValueError("Ed25519 keys need the package cryptography: pip install cryptography") from None
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise ValueError(f"not a public key in PEM: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key; HMAC and Ed25519 keys are served")
    return key


def looks_live(text: str) -> bool:
    """True for what could be a key or a secret of the real venue."""
    return _LIVE.fullmatch(text) is not None and not text.startswith("SIMULATED")
