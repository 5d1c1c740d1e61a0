"""What the simulated market remembers, so that a REST request can be answered as of any recent market time.

Columns of 64-bit integers instead of objects: 200,000 book changes take 4 MB. Each store is trimmed in blocks when it
is a quarter over its capacity.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from supreme_system_v5.core.domain.money import E8

BOOK_CHANGES_MAX = 200_000
TRADES_MAX = 30_000
BARS_MAX = 1_700
ROW = 10  # columns of a kline row, see core/wire/binance_encode.py
SETTLE_MS = 2_000  # a bar older than this is final: later trades of its span do not come

Levels = dict[int, int]


class BookHistory:
    """The order book now, and every change of the recent past, so that it can be wound back.

    Prices and quantities are in the market's own integer units.
    """

    def __init__(self, changes_max: int = BOOK_CHANGES_MAX) -> None:
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.last_update_id = 0
        self._changes_max = changes_max
        self._prices = array("q")  # signed: positive bid, negative ask
        self._old_quantities = array("q")
        self._batch_times = array("q")
        self._batch_ids = array("q")  # the update id BEFORE the batch
        self._batch_ends = array("q")  # number of changes ever made, after the batch
        self._dropped = 0  # changes trimmed from the front
        self._closed = 0  # changes in closed batches

    def set_bid(self, price: int, quantity: int) -> None:
        """Set a bid level; quantity 0 removes it."""
        self._prices.append(price)
        self._old_quantities.append(self.bids.get(price, 0))
        if quantity:
            self.bids[price] = quantity
        else:
            self.bids.pop(price, None)

    def set_ask(self, price: int, quantity: int) -> None:
        """Set an ask level; quantity 0 removes it."""
        self._prices.append(-price)
        self._old_quantities.append(self.asks.get(price, 0))
        if quantity:
            self.asks[price] = quantity
        else:
            self.asks.pop(price, None)

    def close_batch(self, time_ns: int, update_id: int) -> None:
        """All changes since the last call happened at ``time_ns`` and end at ``update_id``."""
        self._batch_times.append(time_ns)
        self._batch_ids.append(self.last_update_id)
        self._closed = self._dropped + len(self._prices)
        self._batch_ends.append(self._closed)
        self.last_update_id = update_id
        if len(self._prices) > self._changes_max + self._changes_max // 4:
            self._trim()

    def _trim(self) -> None:
        surplus = len(self._prices) - self._changes_max
        batches = bisect_right(self._batch_ends, self._dropped + surplus)
        if batches == 0:
            return
        cut = self._batch_ends[batches - 1] - self._dropped
        del self._prices[:cut], self._old_quantities[:cut]
        del self._batch_times[:batches], self._batch_ids[:batches], self._batch_ends[:batches]
        self._dropped += cut

    def load(self, bids: Levels, asks: Levels, update_id: int) -> None:
        """Replace the whole book and forget the past."""
        self.bids = bids
        self.asks = asks
        self.last_update_id = update_id
        for column in (self._prices, self._old_quantities, self._batch_times, self._batch_ids, self._batch_ends):
            del column[:]
        self._dropped = 0
        self._closed = 0

    def as_of(self, time_ns: int) -> tuple[Levels, Levels, int]:
        """The book after every batch with a time up to and including ``time_ns``, and its update id.

        A time before the oldest kept batch gives the book before that batch.
        """
        if not self._batch_times or self._batch_times[-1] <= time_ns:
            return self.bids, self.asks, self.last_update_id
        keep = bisect_right(self._batch_times, time_ns)
        bids = dict(self.bids)
        asks = dict(self.asks)
        first = (self._batch_ends[keep - 1] if keep > 0 else self._dropped) - self._dropped
        for i in range(len(self._prices) - 1, first - 1, -1):
            price = self._prices[i]
            side = bids
            if price < 0:
                side = asks
                price = -price
            quantity = self._old_quantities[i]
            if quantity:
                side[price] = quantity
            else:
                side.pop(price, None)
        return bids, asks, self._batch_ids[keep]

    @property
    def changes_kept(self) -> int:
        """How many changes can be wound back."""
        return len(self._prices)


class TradeHistory:
    """The recent aggTrades; ids are consecutive. Prices and quantities in 1e-8 units."""

    def __init__(self, first_agg_id: int, trades_max: int = TRADES_MAX) -> None:
        self.next_agg_id = first_agg_id
        self._first_kept_id = first_agg_id
        self._trades_max = trades_max
        self.is_trimmed = False
        self.times = array("q")  # market time, ns
        self.trade_ms = array("q")
        self.prices = array("q")
        self.quantities = array("q")  # negative: the buyer was the maker
        self.first_ids = array("q")
        self.last_ids = array("q")

    def set_first_id(self, agg_id: int) -> None:
        """Where the ids begin; only for an empty store."""
        if len(self.times):
            raise ValueError("the store already has trades")
        self._first_kept_id = agg_id
        self.next_agg_id = agg_id

    def skip_to(self, agg_id: int) -> None:
        """The next trade has this id. Where that leaves a hole, what came before it is forgotten: ids of what is kept
        are consecutive.
        """
        if agg_id == self.next_agg_id:
            return
        for column in (self.times, self.trade_ms, self.prices, self.quantities, self.first_ids, self.last_ids):
            del column[:]
        self.next_agg_id = self._first_kept_id = agg_id
        self.is_trimmed = True

    def add(
        self,
        time_ns: int,
        trade_ms: int,
        price_e8: int,
        quantity_e8: int,
        first_id: int,
        last_id: int,
        is_buyer_maker: bool,
    ) -> int:
        """Append an aggTrade; returns its id."""
        self.times.append(time_ns)
        self.trade_ms.append(trade_ms)
        self.prices.append(price_e8)
        self.quantities.append(-quantity_e8 if is_buyer_maker else quantity_e8)
        self.first_ids.append(first_id)
        self.last_ids.append(last_id)
        agg_id = self.next_agg_id
        self.next_agg_id += 1
        if len(self.times) > self._trades_max + self._trades_max // 4:
            cut = len(self.times) - self._trades_max
            del self.times[:cut], self.trade_ms[:cut], self.prices[:cut]
            del self.quantities[:cut], self.first_ids[:cut], self.last_ids[:cut]
            self._first_kept_id += cut
            self.is_trimmed = True
        return agg_id

    def count_as_of(self, time_ns: int) -> int:
        """How many of the kept trades had happened by then (index bound)."""
        return bisect_right(self.times, time_ns)

    def last_price_as_of(self, time_ns: int) -> int:
        """The last trade price by then; 0 when none is kept."""
        count = self.count_as_of(time_ns)
        return self.prices[count - 1] if count else 0

    def row(self, index: int) -> tuple[int, int, int, int, int, int, bool]:
        """(agg_id, price, quantity, first_id, last_id, trade_ms, is_buyer_maker) of a kept trade."""
        quantity = self.quantities[index]
        return (
            self._first_kept_id + index,
            self.prices[index],
            abs(quantity),
            self.first_ids[index],
            self.last_ids[index],
            self.trade_ms[index],
            quantity < 0,
        )

    def row_of(self, agg_id: int) -> tuple[int, int, int, int, int, int, bool]:
        """The kept trade of that id. Raises IndexError when it is not kept."""
        index = agg_id - self._first_kept_id
        if index < 0:
            raise IndexError(agg_id)
        return self.row(index)

    def save(self, rows: int) -> list[list[int]]:
        """The last rows, as columns, after the id of the first of them."""
        first = max(0, len(self.times) - rows)
        columns = (self.times, self.trade_ms, self.prices, self.quantities, self.first_ids, self.last_ids)
        return [[self._first_kept_id + first], *(column[first:].tolist() for column in columns)]

    def restore(self, saved: list[list[int]]) -> None:
        """Take over saved rows in place of all that is kept."""
        self._first_kept_id = saved[0][0]
        self.times, self.trade_ms, self.prices, self.quantities, self.first_ids, self.last_ids = (
            array("q", column) for column in saved[1:]
        )
        self.next_agg_id = self._first_kept_id + len(self.times)
        self.is_trimmed = True

    def select(
        self, time_ns: int, limit: int, from_id: int | None, start_ms: int | None, end_ms: int | None
    ) -> list[tuple[int, int, int, int, int, int, bool]]:
        """The trades an /aggTrades request as of ``time_ns`` returns, oldest first."""
        count = self.count_as_of(time_ns)
        if from_id is not None:
            low = max(0, from_id - self._first_kept_id)
            return [self.row(i) for i in range(low, min(count, low + limit))]
        if start_ms is None and end_ms is None:
            return [self.row(i) for i in range(max(0, count - limit), count)]
        chosen: list[tuple[int, int, int, int, int, int, bool]] = []
        for i in range(count):
            trade_ms = self.trade_ms[i]
            if (start_ms is None or trade_ms >= start_ms) and (end_ms is None or trade_ms <= end_ms):
                chosen.append(self.row(i))
                if start_ms is not None and len(chosen) >= limit:
                    break
        return chosen[-limit:]


class BarHistory:
    """Kline rows of one period, consecutive in time, folded from trades."""

    def __init__(self, period_ms: int, bars_max: int = BARS_MAX) -> None:
        self.period_ms = period_ms
        self._bars_max = bars_max
        self.data = array("q")

    def __len__(self) -> int:
        return len(self.data) // ROW

    def row(self, index: int) -> list[int]:
        """The row at an index, oldest first."""
        return self.data[index * ROW : index * ROW + ROW].tolist()

    def append_row(self, row: list[int]) -> None:
        """Append a finished row; it must follow the last one."""
        self.data.extend(row)
        if len(self.data) > (self._bars_max + self._bars_max // 4) * ROW:
            del self.data[: len(self.data) - self._bars_max * ROW]

    def add_trade(self, trade_ms: int, price_e8: int, quantity_e8: int, trades: int, is_buyer_maker: bool) -> None:
        """Fold a trade into its bar; bars without a trade repeat the close with volume 0."""
        open_ms = trade_ms - trade_ms % self.period_ms
        data = self.data
        base = len(data) - ROW
        if base < 0 or data[base] < open_ms:
            if base >= 0:
                close = data[base + 4]
                gap_ms = data[base] + self.period_ms
                if open_ms - gap_ms > self._bars_max * self.period_ms:  # nothing of what is kept is recent enough
                    gap_ms = open_ms - self._bars_max * self.period_ms
                    del data[:]
                while gap_ms < open_ms:
                    self.append_row([gap_ms, close, close, close, close, 0, 0, 0, 0, 0])
                    gap_ms += self.period_ms
            self.append_row([open_ms, price_e8, price_e8, price_e8, price_e8, 0, 0, 0, 0, 0])
            base = len(data) - ROW
        while base > 0 and data[base] > open_ms:
            base -= ROW
        if data[base + 7] == 0:
            data[base + 1] = data[base + 2] = data[base + 3] = price_e8
        _fold(data, base, price_e8, quantity_e8, trades, is_buyer_maker)

    def rows_as_of(self, time_ns: int, now_ms: int, trades: TradeHistory) -> tuple[int, list[list[int]]]:
        """(how many stored rows are final as they stand, the later rows as of ``time_ns``).

        ``now_ms`` is the exchange's clock then: the row it lies in is the last one.
        """
        period = self.period_ms
        rows = len(self)
        now_open = now_ms - now_ms % period
        if rows == 0:
            return 0, []
        first = self.data[0]
        settled = min(rows, max(0, (now_ms - SETTLE_MS - first) // period))
        count = trades.count_as_of(time_ns)
        later: list[list[int]] = []
        is_now = count == len(trades.times)
        for index in range(settled, rows):
            open_ms = self.data[index * ROW]
            if open_ms > now_open and not is_now:
                break
            later.append(self.row(index) if is_now else self._refolded(index, count, trades))
        if later:
            close, next_ms = later[-1][4], later[-1][0] + period
        elif settled:
            close, next_ms = self.data[(settled - 1) * ROW + 4], self.data[(settled - 1) * ROW] + period
        else:
            return 0, []
        for empty_ms in range(next_ms, now_open + 1, period):
            later.append([empty_ms, close, close, close, close, 0, 0, 0, 0, 0])
        for i, row in enumerate(later):
            if row[7] == 0 and (i > 0 or settled):
                before = later[i - 1][4] if i > 0 else self.data[(settled - 1) * ROW + 4]
                row[1] = row[2] = row[3] = row[4] = before
        return settled, later

    def _refolded(self, index: int, count: int, trades: TradeHistory) -> list[int]:
        open_ms = self.data[index * ROW]
        close_ms = open_ms + self.period_ms
        row = array("q", [open_ms, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        low = count
        while low > 0 and trades.trade_ms[low - 1] >= open_ms - SETTLE_MS:
            low -= 1
        if low == 0 and trades.is_trimmed and trades.trade_ms[0] > open_ms:
            return self.row(index)  # its trades are no longer kept
        for i in range(low, count):
            if open_ms <= trades.trade_ms[i] < close_ms:
                price = trades.prices[i]
                quantity = trades.quantities[i]
                if row[7] == 0:
                    row[1] = row[2] = row[3] = price
                _fold(row, 0, price, abs(quantity), trades.last_ids[i] - trades.first_ids[i] + 1, quantity < 0)
        return row.tolist()


def _fold(data: array[int], base: int, price_e8: int, quantity_e8: int, trades: int, is_buyer_maker: bool) -> None:
    data[base + 2] = max(data[base + 2], price_e8)
    data[base + 3] = min(data[base + 3], price_e8)
    data[base + 4] = price_e8
    notional = price_e8 * quantity_e8 // E8
    data[base + 5] += quantity_e8
    data[base + 6] += notional
    data[base + 7] += trades
    if not is_buyer_maker:
        data[base + 8] += quantity_e8
        data[base + 9] += notional


def fold_rows(rows: list[list[int]], period_ms: int) -> list[list[int]]:
    """Kline rows folded into a longer period (a multiple of theirs)."""
    folded: list[list[int]] = []
    for row in rows:
        open_ms = row[0] - row[0] % period_ms
        if not folded or folded[-1][0] != open_ms:
            folded.append([open_ms, *row[1:]])
            continue
        extend_row(folded[-1], row)
    return folded


def extend_row(into: list[int], row: list[int]) -> None:
    """Fold the kline row that follows into one of a longer period."""
    into[2] = max(into[2], row[2])
    into[3] = min(into[3], row[3])
    into[4] = row[4]
    for column in range(5, ROW):
        into[column] += row[column]
