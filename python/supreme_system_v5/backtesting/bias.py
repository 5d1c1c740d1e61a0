"""Does a run know what it cannot know yet, and did it begin with enough history?

Look-ahead: what was decided up to a moment must not change when the data after it is cut off, nor when it is altered.
Warm-up: what is decided from a moment on must not change when more history is shown before it.

A `BiasRunner` plays one data set under such conditions and says what was decided; `check_bias` compares.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from supreme_system_v5.core.domain.effects import DecisionRecord, Effect, FillRecord, SubmitOrder, TradeRecord
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.engine.pump import EventPump

WARM_BARS: Final = 500  # what a daemon takes
LADDER: Final = (35, 50, 75, 100, 150, 200, 300, 400, WARM_BARS, 750, 1_000)
CUTS: Final = 5
EARLIEST: Final = 0.25  # the share of the data before the first cut
LATEST: Final = 0.95

CUT: Final = "cut"
ALTERED: Final = "altered"
WARM_UP: Final = "warm-up"


class Decision(NamedTuple):
    """Something the run did or wanted, at engine time ``time_ns``, in words that hold every number of it.

    ``known_ns``: the time of the event that brought it about. A timer fires, and an order fills inside a bar, at an
    earlier time than that of the event that shows it.
    """

    time_ns: int
    text: str
    known_ns: int


class Played(NamedTuple):
    """What was decided, and up to which engine time the run came."""

    decisions: list[Decision]
    until_ns: int


class Difference(NamedTuple):
    """The first decision that is not the same. ``whole`` is of the unchanged data, "" where there is none."""

    check: str  # CUT, ALTERED or WARM_UP
    at_ns: int  # where the data was cut or altered; where the warm-up ended
    time_ns: int
    whole: str
    changed: str


class CutRow(NamedTuple):
    """One moment at which the data was cut, and altered from."""

    at_ns: int
    share: float  # of the data before it
    decisions: int
    cut: Difference | None
    altered: Difference | None


class WarmRow(NamedTuple):
    """One length of history: what was decided after it, and the first difference from the longest."""

    bars: int
    decisions: int
    difference: Difference | None


class BiasReport(NamedTuple):
    """``bars_enough``: the shortest history of the ladder from which on nothing changes; None where even the longest
    but one differs. ``warm_note`` says why there is no check of the warm-up, where there is none.
    """

    decisions: int
    cuts: list[CutRow]
    warm: list[WarmRow]
    starts: list[int]  # where the warm-up ended, ns
    bars_enough: int | None
    warm_note: str

    @property
    def first(self) -> Difference | None:
        """The first difference that is a fault: any of look-ahead; of the warm-up where a daemon would differ."""
        for row in self.cuts:
            for found in (row.cut, row.altered):
                if found is not None:
                    return found
        for warm in self.warm:
            if warm.bars >= WARM_BARS and warm.difference is not None:
                return warm.difference
        return None


class BiasRunner(Protocol):
    """Plays one data set. Times are engine time, ns."""

    def whole(self) -> Played:
        """The data as it is."""

    def cut_at(self, share: float) -> int:
        """A moment about so far into the data at which it can be cut."""

    def cut(self, at_ns: int) -> Played:
        """Without anything after ``at_ns``."""

    def altered(self, at_ns: int, seed: int) -> Played:
        """With everything after ``at_ns`` changed by a seeded transformation."""

    def starts(self, whole: Played) -> tuple[list[int], int, str]:
        """Where runs that check the warm-up begin, how many bars of history all of them have, and why there are no
        such runs ("" where there are).
        """

    def warmed(self, at_ns: int, bars: int) -> Played:
        """From ``at_ns`` on, after so many bars of warm-up."""


class DecisionLog:
    """Collects decisions from the effects that come out of a pump."""

    def __init__(self, pump: EventPump) -> None:
        self.decisions: list[Decision] = []
        self._pump = pump

    def see(self, effects: list[Effect]) -> None:
        """Take down what of the effects is a decision or its outcome."""
        for effect in effects:
            if isinstance(effect, (DecisionRecord, SubmitOrder, FillRecord, TradeRecord)):
                time_ns = int(effect.time_ns)
                known_ns = max(time_ns, int(self._pump.under_way_ns))
                self.decisions.append(Decision(time_ns, _words(effect), known_ns))


def check_bias(
    runner: BiasRunner, cuts: int = CUTS, seed: int = 42, watch: Callable[[str], None] | None = None
) -> BiasReport:
    """Play the data whole, then cut and altered at ``cuts`` seeded moments, then with histories of every length of the
    ladder. ``watch`` is told what is played now.
    """
    chance = random.Random(seed)
    tell = watch or (lambda _text: None)
    tell("the whole data")
    whole = runner.whole()
    rows: list[CutRow] = []
    step = (LATEST - EARLIEST) / max(1, cuts)
    for number in range(cuts):
        share = EARLIEST + step * (number + chance.random())
        at_ns = runner.cut_at(share)
        tell(f"cut {number + 1} of {cuts}")
        cut = _compare(CUT, at_ns, whole, runner.cut(at_ns))
        tell(f"altered after cut {number + 1} of {cuts}")
        altered = runner.altered(at_ns, chance.randrange(1 << 30))
        known = sum(one.known_ns <= at_ns for one in whole.decisions)
        rows.append(CutRow(at_ns, share, known, cut, _compare(ALTERED, at_ns, whole, altered)))
    starts, warm, enough, note = _check_warm_up(runner, whole, tell)
    return BiasReport(len(whole.decisions), rows, warm, starts, enough, note)


def _check_warm_up(
    runner: BiasRunner, whole: Played, tell: Callable[[str], None]
) -> tuple[list[int], list[WarmRow], int | None, str]:
    starts, available, note = runner.starts(whole)
    longest = min(available, 2 * LADDER[-1])
    lengths = sorted({bars for bars in LADDER if bars <= longest} | {longest})
    if note or len(lengths) < 2:
        return [], [], None, note or f"only {available} bar(s) of history lie before where it would begin"
    tell(f"{longest} bars of warm-up")
    best = [runner.warmed(at_ns, longest) for at_ns in starts]
    rows: list[WarmRow] = []
    for bars in lengths:
        tell(f"{bars} bars of warm-up")
        rows.append(_warm_row(runner, starts, best, bars))
    enough: int | None = None
    for row in reversed(rows[:-1]):
        if row.difference is not None:
            break
        enough = row.bars
    if longest <= WARM_BARS:
        note = f"the data has {available} bars of history: more than a daemon's {WARM_BARS} could not be tried"
    return starts, rows, enough, note


def _warm_row(runner: BiasRunner, starts: list[int], best: list[Played], bars: int) -> WarmRow:
    """All beginnings with so many bars before them, against the longest history."""
    count = 0
    difference: Difference | None = None
    for at_ns, longest in zip(starts, best, strict=True):
        played = runner.warmed(at_ns, bars)
        count += len(played.decisions)
        difference = difference or _compare(WARM_UP, at_ns, longest, played, is_whole=True)
    return WarmRow(bars, count, difference)


def _compare(check: str, at_ns: int, whole: Played, changed: Played, is_whole: bool = False) -> Difference | None:
    """The first decision up to ``at_ns`` (all of them with ``is_whole``) that is not the same in both."""
    until_ns = min(whole.until_ns, changed.until_ns)
    if not is_whole:
        until_ns = min(until_ns, at_ns)
    first = [one for one in whole.decisions if one.known_ns <= until_ns]
    second = [one for one in changed.decisions if one.known_ns <= until_ns]
    for number in range(max(len(first), len(second))):
        mine = first[number] if number < len(first) else None
        other = second[number] if number < len(second) else None
        if mine != other:
            time_ns = min(one.time_ns for one in (mine, other) if one is not None)
            return Difference(check, at_ns, time_ns, mine.text if mine else "", other.text if other else "")
    return None


def _words(effect: DecisionRecord | SubmitOrder | FillRecord | TradeRecord) -> str:
    if isinstance(effect, DecisionRecord):
        return " ".join(word for word in (effect.kind, effect.reason, effect.detail) if word)
    if isinstance(effect, SubmitOrder):
        order = effect.order
        side = "buy" if order.side == BUY else "sell"
        return f"order {order.role} {side} {plain_e8(int(order.quantity_e8))} at {plain_e8(int(order.price_e8))}"
    if isinstance(effect, FillRecord):
        report = effect.report
        quantity, price = plain_e8(int(report.last_quantity_e8)), plain_e8(int(report.last_price_e8))
        return f"fill {effect.order.role} {quantity} at {price}"
    return f"trade closed by {effect.exit_reason}, net {plain_e8(effect.net_e8)}"
