"""The load of bench_exchange.py, as cheap as Python allows: raw sockets, one thread, no library.

    python benchmarks/exchange_load.py '{"mode": "orders" | "soak" | "streams", ...}'

Prints one JSON document. `orders` sends on a fixed schedule, whatever comes back (open loop): an order that waits for
a connection, or for this process, waits inside its latency, which counts from the moment it was due.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import select
import sys
import time
from collections import deque
from typing import Any

from exchange_wire import RECEIVE_BYTES, Frames, connect, masked

GRACE_SECONDS = 5.0
_STAMP_LATE_MS = 5_000  # stamps are this old: the market's clock may lag; recvWindow is a minute
_TIMES = (b'"transactTime":', b'"updateTime":')  # of an order's answer, on spot and on USD-M


# Streams ---------------------------------------------------------------------------------------------------------


def streams(task: dict[str, Any]) -> dict[str, Any]:
    """Count the frames that each of so many clients gets in so many seconds."""
    clients = [Frames(connect(task["port"], task["path"])) for _ in range(task["clients"])]
    poller = select.epoll()
    by_fd = {client.sock.fileno(): i for i, client in enumerate(clients)}
    for fd in by_fd:
        poller.register(fd, select.EPOLLIN)
    counts = [0] * len(clients)
    begin = time.monotonic() + task["warmup"]
    end = begin + task["seconds"]
    wakeups = 0
    while (now := time.monotonic()) < end:
        for fd, _ in poller.poll(min(0.5, end - now)):
            i = by_fd[fd]
            messages = clients[i].read()
            wakeups += 1
            if now >= begin:
                counts[i] += sum(message.startswith(b'{"stream"') for message in messages)
    return {"frames": counts, "seconds": task["seconds"], "wakeups": wakeups}


# Orders ----------------------------------------------------------------------------------------------------------

PLACE, CANCEL, TAKE = "place", "cancel", "take"
# Of ten slots four place an order far from the market, four cancel the orders of some decades before, two take.
_DECADE = (PLACE, CANCEL, PLACE, CANCEL, PLACE, CANCEL, TAKE, CANCEL, PLACE, TAKE)
_CANCELLED = {1: 0, 3: 2, 5: 4, 7: 8}  # slot of the cancel -> slot of the order, within their decades


def order_of(slot: int, lag: int) -> tuple[str, int]:
    """What slot n sends, and the number of the order it is about; cancels begin when there is something to cancel."""
    kind = _DECADE[slot % 10]
    if kind != CANCEL:
        return kind, slot
    number = slot - slot % 10 - 10 * lag + _CANCELLED[slot % 10]
    return (kind, number) if number >= 0 else (TAKE, slot)


class Signer:
    """Makes signed orders and cancels of one account, stamped by the wall clock until it ``follow``s another."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.api_key: str = task["api_key"]
        self._hmac = hmac.new(task["api_secret"].encode(), digestmod=hashlib.sha256)
        self._price = float(task["price"])
        self._quantity: str = task["quantity"]
        self._told_ms = 0
        self._server_ms = float(task["server_ms"])
        self._began = time.monotonic()
        self._rest_path: str = task["rest_path"]
        self._name = f"b{os.getpid()}x"

    def follow(self, answer: bytes) -> None:
        """Stamp by the exchange's clock as an answer tells it: of a market that runs faster than the wall clock."""
        for name in _TIMES:
            start = answer.find(name)
            if start >= 0:
                start += len(name)
                self._told_ms = int(answer[start : start + 13])
                return

    def _stamp(self) -> int:
        if self._told_ms:
            return self._told_ms
        return int(self._server_ms + (time.monotonic() - self._began) * 1_000) - _STAMP_LATE_MS

    def _params(self, kind: str, number: int) -> dict[str, str]:
        params = {"apiKey": "", "recvWindow": "60000", "symbol": "ETHUSDT", "timestamp": str(self._stamp())}
        if kind == CANCEL:
            return params | {"origClientOrderId": f"{self._name}{number}"}
        params |= {
            "newClientOrderId": f"{self._name}{number}",
            "newOrderRespType": "RESULT",
            "quantity": self._quantity,
        }
        if kind == TAKE:
            return params | {"type": "MARKET", "side": "SELL" if number // 10 % 2 else "BUY"}
        price = f"{self._price - number % 97 * 0.05:.2f}"
        return params | {"type": "LIMIT", "side": "BUY", "timeInForce": "GTC", "price": price}

    def _sign(self, params: dict[str, str]) -> tuple[str, str]:
        text = "&".join(f"{key}={params[key]}" for key in sorted(params))
        made = self._hmac.copy()
        made.update(text.encode())
        return text, made.hexdigest()

    def rest(self, kind: str, number: int) -> bytes:
        """The whole HTTP request."""
        params = self._params(kind, number)
        del params["apiKey"]
        text, signature = self._sign(params)
        verb = "DELETE" if kind == CANCEL else "POST"
        return (
            f"{verb} {self._rest_path}?{text}&signature={signature} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"X-MBX-APIKEY: {self.api_key}\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def frame(self, slot: int, kind: str, number: int) -> bytes:
        """The whole frame for the WebSocket API; its id is the slot."""
        params = self._params(kind, number) | {"apiKey": self.api_key}
        params["signature"] = self._sign(params)[1]
        method = "order.cancel" if kind == CANCEL else "order.place"
        return masked(json.dumps({"id": str(slot), "method": method, "params": params}).encode())

    def subscription(self) -> bytes:
        """The frame that asks for the account's user data stream."""
        params = {"apiKey": self.api_key, "recvWindow": "60000", "timestamp": str(self._stamp())}
        params["signature"] = self._sign(params)[1]
        return masked(json.dumps({"id": 0, "method": "userDataStream.subscribe.signature", "params": params}).encode())


class Order:
    """A request: when it was due, what it is."""

    __slots__ = ("due", "kind", "number", "slot")

    def __init__(self, due: float, slot: int, kind: str, number: int) -> None:
        self.due = due
        self.slot = slot
        self.kind = kind
        self.number = number


class RestConnection:
    """One request at a time, as HTTP clients do; what comes meanwhile waits in line."""

    is_rest = True

    def __init__(self, port: int, signer: Signer) -> None:
        self.sock = connect(port, "")
        self._signer = signer
        self._line: deque[Order] = deque()
        self._busy: Order | None = None
        self._buffer = b""

    @property
    def waiting(self) -> int:
        return len(self._line) + (self._busy is not None)

    def send(self, order: Order) -> None:
        self._line.append(order)
        self._next()

    def _next(self) -> None:
        if self._busy is None and self._line:
            self._busy = self._line.popleft()
            self.sock.send(self._signer.rest(self._busy.kind, self._busy.number))

    def read(self) -> list[tuple[Order, bool, bytes]]:
        """(order, was it accepted, the answer) of what has been answered."""
        try:
            got = self.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return []
        if not got:
            raise SystemExit("the exchange closed a REST connection")
        self._buffer += got
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or self._busy is None:
            return []
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < size:
            return []
        order, self._busy, self._buffer = self._busy, None, rest[size:]
        self._next()
        return [(order, head.startswith(b"HTTP/1.1 200"), rest[:size])]


class SocketConnection:
    """The WebSocket API: many requests under way, answers by id."""

    is_rest = False

    def __init__(self, port: int, path: str, signer: Signer) -> None:
        self._frames = Frames(connect(port, path))
        self.sock = self._frames.sock
        self._signer = signer
        self._under_way: dict[bytes, Order] = {}

    @property
    def waiting(self) -> int:
        return len(self._under_way)

    def send(self, order: Order) -> None:
        self._under_way[str(order.slot).encode()] = order
        self.sock.send(self._signer.frame(order.slot, order.kind, order.number))

    def read(self) -> list[tuple[Order, bool, bytes]]:
        answers = []
        for message in self._frames.read():
            start = message.find(b'"id":"') + 6
            order = self._under_way.pop(message[start : message.find(b'"', start)], None) if start > 5 else None
            if order is not None:
                answers.append((order, b'"status":200' in message, message))
        return answers


class Load:
    """Orders, their cancels and some takers, spread over connections. What slot n sends follows from n alone."""

    def __init__(self, task: dict[str, Any]) -> None:
        signer = self.signer = Signer(task)
        self.is_following = task["mode"] == "soak"
        port = task["port"]
        rest: list[Any] = [RestConnection(port, signer) for _ in range(task["rest_connections"])]
        sockets: list[Any] = [SocketConnection(port, task["socket_path"], signer) for _ in range(task["sockets"])]
        if task.get("has_user_stream") and sockets:
            sockets[0].sock.send(signer.subscription())
        self._groups = [group for group in (rest, sockets) if group]
        self._connections = {one.sock.fileno(): one for group in self._groups for one in group}
        self._fds = list(self._connections)
        self.answers: list[tuple[float, str, bool]] = []  # seconds from due to answered, kind, over REST
        self.bad: dict[str, int] = {}
        self.lag = int(task.get("cancel_lag", 30))
        self.lates: list[float] = []  # how late this process was at sending

    def send(self, slot: int, due: float) -> None:
        kind, number = order_of(slot, self.lag)
        group = self._groups[(slot + slot // 10) % len(self._groups)]
        connection = group[slot // 2 % len(group)]
        if connection.is_rest and connection.waiting:
            connection = min(group, key=lambda one: int(one.waiting))
        self.lates.append(time.monotonic() - due)
        connection.send(Order(due, slot, kind, number))

    def cancel_rest(self, slots: int) -> None:
        """Cancel what rests after so many slots."""
        for slot in range(slots, slots + 10 * self.lag + 10):
            kind, number = order_of(slot, self.lag)
            if kind == CANCEL and number < slots:
                self.send(slot, time.monotonic())
        deadline = time.monotonic() + GRACE_SECONDS
        while self.waiting and time.monotonic() < deadline:
            self.read(0.1)

    def read(self, timeout: float) -> None:
        ready, _, _ = select.select(self._fds, (), (), timeout)  # its timeout is exact, that of epoll in milliseconds
        for fd in ready:
            connection = self._connections[fd]
            for order, is_good, answer in connection.read():
                self.answers.append((time.monotonic() - order.due, order.kind, connection.is_rest))
                if self.is_following and order.kind == PLACE:
                    self.signer.follow(answer)
                if not is_good:
                    text = f"{order.kind}: {answer[:160].decode(errors='replace')}"
                    self.bad[text] = self.bad.get(text, 0) + 1

    @property
    def waiting(self) -> int:
        return sum(int(one.waiting) for one in self._connections.values())


def orders(task: dict[str, Any]) -> dict[str, Any]:
    """So many order messages a second for so many seconds, on schedule."""
    load = Load(task)
    rate, warmup = float(task["rate"]), float(task["warmup"])
    total = int((warmup + task["seconds"]) * rate)
    begin = time.monotonic() + 0.05
    slot = 0
    while slot < total:
        now = time.monotonic()
        while slot < total and begin + slot / rate <= now:
            load.send(slot, begin + slot / rate)
            slot += 1
            if slot == int(warmup * rate):
                load.answers.clear()
                load.lates.clear()
        load.read(max(0.0, begin + slot / rate - time.monotonic()))
    sent = time.monotonic()
    while load.waiting and time.monotonic() < sent + GRACE_SECONDS:
        load.read(0.01)
    return {
        "sent": total - int(warmup * rate),
        "send_seconds": sent - begin - warmup,
        "unanswered": load.waiting,
        "bad": load.bad,
        "late_ms": quantiles([1_000 * late for late in load.lates]),
        "ack_ms": {
            "all": quantiles([1_000 * seconds for seconds, _, _ in load.answers]),
            "rest": quantiles([1_000 * seconds for seconds, _, is_rest in load.answers if is_rest]),
            "socket": quantiles([1_000 * seconds for seconds, _, is_rest in load.answers if not is_rest]),
            PLACE: quantiles([1_000 * seconds for seconds, kind, _ in load.answers if kind == PLACE]),
            CANCEL: quantiles([1_000 * seconds for seconds, kind, _ in load.answers if kind == CANCEL]),
            TAKE: quantiles([1_000 * seconds for seconds, kind, _ in load.answers if kind == TAKE]),
        },
    }


def soak(task: dict[str, Any]) -> dict[str, Any]:
    """So many order messages as fast as they are taken, and the exchange's RSS by how many there were."""
    load = Load(task)
    total, under_way = int(task["orders"]), int(task["under_way"])
    began = time.monotonic()
    samples: list[tuple[int, float, int]] = []
    slot, next_sample = 0, 0.0
    while len(load.answers) < total:
        while slot < total and slot - len(load.answers) < under_way:
            load.send(slot, time.monotonic())
            slot += 1
        load.read(1.0)
        load.lates.clear()
        now = time.monotonic() - began
        if now >= next_sample:
            samples.append((len(load.answers), now, rss_bytes(task["pid"])))
            next_sample = now + 0.25
    seconds = time.monotonic() - began
    load.cancel_rest(total)
    return {"orders": total, "seconds": seconds, "samples": samples, "bad": load.bad}


def rss_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    found = {f"p{100 * q:g}": ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.9, 0.99, 0.999)}
    return {
        "count": len(ordered),
        **{key: round(value, 4) for key, value in found.items()},
        "max": round(ordered[-1], 4),
    }


def main() -> None:
    task = json.loads(sys.argv[1])
    if "cpu" in task:
        os.sched_setaffinity(0, {task["cpu"]})
    modes = {"streams": streams, "orders": orders, "soak": soak}
    sys.stdout.write(json.dumps(modes[task["mode"]](task)) + "\n")


if __name__ == "__main__":
    main()
