"""The paper gateway: a thin wrapper that hands orders to the venue inside the process."""

from __future__ import annotations

from supreme_system_v5.core.domain.order import Order
from supreme_system_v5.core.matching.venue import PaperVenue


class PaperGateway:
    """Performs order effects on the paper venue. The venue answers through the pump, in event order."""

    def __init__(self, venue: PaperVenue) -> None:
        self._venue = venue

    def submit(self, order: Order, time_ns: int) -> None:
        """Send an order at engine time ``time_ns``; it arrives after the venue's latency."""
        self._venue.submit(order, time_ns)

    def cancel(self, client_order_id: str, time_ns: int) -> None:
        """Ask for a cancel at engine time ``time_ns``."""
        self._venue.cancel(client_order_id, time_ns)

    def place_protection(self, stop: Order, target: Order, time_ns: int) -> None:
        """Rest the stop and target of an open position at once (after a restart)."""
        self._venue.place_protection(stop, target, time_ns)
