"""`main.py exchange`: the simulated exchange as its own process, on loopback."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.server import ExchangeServer
    from supreme_system_v5.config import Settings

DEFAULT_PORT = 18_080
EXIT_OK = 0
EXIT_SECOND_INTERRUPT = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options besides --port, --duration and --wait."""
    parser.add_argument("--market", choices=("usdm", "spot", "both"), default=None, help="default: MARKET")
    parser.add_argument("--market-seed", type=int, default=None, help="default: SIM_SEED")
    parser.add_argument("--speed", type=float, default=None, help="market seconds a second, 0 = no pace; SIM_SPEED")
    parser.add_argument("--recording", default=None, help="file or comma list; SIM_RECORDING")
    parser.add_argument("--raw-trades", action="store_true", help="a recording also gives out its unfolded trades")
    parser.add_argument("--profile", choices=("calibrated", "scripted"), default="calibrated")
    parser.add_argument("--bar-seconds", type=float, default=1.0, help="bars of the scripted market")
    parser.add_argument("--start-ns", type=int, default=None, help="where market time starts; default: now")
    parser.add_argument("--market-seconds", type=float, default=None, help="end after so much market time")
    parser.add_argument("--faults", default=None, metavar="PLAN.json", help="fault plan")
    parser.add_argument("--fault-seed", type=int, default=0)
    parser.add_argument("--weight-limit", type=int, default=0, help="request weight a minute; 0 = the venue's")
    parser.add_argument("--ready-file", default=None, help="written once the port is open: JSON with the URLs")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Serve until a signal or DURATION. Raises ConfigError for what cannot be served."""
    server = make_server(settings, args)
    try:
        return asyncio.run(_serve(server, args))
    except OSError as error:
        raise ConfigError(
            f"port {server.port} cannot be used: {error.strerror or error}",
            "choose another with PORT=, 0 takes a free one",
        ) from None


def make_server(settings: Settings, args: argparse.Namespace) -> ExchangeServer:
    """The server that the options and settings ask for; not started."""
    from supreme_system_v5.adapters.exchange.build import generated_markets, recorded_markets
    from supreme_system_v5.adapters.exchange.faults import FaultBox, load_plan
    from supreme_system_v5.adapters.exchange.server import ExchangeServer
    from supreme_system_v5.adapters.exchange.sim_market import NEVER

    speed = settings.sim_speed if args.speed is None else args.speed
    recording = args.recording or settings.sim_recording
    if recording:
        markets = recorded_markets(recording, args.raw_trades)
    else:
        seed = args.market_seed if args.market_seed is not None else (settings.sim_seed or 0)
        start_ns = args.start_ns if args.start_ns is not None else time.time_ns()
        names = args.market or settings.market
        markets = generated_markets(names, seed, start_ns, args.profile, args.bar_seconds)
    first_ns = min(market.start_ns for market in markets)
    plan = []
    if args.faults:
        try:
            plan = load_plan(Path(args.faults).read_text(encoding="utf-8"), args.faults)
        except OSError as error:
            raise ConfigError(f"fault plan {args.faults}: {error.strerror}", "give a readable file") from None
    try:
        return ExchangeServer(
            markets,
            port=DEFAULT_PORT if args.port is None else args.port,
            speed=speed,
            is_waiting=True if args.wait else None,
            faults=FaultBox(first_ns, plan, args.fault_seed, _print),
            weight_limit=args.weight_limit,
            end_ns=NEVER if args.market_seconds is None else first_ns + int(args.market_seconds * 1e9),
        )
    except ValueError as error:
        raise ConfigError(str(error), "see `main.py exchange --help`") from None


async def _serve(server: ExchangeServer, args: argparse.Namespace) -> int:
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
    await server.start()
    try:
        _announce(server, args)
        try:
            await asyncio.wait_for(stopped.wait(), args.duration)
        except asyncio.TimeoutError:
            pass
    finally:
        await server.stop()
    _print("exchange stopped" if not args.json else json.dumps({"schema_version": 1, "stopped": True}))
    return EXIT_OK


def _announce(server: ExchangeServer, args: argparse.Namespace) -> None:
    urls = {name: dict(zip(("rest", "ws"), server.urls(name), strict=True)) for name in server.markets}
    started = {"schema_version": 1, "simulated": True, "pid": os.getpid(), "port": server.port, "urls": urls}
    if args.ready_file:
        target = Path(args.ready_file)
        temporary = target.with_name(target.name + ".tmp")
        temporary.write_text(json.dumps(started), encoding="utf-8")
        temporary.replace(target)
    if args.json:
        _print(json.dumps(started))
        return
    for name, market in server.markets.items():
        details = market.describe()
        text = ", ".join(f"{key} {value}" for key, value in details.items() if key not in ("source", "start_ns"))
        _print(f"SIMULATED {name} ETHUSDT, {details['source']}: {text}")
        for kind, url in urls[name].items():
            _print(f"SIMULATED {name} {'REST   ' if kind == 'rest' else 'streams'} {url}")
    state = "runs" if server.clock.is_started else "stands still until POST /x/start"
    pace = "no pace" if server.clock.speed == 0 else f"{server.clock.speed:g}x"
    _print(f"market clock {state}, {pace}; Ctrl-C stops")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
