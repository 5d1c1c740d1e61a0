"""Conditional orders of USD-M (the algo service): they wait for a price and then become an ordinary order.

States: NEW -> TRIGGERING -> TRIGGERED -> FINISHED; or CANCELED, EXPIRED, and REJECTED where the ordinary order was
refused. They lock no margin; everything is checked when they trigger. The ordinary order takes over the client id.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.happenings import AlgoUpdate, Happening
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm_rules import (
    CONTRACT_PRICE,
    GTD,
    LIMIT,
    MARK_PRICE,
    MARKET,
    STOP,
    STOP_MARKET,
    TAKE_PROFIT,
    TAKE_PROFIT_MARKET,
    TRAILING_STOP_MARKET,
    UsdmRules,
    unsupported,
)
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder

NEW: Final = "NEW"
TRIGGERING: Final = "TRIGGERING"
TRIGGERED: Final = "TRIGGERED"
FINISHED: Final = "FINISHED"
CANCELED: Final = "CANCELED"
EXPIRED: Final = "EXPIRED"
REJECTED: Final = "REJECTED"
ALGO_ENDED: Final = frozenset({FINISHED, CANCELED, EXPIRED, REJECTED})
ALGO_ENDED_MAX: Final = 10_000

_FIELDS: Final = (
    "account",
    "algo_id",
    "created_ns",
    "client_algo_id",
    "status",
    "updated_ns",
    "trigger_ns",
    "order_id",
    "actual_quantity_e8",
    "actual_price_e8",
    "failure",
)


class AlgoOrder:
    """One conditional order; ``asked`` has its type, trigger (``stop_price_e8``), price and quantity."""

    def __init__(self, account: str, algo_id: int, asked: NewOrder, created_ns: int) -> None:
        self.account = account
        self.algo_id = algo_id
        self.asked = asked
        self.created_ns = created_ns
        self.client_algo_id = asked.client_order_id
        self.status = NEW
        self.updated_ns = created_ns
        self.trigger_ns = 0
        self.order_id = 0  # of the ordinary order; 0 = none yet
        self.actual_quantity_e8 = 0
        self.actual_price_e8 = 0
        self.failure = ""  # why it was rejected (`rm`)

    @property
    def is_market(self) -> bool:
        return self.asked.order_type in (STOP_MARKET, TAKE_PROFIT_MARKET)

    @property
    def actual_type(self) -> str:
        """What it becomes."""
        return MARKET if self.is_market else LIMIT

    @property
    def is_waiting(self) -> bool:
        return self.status == NEW

    def is_reached(self, price_e8: int) -> bool:
        """Does this price trigger it? A stop when the price has gone with its side, a take-profit against it."""
        is_stop = self.asked.order_type in (STOP, STOP_MARKET)
        if is_stop == (self.asked.side > 0):
            return price_e8 >= self.asked.stop_price_e8
        return price_e8 <= self.asked.stop_price_e8


# (account, order to place, time, what to call as soon as it is accepted) -> None; raises Refusal.
Placer = Callable[[str, NewOrder, int, Callable[[ExchangeOrder], None]], None]


class AlgoDesk:
    """All conditional orders of the symbol."""

    def __init__(
        self, instrument: Instrument, rules: UsdmRules, ids: Ids, happenings: list[Happening], place: Placer
    ) -> None:
        self.instrument = instrument
        self.rules = rules
        self.ids = ids
        self.happenings = happenings
        self.place_actual = place
        self._all: dict[int, AlgoOrder] = {}
        self._open: dict[int, AlgoOrder] = {}  # waiting, triggering or triggered
        self._by_order: dict[int, AlgoOrder] = {}  # by the id of the open ordinary order
        self._ended: deque[int] = deque()

    # Asking ------------------------------------------------------------------------------------------------------

    def get(self, account: str, algo_id: int | None, client_algo_id: str) -> AlgoOrder | None:
        """By id, or by client id: the open one, else the newest."""
        if algo_id is not None:
            found = self._all.get(algo_id)
            return found if found is not None and found.account == account else None
        for algo in reversed(self._all.values()):
            if algo.account == account and algo.client_algo_id == client_algo_id:
                return self._find_open(account, client_algo_id) or algo
        return None

    def _find_open(self, account: str, client_algo_id: str) -> AlgoOrder | None:
        for algo in self._open.values():
            if algo.account == account and algo.client_algo_id == client_algo_id:
                return algo
        return None

    def waiting(self, account: str) -> list[AlgoOrder]:
        """The account's orders that have not triggered, oldest first: what the venue calls open."""
        return [algo for algo in self._open.values() if algo.account == account and algo.is_waiting]

    def is_waiting(self, algo_id: int) -> bool:
        algo = self._open.get(algo_id)
        return algo is not None and algo.is_waiting

    def all(self, account: str) -> list[AlgoOrder]:
        """All remembered, oldest first."""
        return [algo for algo in self._all.values() if algo.account == account]

    # Placing and cancelling --------------------------------------------------------------------------------------

    def place(self, account: str, asked: NewOrder, mark_e8: int, last_e8: int, time_ns: int, now_ms: int) -> AlgoOrder:
        """Raises Refusal; nothing has changed then."""
        self._check(asked, now_ms)
        waiting = self.waiting(account)
        if len(waiting) >= self.rules.algo_orders_max:
            raise Refusal(-4045, "Reach max stop order limit.")
        if asked.client_order_id and self._find_open(account, asked.client_order_id) is not None:
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        if asked.is_close_position:
            for other in waiting:
                same = other.asked.order_type == asked.order_type and other.asked.side == asked.side
                if other.asked.is_close_position and same:
                    raise Refusal(
                        -4130,
                        "An open stop or take profit order with GTE and closePosition in the direction is existing.",
                    )
        algo = AlgoOrder(account, 0, self._complete(asked), time_ns)
        reference_e8 = mark_e8 if algo.asked.working_type == MARK_PRICE else last_e8
        if reference_e8 > 0 and algo.is_reached(reference_e8):
            raise Refusal(-2021, "Order would immediately trigger.")
        algo.algo_id = self.ids.next_algo_id()
        if not algo.client_algo_id:
            algo.client_algo_id = algo.asked.client_order_id = self.ids.next_client_id()
        self._all[algo.algo_id] = self._open[algo.algo_id] = algo
        self._tell(algo, time_ns)
        return algo

    def _complete(self, asked: NewOrder) -> NewOrder:
        asked = copy.copy(asked)
        asked.time_in_force = asked.time_in_force or "GTC"
        asked.working_type = asked.working_type or CONTRACT_PRICE
        asked.stp_mode = asked.stp_mode or "EXPIRE_MAKER"
        asked.position_side = "BOTH"
        if asked.good_till_ms:
            asked.good_till_ms -= asked.good_till_ms % 1_000
        return asked

    def _check(self, asked: NewOrder, now_ms: int) -> None:
        rules, instrument = self.rules, self.instrument
        if asked.order_type == TRAILING_STOP_MARKET:
            raise unsupported()
        if asked.order_type not in (STOP, STOP_MARKET, TAKE_PROFIT, TAKE_PROFIT_MARKET):
            raise Refusal(-1116, "Invalid orderType.")
        rules.check_words(asked, now_ms)
        if asked.working_type not in ("", MARK_PRICE, CONTRACT_PRICE):
            raise Refusal(-4031, f"Invalid parameter working type: {asked.working_type}")
        rules.check_trigger(instrument, asked.stop_price_e8)
        is_market = asked.order_type in (STOP_MARKET, TAKE_PROFIT_MARKET)
        if asked.is_close_position:
            if not is_market:
                raise Refusal(-4136, f"Target strategy invalid for orderType {asked.order_type},closePosition true")
            if asked.quantity_e8:
                raise Refusal(-4137, "Quantity must be zero with closePosition equals true")
            if asked.is_reduce_only:
                raise Refusal(-1106, "Parameter 'reduceonly' sent when not required.")
            return
        rules.check_quantity(instrument, asked.quantity_e8, is_market)
        price_e8 = asked.stop_price_e8
        if is_market:
            if asked.price_e8:
                raise Refusal(-1106, "Parameter 'price' sent when not required.")
        else:
            price_e8 = asked.price_e8
            rules.check_price(instrument, price_e8)
            self._check_band(asked)
        if not asked.is_reduce_only:
            rules.check_notional(instrument, asked.quantity_e8, price_e8)

    def _check_band(self, asked: NewOrder) -> None:
        """A limit price must lie within PERCENT_PRICE of its trigger."""
        most_e8 = asked.stop_price_e8 * self.rules.percent_up_e8 // E8
        least_e8 = -(-asked.stop_price_e8 * self.rules.percent_down_e8 // E8)
        if asked.side > 0 and asked.price_e8 > most_e8:
            raise Refusal(-4183, "Price is higher than stop price multiplier cap.")
        if asked.side < 0 and asked.price_e8 < least_e8:
            raise Refusal(-4184, "Price is lower than stop price multiplier floor.")

    def cancel(self, algo: AlgoOrder, time_ns: int) -> None:
        """Raises Refusal -4117 while it triggers, -2011 when it is not waiting any more."""
        if algo.status in (TRIGGERING, TRIGGERED):
            raise Refusal(-4117, "stop order is triggering")
        if not algo.is_waiting:
            raise Refusal(-2011, "Unknown order sent.")
        self._finish(algo, CANCELED, time_ns)

    def end_all(self, account: str, status: str, time_ns: int) -> list[AlgoOrder]:
        """Cancel (or expire) everything that waits."""
        waiting = self.waiting(account)
        for algo in waiting:
            self._finish(algo, status, time_ns)
        return waiting

    # What happens by itself --------------------------------------------------------------------------------------

    def on_price(self, working_type: str, price_e8: int, mark_e8: int, last_e8: int, time_ns: int) -> None:
        """The mark or the last price is this now: what it reaches triggers, oldest first."""
        for algo in [algo for algo in self._open.values() if algo.is_waiting]:
            if algo.asked.working_type == working_type and algo.is_waiting and algo.is_reached(price_e8):
                if not (algo.asked.is_price_protected and self._is_apart(mark_e8, last_e8)):
                    self._trigger(algo, time_ns)

    def _is_apart(self, mark_e8: int, last_e8: int) -> bool:
        """Price protection: mark and last price differ by more than ``triggerProtect``."""
        if mark_e8 <= 0 or last_e8 <= 0:
            return False
        return abs(mark_e8 - last_e8) * E8 > self.rules.trigger_protect_e8 * mark_e8

    def _trigger(self, algo: AlgoOrder, time_ns: int) -> None:
        algo.status = TRIGGERING
        algo.trigger_ns = time_ns
        self._tell(algo, time_ns)
        asked = copy.copy(algo.asked)
        asked.is_reduce_only = asked.is_reduce_only or asked.is_close_position
        if asked.time_in_force != GTD:
            asked.good_till_ms = 0

        def accepted(order: ExchangeOrder) -> None:
            algo.status = TRIGGERED
            algo.order_id = order.order_id
            self._by_order[order.order_id] = algo
            self._tell(algo, time_ns)

        try:
            self.place_actual(algo.account, asked, time_ns, accepted)
        except Refusal as refusal:
            algo.failure = "Reduce Only reject" if refusal.code == -2022 else refusal.message
            self._finish(algo, REJECTED, time_ns)

    def on_order_ended(self, order: ExchangeOrder, time_ns: int) -> None:
        """An ordinary order is done: if it came from a conditional one, that is finished."""
        algo = self._by_order.pop(order.order_id, None)
        if algo is not None:
            algo.actual_quantity_e8 = int(order.filled_e8)
            algo.actual_price_e8 = order.average_price_e8
            self._finish(algo, FINISHED, time_ns)

    def expire(self, algo_id: int, time_ns: int) -> None:
        """The good-till date of a waiting order has come."""
        self._finish(self._open[algo_id], EXPIRED, time_ns)

    def _finish(self, algo: AlgoOrder, status: str, time_ns: int) -> None:
        algo.status = status
        del self._open[algo.algo_id]
        self._ended.append(algo.algo_id)
        if len(self._ended) > ALGO_ENDED_MAX:
            del self._all[self._ended.popleft()]
        self._tell(algo, time_ns)

    def _tell(self, algo: AlgoOrder, time_ns: int) -> None:
        algo.updated_ns = time_ns
        self.happenings.append(AlgoUpdate(algo.account, time_ns, copy.copy(algo)))

    # State -------------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        return {
            "orders": [
                [vars(algo.asked).copy(), [getattr(algo, name) for name in _FIELDS]] for algo in self._all.values()
            ],
            "ended": list(self._ended),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        for asked_fields, fields in saved["orders"]:
            asked = NewOrder(1, "")
            vars(asked).update(asked_fields)
            algo = AlgoOrder(fields[0], fields[1], asked, fields[2])
            for name, value in zip(_FIELDS, fields, strict=True):
                setattr(algo, name, value)
            self._all[algo.algo_id] = algo
            if algo.status not in ALGO_ENDED:
                self._open[algo.algo_id] = algo
                if algo.order_id:
                    self._by_order[algo.order_id] = algo
        self._ended.extend(saved["ended"])

    def open_good_till(self) -> list[AlgoOrder]:
        """Waiting orders with a good-till date."""
        return [algo for algo in self._open.values() if algo.is_waiting and algo.asked.good_till_ms]
