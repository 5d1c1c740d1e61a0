"""Helpers of the exchange's tests: a generated market, a walk through it, a server with its sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.recording import RecordedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame, SimMarket

START_NS = 1_763_640_000_000_000_000
SECOND = 1_000_000_000
PREFIX = {"spot": "/api/v3/", "usdm": "/fapi/v1/"}
SYMBOL = {"symbol": "ETHUSDT"}


def generated(market: str = "usdm", seed: int = 1, **options: Any) -> GeneratedMarket:
    return GeneratedMarket(market, seed, START_NS, **options)


def recorded(market: str, data_dir: Path, **options: Any) -> RecordedMarket:
    names = ["spot_ethusdt_20240808", "spot_ethusdt_20240809"] if market == "spot" else ["usdm_ethusdt_20240808"]
    return RecordedMarket([data_dir / "frames" / f"{name}.jsonl.gz" for name in names], **options)


def walk(market: SimMarket, seconds: float) -> list[OutFrame]:
    """The frames of the next seconds."""
    frames: list[OutFrame] = []
    end_ns = market.start_ns + int(seconds * SECOND)
    while market.next_ns() <= end_ns:
        frames.extend(market.step())
    return frames


def ask(market: SimMarket, name: str, as_of_ns: int, **params: str) -> Any:
    """A REST body, decoded; the reply must be a success."""
    asked = params if name in ("ping", "time") else {**SYMBOL, **params}
    status, body, _ = market.rest(PREFIX[market.market] + name, asked, as_of_ns)
    assert status == 200, body
    return json.loads(body)
