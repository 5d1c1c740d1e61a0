"""What trades on the exchange that `main.py exchange` runs: venues over its markets, a first account, a saved state."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.keys import DEFAULT_ACCOUNT, Key
from supreme_system_v5.adapters.exchange.api.trading import Trading
from supreme_system_v5.adapters.exchange.control import Control, add_key
from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.restart import Revival
    from supreme_system_v5.adapters.exchange.server import ExchangeServer
    from supreme_system_v5.adapters.exchange.state_file import StateFile
    from supreme_system_v5.commands.exchange_options import TradingOptions
    from supreme_system_v5.config import Settings


class Choice(NamedTuple):
    """What a start asks for of the generated markets; a saved state must agree with it. None: whatever is saved."""

    seed: int
    markets: str | None
    profile: str
    bar_seconds: float
    start_ns: int
    is_seed_given: bool = False

    @classmethod
    def of(cls, settings: Settings, args: argparse.Namespace) -> Choice:
        """Raises ConfigError for a recording that is to be kept over restarts."""
        if args.state and (args.recording or settings.sim_recording):
            raise ConfigError(
                "--state keeps a generated market: a recording begins anew at each start", "leave one of the two out"
            )
        seed = args.market_seed if args.market_seed is not None else settings.sim_seed
        start_ns = args.start_ns if args.start_ns is not None else time.time_ns()
        return cls(seed or 0, args.market, args.profile, args.bar_seconds, start_ns, args.market_seed is not None)

    def agreed(self, body: Mapping[str, Any], file: StateFile | None) -> Choice:
        """The choice of the saved state. Raises ConfigError where this start asked for another."""
        from supreme_system_v5.adapters.exchange.state_file import refused

        assert file is not None
        try:
            saved = Choice(**body["options"])
            names = "both" if len(body["markets"]) == 2 else next(iter(body["markets"]))
        except (KeyError, TypeError, StopIteration, AttributeError):
            raise refused(file.path, "lacks what was chosen at its start") from None
        wanted = [("--profile", self.profile, saved.profile), ("--market", self.markets or names, names)]
        if self.is_seed_given:
            wanted.append(("--market-seed", str(self.seed), str(saved.seed)))
        for option, asked, kept in wanted:
            if asked != kept:
                raise ConfigError(
                    f"state file {file.path} was made with {option} {kept}, not {asked}",
                    f"start with {option} {kept}, or give another --state",
                )
        return saved._replace(start_ns=self.start_ns)

    def saved(self) -> dict[str, object]:
        return {**self._asdict(), "is_seed_given": False}


def first_account(exchange: Exchange, options: TradingOptions) -> Key:
    """The account that the start options describe, and the key it may be used with. Raises ConfigError."""
    key = exchange.open_account(DEFAULT_ACCOUNT, options.spot_e8, options.usdm_e8)
    if not options.api_key:
        return key
    exchange.keys.remove(key.api_key)
    try:
        return add_key(exchange, DEFAULT_ACCOUNT, options.api_key, options.api_secret)
    except ValueError as error:
        raise ConfigError(f"--api-key, --api-secret: {error}", "leave them out: a key and secret are made") from None


def revive(body: Mapping[str, Any], choice: Choice, file: StateFile | None) -> Revival:
    """The markets of the saved state. Raises ConfigError for one that is not whole."""
    from supreme_system_v5.adapters.exchange.restart import Revival
    from supreme_system_v5.adapters.exchange.state_file import refused

    assert file is not None
    try:
        return Revival(body, choice.start_ns)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise refused(file.path, f"does not hold whole markets ({error!r})") from None


def restored(exchange: Exchange, revival: Revival, options: TradingOptions, file: StateFile | None) -> Key | None:
    """Accounts and orders as they were, up to now; the first account's first key. Raises ConfigError."""
    from supreme_system_v5.adapters.exchange.state_file import refused

    assert file is not None
    seconds = revival.downtime_seconds
    if seconds > 1:
        how = "minute by minute" if revival.is_coarse else "tick by tick"
        sys.stderr.write(f"the market goes on from {file.path}: {seconds:,.0f} s have passed, generated {how}\n")
    try:
        revival.restore(exchange)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise refused(file.path, f"does not hold whole accounts and orders ({error!r})") from None
    if options.api_key and exchange.keys.get(options.api_key) is None:
        try:
            return add_key(exchange, DEFAULT_ACCOUNT, options.api_key, options.api_secret)
        except ValueError as error:
            raise ConfigError(f"--api-key, --api-secret: {error}", "leave them out: the saved key is used") from None
    keys = exchange.keys.of_account(DEFAULT_ACCOUNT)
    return exchange.keys.get(options.api_key) or (keys[0] if keys else None)


def side_of(exchange: Exchange) -> Trading:
    """The trading side for the server."""
    return Trading(exchange)


def control(server: ExchangeServer, exchange: Exchange) -> None:
    """`/x/account`, `/x/deposit` and the counts of the status."""
    Control(server, exchange)


def body_of(exchange: Exchange, choice: Choice) -> dict[str, Any]:
    """What the state file is to hold."""
    from supreme_system_v5.adapters.exchange.restart import state_of

    return state_of(exchange, choice.saved())
