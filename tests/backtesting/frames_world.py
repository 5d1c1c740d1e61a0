"""Recordings for tests: made from the generated market, as lines that can be bent before they are written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import NS_PER_SECOND, stream_kind
from supreme_system_v5.backtesting.frames import FrameCounts, open_frames, run_frames
from supreme_system_v5.backtesting.frames_plain import OrderGateway, OrdersOnly
from supreme_system_v5.core.domain.effects import Effect, FillRecord, TradeRecord
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.trading import Trading
from tests.determinism.daemon import settings_of
from tests.determinism.for_loop import digest_of, fresh_trading

START_NS = 1_723_161_254_000_000_000
FIELDS = {
    "Trade": "event_time_ms trade_time_ms trade_id price_e8 quantity_e8 is_buyer_maker price quantity",
    "Quote": "event_time_ms update_id bid_e8 bid_quantity_e8 ask_e8 ask_quantity_e8",
    "Depth": "event_time_ms first_update_id final_update_id previous_final_id bids asks",
    "BookSnapshot": "last_update_id bids asks",
    "MarkPrice": "event_time_ms mark_e8 index_e8 funding_rate_e8 next_funding_ms",
    "FeedStatus": "source stream state value",
    "Bars": "purpose is_failed",
    "Trades": "from_id is_failed",
    "Tick": "",
}
BAR_FIELDS = "open_ms open_e8 high_e8 low_e8 close_e8 volume_e8"


class Line:
    """One line of a recording before it is written; ``raw`` overrides everything."""

    def __init__(self, time_ns: int, stream: str, data: dict[str, Any]) -> None:
        self.time_ns = time_ns
        self.stream = stream
        self.data = data
        self.raw = b""

    @property
    def kind(self) -> str:
        return stream_kind(self.stream)

    def text(self) -> bytes:
        if self.raw:
            return self.raw
        frame = {"stream": self.stream, "data": self.data} if self.stream else self.data
        return json.dumps({"recv_ns": self.time_ns, "frame": frame}, separators=(",", ":")).encode()


def generated_lines(market: str, seconds: float, seed: int = 7) -> list[Line]:
    """A recording as a recorder would have made it: quotes, depth, single trades, and a snapshot near the start."""
    source = GeneratedMarket(market, seed, START_NS, "calibrated", 1.0)
    source.is_raw_wanted = True
    symbol = {"symbol": "ETHUSDT", "limit": "1000"}
    _, body, _ = source.rest("/api/v3/depth" if market == "spot" else "/fapi/v1/depth", symbol, START_NS)
    lines: list[Line] = []
    while source.next_ns() <= START_NS + int(seconds * NS_PER_SECOND):
        frames = source.with_raw_trades(source.step())
        lines += [Line(frame.time_ns, frame.stream, json.loads(frame.payload)) for frame in frames]
    lines = [line for line in lines if line.kind in {"raw_trade", "quote", "depth"}]
    lines.sort(key=lambda line: line.time_ns)
    lines.insert(3, Line(lines[2].time_ns + 1, "", json.loads(body)))
    return lines


def write_lines(path: Path, lines: Sequence[Line], ends: bytes = b"\n") -> Path:
    """Plain or gzip, by the name."""
    text = b"".join(line.text() + ends for line in lines)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


class Ledger(OrdersOnly):
    """Performs the orders and writes every fill and every closed trade down."""

    def __init__(self, gateway: OrderGateway) -> None:
        super().__init__(gateway)
        self.fills: list[tuple[object, ...]] = []
        self.trades: list[tuple[object, ...]] = []

    def perform(self, effects: list[Effect]) -> None:
        super().perform(effects)
        for effect in effects:
            if isinstance(effect, FillRecord):
                report = effect.report
                money = (report.last_price_e8, report.last_quantity_e8, report.fee_quote_e8, report.fee_base_e8)
                self.fills.append((effect.time_ns, report.client_order_id, report.execution_id, *money))
            elif isinstance(effect, TradeRecord):
                money = (effect.quantity_e8, effect.entry_price_e8, effect.exit_price_e8, effect.gross_e8)
                costs = (effect.fees_e8, effect.funding_e8, effect.net_e8)
                times = (effect.opened_ns, effect.closed_ns)
                self.trades.append((effect.entry_order_id, effect.side, *times, *money, *costs, effect.exit_reason))


def told(event: Event) -> tuple[object, ...]:
    """Everything an event says."""
    name = type(event).__name__
    said: list[object] = [name, event.time_ns, *(getattr(event, field) for field in FIELDS[name].split())]
    if name == "Bars":
        said += [tuple(getattr(bar, field) for field in BAR_FIELDS.split()) for bar in event.bars]  # type: ignore[attr-defined]
    if name == "Trades":
        said += [told(trade) for trade in event.trades]  # type: ignore[attr-defined]
    return tuple(said)


class Played:
    """One run on a recording: its digest, what it heard and what it did."""

    def __init__(
        self, paths: Sequence[Path], market: str, folder: Path, is_plain: bool, end_ns: int = 1 << 62, **keys: str
    ) -> None:
        settings = settings_of(market, folder, **keys)
        data = open_frames(paths)
        assert data.market == market
        self.trading: Trading = fresh_trading(settings, data.instrument)
        self.ledger = Ledger(self.trading.gateway)
        self.heard: list[tuple[object, ...]] = []
        self.counts: FrameCounts = run_frames(
            data,
            self.trading.pump,
            settings.bar_seconds,
            self.ledger,
            end_ns=end_ns,
            on_event=lambda event: self.heard.append(told(event)),
            is_plain=is_plain,
        )
        self.digest = digest_of(self.trading.engine)


def same(paths: Sequence[Path], market: str, folder: Path, end_ns: int = 1 << 62, **keys: str) -> Played:
    """The fast and the plain run on a recording, which must not differ in anything; the fast one."""
    fast = Played(paths, market, folder, False, end_ns, **keys)
    plain = Played(paths, market, folder, True, end_ns, **keys)
    for number, (mine, theirs) in enumerate(zip(fast.heard, plain.heard, strict=False)):
        assert mine == theirs, f"event {number}"
    assert len(fast.heard) == len(plain.heard)
    assert fast.digest == plain.digest
    assert (fast.ledger.fills, fast.ledger.trades) == (plain.ledger.fills, plain.ledger.trades)
    mine, theirs = fast.counts, plain.counts
    for name in ("frames", "processed", "late", "rejected", "asked", "reconnects", "from_ns", "to_ns", "first_mark_e8"):
        assert getattr(mine, name) == getattr(theirs, name), name
    return fast
