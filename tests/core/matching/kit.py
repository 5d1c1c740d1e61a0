"""A small market for the venue's tests: it drives venue and view in the order a real driver does."""

from __future__ import annotations

from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.events import BookSnapshot, Depth, Event, ExecutionReport, Quote, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import (
    BUY,
    GTC,
    IOC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    ROLE_ENTRY,
    ROLE_EXIT,
    ROLE_STOP,
    ROLE_TARGET,
    SELL,
    STOP_MARKET,
    TAKE_PROFIT_MARKET,
    Order,
    client_order_id,
)
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.venue import PaperVenue

E8 = 100_000_000
MS = 1_000_000
START_NS = 1_700_000_000_000 * MS
TAKER_E8 = 50_000
MAKER_E8 = 20_000
LATENCY_MS = 50


def e8(value: float) -> int:
    return round(value * E8)


def flat(levels: list[tuple[float, float]]) -> list[int]:
    return [e8(number) for level in levels for number in level]


class Desk:
    """One venue, one view, one ledger that books every fill; times in ms after START_NS."""

    def __init__(self, market: str = "usdm", latency_ms: int = LATENCY_MS, stale_after_ms: int = 5_000) -> None:
        self.instrument = eth_usdt(market)
        self.view = MarketView(self.instrument)
        self.venue = PaperVenue(self.instrument, self.view, latency_ms, TAKER_E8, MAKER_E8, stale_after_ms)
        self.ledger = new_ledger(10_000 * E8)
        self.reports: list[ExecutionReport] = []
        self.orders: dict[str, Order] = {}
        self.now_ms = 0.0
        self.sequence = 0
        self.update_id = 1_000
        self.trade_id = 0

    # ---- time and market

    def at(self, ms: float) -> Desk:
        """Move on to a time; what is due at the venue happens."""
        assert ms >= self.now_ms, "time goes forward"
        self.now_ms = ms
        if self.venue.next_ns() <= self.time_ns:
            self.take(self.venue.advance(self.time_ns))
        return self

    @property
    def time_ns(self) -> int:
        return START_NS + round(self.now_ms * MS)

    def event(self, event: Event) -> list[ExecutionReport]:
        """Arrivals first, then the view, then the venue: as the driver does."""
        self.at(self.now_ms)
        self.view.apply(event)
        if not self.venue.is_active():
            return []
        return self.take(self.venue.on_market(event))

    def quote(self, bid: float, bid_quantity: float, ask: float, ask_quantity: float) -> list[ExecutionReport]:
        self.update_id += 1
        return self.event(Quote(self.time_ns, 0, self.update_id, e8(bid), e8(bid_quantity), e8(ask), e8(ask_quantity)))

    def trade(self, price: float, quantity: float = 0.001, is_buyer_maker: bool = True) -> list[ExecutionReport]:
        self.trade_id += 1
        stamp_ms = self.time_ns // MS
        return self.event(
            Trade(self.time_ns, stamp_ms, stamp_ms, self.trade_id, e8(price), e8(quantity), is_buyer_maker)
        )

    def book(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        """A snapshot and the empty diff that joins it: the local book is in sync."""
        self.event(BookSnapshot(self.time_ns, self.update_id, flat(bids), flat(asks)))
        self.depth([], [])
        assert self.view.local_book.is_synced

    def depth(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> list[ExecutionReport]:
        previous = self.update_id
        self.update_id += 1
        return self.event(
            Depth(self.time_ns, 0, self.update_id, self.update_id, previous_id(self, previous), flat(bids), flat(asks))
        )

    # ---- orders

    def order(self, role: str, side: int, order_type: str, tif: str, quantity: float, price: float = 0.0) -> Order:
        self.sequence += 1
        order = Order(
            client_order_id("abcd", self.sequence),
            role,
            side,
            order_type,
            tif,
            e8(quantity),
            e8(price),
            0,
            role in (ROLE_EXIT, ROLE_STOP, ROLE_TARGET),
            self.time_ns,
            role,
        )
        self.orders[order.client_order_id] = order
        return order

    def send(self, order: Order) -> Order:
        self.venue.submit(order, self.time_ns)
        return order

    def entry(
        self, side: int, quantity: float, price: float, stop: float = 0.0, target: float = 0.0, tif: str = IOC
    ) -> Order:
        order = self.order(ROLE_ENTRY, side, LIMIT, tif, quantity, price)
        if stop:
            order.stop_order_id = f"{order.client_order_id}-stop"
            order.stop_trigger_e8 = e8(stop)
            self.orders[order.stop_order_id] = self._protective(ROLE_STOP, STOP_MARKET, -side, order.stop_order_id)
        if target:
            order.target_order_id = f"{order.client_order_id}-target"
            order.target_trigger_e8 = e8(target)
            self.orders[order.target_order_id] = self._protective(
                ROLE_TARGET, TAKE_PROFIT_MARKET, -side, order.target_order_id
            )
        return self.send(order)

    def _protective(self, role: str, order_type: str, side: int, order_id: str) -> Order:
        return Order(order_id, role, side, order_type, GTC, 0, 0, 0, True, self.time_ns, role)

    def exit(self, side: int, quantity: float) -> Order:
        return self.send(self.order(ROLE_EXIT, side, MARKET, IOC, quantity))

    def maker(self, side: int, quantity: float, price: float, order_type: str = LIMIT_MAKER) -> Order:
        return self.send(self.order(ROLE_ENTRY, side, order_type, GTC, quantity, price))

    def open_long(self, quantity: float = 1.0, stop: float = 1980.0, target: float = 2040.0) -> Order:
        """A filled, protected long at 2000.10."""
        self.quote(2000.0, 50, 2000.1, 50)
        order = self.entry(BUY, quantity, 2000.5, stop, target)
        self.at(self.now_ms + LATENCY_MS)
        assert self.venue.position_e8 == e8(quantity)
        return order

    def open_short(self, quantity: float = 1.0, stop: float = 2020.0, target: float = 1960.0) -> Order:
        self.quote(2000.0, 50, 2000.1, 50)
        order = self.entry(SELL, quantity, 1999.5, stop, target)
        self.at(self.now_ms + LATENCY_MS)
        assert self.venue.position_e8 == -e8(quantity)
        return order

    # ---- reports

    def take(self, reports: list[ExecutionReport]) -> list[ExecutionReport]:
        for report in reports:
            self.reports.append(report)
            order = self.orders[report.client_order_id]
            order.move_to(report.order_state)  # raises when the table does not allow it
            if report.last_quantity_e8 > 0:
                order.filled_e8 += report.last_quantity_e8
                self.ledger = self.ledger.after_fill(
                    order.side,
                    report.last_quantity_e8,
                    report.last_price_e8,
                    report.fee_quote_e8,
                    report.fee_base_e8,
                )
                assert self.ledger.identity_gap_e8() == 0
        return reports

    def said(self) -> list[tuple[str, str, int, int]]:
        """Every report so far as (role, state, quantity, price), cleared by reading."""
        lines = [
            (
                self.orders[report.client_order_id].role,
                report.order_state,
                report.last_quantity_e8,
                report.last_price_e8,
            )
            for report in self.reports
        ]
        self.reports.clear()
        return lines


def previous_id(desk: Desk, update_id: int) -> int:
    """USD-M diffs carry the final id of the diff before; the venue's quotes share the numbering."""
    if desk.instrument.is_spot:
        return -1
    last_id = desk.view.local_book.last_update_id
    return last_id if last_id >= 0 else update_id


def line(role: str, state: str, quantity: float = 0.0, price: float = 0.0) -> tuple[str, str, int, int]:
    return role, state, e8(quantity), e8(price)
