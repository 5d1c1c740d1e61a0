"""Maker orders against recorded markets: no fill before the recorded trades reached the price and the queue.

The same orders go to the paper venue and, as orders of the exchange, into a matcher of their own: the same fills.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supreme_system_v5.adapters.feeds.recorded import read_frames
from supreme_system_v5.core.domain.events import (
    KIND_DEPTH,
    KIND_QUOTE,
    KIND_SNAPSHOT,
    Event,
    ExecutionReport,
    Trade,
)
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, GTC, LIMIT_MAKER, OPEN, ROLE_ENTRY, SELL, Order
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.book_order import BookOrder, Party
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder
from supreme_system_v5.core.matching.liquidity import ViewLiquidity
from supreme_system_v5.core.matching.matcher import Matcher
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from supreme_system_v5.core.wire.binance_rest import parse_depth
from tests.core.matching.kit import E8, MAKER_E8, MS, TAKER_E8

LIFE_NS = 5_000 * MS
QUANTITY_E8 = E8 // 2


# order, time ns, quantity, price, is_maker
ProbeFill = tuple[str, int, int, int, bool]


class Teller(Party):
    """The owner of the exchange's orders: everything may fill, and every fill is written down."""

    def __init__(self) -> None:
        self.fills: list[ProbeFill] = []

    def allowed_e8(self, order: BookOrder, price_e8: int) -> int:
        return int(order.remaining_e8)

    def fill(self, order: BookOrder, quantity_e8: int, price_e8: int, is_maker: bool, time_ns: int) -> None:
        assert isinstance(order, ExchangeOrder)
        order.filled_e8 += quantity_e8
        order.is_done = order.remaining_e8 == 0
        self.fills.append((order.client_order_id, int(time_ns), int(quantity_e8), int(price_e8), bool(is_maker)))


class ExchangeSide:
    """A matcher of the exchange over the same recorded view; orders and cancels arrive as late as on paper."""

    def __init__(self, view: MarketView) -> None:
        self.liquidity = ViewLiquidity(view)
        self.teller = Teller()
        self.matcher = Matcher(view.instrument, self.liquidity, self.teller)
        self.due: list[tuple[int, ExchangeOrder, bool]] = []  # arrival, order, is a cancel

    def send(self, order: Order, time_ns: int) -> None:
        asked = NewOrder(order.side, order.order_type)
        asked.quantity_e8, asked.price_e8 = order.quantity_e8, order.price_e8
        asked.client_order_id = order.client_order_id
        sent = ExchangeOrder("ann", 1, asked, time_ns)
        self.due.append((time_ns + 50 * MS, sent, False))
        self.due.append((time_ns + LIFE_NS + 50 * MS, sent, True))

    def advance(self, time_ns: int) -> None:
        """What has arrived by then, before the event of that time."""
        while self.due and self.due[0][0] <= time_ns:
            _, order, is_cancel = self.due.pop(0)
            resting = self.matcher.resting
            if is_cancel:
                resting.remove(order)
            elif (order.price_e8 - self.matcher.best_e8(-order.side)) * order.side < 0:  # else it would take
                resting.add(order)

    def on_market(self, event: Event) -> None:
        self.liquidity.on_event(event)
        if isinstance(event, Trade):
            self.matcher.resting.on_trade(event)
        elif event.kind in (KIND_QUOTE, KIND_DEPTH, KIND_SNAPSHOT):
            self.matcher.resting.on_levels(event.kind == KIND_QUOTE, event.time_ns)


class Probe:
    """One maker order at the best price or behind it, and what the recording says that bears on it."""

    def __init__(self, order: Order, sent_ns: int) -> None:
        self.order = order
        self.sent_ns = sent_ns
        self.shown_e8 = -1  # at arrival; -1 = has not arrived
        self.at_price_e8 = 0  # traded at its price by the opposite aggressor since
        self.through_e8 = 0  # traded beyond it
        self.filled_e8 = 0
        self.is_over = False

    def on_trade(self, trade: Trade) -> None:
        beyond = (self.order.price_e8 - trade.price_e8) * self.order.side
        if beyond > 0:
            self.through_e8 += trade.quantity_e8
        elif beyond == 0 and trade.is_buyer_maker == (self.order.side == BUY):
            self.at_price_e8 += trade.quantity_e8


def events_of(path: Path, market: str) -> list[Event]:
    decoder = FrameDecoder(market, "ETHUSDT")
    events: list[Event] = []
    for frame in read_frames([path]):
        if frame.stream == "":
            events.append(parse_depth(frame.payload, frame.recv_ns))
        else:
            events.append(decoder.decode(frame.raw, frame.recv_ns))
    return events


