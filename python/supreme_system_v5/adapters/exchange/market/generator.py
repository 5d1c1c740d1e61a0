"""The generated market: seeded, deterministic, calibrated to the recordings (see profiles.py).

Four things happen: a taker order sweeps the book, a best price or its size changes, every 100 ms the changes of the
book go out as one diff, and on USD-M every second the mark price. All of them act on one real book of price levels,
so quotes, trades, diffs and snapshots agree. Prices are in ticks of 0.01 USDT, quantities in the market's step.
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Final

from supreme_system_v5.adapters.exchange.market import past
from supreme_system_v5.adapters.exchange.market.generated_book import GeneratedBook
from supreme_system_v5.adapters.exchange.market.price_path import PricePath, normal
from supreme_system_v5.adapters.exchange.market.profiles import Profile
from supreme_system_v5.adapters.exchange.market.profiles import profile as profile_by_name
from supreme_system_v5.adapters.exchange.market.sim_market import (
    FUNDING_PERIOD_MS,
    NEVER,
    NS_PER_MS,
    NS_PER_SECOND,
    OutFrame,
    SimMarket,
)
from supreme_system_v5.core.domain.instrument import SPOT

TICK_E8: Final = 1_000_000
DEPTH_NS: Final = 100 * NS_PER_MS
FRAME_NS: Final = 1_000  # frames of one happening are this far apart
BAND_TICKS: Final = 4.0  # quotes follow the fair price when it is this far from the middle
START_PRICE_TICKS: Final = 268_000.0
_FUNDING_RATE_E8: Final = 10_000  # 0.01 %, the venue's usual
_MARKS_MAX: Final = 2_000


class GeneratedMarket(SimMarket):
    """A market that starts at ``start_ns`` with a past of its own, or goes on from a saved ``state`` (past.py).

    Raises ValueError for an unknown profile or a state that is not usable.
    """

    source = "generated"
    book_class: type[GeneratedBook] = GeneratedBook

    def __init__(
        self,
        market: str,
        seed: int,
        start_ns: int,
        profile: str = "calibrated",
        bar_seconds: float = 1.0,
        state: dict[str, object] | None = None,
    ) -> None:
        step_e8 = 10_000 if market == SPOT else 100_000
        super().__init__(market, start_ns, TICK_E8, step_e8, 1_000_001)
        self.seed = seed
        self.profile: Profile = profile_by_name(profile, market, bar_seconds)
        self.restarts = past.restarts_of(state)
        self.rng = Random(seed * 1_000_003 + self.restarts)
        self.steps_per_unit = 100_000_000 // step_e8
        self.path = PricePath(self.rng, self.profile, START_PRICE_TICKS)
        self.levels = self.book_class(self.rng, self.profile, self.book, self.steps_per_unit)
        self.next_trade_id = 3_000_001
        past.build(self, state)
        self.levels.fill(int(self.path.fair))
        name = self.symbol.lower()
        self.trade_stream = f"{name}@aggTrade"
        self._quote_stream = f"{name}@bookTicker"
        self._depth_stream = f"{name}@depth@100ms"
        self._mark_stream = f"{name}@markPrice@1s"
        self._draw = 0.5
        self._burst = 1.0
        self._is_buying = True
        self._path_ns = start_ns
        self._second_ns = start_ns
        self._sweep_ns = start_ns + NS_PER_MS
        self._quote_ns = start_ns + NS_PER_MS // 2
        self._depth_ns = start_ns - start_ns % DEPTH_NS + DEPTH_NS
        self._mark_ns = NEVER
        self._funding = (0, 0)  # next funding ms and its rate
        if market != SPOT:
            self._mark_ns = start_ns - start_ns % NS_PER_SECOND + NS_PER_SECOND
            self._remember_mark(start_ns)

    @classmethod
    def resume(
        cls, path: Path, market: str, seed: int, start_ns: int, profile: str = "calibrated", bar_seconds: float = 1.0
    ) -> GeneratedMarket:
        """Go on from a saved state; a fresh market where there is none or it is of another kind.

        Time never goes back: when the state is later than ``start_ns`` the market starts one second after it.
        """
        state = past.load_state(path)
        if state is not None and past.is_usable(state, market, seed, profile):
            saved_ns = state["time_ns"]
            if isinstance(saved_ns, int):
                start_ns = max(start_ns, saved_ns + NS_PER_SECOND)
            return cls(market, seed, start_ns, profile, bar_seconds, state)
        return cls(market, seed, start_ns, profile, bar_seconds)

    def save_state(self, path: Path) -> None:
        """Write what ``resume`` needs, atomically. Raises OSError."""
        past.save_state(self, path)

    def describe(self) -> dict[str, object]:
        return {
            "source": self.source,
            "profile": self.profile.name,
            "seed": self.seed,
            "start_ns": self.start_ns,
            "restarts": self.restarts,
            "missing_streams": [],
            "klines": "generated",
        }

    def move(self, fraction: float, seconds: float) -> None:
        if not (-0.5 < fraction < 0.5) or not (0.0 < seconds < 86_400.0):
            raise ValueError("a move needs -0.5 < fraction < 0.5 and 0 < seconds < 86400")
        self.path.push(fraction, seconds)

    # Time --------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int:
        due = min(self._sweep_ns, self._quote_ns, self._depth_ns, self._mark_ns)
        return due if due > self.last_ns else self.last_ns + FRAME_NS

    def step(self) -> list[OutFrame]:
        due = min(self._sweep_ns, self._quote_ns, self._depth_ns, self._mark_ns)
        time_ns = due if due > self.last_ns else self.last_ns + FRAME_NS
        if time_ns > self._path_ns:
            self.path.advance((time_ns - self._path_ns) / NS_PER_SECOND)
            self._path_ns = time_ns
        if due == self._depth_ns:
            frames = self._depth_event(time_ns)
        elif due == self._mark_ns:
            frames = self._mark_event(time_ns)
        elif due == self._sweep_ns:
            frames = self._sweep_event(time_ns)
        else:
            frames = self._quote_event(time_ns)
        self.last_ns = frames[-1].time_ns
        return self.with_raw_trades(frames) if self.is_raw_wanted else frames

    # What happens ------------------------------------------------------------------------------------------------

    def _sweep_event(self, time_ns: int) -> list[OutFrame]:
        """A taker order walks the book; one aggTrade a level, all in one millisecond."""
        rng = self.rng
        uniform = rng.random()
        draw = uniform if rng.random() < 0.4 else rng.random()  # bigger orders have more fills (recorded: 0.4)
        fills = int(self.profile.sweep_trades.sample(draw) + 0.5)
        size = max(1, int(self.profile.sweep_size.sample(uniform) * self.steps_per_unit + 0.5))
        self._turn_side()
        levels = self.levels
        before = (levels.bid, levels.ask)
        frames = self._sweep(time_ns, size, fills, int(self.profile.sweep_levels.sample(draw)))
        frames.append(self._quote_frame(frames[-1].time_ns + FRAME_NS if frames else time_ns))
        self._sweep_ns = time_ns + int(self._gap_ms() * NS_PER_MS) + 1
        if before != (levels.bid, levels.ask):
            self._hurry(frames[-1].time_ns)
        return frames

    def _sweep(self, time_ns: int, size: int, fills: int, levels_wanted: int) -> list[OutFrame]:
        eaten = self.levels.sweep(self._is_buying, size, levels_wanted)
        return self._trade_frames(time_ns, eaten, max(fills, len(eaten)), self._is_buying)

    def _trade_frames(self, time_ns: int, eaten: list[tuple[int, int]], fills: int, is_buying: bool) -> list[OutFrame]:
        trade_ms = time_ns // NS_PER_MS
        frames: list[OutFrame] = []
        levels = len(eaten)
        for i, (price, quantity) in enumerate(eaten):
            price_e8 = price * TICK_E8
            quantity_e8 = quantity * self.quantity_unit
            count = max(1, min(fills // levels + (1 if i < fills % levels else 0), quantity))
            first_id = self.next_trade_id
            last_id = first_id + count - 1
            self.next_trade_id = last_id + 1
            frame_ns = time_ns + i * FRAME_NS
            agg_id = self.trades.add(frame_ns, trade_ms, price_e8, quantity_e8, first_id, last_id, not is_buying)
            self.minutes.add_trade(trade_ms, price_e8, quantity_e8, count, not is_buying)
            self.seconds.add_trade(trade_ms, price_e8, quantity_e8, count, not is_buying)
            payload = self.encoder.agg_trade(
                trade_ms, trade_ms, agg_id, price_e8, quantity_e8, first_id, last_id, not is_buying
            )
            frames.append(OutFrame(frame_ns, self.trade_stream, payload))
        return frames

    def _gap_ms(self) -> float:
        """Time to the next taker order; bursts are correlated (recorded: 0.37 between neighbours)."""
        rng = self.rng
        if rng.random() < 0.38:
            self._draw = abs(self._draw + (rng.random() - 0.5) * 0.3)
            if self._draw >= 1.0:
                self._draw = 1.999999 - self._draw
        else:
            self._draw = rng.random()
        gap_ms = self.profile.sweep_gap_ms.sample(self._draw)
        return gap_ms / (self.path.activity() * self._burst) if gap_ms > 2.0 else int(gap_ms)

    def _turn_side(self) -> None:
        """Taker sides are sticky and lean toward the fair price."""
        away = (self.path.fair - self.levels.middle()) / (8.0 * BAND_TICKS)
        lean = 0.5 + (0.22 if self._is_buying else -0.22) + max(-0.25, min(0.25, away))
        self._is_buying = self.rng.random() < lean

    def _quote_event(self, time_ns: int) -> list[OutFrame]:
        self._move_quotes(time_ns)
        return [self._quote_frame(time_ns)]

    def _move_quotes(self, time_ns: int) -> None:
        """The spread closes, the quotes follow the fair price, or a best size changes."""
        levels = self.levels
        pace = self.profile.quote_pace * math.sqrt(self.path.activity())
        self._quote_ns = time_ns + int(self.profile.quote_gap_ms.sample(self.rng.random()) * NS_PER_MS / pace) + 1
        away = self.path.fair - levels.middle()
        if levels.spread > 1:
            levels.close_spread(self.path.fair)
            if levels.spread > 1:
                self._hurry(time_ns)
        elif away > BAND_TICKS or away < -BAND_TICKS:
            levels.follow(away)
            self._hurry(time_ns)
        else:
            levels.resize_best()

    def _hurry(self, time_ns: int) -> None:
        """The next quote change comes within a millisecond or two: spreads do not stay open."""
        soon_ns = time_ns + int((0.1 + 2.0 * self.rng.random()) * NS_PER_MS)
        self._quote_ns = min(self._quote_ns, soon_ns)

    def _quote_frame(self, time_ns: int) -> OutFrame:
        book = self.book
        levels = self.levels
        book.close_batch(time_ns, levels.update_id)
        unit = self.quantity_unit
        bid, ask = levels.shown_best()
        bid_quantity_e8, ask_quantity_e8 = book.bids[bid] * unit, book.asks[ask] * unit
        payload = self.encoder.quote(
            time_ns // NS_PER_MS, levels.update_id, bid * TICK_E8, bid_quantity_e8, ask * TICK_E8, ask_quantity_e8
        )
        return OutFrame(time_ns, self._quote_stream, payload)

    def _depth_event(self, time_ns: int) -> list[OutFrame]:
        """The changes since the last diff, with some more deep in the book."""
        self._depth_ns += DEPTH_NS
        levels = self.levels
        if time_ns - self._second_ns >= NS_PER_SECOND:
            self._second_ns += NS_PER_SECOND
            self.path.turn_second()
            self._burst = self.profile.burst.sample(self.rng.random())
            levels.prune()
        levels.churn()
        self.book.close_batch(time_ns, levels.update_id)
        unit = self.quantity_unit
        bids, asks, before = levels.take_pending()
        payload = self.encoder.depth(
            time_ns // NS_PER_MS,
            before + 1,
            levels.update_id,
            before,
            [(price * TICK_E8, quantity * unit) for price, quantity in bids],
            [(price * TICK_E8, quantity * unit) for price, quantity in asks],
        )
        return [OutFrame(time_ns, self._depth_stream, payload)]

    # Mark and funding --------------------------------------------------------------------------------------------

    def _mark_event(self, time_ns: int) -> list[OutFrame]:
        self._mark_ns += NS_PER_SECOND
        mark = self._remember_mark(time_ns)
        payload = self.encoder.mark_price(time_ns // NS_PER_MS, mark[1], mark[2], mark[3], mark[4])
        return [OutFrame(time_ns, self._mark_stream, payload)]

    def _remember_mark(self, time_ns: int) -> tuple[int, int, int, int, int]:
        time_ms = time_ns // NS_PER_MS
        next_funding_ms = time_ms - time_ms % FUNDING_PERIOD_MS + FUNDING_PERIOD_MS
        if self._funding[0] != next_funding_ms:
            self._funding = (next_funding_ms, funding_rate_e8(self.seed, next_funding_ms))
        middle_e8 = (self.levels.bid + self.levels.ask) * TICK_E8 // 2
        mark_e8 = middle_e8 + int(normal(self.rng) * 300_000)
        mark = (time_ns, mark_e8, middle_e8 - middle_e8 // 5_000, self._funding[1], next_funding_ms)
        self.marks.append(mark)
        if len(self.marks) > _MARKS_MAX + _MARKS_MAX // 4:
            del self.marks[: len(self.marks) - _MARKS_MAX]
        return mark

    def funding_rates(self, as_of_ns: int, count: int) -> list[tuple[int, int, int]]:
        last_ms = self.exchange_ms(as_of_ns)
        last_ms -= last_ms % FUNDING_PERIOD_MS
        rows = {row[0]: row[1] for row in self.rows_as_of(60_000, as_of_ns)}
        rates: list[tuple[int, int, int]] = []
        for back in range(min(count, 90) - 1, -1, -1):
            funding_ms = last_ms - back * FUNDING_PERIOD_MS
            mark_e8 = rows.get(funding_ms, int(START_PRICE_TICKS) * TICK_E8)
            rates.append((funding_ms, funding_rate_e8(self.seed, funding_ms), mark_e8))
        return rates


def funding_rate_e8(seed: int, funding_ms: int) -> int:
    """The rate settled at a funding time: a function of seed and time, around 0.01 %."""
    draw = Random(seed * 7_919 + funding_ms // FUNDING_PERIOD_MS).random()
    return _FUNDING_RATE_E8 if draw < 0.6 else int((draw - 0.75) * 40_000)
