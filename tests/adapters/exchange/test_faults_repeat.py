"""Every fault there is, drawn from one seed, over both markets without a socket: twice the same to the last byte, and
every one of them in the log with its seed and time.
"""

from __future__ import annotations

import json
from typing import Any, Final

from supreme_system_v5.adapters.exchange.api.user_streams import Subscription
from supreme_system_v5.adapters.exchange.faults.acts import FaultActs
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.faults.kinds import KINDS
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame
from tests.adapters.exchange.desk import E8, Desk

STEPS: Final = 240
# What would last longer than a test, kept short.
ARGS: Final[dict[str, dict[str, Any]]] = {
    "maintenance": {"seconds": 1, "break_seconds": 1},
    "half_open": {"seconds": 1},
    "silence": {"seconds": 1, "stream": "user"},
    "drop": {"seconds": 1, "probability": 0.5},
    "delay": {"seconds": 1, "delay_ms": 300},
    "clock_skew": {"seconds": 1, "offset_ms": 5000},
    "slow_rest": {"seconds": 1, "delay_ms": 300},
    "error": {"code": -1008},
    "move": {"fraction": 0.001, "seconds": 1},
}


class Repeat(Desk):
    """A desk whose frames and user events pass the faults, as the server's do."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        plan = [{"kind": kind, "rate_per_minute": 8, "args": ARGS.get(kind, {})} for kind in sorted(KINDS)]
        self.lines: list[str] = []
        self.box = FaultBox(self.now_ns, plan, seed, log=self.lines.append)
        self.acts = FaultActs(self.box, self.exchange)
        self.sent: list[object] = []
        self.events: list[bytes] = []
        self.exchange.streams.pass_on = lambda market, item: self.box.pass_event(market, item, self.now_ns)
        for market in ("spot", "usdm"):
            self.exchange.streams.add(Subscription(market, "main", self.events.append))

    def live(self, seconds: float) -> None:
        self.walk(seconds)
        for name in ("spot", "usdm"):
            frames = [OutFrame(*frame[1:]) for frame in self.frames if frame[0] == name]
            self.sent += [(name, *frame) for frame in self.box.apply(frames, name, self.now_ns)]
        self.frames.clear()
        for subscription, event in self.box.due_events(self.now_ns):
            self.exchange.streams.hand(subscription, event)
        for move in self.box.moves:
            for market in self.exchange.markets.values():
                market.move(float(move.args["fraction"]), float(move.args["seconds"]))
        self.box.moves.clear()


def story(seed: int) -> tuple[Repeat, list[object]]:
    """Orders, cancels and queries on both markets, every half second."""
    made = Repeat(seed)
    made.open()
    answers: list[object] = []
    for i in range(STEPS):
        side = "BUY" if i % 2 else "SELL"
        away_e8 = (i % 7 - 3) * 30 * 10**6
        answers.append(made.place(f"s{i}", side, made.best_e8(1) + away_e8, "0.05"))
        answers.append(made.call("DELETE", "/api/v3/order", symbol="ETHUSDT", origClientOrderId=f"s{i - 2}"))
        order = {"symbol": "ETHUSDT", "side": side, "quantity": "0.05", "newClientOrderId": f"u{i}"}
        price = f"{(made.best_e8(1, 'usdm') + away_e8) / E8:.2f}"
        terms = {"type": "LIMIT", "timeInForce": "GTC", "price": price} if i % 3 else {"type": "MARKET"}
        answers.append(made.call("POST", "/fapi/v1/order", **order, **terms))
        answers.append(made.call("GET", "/fapi/v3/account"))
        made.live(0.25)
    answers.append([made.state(), made.exchange.save()])
    return made, answers


def test_one_seed_one_story_with_every_fault_in_the_log() -> None:
    first, answers = story(5)
    again, same = story(5)
    assert answers == same
    assert first.sent == again.sent
    assert first.events == again.events
    assert first.lines == again.lines
    assert len(first.sent) > 1_000
    assert len(first.events) > 100
    other, _ = story(6)
    assert other.lines != first.lines
    logged = [json.loads(line) for line in first.lines]
    assert {entry["fault"] for entry in logged} == set(KINDS)
    assert {entry["seed"] for entry in logged} == {5}
    assert all(entry["time_ns"] >= first.box.start_ns for entry in logged)
    begun = [entry for entry in logged if "hit" not in entry]
    assert len(begun) == first.box.count
    assert len(logged) == first.box.count + first.box.hits
