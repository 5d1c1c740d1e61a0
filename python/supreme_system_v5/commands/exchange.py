"""`main.py exchange`: the simulated exchange as its own process, on loopback, for any client. See docs/exchange.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supreme_system_v5 import env_file
from supreme_system_v5.commands.exchange_options import (
    HELP,
    TradingOptions,
    add_arguments,
    is_loopback,
    trading_options,
)
from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.keys import Key
    from supreme_system_v5.adapters.exchange.faults.box import FaultBox
    from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
    from supreme_system_v5.adapters.exchange.server import ExchangeServer, TradingSide
    from supreme_system_v5.adapters.exchange.state_file import StateFile
    from supreme_system_v5.config import Settings

    MakeBody = Callable[[], dict[str, Any]]

__all__ = ["add_arguments", "main", "make_server"]

DEFAULT_PORT = 18_080
SAVE_SECONDS = 5.0
EXIT_OK = 0
EXIT_ERROR = 1
EXIT_SECOND_INTERRUPT = 130
WS_API_PATHS = {"spot": "/ws-api/v3", "usdm": "/ws-fapi/v1"}
IDLE_SECONDS = 10.0
YOUNG_SECONDS = 0.05
_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BLOCK_BYTES = 1 << 20
_KINDS = {"rest": "REST   ", "ws": "streams", "ws_api": "WS API "}
_NO_KEY = "SIMULATED no key: the saved state has none left; POST /x/account makes one"


class Venue:
    """The server, and what trades on it: the exchange and the key of its first account (None: market data only)."""

    def __init__(
        self, server: ExchangeServer, exchange: Exchange | None, key: Key | None, body: MakeBody | None
    ) -> None:
        self.server = server
        self.exchange = exchange
        self.key = key
        self.body = body


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Serve until a signal or DURATION. Raises ConfigError for what cannot be served."""
    _give_large_blocks_back()
    with contextlib.ExitStack() as stack:
        file = None
        if args.state:
            from supreme_system_v5.adapters.exchange.state_file import StateFile

            file = stack.enter_context(StateFile(Path(args.state)))
        venue = make_venue(settings, args, file)
        server = venue.server
        try:
            return _run(_serve(venue, args, file))
        except OSError as error:
            raise ConfigError(
                f"port {server.port} cannot be used on {server.host}: {error.strerror or error}",
                "choose another with PORT=, 0 takes a free one",
            ) from None


def make_server(settings: Settings, args: argparse.Namespace) -> ExchangeServer:
    """The server that the options and settings ask for; not started, and no state kept."""
    return make_venue(settings, args, None).server


def make_venue(settings: Settings, args: argparse.Namespace, file: StateFile | None) -> Venue:
    """The same with what trades on it. Raises ConfigError."""
    options = _trading_options(settings, args)
    if args.no_trading:
        if file is not None:
            raise ConfigError("--state keeps accounts and orders: there are none with --no-trading", "leave one out")
        markets = _markets(settings, args, False)
        return Venue(_server(settings, args, markets, None), None, None, None)
    from supreme_system_v5.adapters.exchange.api.make import make_exchange
    from supreme_system_v5.commands import exchange_trading as trading

    body = file.load() if file is not None else None
    choice = trading.Choice.of(settings, args)
    if body is not None:
        choice = choice.agreed(body, file)
    revival = trading.revive(body, choice, file) if body is not None else None
    markets = revival.markets if revival is not None else _markets(settings, args, True)
    fees = (options.spot_fees_e8, options.usdm_fees_e8)
    exchange = make_exchange(markets, choice.seed, *fees, options.limits_factor)
    if revival is None:
        key: Key | None = trading.first_account(exchange, options)
    else:
        key = trading.restored(exchange, revival, options, file)
    server = _server(settings, args, markets, trading.side_of(exchange))
    server.limiter.factor = options.limits_factor
    trading.control(server, exchange)
    return Venue(server, exchange, key, lambda: trading.body_of(exchange, choice))