class Run:
    """The recording through both venues, one probe after the other."""

    def __init__(self, market: str) -> None:
        self.view = MarketView(eth_usdt(market))
        self.exchange = ExchangeSide(self.view)
        self.venue = PaperVenue(eth_usdt(market), self.view, 50, TAKER_E8, MAKER_E8)
        if market == "spot":
            self.venue.set_position(1_000 * E8)  # something to sell
        self.probes: list[Probe] = []
        self.fills: list[ProbeFill] = []

    def take(self, reports: list[ExecutionReport], event: Event) -> None:
        view = self.view
        for report in reports:
            probe = self.probes[-1]
            assert report.client_order_id == probe.order.client_order_id
            if report.order_state == OPEN:
                best = view.bid_e8 if probe.order.side == BUY else view.ask_e8
                if probe.order.price_e8 == best:
                    probe.shown_e8 = view.bid_quantity_e8 if probe.order.side == BUY else view.ask_quantity_e8
                continue
            if report.last_quantity_e8 > 0:
                self.take_fill(report, probe, event)
            probe.is_over = probe.is_over or report.order_state not in (OPEN, "PARTIALLY_FILLED")

    def take_fill(self, report: ExecutionReport, probe: Probe, event: Event) -> None:
        """Only in a trade's own event, at our price, as a maker, and within what traded there or beyond."""
        name, quantity_e8 = report.client_order_id, report.last_quantity_e8
        self.fills.append((name, report.time_ns, quantity_e8, report.last_price_e8, report.is_maker))
        assert isinstance(event, Trade)
        assert report.time_ns == event.time_ns
        assert report.last_price_e8 == probe.order.price_e8
        assert report.is_maker
        assert quantity_e8 <= event.quantity_e8
        probe.filled_e8 += quantity_e8
        assert probe.filled_e8 <= probe.at_price_e8 + probe.through_e8

    def do(self, event: Event) -> None:
        if self.venue.next_ns() <= event.time_ns:
            self.take(self.venue.advance(event.time_ns), event)
        self.exchange.advance(event.time_ns)
        if self.view.apply(event) != 0:
            return
        probe = self.probes[-1] if self.probes else None
        if probe is not None and isinstance(event, Trade) and not probe.is_over:
            if event.time_ns >= probe.sent_ns + 50 * MS:
                probe.on_trade(event)
        if self.venue.is_active():
            self.take(self.venue.on_market(event), event)
        self.exchange.on_market(event)
        if probe is not None and not probe.is_over and 0 <= probe.shown_e8 <= probe.at_price_e8 - QUANTITY_E8:
            # The other bound: all that was ahead and we ourselves have been traded away, so we are filled.
            assert probe.filled_e8 == QUANTITY_E8
        if event.kind == KIND_QUOTE and (probe is None or event.time_ns > probe.sent_ns + LIFE_NS + 100 * MS):
            self.send(event.time_ns)

    def send(self, time_ns: int) -> None:
        count, view = len(self.probes), self.view
        side = BUY if count % 2 == 0 else SELL
        behind = count % 7 if count % 3 == 2 else 0  # a third of them some ticks behind the best
        price_e8 = (view.bid_e8 if side == BUY else view.ask_e8) - side * behind * view.instrument.tick_e8
        name = f"probe-{count}"
        order = Order(name, ROLE_ENTRY, side, LIMIT_MAKER, GTC, QUANTITY_E8, price_e8, 0, False, time_ns, "")
        self.probes.append(Probe(order, time_ns))
        self.venue.submit(order, time_ns)
        self.exchange.send(order, time_ns)
        self.venue.cancel(order.client_order_id, time_ns + LIFE_NS)


def run(events: list[Event], market: str) -> Run:
    made = Run(market)
    for event in events:
        made.do(event)
    return made


@pytest.mark.parametrize(("market", "name"), [("spot", "spot_ethusdt_20240808"), ("usdm", "usdm_ethusdt_20240808")])
def test_makers_fill_only_where_recorded_trades_reached_them(market: str, name: str) -> None:
    if not os.environ.get("SUPREME_DATA_DIR"):
        pytest.skip("SUPREME_DATA_DIR is not set: no recorded frames")
    events = events_of(Path(os.environ["SUPREME_DATA_DIR"]) / "frames" / f"{name}.jsonl.gz", market)
    first = run(events, market)
    probes = first.probes
    rested = [probe for probe in probes if probe.shown_e8 >= 0]
    filled = [probe for probe in probes if probe.filled_e8 > 0]
    untouched = [probe for probe in rested if probe.at_price_e8 + probe.through_e8 == 0]
    print(f"{name}: {len(probes)} probes, {len(rested)} rested, {len(filled)} filled, {len(untouched)} untouched")
    assert len(rested) >= 30
    assert len(filled) >= 5
    assert not [probe for probe in untouched if probe.filled_e8]
    # The exchange's orders were filled by the same trades, at the same prices, with the same quantities.
    assert first.exchange.teller.fills == first.fills
    again = run(events, market)
    assert again.fills == first.fills
    assert again.venue.state() == first.venue.state()
