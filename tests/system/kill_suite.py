"""kill -9 at seeded moments of a fast session against the separate exchange, restarted each time.

    python -m tests.system.kill_suite --kills 50 [--seed N]

After each kill and each restart the journal is read by plain SQL (independent.py) and compared with what the daemon
had said before. Exit 1, with the seed, when anything is lost, doubled or left without its stop.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.system import independent, kill_windows
from tests.system.independent import E8, Books
from tests.system.world import FAST, FAST_EXCHANGE, Daemon, World, price_e8

_FILL_LINE: Final = re.compile(r"(?:ENTRY|EXIT|STOP|TARGET) (BUY|SELL) ([\d.]+) @ ([\d.]+) fee")
STOP_SLIPPAGE_BPS: Final = 50  # ENTRY_SLIPPAGE_BPS of FAST
TICK_E8: Final = 1_000_000
# The stream and the settling of a restart overlap by less than this much market time.
EDGE_MS: Final = 1_000
AGAIN_MAX: Final = 5


def windows_for(kills: int, rng: random.Random) -> list[str]:
    """40 % with a position, 24 % with an order in flight, 16 % in a commit, the rest anywhere, the start included."""
    shares = (("position", 0.40), ("in_flight", 0.24), ("commit", 0.16))
    plan = [name for name, share in shares for _ in range(max(1, round(kills * share)))]
    if not kill_windows.can_watch_commits():
        plan = ["random" if name == "commit" else name for name in plan]
    pairs = max(1, kills // 25)
    while len(plan) + 2 * pairs < kills:
        plan.append("start" if len(plan) % 3 == 0 else "random")
    plan = plan[: kills - 2 * pairs]
    rng.shuffle(plan)
    for _ in range(pairs):  # the market goes through the stop, and the start that would find out is killed too
        at = rng.randrange(len(plan) + 1)
        plan[at:at] = ["moved", "settling"]
    return plan


class Suite:
    """One home, one exchange, many lives of the daemon."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = random.Random(seed)
        self.journal = world.home.journal_path
        self.scratch = world.root / "scratch"
        self.counts: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.before: Books | None = None  # as the last life left it
        self.reference: Books | None = None  # as the last life left it that got beyond its start
        self.known_orders: dict[str, tuple[Any, ...]] = {}
        self.days: dict[int, tuple[str, ...]] = {}
        self.restart_ms: list[float] = []

    def read(self) -> Books | None:
        books = independent.read(self.journal, self.scratch)
        if books is not None:
            independent.check(books)
        return books

    # -- one life ------------------------------------------------------------------------------------------------

    def live(self, window: str) -> None:
        """Start, check what the restart made of the last death, wait for the window, kill, check what is left."""
        started = time.monotonic()
        daemon = self.world.start("run")
        seen: dict[str, Any] = {}
        is_start = window in ("start", "settling")
        if not is_start:
            seen = daemon.wait_active()
            self.restart_ms.append((time.monotonic() - started) * 1000)
            self._check_restart(daemon, seen)
        is_met = kill_windows.wait_for("position" if window == "moved" else window, daemon, self.rng)
        if not is_start and window != "commit":
            seen = daemon.status() or seen
        daemon.kill()
        books = self.read()
        self._check_told(daemon, seen, books)
        self._count(window, is_met, books)
        self.before = books or self.before
        if not is_start or self.reference is None:
            self.reference = self.before
        if window == "moved" and books is not None and books.position:
            self._move_through_stop(books)

    def _count(self, window: str, is_met: bool, books: Books | None) -> None:
        """What the journal shows at death counts, not what was aimed at; a commit counts when it was caught."""
        self.counts["kills"] += 1
        self.counts["inside a journal commit"] += window == "commit" and is_met
        self.counts["during the start"] += window in ("start", "settling")
        self.counts["while the downtime was being settled"] += window == "settling" and is_met
        if books is not None:
            self.counts["with a position open"] += bool(books.position)
            self.counts["with an order in flight"] += bool(books.pending)

    def _move_through_stop(self, books: Books) -> None:
        """While nobody is there the market goes through the stop, by two per cent beyond it."""
        side, stop = books.position["side"], books.position["stop_trigger_e8"]
        last = self.world.trades_between(*self._last_second())[-1][1]
        self.world.fault("move", fraction=(stop - last) / last - side * 0.02, seconds=1)
        time.sleep(0.3)
        self.counts["market moved through the stop while down"] += 1

    def _last_second(self) -> tuple[int, int]:
        now_ms = self.world.ask_exchange("/x/status")["time_ns"] // 1_000_000
        return now_ms - 20_000, now_ms

    # -- what must hold at death ---------------------------------------------------------------------------------

    def _check_told(self, daemon: Daemon, seen: dict[str, Any], books: Books | None) -> None:
        """Everything that was said about fills, on stdout or in a status, is in the journal."""
        lines = [line for line in daemon.said().splitlines(keepends=True) if line.endswith("\n")]
        told = [_FILL_LINE.search(line) for line in lines]
        fills = Counter(
            (found[1], round(float(found[2]), 4), round(float(found[3]), 2)) for found in told if found is not None
        )
        assert books is not None or not fills, "fills were told of, and there is no journal"
        if books is None:
            return
        earlier = len(self.before.fills) if self.before is not None else 0
        booked = Counter(
            ("BUY" if fill.side > 0 else "SELL", round(fill.quantity / E8, 4), round(fill.price / E8, 2))
            for fill in books.fills[earlier:]
        )
        lost = fills - booked
        assert not lost, f"told on stdout and not in the journal: {dict(lost)}"
        self.outcomes["fills told before a kill, all found"] += sum(fills.values())
        if self.before is not None:
            assert books.fills[:earlier] == self.before.fills, "a fill of an earlier life is gone or changed"
            assert books.trades[: len(self.before.trades)] == self.before.trades
        if seen:
            assert len(books.trades) >= seen["trades_closed"], "a closed trade was told of and is not there"
            told_e8, ever = price_e8(seen["wallet"]), independent.wallets(books)
            # A status shows four decimals.
            assert any(abs(told_e8 - wallet) <= 5_000 for wallet in ever), (
                f"a wallet was told of that never was: {told_e8}, ever {sorted(ever)}"
            )
        self._check_ids(books)

    def _check_ids(self, books: Books) -> None:
        for order_id, order in books.orders.items():
            identity = (order["role"], order["side"], order["created_ns"])
            known = self.known_orders.setdefault(order_id, identity)
            same = known[:2] == identity[:2] and (known[2] == identity[2] or order["role"] in ("stop", "target"))
            assert same, f"client order id {order_id} was used twice: {known}, {identity}"
        if self.before is not None:
            highest = self.before.next_sequence
            for order_id in books.orders.keys() - self.before.orders.keys():
                sequence = independent.sequence_of(books.account, order_id)
                is_protection = books.orders[order_id]["role"] in ("stop", "target")
                assert sequence >= highest or is_protection, f"{order_id} is older than the last life's {highest}"
        day = books.state.get("day")
        if day is not None:
            kept = tuple(day[name] for name in ("baseline_e8", "realized_e8", "fees_e8", "funding_e8"))
            known = self.days.setdefault(day["start_ns"], kept)
            assert known == kept, f"the day's baseline changed from {known} to {kept}: its loss so far was lost"

    # -- what must hold after the restart ------------------------------------------------------------------------

    def _check_restart(self, daemon: Daemon, seen: dict[str, Any]) -> None:
        before, reference = self.before, self.reference
        if before is None or reference is None:
            return
        deadline = time.monotonic() + 10.0
        while True:
            books = self.read()
            assert books is not None
            try:
                self._check_position(reference, books)
                break
            except AssertionError:
                if time.monotonic() > deadline:  # the first trade of the stream may not have come yet
                    raise AssertionError(f"{sys.exc_info()[1]}\nit said:\n{daemon.said()}") from None
                time.sleep(0.1)
        day = before.state.get("day")
        if day is not None and seen["day"]["date"] == time.strftime("%Y-%m-%d", time.gmtime(day["start_ns"] // 10**9)):
            gap = abs(price_e8(seen["day"]["baseline"]) - int(day["baseline_e8"]))
            assert gap <= 5_000, f"the day's loss so far was forgotten: baseline {seen['day']['baseline']}, was {day}"
            self.outcomes["restarts into the same day, its baseline kept"] += 1
        for order_id in before.pending:
            state = books.orders[order_id]
            assert state["state"] == "CANCELED", f"intent {order_id} without a fill is {state['state']}"
            assert state["filled_e8"] == before.orders[order_id]["filled_e8"]
            self.outcomes["intents without a fill canceled"] += 1

    def _check_position(self, before: Books, books: Books) -> None:
        position = before.position
        if not position:
            return
        new = books.fills[len(before.fills) :]
        own = (position["stop_order_id"], position["target_order_id"])
        exits = [fill for fill in new if fill.side == -position["side"]]
        expected = self._expected_exit(before, books)
        if not exits:
            assert expected is None, f"the market went through {expected} while down, and the position is still open"
            stop = books.orders.get(own[0], {"state": "never written"})
            assert stop["state"] in ("OPEN", "PARTIALLY_FILLED"), stop
            assert stop["trigger_e8"] == position["stop_trigger_e8"], stop
            covered = stop["quantity_e8"] - stop["filled_e8"]
            assert covered == books.position["quantity_e8"], "the stop does not cover the position"
            self.outcomes["stop in force again"] += 1
            return
        first = exits[0]
        if not first.is_while_down:
            self.outcomes["closed by the stream after the restart"] += 1
            return
        assert expected is not None, f"booked as while_down, but nothing crossed: {first}"
        kind, time_ms, price = expected
        assert first.quantity == position["quantity_e8"], "a part of the position was forgotten"
        assert (kind == "stop") == (first.order_id == own[0]), f"{kind} was crossed first, {first.order_id} filled"
        assert abs(first.time_ns // 1_000_000 - time_ms) <= 1, f"booked at {first.time_ns}, crossed at {time_ms} ms"
        assert first.price == _slipped(price, first.side), f"{kind} filled at {first.price}, expected from {price}"
        self.outcomes[f"{kind} filled while down"] += 1

    def _expected_exit(self, before: Books, books: Books) -> tuple[str, int, int] | None:
        """What the restart must have booked, from the exchange's own trades: kind, time ms, price before slippage."""
        position = before.position
        side = position["side"]
        from_ms = before.last_time_ns // 1_000_000
        first = next((fill for fill in books.fills[len(before.fills) :] if fill.side == -side), None)
        to_ms = (first.time_ns if first else books.last_time_ns) // 1_000_000 + (1 if first else -EDGE_MS)
        for time_ms, price in self.world.trades_between(from_ms, to_ms):
            if (price - position["stop_trigger_e8"]) * side <= 0:
                worse = min if side > 0 else max
                return "stop", time_ms, worse(price, position["stop_trigger_e8"])
            if time_ms * 1_000_000 >= position["timeout_ns"]:
                return "timeout", time_ms, price
            if (price - position["target_trigger_e8"]) * side >= 0:
                return "target", time_ms, position["target_trigger_e8"]
        return None

    # -- the end -------------------------------------------------------------------------------------------------

    def finish(self) -> Books:
        """A last life that ends in order: flat, and the books close."""
        daemon = self.world.start("run", "--duration", "3", ON_STOP="close")
        code = daemon.wait(40)
        assert code == 0, daemon.said()
        books = self.read()
        assert books is not None and not books.position and books.ledger["position_e8"] == 0, "not flat at the end"
        open_orders = [order for order in books.orders.values() if order["state"] not in independent.FINAL]
        assert not open_orders, f"orders still open after an orderly stop: {open_orders}\nit said:\n{daemon.said()}"
        self._check_ids(books)
        return books


def _slipped(price: int, side: int) -> int:
    """Worse by the slippage, rounded against us to the tick."""
    if side > 0:
        raw = -(-price * (10_000 + STOP_SLIPPAGE_BPS) // 10_000)
        return -(-raw // TICK_E8) * TICK_E8
    return price * (10_000 - STOP_SLIPPAGE_BPS) // 10_000 // TICK_E8 * TICK_E8


def run(kills: int, seed: int, root: Path | None = None) -> Suite:
    """The suite. Raises AssertionError naming the seed."""
    with World(FAST, root) as world:
        world.start_exchange(*FAST_EXCHANGE)
        suite = Suite(world, seed)
        for number, window in enumerate(windows_for(kills, suite.rng), 1):
            try:
                suite.live(window)
                for _ in range(AGAIN_MAX):  # a position may close in the moment of the kill: one kill more, then
                    if window not in ("position", "moved") or (suite.before is not None and suite.before.position):
                        break
                    suite.live(window)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, kill {number} ({window}): {error}") from error
            print(f"kill {number:3} {window:10} ok   {_line(suite.before)}", flush=True)
        books = suite.finish()
        suite.outcomes["fills in the journal"] = len(books.fills)
        suite.outcomes["round trips in the journal"] = len(books.trades)
        suite.outcomes["while_down fills in the journal"] = sum(fill.is_while_down for fill in books.fills)
        return suite


def _line(books: Books | None) -> str:
    if books is None:
        return "no journal yet"
    return f"{len(books.fills)} fills, {len(books.trades)} trades, {'position open' if books.position else 'flat'}"


def report(suite: Suite) -> str:
    """The table people read."""
    lines = [f"{name:45} {count:6}" for name, count in (*suite.counts.items(), *sorted(suite.outcomes.items()))]
    if suite.restart_ms:
        middle = sorted(suite.restart_ms)[len(suite.restart_ms) // 2]
        lines.append(f"{'restart to trading, median ms':45} {middle:6.0f}")
    return "\n".join([*lines, "no fill lost or doubled; every identity held after every kill"])


def missing(suite: Suite, wanted: dict[str, int]) -> list[str]:
    """Which counts are short."""
    return [f"{name}: {suite.counts[name]} of {count}" for name, count in wanted.items() if suite.counts[name] < count]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    try:
        suite = run(options.kills, options.seed)
    except AssertionError as error:
        print(f"FAILED: {error}")
        return 1
    print(report(suite))
    wanted = {
        "kills": options.kills,
        "with a position open": options.kills * 20 // 50,
        "with an order in flight": options.kills * 10 // 50,
        "inside a journal commit": options.kills * 5 // 50 if kill_windows.can_watch_commits() else 0,
        "market moved through the stop while down": 1,
    }
    short = missing(suite, wanted)
    if short:
        print("FAILED: too few kills in a window: " + "; ".join(short))
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
