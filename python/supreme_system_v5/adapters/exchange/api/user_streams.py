"""Who is told what happens to an account: the user data streams, without their sockets.

An event is made once for all who listen in the same time unit, and handed over at once, in the order in which things
happened and before the request that caused it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from supreme_system_v5.core.matching.exchange.happenings import Happening

encode = msgspec.json.encode
# Makes the event(s) of a happening in the unit asked for (micro or not); None or [] for one that is not told.
Maker = Callable[[str, Happening, bool], Any]


class Subscription:
    """One listener. ``deliver`` gets the event's JSON. ``wanted``: names of events, empty = all. ``key``: the listen
    key it lives by.
    """

    def __init__(
        self,
        market: str,
        account: str,
        deliver: Callable[[bytes], None],
        is_micro: bool = False,
        wanted: Collection[str] = (),
        key: str = "",
    ) -> None:
        self.market = market
        self.account = account
        self.deliver = deliver
        self.is_micro = is_micro
        self.wanted = frozenset(wanted)
        self.key = key
        self.is_active = True


Delivery = tuple[Subscription, bytes]


class UserStreams:
    """The subscriptions by market and account."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._listeners: dict[tuple[str, str], list[Subscription]] = {}
        # What leaves now of a delivery: faults may lose, double or delay it. (market, delivery) -> deliveries.
        self.pass_on: Callable[[str, Delivery], list[Delivery]] = lambda _market, delivery: [delivery]
        self.sent = 0

    def add(self, subscription: Subscription) -> None:
        self._listeners.setdefault((subscription.market, subscription.account), []).append(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription (once more is no error)."""
        subscription.is_active = False
        key = (subscription.market, subscription.account)
        kept = [item for item in self._listeners.get(key, []) if item is not subscription]
        if kept:
            self._listeners[key] = kept
        else:
            self._listeners.pop(key, None)

    def end(self, market: str, account: str, key: str) -> None:
        """A listen key is active no more: its listeners hear nothing from now on."""
        for subscription in list(self._listeners.get((market, account), [])):
            if subscription.key == key:
                self.remove(subscription)

    def count(self) -> int:
        """How many listen."""
        return sum(len(items) for items in self._listeners.values())

    def publish(self, market: str, happenings: Iterable[Happening]) -> None:
        """Tell the accounts' listeners."""
        listeners = self._listeners
        if not listeners:
            return
        for happening in happenings:
            subscriptions = listeners.get((market, happening.account))
            if subscriptions:
                self._tell(market, happening, subscriptions)

    def _tell(self, market: str, happening: Happening, subscriptions: list[Subscription]) -> None:
        made: dict[bool, list[tuple[str, bytes]]] = {}
        for subscription in list(subscriptions):
            events = made.get(subscription.is_micro)
            if events is None:
                found = self._maker(market, happening, subscription.is_micro)
                bodies = found if isinstance(found, list) else [] if found is None else [found]
                events = made[subscription.is_micro] = [(str(body["e"]), encode(body)) for body in bodies]
            for name, event in events:
                self._offer(subscription, name, event)

    def send(self, market: str, account: str, event: dict[str, object]) -> None:
        """An event that is no happening of the venue (listenKeyExpired)."""
        body = encode(event)
        for subscription in list(self._listeners.get((market, account), [])):
            self._offer(subscription, str(event["e"]), body)

    def _offer(self, subscription: Subscription, name: str, event: bytes) -> None:
        if not subscription.wanted or name in subscription.wanted:
            for delivery in self.pass_on(subscription.market, (subscription, event)):
                self.hand(*delivery)

    def hand(self, subscription: Subscription, event: bytes) -> None:
        """Give an event to a listener, if it still listens."""
        if subscription.is_active:
            self.sent += 1
            subscription.deliver(event)
