"""How fills are made of data that holds no quotes: the models of trades and of bars, and what they cannot know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8, format_e8, plain_e8
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.bar_venue import BarVenue
from supreme_system_v5.core.matching.venue import PaperVenue

SIMPLEST: Final = "simplest"
MODEL: Final = "model"
QUIET_MS: Final = 60_000  # trades may be silent for so long while the last price still stands: a quiet market
# Engine state enters the digest once in so many bars: hashing it (40 us) costs more than what the bar brings.
DIGEST_BARS_OF_TRADES: Final = 60
DIGEST_BARS_OF_BARS: Final = 10_080  # a week of minutes


@dataclass(frozen=True)
class FillModel:
    """``spread_ticks`` between bid and ask, ``depth_e8`` at every tick, ``slippage_bps`` of fills inside bars."""

    spread_ticks: int = 1
    depth_e8: int = E8
    slippage_bps: float = 1.0
    fills: str = MODEL

    @property
    def is_simplest(self) -> bool:
        return self.fills == SIMPLEST


def history_parameters(parameters: Parameters, model: FillModel, is_bars: bool) -> Parameters:
    """The parameters of a run over history: no streams to watch, no journal to write to."""
    changed = replace(
        parameters,
        is_stream_watched=False,
        digest_bars=DIGEST_BARS_OF_BARS if is_bars else DIGEST_BARS_OF_TRADES,
        equity_record_seconds=0,
    )
    if is_bars and model.is_simplest:
        changed = replace(changed, taker_fee_e8=0, maker_fee_e8=0, paper_latency_ms=0)
    return changed


def make_trades_venue(parameters: Parameters, instrument: Instrument, view: MarketView, model: FillModel) -> PaperVenue:
    """The paper venue on quotes derived from the last trade."""
    view.derive_quotes(max(model.spread_ticks, 1) * instrument.tick_e8, model.depth_e8)
    return PaperVenue(
        instrument, view, parameters.paper_latency_ms, parameters.taker_fee_e8, parameters.maker_fee_e8, QUIET_MS
    )


def make_bars_venue(parameters: Parameters, instrument: Instrument, view: MarketView, model: FillModel) -> BarVenue:
    """The venue that fills inside bars."""
    spread_e8 = 0 if model.is_simplest else max(model.spread_ticks, 1) * instrument.tick_e8
    view.derive_quotes(spread_e8, model.depth_e8)
    slippage_e8 = round(model.slippage_bps * 10_000)
    return BarVenue(instrument, view, parameters.taker_fee_e8, spread_e8, slippage_e8, model.is_simplest)


def trades_words(parameters: Parameters, instrument: Instrument, model: FillModel) -> dict[str, str]:
    """The model of trades, for the report."""
    return {
        "quotes": "derived from the last trade: the side it took is at its price",
        "spread": f"{max(model.spread_ticks, 1)} tick(s) of {plain_e8(instrument.tick_e8)}",
        "depth": f"{plain_e8(model.depth_e8)} {instrument.base_asset} at every tick; what was taken is missing until"
        " the best price moves",
        "latency": f"{parameters.paper_latency_ms} ms",
        "fees": _fees(parameters),
        "queue": "a resting order stands behind the depth shown at its price",
        "stops": "trigger on the trade that crosses them, fill at the quotes of that trade",
        "silence": f"after {QUIET_MS // 1000} s without a trade an order waits for the next one",
    }


def bars_words(parameters: Parameters, instrument: Instrument, model: FillModel) -> dict[str, str]:
    """The model of bars, for the report."""
    if model.is_simplest:
        return {
            "fills": "simplest: the whole quantity at the close of the bar that brought the signal",
            "stops": "at their own price, or at the open that has passed them; the stop before the target",
            "costs": "none: no fee, no spread, no slippage, no latency",
        }
    return {
        "fills": "an order sent with a bar's close fills whole at the next bar's open",
        "spread": f"{max(model.spread_ticks, 1)} tick(s) of {plain_e8(instrument.tick_e8)}, half of it a fill",
        "slippage": f"{model.slippage_bps:g} bps of the price, but for targets",
        "fees": _fees(parameters),
        "stops": "inside the bar; at the open where it has passed the stop; the stop before the target",
        "targets": "at their own price, never better",
    }


def _fees(parameters: Parameters) -> str:
    taker, maker = (format_e8(rate * 100, 4) for rate in (parameters.taker_fee_e8, parameters.maker_fee_e8))
    return f"taker {taker} %, maker {maker} %"


TRADES_UNKNOWN: Final = [
    "The quotes are not in the data: spread and depth around the last trade are the model's.",
    "What other orders would have done after ours is not known; our fills do not move the market.",
]
BARS_UNKNOWN: Final = [
    "The order of prices inside a bar is not in the data: where stop and target lie in one bar, the stop was first.",
    "Spread, depth and queue are not in the data: orders fill whole, at the model's spread and slippage.",
    "Latency is below what a bar can show: an order sent at a close meets the next open.",
    "The event gate sees no trades: the strategy is asked at every bar's close, not within bars.",
]
FUNDING_UNKNOWN: Final = "Funding rates are not in the data: no funding was paid or received."
