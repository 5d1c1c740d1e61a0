"""A recording with clients in it. Its frames go out as they were recorded: the market does not know of the clients.

What a client takes is remembered until the recording says something new about the price; a client's resting order
fills behind the queue that was shown when it came. Clients' trades are not on the tape, so their ids are private
(PRIVATE_TRADE_ID in core/matching/exchange/ids.py). A recording has no mark price: once a second of market time the
middle of the quote stands in for it, with a funding rate of 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.adapters.exchange.market.background import TradingVenue, VenueLink
from supreme_system_v5.adapters.exchange.market.recording import Line, RecordedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import (
    FUNDING_PERIOD_MS,
    NEVER,
    NS_PER_MS,
    NS_PER_SECOND,
    RAW_TRADE,
    OutFrame,
    stream_kind,
)
from supreme_system_v5.core.domain.events import BookSnapshot, Depth, MarkPrice, Quote, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.matching.exchange.recorded import recorded_liquidity, restore_taken, save_taken
from supreme_system_v5.core.wire.binance_decode import FrameDecoder

STATE_KIND: Final = "recorded market"


class SharedRecording(RecordedMarket):
    """See Background for how a venue is bound to it."""

    def __init__(self, paths: Sequence[Path], bars_dir: Path | None = None, raw_trades: bool = False) -> None:
        self._snapshots: list[Line] = []  # applied, but not yet seen by the venue
        super().__init__(paths, bars_dir, raw_trades)
        self.liquidity = recorded_liquidity(eth_usdt(self.market))
        self.view = self.liquidity.view
        self.trade_source: Callable[[], int] | None = None
        self._decoder = FrameDecoder(self.market, self.symbol)
        self._link: VenueLink | None = None
        self._mark_ns = 0  # when the last mark was told

    def bind(self, venue: TradingVenue) -> None:
        """From now on the venue trades here. Once, before the first step."""
        self._link = VenueLink(venue)

    def settle(self, time_ns: int) -> None:
        """Nothing of a client's is public here."""

    # Time --------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int:
        due_ns = super().next_ns()
        if self._link is None or due_ns == NEVER:  # time ends with the recording
            return due_ns
        return min(due_ns, max(self._link.next_ns(), self.last_ns + 1))

    def step(self) -> list[OutFrame]:
        link = self._link
        if link is not None:
            timer_ns = link.next_ns()
            if timer_ns <= super().next_ns() and timer_ns != NEVER:
                link.advance(max(timer_ns, self.last_ns + 1))
                return []
        self._see_snapshots()
        frames = super().step()
        for frame in frames:
            self._see(frame)
        return frames

    def _apply_snapshot(self, line: Line) -> None:
        super()._apply_snapshot(line)
        self._snapshots.append(line)

    # What the venue sees -----------------------------------------------------------------------------------------

    def _see_snapshots(self) -> None:
        for line in self._snapshots:
            data = json.loads(line.payload)
            bids, asks = ([parse_e8(text) for level in data[key] for text in level] for key in ("bids", "asks"))
            event = BookSnapshot(line.recv_ns, int(data["lastUpdateId"]), bids, asks)
            self.view.apply(event)
            self.liquidity.on_event(event)
            if self._link is not None:
                self._link.venue.on_depth(line.recv_ns)
        self._snapshots.clear()

    def _see(self, frame: OutFrame) -> None:
        if stream_kind(frame.stream) == RAW_TRADE:
            return  # told folded
        raw = b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.payload)
        event = self._decoder.decode(raw, frame.time_ns)
        self.view.apply(event)
        self.liquidity.on_event(event)
        link = self._link
        if link is None:
            return
        if isinstance(event, Quote):
            link.venue.on_quote(frame.time_ns)
            self._tell_middle(link, frame.time_ns)
        elif isinstance(event, Depth):
            link.venue.on_depth(frame.time_ns)
        elif isinstance(event, Trade):
            link.venue.on_trade(event)
        elif isinstance(event, MarkPrice):
            self._mark_ns = NEVER  # it has mark prices of its own
            rate_e8, next_ms = int(event.funding_rate_e8), int(event.next_funding_ms)
            link.on_mark(frame.time_ns, int(event.mark_e8), int(event.index_e8), rate_e8, next_ms)

    def _tell_middle(self, link: VenueLink, time_ns: int) -> None:
        if not link.needs_mark or time_ns - self._mark_ns < NS_PER_SECOND:  # once a second
            return
        self._mark_ns = time_ns
        now_ms = (time_ns + self.offset_ns) // NS_PER_MS
        next_funding_ms = now_ms - now_ms % FUNDING_PERIOD_MS + FUNDING_PERIOD_MS
        middle_e8 = int(self.view.mid_e8())
        link.on_mark(time_ns, middle_e8, middle_e8, 0, next_funding_ms)

    # State -------------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Where the recording stands and what clients have taken of what it shows; JSON-able."""
        names = [path.name for path in self.paths]
        taken = save_taken(self.liquidity)
        return {"kind": STATE_KIND, "files": names, "last_ns": self.last_ns, "mark_ns": self._mark_ns, "taken": taken}

    def restore(self, saved: dict[str, Any]) -> None:
        """Play up to there, with nobody told, and go on. Before ``bind``, on a market that has not moved.

        Raises ValueError for a state of another recording.
        """
        if saved.get("kind") != STATE_KIND or saved.get("files") != [path.name for path in self.paths]:
            raise ValueError("market state: of another recording")
        if self._link is not None or self.last_ns != self.start_ns:
            raise ValueError("market state: this market has moved already")
        while super().next_ns() <= saved["last_ns"]:
            self.step()
        self._mark_ns = saved["mark_ns"]
        restore_taken(self.liquidity, saved["taken"])
        self.start_ns = self.last_ns
