"""Data without quotes: what is derived from a trade or a bar, what a taker finds there, how a silence is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supreme_system_v5.backtesting.backtester import Backtester
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.core.domain.events import ClosedBar, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.liquidity import ViewLiquidity
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.optimized.analyzer import Snapshot
from tests.backtesting.series import START_MS

TICK_E8 = E8 // 100
MINUTE_MS = 60_000


def trade(price: str, second: float = 0.0, number: int = 1, is_sold: bool = False, quantity: str = "1") -> Trade:
    time_ms = START_MS + round(second * 1000)
    return Trade(time_ms * 1_000_000, time_ms, time_ms, number, parse_e8(price), parse_e8(quantity), is_sold)


def test_the_side_that_a_trade_took_stands_at_its_price() -> None:
    view = MarketView(eth_usdt("usdm"))
    view.derive_quotes(3 * TICK_E8, 2 * E8)
    view.apply(trade("2000"))
    assert (view.bid_e8, view.ask_e8, view.ask_quantity_e8) == (parse_e8("1999.97"), parse_e8("2000"), 2 * E8)
    view.apply(trade("2000", number=2, is_sold=True))
    assert (view.bid_e8, view.ask_e8) == (parse_e8("2000"), parse_e8("2000.03"))


def test_a_bar_s_close_is_the_middle() -> None:
    view = MarketView(eth_usdt("usdm"))
    view.derive_quotes(2 * TICK_E8, E8)
    prices = [parse_e8(word) for word in "2000 2001 1999 2000.5".split()]
    view.apply(ClosedBar(START_MS * 1_000_000, START_MS - MINUTE_MS, *prices, E8))
    assert (view.bid_e8, view.ask_e8) == (parse_e8("2000.49"), parse_e8("2000.51"))


@pytest.mark.parametrize("market", [(-1, 1), (1, 0)])
def test_no_market_can_be_derived_of_nothing(market: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no market"):
        MarketView(eth_usdt("usdm")).derive_quotes(*market)


def test_every_tick_offers_the_depth_and_what_was_taken_is_missing_until_the_best_price_moves() -> None:
    view = MarketView(eth_usdt("usdm"))
    view.derive_quotes(TICK_E8, E8)
    view.apply(trade("2000"))
    liquidity = ViewLiquidity(view)
    best, next_one = parse_e8("2000"), parse_e8("2000.01")
    assert liquidity.offered(BUY, 0, 2) == [(best, E8), (next_one, E8)]
    assert liquidity.offered(BUY, best, 50) == [(best, E8)]
    assert len(liquidity.offered(SELL, 0, 50)) == 50
    liquidity.take(BUY, best, E8 // 4)
    again = trade("2000", 1.0, 2)
    view.apply(again)
    liquidity.on_event(again)
    assert liquidity.offered(BUY, 0, 1) == [(best, 3 * E8 // 4)]
    lower = trade("1999.99", 2.0, 3)
    view.apply(lower)
    liquidity.on_event(lower)
    assert liquidity.taken.is_empty


class Wanting(Strategy):
    """Wants what a test says, once, at the next look."""

    name = "wanting"

    def __init__(self) -> None:
        self.wanted = 0

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        return None

    def evaluate(self, snapshot: Snapshot, time_ns: int, cooldown_ns: int) -> Signal | None:
        side, self.wanted = self.wanted, 0
        return Signal(side, 1.0, ["wanted"]) if side else None

    def unmet(self, snapshot: Snapshot) -> str:
        return ""

    def state(self) -> list[float]:
        return [float(self.wanted)]


class Market:
    """A warm engine on trades of one a second, at a price that moves by hand."""

    def __init__(self, **parameters: object) -> None:
        self.strategy = Wanting()
        chosen = replace(Parameters(bar_seconds=5), **parameters)  # type: ignore[arg-type]
        self.run = Backtester(chosen, eth_usdt("usdm"), self.strategy, FillModel())
        self.second = 0.0
        self.number = 0
        for _ in range(400):
            self.trade("2000")

    def trade(self, price: str, after: float = 1.0, quantity: str = "1") -> None:
        self.second += after
        self.number += 1
        self.run.take(trade(price, self.second, self.number, quantity=quantity))

    def enter(self) -> None:
        self.strategy.wanted = BUY
        while self.strategy.wanted:
            self.trade("2000")
        self.trade("2000")
        assert self.position > 0

    @property
    def position(self) -> int:
        return self.run.engine.state.ledger.position_e8


def test_an_entry_fills_at_the_ask_after_the_latency_and_a_stop_at_the_quotes_of_its_trade() -> None:
    market = Market()
    market.enter()
    market.trade("1985")
    market.trade("1970")
    assert market.position == 0
    (closed,) = market.run.result().trades
    assert closed.entry_price_e8 == parse_e8("2000")
    assert closed.exit_reason == "stop"
    # The trade that crossed was a buy at 1970: the bid is a tick below it. The stop lies at 1980.
    assert closed.exit_price_e8 == parse_e8("1969.99")
    quantity = closed.quantity_e8 / E8
    assert closed.slippage_e8 / E8 == pytest.approx(10.01 * quantity)
    assert closed.spread_e8 / E8 == pytest.approx(0.01 * quantity)
    assert closed.net_e8 == closed.gross_e8 - closed.fees_e8


def test_a_silence_is_a_quiet_market_up_to_a_minute_and_then_an_exit_waits_for_a_trade() -> None:
    market = Market(position_timeout_minutes=2.0)
    market.enter()
    market.trade("2001", after=400.0)  # the timeout's exit was sent long before, and nothing was there to fill it
    market.trade("2001")
    (closed,) = market.run.result().trades
    assert closed.exit_reason == "timeout"
    assert closed.exit_price_e8 == parse_e8("2000.99")
    assert closed.closed_ns >= (START_MS + round((market.second - 1) * 1000)) * 1_000_000
    assert market.run.engine.state.rejected_frames == {}


def test_without_trades_for_a_while_nothing_is_entered() -> None:
    market = Market(scalping_interval_min_seconds=8.0, scalping_interval_max_seconds=8.0)
    market.strategy.wanted = BUY
    market.trade("2000", after=9.0)
    result = market.run.result()
    assert market.position == 0 and not result.trades
    assert market.strategy.wanted or result.refusals == {"stale_trades": 1}


def test_equity_and_candles_are_bounded_and_keep_the_extremes() -> None:
    run = Backtester(Parameters(), eth_usdt("usdm"), Wanting(), FillModel(), MINUTE_MS)
    count = 30_000
    for minute in range(count):
        price = parse_e8("2500") if minute == 17_777 else parse_e8("2000")
        end_ms = START_MS + (minute + 1) * MINUTE_MS
        run.take(ClosedBar(end_ms * 1_000_000, end_ms - MINUTE_MS, price, price, price, price, E8))
    result = run.result()
    assert len(result.equity) <= 4_100 and len(result.candles) <= 4_096
    assert max(candle.high_e8 for candle in result.candles) == parse_e8("2500")
    assert sum(candle.volume_e8 for candle in result.candles) == count * E8
    assert result.candles[0].open_ms <= START_MS
    assert [point.time_ns for point in result.equity] == sorted(point.time_ns for point in result.equity)
    assert result.candle_seconds in {480, 960}


def test_the_lowest_equity_survives_the_folding() -> None:
    from supreme_system_v5.backtesting.sampling import Point

    run = Backtester(Parameters(), eth_usdt("usdm"), Wanting(), FillModel(), MINUTE_MS)
    sampler = run.sampler
    for number in range(4_096):
        sampler.points.append(Point(number, -7 if number == 1_234 else 10 + number % 5, 1, 0))
    sampler._fold_points()
    assert len(sampler.points) <= 2_048
    assert min(point.equity_e8 for point in sampler.points) == -7
    assert [point.time_ns for point in sampler.points] == sorted(point.time_ns for point in sampler.points)
