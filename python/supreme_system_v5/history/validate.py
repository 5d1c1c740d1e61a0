"""Look at rows on their way: what is missing, given twice, out of order, impossible, or far from its neighbours.

A Checker takes chunks in their order and gives back the rows to keep. It never invents or changes a row: what cannot
be true is left out and named, what is missing is named. Rows that go back in time raise OutOfOrder: they are sorted
as a whole (``in_order``), and then looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.history.columns import NO_ID, ROWS_MAX, BarChunk, TradeChunk
from supreme_system_v5.history.kinds import BARS, MINUTE_MS
from supreme_system_v5.history.parquet import Chunk
from supreme_system_v5.history.report import (
    CONFLICT,
    DUPLICATE,
    GAP,
    IMPOSSIBLE,
    MISALIGNED,
    ORDER,
    OUTLIER,
    SILENCE,
    ZERO_VOLUME,
    Finding,
    Report,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

SILENCE_MS: Final = 5 * MINUTE_MS
OUTLIER_PERCENT: Final = 10  # of a bar's low and high from its open and close, and of a trade from both its neighbours


class OutOfOrder(Exception):
    """Rows go back in time (or in ids): they have to be sorted as a whole."""


def columns_of_chunk(chunk: Chunk) -> list[Any]:
    """The columns as numpy arrays, int64 but for the flags."""
    import numpy as np

    return [
        np.frombuffer(column, dtype="u1" if isinstance(chunk, TradeChunk) and place == 4 else "<i8")
        for place, column in enumerate(chunk[1:])
    ]


def chunk_of_columns(kind: str, columns: list[Any]) -> Chunk:
    """A chunk that owns its bytes."""
    data = [column.tobytes() for column in columns]
    return BarChunk(len(columns[0]), *data) if kind == BARS else TradeChunk(len(columns[0]), *data)


def in_order(kind: str, chunks: Iterable[Chunk], report: Report) -> Iterator[Chunk]:
    """All rows sorted by time, then by id; how many were not in their place is reported. Holds them in memory."""
    import numpy as np

    parts = [columns_of_chunk(chunk) for chunk in chunks]
    columns = [np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))]
    order = np.argsort(columns[0], kind="stable") if kind == BARS else np.lexsort((columns[1], columns[0]))
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved):
        times = columns[0][moved]
        report.add(Finding(ORDER, int(times.min()), int(times.max()) + 1, len(moved)))
    if kind != BARS:
        order = _ids_once(columns, order, report)
    for start in range(0, len(order), ROWS_MAX):
        place = order[start : start + ROWS_MAX]
        yield chunk_of_columns(kind, [column[place] for column in columns])


def _ids_once(columns: list[Any], order: Any, report: Report) -> Any:
    """Without the trades whose id came before; missing ids are reported (a venue's times may not follow its ids)."""
    import numpy as np

    ids = columns[1]
    if int(ids[0]) == NO_ID:
        return order
    by_id = np.lexsort((columns[0], ids))
    steps = np.diff(ids[by_id])
    for at in np.flatnonzero(steps > 1).tolist():
        before, after = int(columns[0][by_id[at]]), int(columns[0][by_id[at + 1]])
        first = int(ids[by_id[at]]) + 1
        detail = f"ids {first} to {first + int(steps[at]) - 2}"
        report.add(Finding(GAP, min(before, after), max(before, after), int(steps[at]) - 1, detail, first))
    again = by_id[1:][steps == 0]
    for at, first in zip(again.tolist(), by_id[:-1][steps == 0].tolist(), strict=True):
        is_same = all(column[at] == column[first] for column in columns)
        report.add(Finding(DUPLICATE if is_same else CONFLICT, int(columns[0][at]), int(columns[0][at]) + 1, 1))
    return order[~np.isin(order, again)]


class Checker:
    """Looks at one series. ``from_ms``: where it should begin (-1: where it does); ``bar_ms`` of bars.

    ``is_sorted``: the rows come from ``in_order``, which has looked at their ids.
    """

    def __init__(
        self, kind: str, report: Report, from_ms: int = -1, bar_ms: int = MINUTE_MS, is_sorted: bool = False
    ) -> None:
        self.kind = kind
        self.report = report
        self.bar_ms = bar_ms
        self._has_ids = not is_sorted
        self._expected_ms = from_ms  # of bars: when the next one should open; -1 = not known yet
        self._last: list[int] | None = None  # the last row that was kept
        self._before = 0  # the price before that
        self._zero: Finding | None = None  # a run of bars without a trade that may go on

    def check(self, chunk: Chunk) -> Chunk | None:
        """The rows to keep; None when there are none. Raises OutOfOrder."""
        columns = columns_of_chunk(chunk)
        rows = chunk.rows
        columns = self._possible(columns)
        columns = self._once(columns)
        if len(columns[0]):
            if self.kind == BARS:
                self._look_at_bars(columns)
            else:
                self._look_at_trades(columns)
            self._last = [int(column[-1]) for column in columns]
            if self.report.first_ms < 0:
                self.report.first_ms = int(columns[0][0])
            self.report.last_ms = int(columns[0][-1])
        self.report.rows_in += rows
        self.report.rows_out += len(columns[0])
        if len(columns[0]) == rows:
            return chunk
        return chunk_of_columns(self.kind, columns) if len(columns[0]) else None

    def finish(self, to_ms: int = -1) -> None:
        """The series ends; ``to_ms``: up to where it should go (-1: up to where it does)."""
        self._end_zero()
        if self.kind == BARS and 0 <= self._expected_ms < to_ms:
            self._gap(self._expected_ms, to_ms)
            self._expected_ms = to_ms

    # Leaving out -------------------------------------------------------------------------------------------------

    def _possible(self, columns: list[Any]) -> list[Any]:
        if self.kind == BARS:
            times, opened, high, low, close, volume = columns
            fine = (low > 0) & (opened >= low) & (opened <= high) & (close >= low) & (close <= high) & (volume >= 0)
            on_time = times % self.bar_ms == 0
            self._name(MISALIGNED, times[~on_time], 1)
            self._name(IMPOSSIBLE, times[on_time & ~fine], self.bar_ms)
            fine &= on_time
        else:
            fine = (columns[2] > 0) & (columns[3] > 0)
            self._name(IMPOSSIBLE, columns[0][~fine], 1)
        return columns if fine.all() else [column[fine] for column in columns]

    def _once(self, columns: list[Any]) -> list[Any]:
        """Without the rows that repeat the one before them. Raises OutOfOrder."""
        import numpy as np

        if not len(columns[0]):
            return columns
        steps = self._steps(columns, 0)
        if len(steps) and int(steps.min()) < 0:
            raise OutOfOrder
        key = 0 if self.kind == BARS else 1
        if key == 1:
            if not self._has_ids or int(columns[1][0]) == NO_ID:
                return columns
            steps = self._steps(columns, 1)
            if len(steps) and int(steps.min()) < 0:
                raise OutOfOrder
        repeats = np.flatnonzero(steps == 0)
        if not len(repeats):
            return columns
        shift = 0 if self._last is None else 1  # a first step is from the last row of the chunk before
        again = repeats + 1 - shift
        for at in again.tolist():
            row = [int(column[at]) for column in columns]
            before = self._last if at == 0 else [int(column[at - 1]) for column in columns]
            self._name(DUPLICATE if row == before else CONFLICT, columns[0][at : at + 1], 1)
        kept = np.ones(len(columns[0]), dtype=bool)
        kept[again] = False
        return [column[kept] for column in columns]

    def _steps(self, columns: list[Any], place: int) -> Numbers:
        """The difference of each row to the one before it, the last of the chunk before included."""
        import numpy as np

        steps: Numbers = np.diff(columns[place], prepend=self._last[place] if self._last is not None else [])
        return steps

    def _name(self, kind: str, times: Any, width_ms: int) -> None:
        for time_ms in times.tolist():
            self.report.add(Finding(kind, time_ms, time_ms + width_ms, 1))

    # Looking -----------------------------------------------------------------------------------------------------

    def _look_at_bars(self, columns: list[Any]) -> None:
        import numpy as np

        times = columns[0]
        if self._expected_ms < 0:
            self._expected_ms = int(times[0])
        ahead = np.concatenate(([self._expected_ms], times[:-1] + self.bar_ms))
        for at in np.flatnonzero(times > ahead).tolist():
            self._gap(int(ahead[at]), int(times[at]))
        self._expected_ms = int(times[-1]) + self.bar_ms
        self._look_at_zero(times, columns[5])
        inner_low, inner_high = np.minimum(columns[1], columns[4]), np.maximum(columns[1], columns[4])
        far = (columns[2] - inner_high) * 100 > inner_high * OUTLIER_PERCENT
        far |= (inner_low - columns[3]) * 100 > inner_low * OUTLIER_PERCENT
        for at in np.flatnonzero(far).tolist():
            words = f"low {columns[3][at] / 1e8:g}, open {columns[1][at] / 1e8:g}, high {columns[2][at] / 1e8:g}"
            self.report.add(Finding(OUTLIER, int(times[at]), int(times[at]) + self.bar_ms, 1, words))

    def _look_at_zero(self, times: Any, volumes: Any) -> None:
        for time_ms in times[volumes == 0].tolist():
            if self._zero is not None and self._zero.to_ms == time_ms:
                self._zero = self._zero._replace(to_ms=time_ms + self.bar_ms, number=self._zero.number + 1)
                continue
            self._end_zero()
            self._zero = Finding(ZERO_VOLUME, time_ms, time_ms + self.bar_ms, 1)

    def _end_zero(self) -> None:
        if self._zero is not None:
            self.report.add(self._zero)
            self._zero = None

    def _gap(self, from_ms: int, to_ms: int) -> None:
        self.report.add(Finding(GAP, from_ms, to_ms, -(-(to_ms - from_ms) // self.bar_ms)))

    def _look_at_trades(self, columns: list[Any]) -> None:
        import numpy as np

        times, ids, prices = columns[0], columns[1], columns[2]
        shift = 0 if self._last is None else 1
        time_before = times[:-1] if self._last is None else np.concatenate(([self._last[0]], times[:-1]))
        if self._has_ids and int(ids[0]) != NO_ID:
            steps = self._steps(columns, 1)
            for at in np.flatnonzero(steps > 1).tolist():
                first = int(ids[at + 1 - shift]) - int(steps[at]) + 1
                detail = f"ids {first} to {first + int(steps[at]) - 2}"
                now = int(times[at + 1 - shift])
                self.report.add(Finding(GAP, int(time_before[at]), now, int(steps[at]) - 1, detail, first))
        for at in np.flatnonzero(self._steps(columns, 0) >= SILENCE_MS).tolist():
            self.report.add(Finding(SILENCE, int(time_before[at]), int(times[at + 1 - shift]), 1))
        self._look_at_spikes(times, prices)

    def _look_at_spikes(self, times: Any, prices: Any) -> None:
        """A trade far from the one before it and from the one after it; across chunks too."""
        import numpy as np

        known = [] if self._last is None else ([self._before] if self._before else []) + [self._last[2]]
        line = np.concatenate((known, prices)).astype("<i8")
        self._before = int(line[-2]) if len(line) > 1 else 0
        if len(line) < 3:
            return
        middle, before, after = line[1:-1], line[:-2], line[2:]
        from_before, from_after = np.abs(middle - before), np.abs(middle - after)
        far = (from_before * 100 > before * OUTLIER_PERCENT) & (from_after * 100 > after * OUTLIER_PERCENT)
        for at in np.flatnonzero(far).tolist():
            place = at + 1 - len(known)
            time_ms = int(times[place]) if place >= 0 else self._last[0] if self._last is not None else 0
            words = f"{middle[at] / 1e8:g} after {before[at] / 1e8:g}, before {after[at] / 1e8:g}"
            self.report.add(Finding(OUTLIER, time_ms, time_ms + 1, 1, words))
