"""The sessions of a home as a chain: what one left in the journal is what the next one began with.

The books are kept here a second time, from the records that the replayed engine hands out, without a database.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from supreme_system_v5.core.domain.order import ORDER_FIELDS, TERMINAL_STATES

RESULTS_MAX: Final = 100  # trades that a start is told of
# Written without waiting for them: a kill may have come first, and then the journal is behind the recording here.
LOOSE: Final = ("last_time_ns", "last_price_e8")


class Books:
    """What the journal of one account holds, from what a session began with and the transactions since."""

    def __init__(self, saved: dict[str, Any], account: str) -> None:
        self._account = account
        self.ledger: dict[str, Any] = dict(saved["ledger"])
        self.next_sequence = int(saved["next_sequence"])
        self.position: dict[str, Any] = dict(saved["position"])
        self.orders: dict[str, dict[str, Any]] = {order["client_order_id"]: order for order in saved["open_orders"]}
        self.state: dict[str, str] = dict(saved["state"])
        self.results_e8: list[int] = list(saved["results_e8"])
        self.trades_closed = int(saved["trades_closed"])
        self.last_funding_ms = int(saved["last_funding_ms"])
        self.last_time_ns = int(saved["last_time_ns"])
        self._mark = (0, int(saved["last_price_e8"]))
        self._fill = (0, 0)
        self._executions: set[str] = set()
        self._payments: list[tuple[int, int]] = []  # funding: time, amount
        self._earlier = (int(self.position.get("opened_ns", 0)), int(self.position.get("funding_e8", 0)))
        # After each transaction of the last list of effects that had durable ones, and before the first of them.
        self.candidates: list[dict[str, Any]] = [self.saved()]
        self.pending = 0  # records in that list
        self._is_start = False

    # -- what comes in ---------------------------------------------------------------------------------------------

    def take(self, transactions: list[list[Any]], is_start: bool = False) -> None:
        """One list of effects' records: each inner list is a transaction.

        ``is_start``: of a start, which gathers several lists before it commits them.
        """
        is_durable = any(
            record["is"] not in ("DecisionRecord", "EquityRecord") for one in transactions for record in one
        )
        candidates = [self.saved()]
        for records in transactions:
            for record in records:
                self._record(record)
            candidates.append(self.saved())
        pending = sum(len(one) for one in transactions)
        if is_start and self._is_start:
            self.candidates += candidates[1:]
            self.pending += pending
        elif is_durable:
            self.candidates = candidates
            self.pending = pending
        else:
            self.candidates = [candidates[-1]]
            self.pending = 0
        self._is_start = is_start

    def _record(self, record: dict[str, Any]) -> None:
        kind = record["is"]
        self.last_time_ns = max(self.last_time_ns, 0 if kind == "TradeRecord" else int(record["time_ns"]))
        if kind == "OrderRecord":
            self._order(record)
        elif kind == "FillRecord":
            self._take_fill(record)
        elif kind == "BooksRecord":
            self.ledger, self.position = dict(record["ledger"]), dict(record["position"])
        elif kind == "FundingRecord":
            if int(record["funding_time_ms"]) > self.last_funding_ms:
                self.last_funding_ms = int(record["funding_time_ms"])
                self.ledger = dict(record["ledger"])
                self._payments.append((int(record["time_ns"]), int(record["amount_e8"])))
        elif kind == "TradeRecord":
            self.results_e8 = [*self.results_e8, int(record["net_e8"])][-RESULTS_MAX:]
            self.trades_closed += 1
        elif kind == "EquityRecord":
            if int(record["mark_e8"]) > 0 and int(record["time_ns"]) >= self._mark[0]:
                self._mark = (int(record["time_ns"]), int(record["mark_e8"]))
        elif kind == "StateRecord":
            self.state[record["key"]] = record["value_json"]

    def _order(self, record: dict[str, Any]) -> None:
        order_id = record["client_order_id"]
        ids = (order_id, record["stop_order_id"], record["target_order_id"])
        self.next_sequence = max(self.next_sequence, *(self._sequence_of(one) + 1 for one in ids))
        if record["state"] in TERMINAL_STATES:
            self.orders.pop(order_id, None)
        else:
            self.orders[order_id] = {"is": "Order", **{name: record[name] for name in ORDER_FIELDS}}

    def _sequence_of(self, order_id: str) -> int:
        prefix = f"s5-{self._account}-"
        return int(order_id[len(prefix) :], 36) if order_id.startswith(prefix) else 0

    def _take_fill(self, record: dict[str, Any]) -> None:
        report = record["report"]
        if report["execution_id"] in self._executions:
            return
        self._executions.add(report["execution_id"])
        self._order(record["order"])
        self.ledger, self.position = dict(record["ledger"]), dict(record["position"])
        self._fill = (int(report["time_ns"]), int(report["last_price_e8"]))

    # -- what a next session would begin with ----------------------------------------------------------------------

    def loose(self) -> dict[str, Any]:
        mark, fill = self._mark, self._fill
        price_e8 = fill[1] if fill[1] > 0 and fill[0] > mark[0] else mark[1]
        return {"last_time_ns": self.last_time_ns, "last_price_e8": price_e8}

    def saved(self) -> dict[str, Any]:
        """The saved state, in the header's words."""
        position = dict(self.position)
        if position:
            opened_ns = int(position["opened_ns"])
            paid = sum(amount for time_ns, amount in self._payments if time_ns >= opened_ns)
            position["funding_e8"] = paid + (self._earlier[1] if opened_ns == self._earlier[0] else 0)
        orders = sorted(
            self.orders.values(),
            key=lambda order: (order["created_ns"], len(order["client_order_id"]), order["client_order_id"]),
        )
        found = {
            "ledger": self.ledger,
            "next_sequence": self.next_sequence,
            "position": position,
            "open_orders": orders,
            "state": self.state,
            "results_e8": self.results_e8,
            "trades_closed": self.trades_closed,
            "last_funding_ms": self.last_funding_ms,
            **self.loose(),
        }
        return copy.deepcopy(found)


class Link:
    """What stands between two sessions: ``differences`` is empty when it holds; ``note`` says what a kill cost."""

    def __init__(self, differences: list[tuple[str, str, str]], note: str) -> None:
        self.differences = differences
        self.note = note


def link(books: Books, began: dict[str, Any], is_ended: bool) -> Link:
    """Compare what a session left with what the next one began with. ``is_ended``: it ended in an orderly way."""
    best: list[tuple[str, str, str]] | None = None
    for back, left in enumerate(reversed(books.candidates)):
        differences = _differences(left, began, is_ended)
        if not differences:
            return Link([], _note(left, began, back, books.pending))
        best = differences if best is None else best
        if is_ended:
            break
    return Link(best or [], "")


def _differences(left: dict[str, Any], began: dict[str, Any], is_ended: bool) -> list[tuple[str, str, str]]:
    found = []
    for name, value in left.items():
        other = began.get(name)
        if name in LOOSE and not is_ended:
            if name == "last_time_ns" and int(other or 0) > value:
                found.append((name, str(value), str(other)))
        elif value != other:
            found.append((name, str(value), str(other)))
    return found


def _note(left: dict[str, Any], began: dict[str, Any], back: int, pending: int) -> str:
    notes = []
    if back:
        notes.append(f"the kill came before the journal had all of the last {pending} records; they were not booked")
    behind_ns = left["last_time_ns"] - int(began["last_time_ns"])
    if behind_ns > 0:
        notes.append(f"the last {behind_ns / 1e9:.1f} s of equity and decisions had not reached the journal")
    return "; ".join(notes)
