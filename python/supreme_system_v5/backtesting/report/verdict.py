"""Does the strategy make money after costs? One plain answer, with how sure the data can make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from supreme_system_v5.backtesting.report import words
from supreme_system_v5.backtesting.report.bootstrap import Interval, mean_interval
from supreme_system_v5.backtesting.report.metrics import Metrics, net_bps
from supreme_system_v5.backtesting.results import BacktestResult

TRADES_MIN: Final = 30  # below it no interval is honest
TOO_FEW: Final = "too_few_trades"
LOSES: Final = "loses"
NO_EDGE: Final = "no_edge"
EDGE: Final = "edge"
HEADLINES: Final = {
    TOO_FEW: "Too few trades to say",
    LOSES: "Loses money after costs",
    NO_EDGE: "No edge shown after costs",
    EDGE: "Edge shown after costs, on this data",
}


@dataclass(frozen=True)
class Verdict:
    """``kind`` is one of HEADLINES' keys; ``reasons`` say why, ``caveats`` what to keep in mind; sentences.

    ``money`` is the interval of the mean net result of a trade in 1e-8 quote units, ``bps`` the same in bps of the
    entry's notional; both None below TRADES_MIN trades.
    """

    kind: str
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    money: Interval | None
    bps: Interval | None

    @property
    def headline(self) -> str:
        return HEADLINES[self.kind]


def verdict_of(result: BacktestResult, metrics: Metrics) -> Verdict:
    """The verdict on the closed trades of a run."""
    nets = [trade.net_e8 for trade in result.trades]
    if len(nets) < TRADES_MIN:
        told = "No trade was closed" if not nets else f"{words.count(len(nets), 'trade')} closed"
        reason = f"{told}; below {TRADES_MIN} a mean says more about luck than about the strategy."
        return Verdict(TOO_FEW, (reason, "Test more data."), _caveats(result, TOO_FEW, None), None, None)
    interval = mean_interval(nets)
    kind = _kind(interval)
    sizes = [value for trade in result.trades if (value := net_bps(trade)) is not None]
    relative = mean_interval(sizes) if len(sizes) >= TRADES_MIN else None
    reasons = (_interval_sentence(result, interval, kind), *_cost_sentence(result, metrics, kind))
    return Verdict(kind, reasons, _caveats(result, kind, relative), interval, relative)


def _kind(interval: Interval) -> str:
    if interval.high < 0:
        return LOSES
    return EDGE if interval.low > 0 else NO_EDGE


def _interval_sentence(result: BacktestResult, interval: Interval, kind: str) -> str:
    quote = words.quote_of(result.symbol)
    mean, low, high = (words.money(round(value), 4, True) for value in (interval.mean, interval.low, interval.high))
    tail = {
        LOSES: "it lies below zero: bad luck alone does not explain it.",
        NO_EDGE: "it includes zero: chance alone could have made this result.",
        EDGE: "it lies above zero.",
    }[kind]
    return (
        f"A trade made {mean} {quote} on average, net of all costs, over {len(result.trades):,} trades; "
        f"the 95 % interval of that mean is {low} to {high}, and {tail}"
    )


def _cost_sentence(result: BacktestResult, metrics: Metrics, kind: str) -> tuple[str, ...]:
    costs, quote = metrics.costs, words.quote_of(result.symbol)
    if kind == EDGE or costs.before_e8 <= 0 or costs.net_e8 > 0:
        return ()
    paid = words.money(costs.before_e8 - costs.net_e8)
    return (f"Before costs the trades made {words.money(costs.before_e8, None, True)} {quote}; costs were {paid}.",)


def _caveats(result: BacktestResult, kind: str, relative: Interval | None) -> tuple[str, ...]:
    found = []
    if kind == EDGE:
        found.append(
            "This is one stretch of one market. If the settings were chosen by looking at it, the interval flatters"
            " them: test them on data they have not seen."
        )
    if relative is not None and _kind(relative) != kind and kind in (EDGE, LOSES):
        found.append(
            "Measured in bps of each trade's size the verdict would be"
            f' "{HEADLINES[_kind(relative)].lower()}": the large trades decide it.'
        )
    if not result.is_funding_known:
        found.append("Funding is not known for this data: positions held over a funding time were charged nothing.")
    if result.open_position_e8:
        size = f"{words.side(result.open_position_e8)} {words.money(abs(result.open_position_e8), 4)}"
        found.append(
            f"A position was open at the end ({size} {words.base_of(result.symbol)} from"
            f" {words.price(result.open_entry_e8)}): it counts in the equity, not in the trades."
        )
    return tuple(found)