def _server(
    settings: Settings,
    args: argparse.Namespace,
    markets: list[SimMarket],
    trading: TradingSide | None,
) -> ExchangeServer:
    from supreme_system_v5.adapters.exchange.market.sim_market import NEVER
    from supreme_system_v5.adapters.exchange.server import ExchangeServer

    first_ns = min(market.start_ns for market in markets)
    try:
        return ExchangeServer(
            markets,
            host=args.host,
            port=DEFAULT_PORT if args.port is None else args.port,
            speed=settings.sim_speed if args.speed is None else args.speed,
            is_waiting=True if args.wait else None,
            faults=_faults(args, first_ns),
            weight_limit=args.weight_limit,
            end_ns=NEVER if args.market_seconds is None else first_ns + int(args.market_seconds * 1e9),
            trading=trading,
            has_archives=True,
        )
    except ValueError as error:
        raise ConfigError(str(error), HELP) from None


def _trading_options(settings: Settings, args: argparse.Namespace) -> TradingOptions:
    """Raises ConfigError, also where something looks like a live key."""
    from supreme_system_v5.commands.exchange_keys import refuse_live, settings_with_keys

    found = env_file.read(settings.env_file).values
    given = [("--api-key", args.api_key or ""), ("--api-secret", args.api_secret or "")]
    refuse_live(given + settings_with_keys(os.environ, found, settings.env_file))
    return trading_options(args, os.environ)


def _markets(settings: Settings, args: argparse.Namespace, is_shared: bool) -> list[SimMarket]:
    from supreme_system_v5.adapters.exchange.market.build import generated_markets, recorded_markets

    recording = args.recording or settings.sim_recording
    if recording:
        return recorded_markets(recording, args.raw_trades, is_shared=is_shared)
    start_ns = args.start_ns if args.start_ns is not None else time.time_ns()
    seed = args.market_seed if args.market_seed is not None else (settings.sim_seed or 0)
    return generated_markets(args.market or "both", seed, start_ns, args.profile, args.bar_seconds, is_shared)


def _faults(args: argparse.Namespace, first_ns: int) -> FaultBox:
    from supreme_system_v5.adapters.exchange.faults.box import FaultBox, load_plan

    plan = []
    if args.faults:
        try:
            plan = load_plan(Path(args.faults).read_text(encoding="utf-8"), args.faults)
        except OSError as error:
            raise ConfigError(f"fault plan {args.faults}: {error.strerror}", "give a readable file") from None
    if not (0 <= args.fault_rate <= 1_000):
        raise ConfigError(f"--fault-rate: {args.fault_rate:g} is not a rate", "faults a minute, from 0 to 1000")
    return FaultBox(first_ns, plan, args.fault_seed, _print, args.fault_rate)


def _run(serving: Coroutine[None, None, int]) -> int:
    """On uvloop where it is installed: what is sent to a socket within one turn goes out in one write."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(serving)
    loop = uvloop.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return int(loop.run_until_complete(serving))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


async def _serve(venue: Venue, args: argparse.Namespace, file: StateFile | None) -> int:
    stopped = asyncio.Event()
    interrupts = 0

    def on_signal() -> None:
        nonlocal interrupts
        interrupts += 1
        stopped.set()
        if interrupts > 1:
            os._exit(EXIT_SECOND_INTERRUPT)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    _catch_up(venue, args)
    await venue.server.start()
    tasks = [asyncio.create_task(_collect_garbage(venue))]
    if file is not None and venue.body is not None:
        tasks.append(asyncio.create_task(_save_often(file, venue.body)))
    try:
        _announce(venue, args)
        try:
            await asyncio.wait_for(stopped.wait(), args.duration)
        except asyncio.TimeoutError:
            pass
    finally:
        await venue.server.stop()
        for task in tasks:
            task.cancel()
    return _finish(venue, args, file)


def _catch_up(venue: Venue, args: argparse.Namespace) -> None:
    """What building and restoring took has passed on the wall clock: the market's clock must not be behind it."""
    server = venue.server
    is_recorded = any(market.source == "recorded" for market in server.markets.values())
    if is_recorded or args.start_ns is not None or args.wait or server.clock.speed != 1.0:
        return
    from supreme_system_v5.adapters.exchange.restart import live_until

    now_ns = max(time.time_ns(), server.clock.shown_ns)
    for market in server.markets.values():
        live_until(market, venue.exchange, now_ns)
    server.clock.shown_ns = now_ns


