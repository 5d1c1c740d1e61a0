"""What the generated market is calibrated to: quantiles measured on the recordings, per market, and the profiles.

The quantile tables were measured on the 2024-08-08/09 recordings (11 minutes of spot, 6 of USD-M), the volatility on
the recorded 1-minute bars of 2024-07/08. `benchmarks/compare_market.py` prints generated against recorded; where the
parts together came out otherwise than they do there, a table was moved (the middle of USD-M's sweep gaps by a quarter).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_CELLS: Final = 64
_BREAKS: Final = (0.0, 0.95, 0.9975)  # each part of the range has its own 64 cells: the tail matters
_POINTS: Final = "0 .05 .1 .15 .2 .25 .3 .35 .4 .45 .5 .55 .6 .65 .7 .75 .8 .85 .9 .925 .95 .97 .98 .99 .995 .999 1"


class Quantiles:
    """A distribution given by its quantiles, sampled by linear interpolation."""

    def __init__(self, values: Sequence[float], points: Sequence[float]) -> None:
        if len(values) != len(points):
            raise ValueError("a value for each point")
        self._parts: list[list[float]] = []
        bounds = (*_BREAKS, 1.0)
        for part in range(len(_BREAKS)):
            width = (bounds[part + 1] - bounds[part]) / _CELLS
            self._parts.append([_interpolate(points, values, bounds[part] + width * i) for i in range(_CELLS + 1)])

    def sample(self, uniform: float) -> float:
        """The value at a quantile in [0, 1)."""
        if uniform < 0.95:
            position = uniform * (_CELLS / 0.95)
            part = self._parts[0]
        elif uniform < 0.9975:
            position = (uniform - 0.95) * (_CELLS / 0.0475)
            part = self._parts[1]
        else:
            position = (uniform - 0.9975) * (_CELLS / 0.0025)
            part = self._parts[2]
        index = int(position)
        if index >= _CELLS:
            index = _CELLS - 1
        low = part[index]
        return low + (part[index + 1] - low) * (position - index)


def _interpolate(points: Sequence[float], values: Sequence[float], at: float) -> float:
    for i in range(1, len(points)):
        if at <= points[i]:
            share = (at - points[i - 1]) / (points[i] - points[i - 1])
            return values[i - 1] + (values[i] - values[i - 1]) * share
    return values[-1]


def _table(values: str, points: str = _POINTS) -> Quantiles:
    return Quantiles([float(text) for text in values.split()], [float(text) for text in points.split()])


class Profile(NamedTuple):
    """One kind of market. Quantities in ETH, prices in USDT, times as named."""

    name: str
    sweep_gap_ms: Quantiles  # between taker orders
    sweep_size: Quantiles
    sweep_trades: Quantiles  # fills (raw trades) of a taker order
    sweep_levels: Quantiles  # price levels of a taker order (aggTrades)
    quote_gap_ms: Quantiles  # between changes of the best bid or ask
    quote_pace: float  # the gaps are divided by it: sweeps and moves change the best prices too
    best_quantity: Quantiles
    deep_quantity: Quantiles
    deep_distance: Quantiles  # of a book change from the best price, in ticks
    deep_changes: Quantiles  # book changes a depth frame, besides those at the top
    volatility_bps: float  # typical standard deviation of a 1-minute return
    jumps_per_hour: float
    burst: Quantiles  # how busy a second is relative to the minute around it; mean about 1
    coarse_seconds: int  # how much of the past has 1-second bars
    script_bar_seconds: float  # 0: no script


def _spot() -> Profile:
    return Profile(
        name="calibrated",
        sweep_gap_ms=_table("0 1 1 2 2 3 4 6 8 11 17 24 37 62 91 136 198 275 404 500 660 836 964 1235 1524 2404 3787"),
        sweep_size=_table(
            ".0003 .002 .0029 .004 .0049 .0067 .0087 .01 .0118 .0162 .026 .0448 .0796 .13 .216 .3765 .56 1.0117 1.7662"
            " 2.4 3.2 5.267 7.5122 11.9313 17.5471 41.4336 300"
        ),
        sweep_trades=_table("1 1 1 1 1 1 1 1 1 1 1 1 2 2 2 3 4 5 7 8 11 13 15 20 25 37 219"),
        sweep_levels=_table("1 1 1.4 2 4 8 30", "0 .7 .84 .9 .95 .99 1"),
        quote_gap_ms=_table(
            ".002 .003 .004 .005 .006 .007 .008 .01 .07 .96 1.08 1.24 1.97 2.27 3.13 4.63 8.42 15.33 28.8 40.33 60.36"
            " 88.98 113.18 165.92 226.06 367.97 873.72"
        ),
        quote_pace=0.76,
        best_quantity=_table(
            ".0001 .002 .078 .425 1.174 1.99 2.273 2.996 4.064 5.144 6.379 7.867 9.405 10.958 12.657 14.539 16.772 19.4"
            " 23.231 26.148 30.108 35.484 40.417 49.404 60.699 94.761 185.83"
        ),
        deep_quantity=_table(".0004 .003 .02 .185 2.1 7.6 40", "0 .1 .3 .5 .75 .9 1"),
        deep_distance=_table("1 8 40 330 615 950 1605 2400", "0 .05 .12 .35 .6 .8 .95 1"),
        deep_changes=_table("2 9 21 50 140 440 800", "0 .1 .5 .75 .9 .99 1"),
        volatility_bps=7.0,
        jumps_per_hour=0.5,
        burst=_table(".6 .65 .75 .85 1 1.3 2.2 4.5", "0 .1 .3 .5 .7 .85 .95 1"),
        coarse_seconds=900,
        script_bar_seconds=0.0,
    )


def _usdm() -> Profile:
    return _spot()._replace(
        sweep_gap_ms=_table(
            "0 1 1 2 3 5 8 13 19 29 49 65 82 104 130 164 200 207 269 315 390 479 547 682 911 1260 1528"
        ),
        sweep_size=_table(
            ".001 .003 .009 .015 .025 .041 .061 .0868 .113 .152 .208 .3 .4118 .56 .8 1.131 1.8094 2.7183 4.2066 5.7654"
            " 8.704 13.642 21.5247 36.1699 67.8 233 463.4"
        ),
        sweep_trades=_table("1 1 1 1 1 1 1 1 1 1 1 2 2 2 3 4 5 6 8 10 13 18.7 22.8 34.9 66.3 130 228"),
        sweep_levels=_table("1 1 1.4 3 5 14 40", "0 .8 .88 .91 .95 .99 1"),
        quote_gap_ms=_table(
            ".002 .003 .004 .005 .006 .007 .008 .009 .01 .3 .87 1.11 1.45 1.96 2.31 3.16 5.08 9.7 17.95 25.01 35.55"
            " 50.32 62.42 85.74 110.92 187.35 399.44"
        ),
        quote_pace=0.8,
        best_quantity=_table(
            ".001 .044 .338 .982 2.001 3.395 4.904 6.808 8.903 11.313 13.34 15.105 17.402 19.897 22.88 26.13 29.91"
            " 34.913 41.51 46.331 52.736 61.132 66.936 77.595 84.653 106.597 300"
        ),
        deep_quantity=_table(".002 .02 .3 1.7 7 18 90", "0 .1 .3 .5 .75 .9 1"),
        deep_changes=_table("7 26 50 100 200 500 900", "0 .1 .5 .75 .9 .99 1"),
        burst=_table(".55 .6 .7 .8 .95 1.25 2.2 5.5 15", "0 .1 .3 .5 .7 .85 .95 .98 1"),
    )


# Cycles of the scripted market, in bars: (bars, relative move). A fall that makes RSI dip, the recovery that turns
# MACD, then the move that reaches the target (even cycles) or the stop (odd ones), and the way back.
SCRIPT: Final = (
    ((12, -0.022), (6, 0.011), (14, 0.034), (10, -0.006), (10, -0.017)),
    ((12, -0.022), (6, 0.010), (10, -0.026), (8, 0.004), (18, 0.034)),
)

PROFILES: Final = ("calibrated", "scripted")


def profile(name: str, market: str, bar_seconds: float = 1.0) -> Profile:
    """A profile by name; ``bar_seconds`` is the length of the scripted market's bars. Raises ValueError."""
    if name not in PROFILES:
        raise ValueError(f"unknown market profile {name!r}; known: {', '.join(PROFILES)}")
    base = _spot() if market == "spot" else _usdm()
    if name == "calibrated":
        return base
    if not (0.0 < bar_seconds <= 3_600.0):
        raise ValueError(f"a scripted market's bars last 0 to 3600 s, not {bar_seconds!r}")
    return base._replace(
        name=name, volatility_bps=8.0, jumps_per_hour=0.0, script_bar_seconds=bar_seconds, coarse_seconds=3_000
    )
