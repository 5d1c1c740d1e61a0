"""A recording as the venue that a run on frames asks: what was traded is told to it, its book is played when asked for.

The exchange's market (adapters/exchange/market/recording.py) reads every frame of a recording into its histories. Here
only the answers are wanted, and few: the clock, klines, missing trades, a book. The trades come from whoever reads
the frames; a book later than the recorded snapshot makes the market play its depth up to there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.exchange.market.recording import RecordedMarket, TradeGroup
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame
from supreme_system_v5.backtesting.frames_cut import TradeRow
from supreme_system_v5.core.domain.instrument import USDM


class FrameMarket(RecordedMarket):
    """Answers as the exchange's recorded market does. ``played_ns``: up to here the frames have been given out."""

    def __init__(self, paths: Sequence[Path], bars_dir: Path | None = None) -> None:
        self.played_ns = 0
        self.is_used = False  # a run has begun on it
        super().__init__(paths, bars_dir)

    def take_trades(self, rows: Sequence[TradeRow]) -> None:
        """Folded trades that have been given out, in order."""
        for _, time_ns, trade_ms, price_e8, quantity_e8, first_id, last_id, count, is_buyer_maker in rows:
            if self.session:  # first_id is the aggTrade's own
                if first_id < self.trades.next_agg_id:
                    continue
                self.trades.skip_to(first_id)
            self.trades.add(time_ns, trade_ms, price_e8, quantity_e8, first_id, last_id, is_buyer_maker)
            for store in (self.minutes, self.seconds):
                store.add_trade(trade_ms, price_e8, quantity_e8, count, is_buyer_maker)

    def book_as_of(self, as_of_ns: int) -> tuple[dict[int, int], dict[int, int], int]:
        self._catch_up(as_of_ns)
        return super().book_as_of(as_of_ns)

    def quote_as_of(self, as_of_ns: int) -> tuple[int, tuple[int, int] | None, tuple[int, int] | None]:
        self._catch_up(as_of_ns)
        return super().quote_as_of(as_of_ns)

    def _catch_up(self, as_of_ns: int) -> None:
        """Play the quotes and the depth of the recording to where the run stands."""
        if self._snapshot is not None and as_of_ns < self._snapshot.recv_ns:
            return  # that book is the recorded one
        until_ns = max(as_of_ns, self.played_ns)
        while self.next_ns() <= until_ns:
            self.step()

    def _keep_trade(self, time_ns: int, data: dict[str, Any]) -> None:
        """It is known already (take_trades)."""

    def _fold(self, group: TradeGroup) -> OutFrame:
        return OutFrame(group.time_ns, "", b"")  # its trades are known already (take_trades)


def unknown_of(market: RecordedMarket) -> list[str]:
    """What a run on this recording cannot know, in sentences."""
    said = ["The recorded market does not react to the run's own orders."]
    if market.market == USDM and not market.session:
        said.append("No mark price was recorded: equity is marked at the trade price, and funding is not known.")
    if not market.has_bars:
        said.append(f"No warm-up: the run began without history ({market.klines_note}).")
    elif "prices)" in market.klines_note:
        said.append(f"The history before the start is another market's: {market.klines_note}.")
    return said
