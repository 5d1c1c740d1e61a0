"""A bounded order book: two rings of quantities indexed by price, the best pointers walked."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

BID: Final = 1
ASK: Final = -1

# A price beyond this (1e10 units of the quote asset) is not a price; below it no sum of ticks leaves 64 bits.
PRICE_MAX_E8: Final = 1_000_000_000_000_000_000

# "No level": worse than every tick, so that any level is better.
_NO_BID: Final = -1
_NO_ASK: Final = 4_000_000_000_000_000_000


class OrderBook:
    """Price levels within ``width_ticks`` ticks; prices and quantities in 1e-8 units.

    The window follows the middle of the best prices: after each update it is centred anew when the middle is more
    than a quarter of the width away. Levels outside the window are dropped and counted in ``dropped``; they come
    back only when the venue sends them again, so a depth far from the best is not complete. A level that is not on
    the tick grid, not at a positive price or of a negative quantity is ignored and counted in ``refused``.
    """

    def __init__(self, tick_e8: i64, width_ticks: i64 = 16_384) -> None:
        """Raises ValueError unless the tick is positive and the width a power of two of at least 8."""
        if tick_e8 <= 0:
            raise ValueError(f"tick_e8 must be positive, not {tick_e8}")
        if width_ticks < 8 or width_ticks & (width_ticks - 1) != 0:
            raise ValueError(f"width_ticks must be a power of two of at least 8, not {width_ticks}")
        self.tick_e8: i64 = tick_e8
        self.width_ticks: i64 = width_ticks
        self.dropped: i64 = 0
        self.refused: i64 = 0
        self.bid_count: i64 = 0
        self.ask_count: i64 = 0
        self._mask: i64 = width_ticks - 1
        self._bids: list[i64] = [0] * int(width_ticks)
        self._asks: list[i64] = [0] * int(width_ticks)
        self._low_tick: i64 = _NO_ASK  # of the window; so high that nothing fits before the first level
        self._best_bid: i64 = _NO_BID  # ticks
        self._best_ask: i64 = _NO_ASK
        self._is_crossed_outside: bool = False
        self._outside_bids: dict[int, int] = {}  # of the update at hand: tick -> quantity
        self._outside_asks: dict[int, int] = {}

    def clear(self) -> None:
        """Empty the book; the counters ``dropped`` and ``refused`` stay."""
        self._bids = [0] * int(self.width_ticks)
        self._asks = [0] * int(self.width_ticks)
        self._low_tick = _NO_ASK
        self._best_bid = _NO_BID
        self._best_ask = _NO_ASK
        self.bid_count = 0
        self.ask_count = 0
        self._is_crossed_outside = False

    def load(self, bids: list[i64], asks: list[i64]) -> None:
        """Replace the book. Flat lists price, quantity, price, ... Raises ValueError, book unchanged, when odd."""
        _check_pairs(bids, asks)
        self.clear()
        self.apply(bids, asks)

    def apply(self, bids: list[i64], asks: list[i64]) -> None:
        """Set levels; quantity 0 removes. Flat lists as in ``load``. Raises ValueError, book unchanged, when odd."""
        _check_pairs(bids, asks)
        self._write(BID, bids)
        self._write(ASK, asks)
        self._follow()

    def _write(self, side: i64, changes: list[i64]) -> None:
        """Write what lies in the window; put the rest aside for ``_follow``."""
        slots = self._bids if side == BID else self._asks
        outside = self._outside_bids if side == BID else self._outside_asks
        best = self._best_bid if side == BID else self._best_ask
        count = self.bid_count if side == BID else self.ask_count
        tick_e8 = self.tick_e8
        low = self._low_tick
        mask = self._mask
        length: i64 = len(changes)
        i: i64 = 0
        while i < length:
            price = changes[i]
            quantity = changes[i + 1]
            i += 2
            tick = price // tick_e8
            if tick * tick_e8 != price or not (0 < price <= PRICE_MAX_E8) or quantity < 0:
                self.refused += 1
                continue
            if tick < low or tick - low > mask:
                if quantity > 0:
                    outside[tick] = quantity
                elif tick in outside:
                    del outside[tick]
                continue
            slot = tick & mask
            if quantity > 0:
                if slots[slot] == 0:
                    count += 1
                    if (tick - best) * side > 0:
                        best = tick
                slots[slot] = quantity
            elif slots[slot] != 0:
                slots[slot] = 0
                count -= 1
        if count == 0:
            best = _NO_BID if side == BID else _NO_ASK
        else:
            while slots[best & mask] == 0:
                best -= side
        if side == BID:
            self._best_bid = best
            self.bid_count = count
        else:
            self._best_ask = best
            self.ask_count = count

    def _follow(self) -> None:
        """Centre the window anew when the best prices have wandered off, then write or drop what lay outside."""
        best_bid = self._best_bid
        best_ask = self._best_ask
        was_crossed = best_bid >= best_ask
        if self._outside_bids:
            best_bid = max(best_bid, i64(max(self._outside_bids)))
        if self._outside_asks:
            best_ask = min(best_ask, i64(min(self._outside_asks)))
        if best_bid >= best_ask:
            # No middle to follow. Far prices that cross must not pull the window away from a sound book.
            if not was_crossed:
                self._is_crossed_outside = True
        elif best_ask != _NO_ASK:
            self._centre_on((best_bid + best_ask) // 2 if best_bid != _NO_BID else best_ask)
        elif best_bid != _NO_BID:
            self._centre_on(best_bid)
        if self._outside_bids:
            self._write_outside(BID, self._outside_bids)
            self._outside_bids = {}
        if self._outside_asks:
            self._write_outside(ASK, self._outside_asks)
            self._outside_asks = {}

    def _centre_on(self, middle: i64) -> None:
        """Move the window when ``middle`` is more than a quarter of the width from its centre."""
        width = self.width_ticks
        low = self._low_tick
        new_low = middle - width // 2
        shift = new_low - low
        if -(width // 4) <= shift <= width // 4:
            return
        self._low_tick = new_low
        if low == _NO_ASK:
            return
        if shift > 0:
            self._forget(low, min(shift, width))
        else:
            kept = max(width + shift, 0)
            self._forget(low + kept, width - kept)
        # Of a side that is not empty the best is the nearest to the middle: when it left, all of the side did.
        if self.bid_count == 0:
            self._best_bid = _NO_BID
        if self.ask_count == 0:
            self._best_ask = _NO_ASK

    def _forget(self, first_tick: i64, count: i64) -> None:
        """Empty ``count`` slots from a tick on, both sides."""
        bids = self._bids
        asks = self._asks
        mask = self._mask
        tick = first_tick
        end = first_tick + count
        while tick < end:
            slot = tick & mask
            if bids[slot] != 0:
                bids[slot] = 0
                self.bid_count -= 1
                self.dropped += 1
            if asks[slot] != 0:
                asks[slot] = 0
                self.ask_count -= 1
                self.dropped += 1
            tick += 1

    def _write_outside(self, side: i64, levels: dict[int, int]) -> None:
        """Write the levels that lie in the window by now, drop the others."""
        fitting: list[i64] = []
        for tick, quantity in levels.items():
            if 0 <= tick - self._low_tick <= self._mask:
                fitting.append(tick * self.tick_e8)
                fitting.append(quantity)
            else:
                self.dropped += 1
        if fitting:
            self._write(side, fitting)

    def best_bid_e8(self) -> i64:
        """The highest bid; 0 when there is none."""
        return self._best_bid * self.tick_e8 if self.bid_count > 0 else 0

    def best_ask_e8(self) -> i64:
        """The lowest ask; 0 when there is none."""
        return self._best_ask * self.tick_e8 if self.ask_count > 0 else 0

    def best_bid_quantity_e8(self) -> i64:
        """The quantity at the best bid; 0 when there is none."""
        return self._bids[self._best_bid & self._mask] if self.bid_count > 0 else 0

    def best_ask_quantity_e8(self) -> i64:
        """The quantity at the best ask; 0 when there is none."""
        return self._asks[self._best_ask & self._mask] if self.ask_count > 0 else 0

    def quantity_at(self, side: i64, price_e8: i64) -> i64:
        """The quantity resting at a price (side +1 bids, -1 asks); 0 when none, or outside the window."""
        tick = price_e8 // self.tick_e8
        if tick * self.tick_e8 != price_e8 or tick < self._low_tick or tick - self._low_tick > self._mask:
            return 0
        return self._bids[tick & self._mask] if side == BID else self._asks[tick & self._mask]

    def levels(self, side: i64, count: i64) -> list[tuple[int, int]]:
        """Up to ``count`` levels (price, quantity) of a side (+1 bids, -1 asks), best first."""
        slots = self._bids if side == BID else self._asks
        tick = self._best_bid if side == BID else self._best_ask
        left = self.bid_count if side == BID else self.ask_count
        left = min(left, count)
        found: list[tuple[int, int]] = []
        while left > 0:
            quantity = slots[tick & self._mask]
            if quantity > 0:
                found.append((int(tick * self.tick_e8), int(quantity)))
                left -= 1
            tick -= side
        return found

    def imbalance(self, levels: i64) -> float:
        """(bids - asks) / (bids + asks) over the best ``levels`` of each side, in [-1, 1]; 0.0 when empty."""
        bids = self._depth(BID, levels)
        asks = self._depth(ASK, levels)
        total = bids + asks
        return (bids - asks) / total if total > 0.0 else 0.0

    def _depth(self, side: i64, count: i64) -> float:
        """Quantity over the best levels, as float: a sum of integers could leave 64 bits."""
        slots = self._bids if side == BID else self._asks
        tick = self._best_bid if side == BID else self._best_ask
        left = self.bid_count if side == BID else self.ask_count
        left = min(left, count)
        total = 0.0
        while left > 0:
            quantity = slots[tick & self._mask]
            if quantity > 0:
                total += float(quantity)
                left -= 1
            tick -= side
        return total

    def is_crossed(self) -> bool:
        """True when a bid is at or above an ask: the book is not in step with the venue."""
        return self._best_bid >= self._best_ask or self._is_crossed_outside


def _check_pairs(bids: list[i64], asks: list[i64]) -> None:
    if len(bids) % 2 != 0 or len(asks) % 2 != 0:
        raise ValueError("levels must come as pairs of price and quantity")
