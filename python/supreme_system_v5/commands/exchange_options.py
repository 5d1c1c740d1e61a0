"""The options of `main.py exchange`, parsed into what the exchange is built from."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.money import parse_e8

SPOT_BALANCES: Final = "USDT=100000,ETH=50"
USDM_BALANCE: Final = "100000"
SPOT_FEES: Final = "0.1,0.1"
USDM_FEES: Final = "0.02,0.05"
UNLIMITED: Final = 1_000_000
_E8: Final = 10**8
HELP: Final = "see `main.py exchange --help`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options besides --port, --duration and --wait."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; anything but loopback is warned of")
    add("--market", choices=("usdm", "spot", "both"), default=None, help="default: both")
    add("--market-seed", type=int, default=None, help="default: SIM_SEED")
    add("--speed", type=float, default=None, help="market seconds a second, 0 = no pace; SIM_SPEED")
    add("--recording", default=None, help="file or comma list; SIM_RECORDING")
    add("--raw-trades", action="store_true", help="a recording also gives out its unfolded trades")
    add("--profile", choices=("calibrated", "scripted"), default="calibrated")
    add("--bar-seconds", type=float, default=1.0, help="bars of the scripted market")
    add("--start-ns", type=int, default=None, help="where market time starts; default: now")
    add("--market-seconds", type=float, default=None, help="end after so much market time")
    add("--ready-file", default=None, help="written once the port is open: JSON with the URLs and the key")
    group = parser.add_argument_group("trading")
    add = group.add_argument
    add("--no-trading", action="store_true", help="market data only: no accounts, no orders")
    add("--api-key", default=None, help="accept this key instead of one made from the seed; EXCHANGE_API_KEY")
    add("--api-secret", default=None, help="and this secret; EXCHANGE_API_SECRET")
    add("--balance-spot", default=SPOT_BALANCES, metavar="ASSET=AMOUNT,...", help=f"default: {SPOT_BALANCES}")
    add("--balance-usdm", default=USDM_BALANCE, metavar="USDT", help=f"default: {USDM_BALANCE}")
    add("--fees-spot", default=SPOT_FEES, metavar="MAKER,TAKER", help=f"in percent; default: {SPOT_FEES}")
    add("--fees-usdm", default=USDM_FEES, metavar="MAKER,TAKER", help=f"in percent; default: {USDM_FEES}")
    add("--rate-limits", default="venue", metavar="venue|off|xN", help="the venue's, none, or N times the venue's")
    add("--weight-limit", type=int, default=0, metavar="N", help="request weight a minute; 0 = by --rate-limits")
    add("--state", default=None, metavar="FILE", help="keep accounts, orders and the market here over restarts")
    group = parser.add_argument_group("faults (docs/exchange.md)")
    add = group.add_argument
    add("--faults", default=None, metavar="PLAN.json", help="fault plan")
    add("--fault-seed", type=int, default=0)
    add(
        "--fault-rate",
        type=float,
        default=0.0,
        metavar="PER_MINUTE",
        help="faults drawn from the seed, so many a minute",
    )


class TradingOptions(NamedTuple):
    """Amounts in 1e-8 units, fees as 1e-8 fractions (maker, taker)."""

    spot_e8: dict[str, int]
    usdm_e8: int
    spot_fees_e8: tuple[int, int]
    usdm_fees_e8: tuple[int, int]
    limits_factor: int
    api_key: str
    api_secret: str


def trading_options(args: argparse.Namespace, env: Mapping[str, str]) -> TradingOptions:
    """Raises ConfigError naming the option and what it takes."""
    api_key = args.api_key or env.get("EXCHANGE_API_KEY", "")
    api_secret = args.api_secret or env.get("EXCHANGE_API_SECRET", "")
    if bool(api_key) != bool(api_secret):
        raise ConfigError("--api-key and --api-secret belong together", "give both, or neither: then they are made")
    return TradingOptions(
        _balances(args.balance_spot),
        _amount("--balance-usdm", args.balance_usdm),
        _fees("--fees-spot", args.fees_spot),
        _fees("--fees-usdm", args.fees_usdm),
        limits_factor(args.rate_limits),
        api_key,
        api_secret,
    )


def limits_factor(text: str) -> int:
    """By how much the venue's limits are raised. Raises ConfigError."""
    if text in ("venue", "off"):
        return UNLIMITED if text == "off" else 1
    digits = text[1:] if text.startswith("x") else ""
    if digits.isascii() and digits.isdigit() and 0 < int(digits) <= UNLIMITED:
        return int(digits)
    raise ConfigError(f"--rate-limits: {text!r} is not known", f"venue, off, or x2 to x{UNLIMITED}")


def _amount(name: str, text: str) -> int:
    try:
        found = parse_e8(text)
    except ValueError:
        found = -1
    if not (0 <= found <= 10**12 * _E8):
        raise ConfigError(f"{name}: {text!r} is not an amount", "a decimal number from 0 to 1000000000000")
    return found


def _balances(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        asset, _, amount = part.partition("=")
        if not (asset.isascii() and asset.isalnum() and asset.isupper()) or asset in found:
            raise ConfigError(f"--balance-spot: {part!r} is not ASSET=AMOUNT", f"for example {SPOT_BALANCES}")
        found[asset] = _amount(f"--balance-spot {asset}", amount)
    return found


def _fees(name: str, text: str) -> tuple[int, int]:
    parts = text.split(",")
    try:
        fees = [parse_e8(part) // 100 for part in parts]
    except ValueError:
        fees = []
    if len(fees) != 2 or not all(0 <= fee <= _E8 // 10 for fee in fees):
        raise ConfigError(f"{name}: {text!r} is not MAKER,TAKER in percent", f"from 0 to 10, for example {SPOT_FEES}")
    return fees[0], fees[1]


def is_loopback(host: str) -> bool:
    """True for an address that nobody outside this machine reaches."""
    return host == "localhost" or host.startswith("127.")
