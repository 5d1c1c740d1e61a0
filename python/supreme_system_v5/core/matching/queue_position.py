"""Where a resting order stands in the queue of its price level: an estimate, kept on the careful side.

The venue shows the quantity of a level, not who stands where in it. The estimate:

- On arrival everything shown at the price is ahead of us.
- A trade at the price by the opposite aggressor takes from the front: it reduces what is ahead one for one, and
  what exceeds it fills us. A trade through the price fills us, by at most its own quantity.
- A decrease of the level that trades do not explain is a cancellation. Cancellations are assumed to be spread
  evenly over the level, so the part ahead of us shrinks by its share. Never more is ahead than is shown.
- A trade and the decrease it causes are two messages that come in either order. A trade seen first explains a
  later decrease; a decrease seen first is counted as a cancellation until the trade arrives, which then takes
  that credit back. Messages further apart than MATCH_WINDOW_NS are not matched.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

# Trades are bundled for up to 100 ms, depth for another 100 ms; the rest is network.
MATCH_WINDOW_NS: Final = 250_000_000
UNKNOWN_E8: Final = -1


class QueuePosition:
    """The queue of one resting order. Quantities in 1e-8 units; UNKNOWN_E8 until the level has been seen."""

    def __init__(self, shown_e8: i64) -> None:
        self.ahead_e8: i64 = shown_e8
        self.shown_e8: i64 = shown_e8
        self.traded_e8: i64 = 0  # traded at the price, not yet seen as a decrease
        self.traded_ns: i64 = 0
        self.vanished_e8: i64 = 0  # decrease counted as cancelled, for which a trade may still come
        self.credited_e8: i64 = 0  # by how much that brought us forward
        self.vanished_ns: i64 = 0

    def on_level(self, shown_e8: i64, time_ns: i64) -> None:
        """The level now shows this quantity (of others)."""
        if self.ahead_e8 == UNKNOWN_E8:
            self.ahead_e8 = shown_e8
            self.shown_e8 = shown_e8
            return
        drop_e8 = self.shown_e8 - shown_e8
        self.shown_e8 = shown_e8
        if drop_e8 > 0:
            if time_ns - self.traded_ns > MATCH_WINDOW_NS:
                self.traded_e8 = 0
            explained_e8 = min(drop_e8, self.traded_e8)
            self.traded_e8 -= explained_e8
            cancelled_e8 = drop_e8 - explained_e8
            if cancelled_e8 > 0:
                self._cancel(cancelled_e8, shown_e8 + cancelled_e8, time_ns)

    def _cancel(self, cancelled_e8: i64, of_e8: i64, time_ns: i64) -> None:
        if time_ns - self.vanished_ns > MATCH_WINDOW_NS:
            self.vanished_e8 = 0
            self.credited_e8 = 0
        credit_e8 = _share(self.ahead_e8, cancelled_e8, of_e8)
        self.ahead_e8 -= credit_e8
        self.credited_e8 += credit_e8
        self.vanished_e8 += cancelled_e8
        self.vanished_ns = time_ns

    def on_trade_at(self, quantity_e8: i64, time_ns: i64) -> i64:
        """A trade at our price by the opposite aggressor; how much of it reaches us."""
        if self.ahead_e8 == UNKNOWN_E8:
            return 0
        if time_ns - self.vanished_ns > MATCH_WINDOW_NS:
            self.vanished_e8 = 0
            self.credited_e8 = 0
        if time_ns - self.traded_ns > MATCH_WINDOW_NS:
            self.traded_e8 = 0
        back_e8: i64 = 0
        matched_e8 = min(quantity_e8, self.vanished_e8)
        if matched_e8 > 0:
            back_e8 = min(_share(self.credited_e8, matched_e8, self.vanished_e8), quantity_e8)
            self.vanished_e8 -= matched_e8
            self.credited_e8 -= back_e8
        self.traded_e8 += quantity_e8 - matched_e8
        self.traded_ns = time_ns
        reducing_e8 = quantity_e8 - back_e8
        if reducing_e8 <= self.ahead_e8:
            self.ahead_e8 -= reducing_e8
            return 0
        reached_e8 = reducing_e8 - self.ahead_e8
        self.ahead_e8 = 0
        return reached_e8

    def on_trade_through(self) -> None:
        """A trade beyond our price: nobody is ahead of us any more."""
        self.ahead_e8 = 0

    # ---- in a market that loses what is taken from it: nothing has to be guessed but who cancelled

    def on_lost(self, quantity_e8: i64) -> None:
        """So much was taken from the front of the market's queue."""
        self.ahead_e8 = max(0, self.ahead_e8 - quantity_e8)
        self.shown_e8 = max(0, self.shown_e8 - quantity_e8)

    def on_left(self, shown_e8: i64, step_e8: i64) -> None:
        """The level shows this much, and a decrease that was not ``on_lost`` is a cancellation (in whole steps)."""
        drop_e8 = self.shown_e8 - shown_e8
        if drop_e8 > 0:
            credit_e8 = _share(self.ahead_e8, drop_e8, self.shown_e8)
            self.ahead_e8 -= credit_e8 - credit_e8 % step_e8
        self.shown_e8 = shown_e8

    def state(self) -> list[int]:
        """Everything that determines the future, for the digest."""
        return [
            int(self.ahead_e8),
            int(self.shown_e8),
            int(self.traded_e8),
            int(self.traded_ns),
            int(self.vanished_e8),
            int(self.credited_e8),
            int(self.vanished_ns),
        ]


def _share(amount_e8: i64, part_e8: i64, whole_e8: i64) -> i64:
    """amount x part / whole, rounded down; through Python integers, as the product may exceed 64 bits."""
    amount: int = int(amount_e8)
    part: int = int(part_e8)
    return amount * part // int(whole_e8)
