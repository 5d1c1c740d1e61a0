"""Maker orders against recorded markets: no fill before the recorded trades reached the price and the queue."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supreme_system_v5.adapters.feeds.recorded import read_frames
from supreme_system_v5.core.domain.events import KIND_QUOTE, KIND_TRADE, Event, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, GTC, LIMIT_MAKER, OPEN, ROLE_ENTRY, SELL, Order
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.venue import PaperVenue
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from supreme_system_v5.core.wire.binance_rest import parse_depth
from tests.core.matching.kit import E8, MAKER_E8, MS, TAKER_E8

LIFE_NS = 5_000 * MS
QUANTITY_E8 = E8 // 2


class Probe:
    """One maker order at the best price, and what the recording says that bears on it."""

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


def run(events: list[Event], market: str) -> tuple[list[Probe], list[object]]:
    view = MarketView(eth_usdt(market))
    venue = PaperVenue(eth_usdt(market), view, 50, TAKER_E8, MAKER_E8)
    probes: list[Probe] = []
    probe: Probe | None = None

    def take(reports: list[object], event: Event) -> None:
        assert probe is not None
        for report in reports:
            assert report.client_order_id == probe.order.client_order_id
            if report.order_state == OPEN:
                best = view.bid_e8 if probe.order.side == BUY else view.ask_e8
                if probe.order.price_e8 == best:
                    probe.shown_e8 = view.bid_quantity_e8 if probe.order.side == BUY else view.ask_quantity_e8
                continue
            if report.last_quantity_e8 > 0:
                # Only in a trade's own event, at our price, as a maker, and within what traded there or beyond.
                assert event.kind == KIND_TRADE
                assert report.time_ns == event.time_ns
                assert report.last_price_e8 == probe.order.price_e8
                assert report.is_maker
                assert report.last_quantity_e8 <= event.quantity_e8
                probe.filled_e8 += report.last_quantity_e8
                assert probe.filled_e8 <= probe.at_price_e8 + probe.through_e8
            probe.is_over = probe.is_over or report.order_state not in (OPEN, "PARTIALLY_FILLED")

    for event in events:
        if venue.next_ns() <= event.time_ns:
            take(venue.advance(event.time_ns), event)
        if view.apply(event) != 0:
            continue
        if (
            probe is not None
            and event.kind == KIND_TRADE
            and not probe.is_over
            and probe.order.created_ns < event.time_ns
        ):
            arrived_ns = probe.sent_ns + 50 * MS
            if event.time_ns >= arrived_ns:
                probe.on_trade(event)
        if venue.is_active():
            take(venue.on_market(event), event)
        if probe is not None and not probe.is_over and 0 <= probe.shown_e8 <= probe.at_price_e8 - QUANTITY_E8:
            # The other bound: all that was ahead and we ourselves have been traded away, so we are filled.
            assert probe.filled_e8 == QUANTITY_E8
        if event.kind == KIND_QUOTE and (probe is None or event.time_ns > probe.sent_ns + LIFE_NS + 100 * MS):
            side = BUY if len(probes) % 2 == 0 else SELL
            price = view.bid_e8 if side == BUY else view.ask_e8
            order = Order(
                f"probe-{len(probes)}",
                ROLE_ENTRY,
                side,
                LIMIT_MAKER,
                GTC,
                QUANTITY_E8,
                price,
                0,
                False,
                event.time_ns,
                "",
            )
            probe = Probe(order, event.time_ns)
            probes.append(probe)
            venue.submit(order, event.time_ns)
            venue.cancel(order.client_order_id, event.time_ns + LIFE_NS)
    return probes, venue.state()


@pytest.mark.parametrize(("market", "name"), [("spot", "spot_ethusdt_20240808"), ("usdm", "usdm_ethusdt_20240808")])
def test_makers_fill_only_where_recorded_trades_reached_them(market: str, name: str) -> None:
    if not os.environ.get("SUPREME_DATA_DIR"):
        pytest.skip("SUPREME_DATA_DIR is not set: no recorded frames")
    events = events_of(Path(os.environ["SUPREME_DATA_DIR"]) / "frames" / f"{name}.jsonl.gz", market)
    probes, state = run(events, market)
    rested = [probe for probe in probes if probe.shown_e8 >= 0]
    filled = [probe for probe in probes if probe.filled_e8 > 0]
    untouched = [probe for probe in rested if probe.at_price_e8 + probe.through_e8 == 0]
    print(f"{name}: {len(probes)} probes, {len(rested)} rested, {len(filled)} filled, {len(untouched)} untouched")
    assert len(rested) >= 30
    assert len(filled) >= 5
    assert not [probe for probe in untouched if probe.filled_e8]
    again, state_again = run(events, market)
    assert [probe.filled_e8 for probe in again] == [probe.filled_e8 for probe in probes]
    assert state_again == state