def _give_large_blocks_back() -> None:
    """Large tables go back to the system as soon as they are replaced. By itself malloc learns to keep blocks of up to
    32 MB, and then a rebuilt table of the histories leaves a hole behind: RSS rises by 10 MB at a time.
    """
    import ctypes

    with contextlib.suppress(AttributeError, OSError):  # another C library: it has its own ways
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


async def _collect_garbage(venue: Venue) -> None:
    """Cycles of the last moments often, all of them only while nobody trades.

    Python's own rhythm counts new objects less freed ones. Here an order of the history goes for each that comes, so it
    would hardly count, and then walk through all that came meanwhile: pauses of 150 ms under load, half a second for
    everything. What has outlived a moment is frozen, as hardly anything that lives longer is part of a cycle.
    """
    gc.disable()
    gc.collect()
    seen = collected = -1
    look_s = time.monotonic()
    while True:
        gc.collect(0)
        gc.freeze()
        await asyncio.sleep(YOUNG_SECONDS)
        if time.monotonic() - look_s < IDLE_SECONDS:
            continue
        look_s = time.monotonic()
        done = _orders_ever(venue.exchange)
        if done == seen != collected:
            gc.unfreeze()
            gc.collect()
            collected = done
        seen = done


def _orders_ever(exchange: Exchange | None) -> int:
    if exchange is None:
        return 0
    spot = exchange.spot.ids.order_id if "spot" in exchange.markets else 0
    return spot + (exchange.usdm.ids.order_id if "usdm" in exchange.markets else 0)


async def _save_often(file: StateFile, body: MakeBody) -> None:
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        file.save_aside(body)


def _finish(venue: Venue, args: argparse.Namespace, file: StateFile | None) -> int:
    """The last save, and the last line."""
    code = EXIT_OK
    if file is not None and venue.body is not None:
        try:
            file.save(venue.body())
        except OSError as error:
            sys.stderr.write(f"main.py: state file {file.path} could not be written: {error.strerror or error}\n")
            code = EXIT_ERROR
    _print("exchange stopped" if not args.json else json.dumps({"schema_version": 1, "stopped": True}))
    return code


def _urls(venue: Venue) -> dict[str, dict[str, str]]:
    urls = {}
    for name in venue.server.markets:
        rest, streams = venue.server.urls(name)
        urls[name] = {"rest": rest, "ws": streams}
        if venue.exchange is not None:
            urls[name]["ws_api"] = streams + WS_API_PATHS[name]
    return urls


def _announce(venue: Venue, args: argparse.Namespace) -> None:
    server = venue.server
    urls = _urls(venue)
    started: dict[str, Any] = {"schema_version": 1, "simulated": True, "pid": os.getpid(), "port": server.port}
    started["urls"] = urls
    if venue.key is not None:
        started.update(account=venue.key.account, key=venue.key.api_key, secret=venue.key.secret)
    if not is_loopback(args.host):
        sys.stderr.write(
            f"warning: {args.host} is not loopback: whoever reaches this machine can trade here and inject faults\n"
        )
    if args.ready_file:
        _write_ready(Path(args.ready_file), started)
    if args.json:
        _print(json.dumps(started))
        return
    for name, market in server.markets.items():
        details = market.describe()
        text = ", ".join(f"{key} {value}" for key, value in details.items() if key not in ("source", "start_ns"))
        _print(f"SIMULATED {name} ETHUSDT, {details['source']}: {text}")
        for kind, url in urls[name].items():
            _print(f"SIMULATED {name} {_KINDS[kind]} {url}")
    _print_key(venue)
    state = "runs" if server.clock.is_started else "stands still until POST /x/start"
    pace = "no pace" if server.clock.speed == 0 else f"{server.clock.speed:g}x"
    _print(f"market clock {state}, {pace}; Ctrl-C stops")


def _print_key(venue: Venue) -> None:
    if venue.key is None:
        _print("SIMULATED market data only: no accounts, no orders" if venue.exchange is None else _NO_KEY)
        return
    _print(f"SIMULATED key     {venue.key.api_key}")
    _print(f"SIMULATED secret  {venue.key.secret or '(Ed25519: the private key is yours)'}")
    _print("how to point ccxt, python-binance and others here: docs/exchange.md")


def _write_ready(target: Path, started: dict[str, Any]) -> None:
    """Whole or not at all; it holds the secret."""
    temporary = target.with_name(target.name + ".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(json.dumps(started))
    temporary.replace(target)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
