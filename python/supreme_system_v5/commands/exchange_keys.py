"""Nothing that looks like a key of the real venue may come near the simulated exchange: it refuses to start.

A live API key or secret is 64 letters and digits. Ours begin with SIMULATED. Nothing of a key is ever printed but its
last four characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from supreme_system_v5.adapters.exchange.api.keys import looks_live
from supreme_system_v5.core.domain.errors import ConfigError

KEY_NAME = "EXCHANGE_API_KEY"
SECRET_NAME = "EXCHANGE_API_SECRET"
# BINANCE_API_KEY, SUPREME_BINANCE_SECRET, CCXT_BINANCE_APIKEY, API_KEY, ...
_NAMES = re.compile(r"(BINANCE|BNB|CCXT|EXCHANGE|SUPREME).*(KEY|SECRET|TOKEN)|API_?(KEY|SECRET)|APIKEY", re.IGNORECASE)


def refuse_live(found: Iterable[tuple[str, str]]) -> None:
    """(where, text) of every key there is. Raises ConfigError for the first that looks live."""
    for where, text in found:
        stripped = text.strip().strip("'\"")
        if looks_live(stripped) or "PRIVATE KEY" in stripped:
            ending = f" that ends with {stripped[-4:]}" if looks_live(stripped) else ""
            raise ConfigError(
                f"{where} holds what looks like a live key{ending}: the simulated exchange does not start with one",
                "unset it, or start from another environment; the simulated exchange makes its own key and secret",
            )


def settings_with_keys(env: Mapping[str, str], env_file: Mapping[str, str], path: object) -> list[tuple[str, str]]:
    """Every setting whose name says that it is a key, of the environment and of the `.env`."""
    found = [(f"the environment's {name}", text) for name, text in env.items() if _NAMES.search(name)]
    return found + [(f"{name} in {path}", text) for name, text in env_file.items() if _NAMES.search(name)]
