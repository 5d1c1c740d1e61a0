"""Bars of a market that never was: minutes of a walk near 2000 that drifts, in whole ticks."""

from __future__ import annotations

import random
from typing import Final

from tests.backtesting.series import BarRow

MINUTE_MS: Final = 60_000


def generated_bars(count: int, seed: int) -> list[BarRow]:
    chance = random.Random(seed)
    rows: list[BarRow] = []
    price, drift = 200_000.0, 0.0
    for number in range(count):
        opened = int(price)
        path = []
        for _ in range(6):
            drift = 0.98 * drift + chance.gauss(0.0, 12.0)
            price = max(1_000.0, price + drift)
            path.append(int(price))
        prices = [opened, max(opened, *path), min(opened, *path), path[-1]]
        volume = chance.randrange(1, 10**10)
        o, h, low, c = (value * 1_000_000 for value in prices)
        rows.append((number * MINUTE_MS, o, h, low, c, volume))
    return rows
