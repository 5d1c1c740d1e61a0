"""The simulated exchange as a venue: order acknowledgements under load, streaming clients, memory over many orders.

    python benchmarks/bench_exchange.py [--market spot|usdm] [--short] [--json FILE]

The exchange runs in a process of its own on one core; the load (exchange_load.py: raw sockets) on another. 2,000 order
messages a second (of ten: four orders far from the market, four cancels, two market orders) go over 16 REST
connections and 4 WebSocket API connections by turns, on a fixed schedule that waits for nothing (open loop): the
latency of each counts from the moment it was due to its answer, time in line included. 200,000 messages before have
filled the history of 100,000 orders. Meanwhile 50 clients stream trades, quotes and depth, each over a socket of its
own, and one user data stream tells of every order.

Judged: p99 < 5 ms; every message answered and none refused; at least 95 frames a second for each client (the market's
pace is random, 112 on average on spot, 194 on USD-M, and the clients' own trades add to it). Then a second exchange
takes orders as fast as it can: RSS against order messages, after the first 10 % and after the histories (100,000 ended
orders, 100,000 fills: the latter need 500,000 messages) are full, by least squares, as MB an hour at 2,000 messages a
second: < 5. Its market runs at 10x, so that the market's own stores are full by then.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench_kit as kit

from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.bench_light import Row

LOAD = Path(__file__).with_name("exchange_load.py")
STREAMS = {
    "spot": "/stream?streams=ethusdt@aggTrade/ethusdt@bookTicker/ethusdt@depth@100ms",
    "usdm": "/public/stream?streams=ethusdt@bookTicker/ethusdt@depth@100ms",
}
REST_PATHS = {"spot": "/api/v3/order", "usdm": "/fapi/v1/order"}
SOCKET_PATHS = {"spot": "/ws-api/v3", "usdm": "/ws-fapi/v1"}
ACK_MS_MAX = 5.0
FRAMES_MIN = 95.0
SLOPE_MB_MAX = 5.0
HISTORY = 100_000
FILLS_SHARE = 0.2  # of the messages: so many are market orders, and the history of fills is the last to be full
AFTER_MIN = 800_000  # order messages that a slope is taken over
SOAK_SPEED = 10


class Exchange:
    """`main.py exchange` on one core. Use it as a context."""

    def __init__(self, folder: Path, name: str, market: str, cpu: int, options: Sequence[str] = ()) -> None:
        self.ready_file = folder / f"{name}.ready.json"
        self.out = folder / f"{name}.out"
        home = folder / name
        home.mkdir()
        (home / ".env").touch()
        line = measuring.cli(measuring.MAIN_CODE, "exchange", "--port", "0", "--market", market)
        line += ["--rate-limits", "off", "--market-seed", "1", "--ready-file", str(self.ready_file)]
        line += ["--balance-spot", "USDT=100000000,ETH=50000", "--balance-usdm", "100000000", *options]
        env = {key: value for key, value in os.environ.items() if not key.startswith("SIM_")}
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**env, "SUPREME_HOME": str(home)}
            )
        os.sched_setaffinity(self.process.pid, {cpu})
        self.ready = self._wait()
        self.rest = self.ready["urls"][market]["rest"]

    def _wait(self) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.ready_file.exists():
                found: dict[str, Any] = json.loads(self.ready_file.read_text())
                return found
            time.sleep(0.05)
        self.process.kill()
        raise SystemExit(f"the exchange did not start:\n{self.out.read_text(errors='replace')}")

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, path: str) -> Any:
        return json.loads(measuring.fetch(self.rest + path))

    def cpu_seconds(self) -> float:
        return measuring.cpu_seconds(self.process.pid)


def task_of(exchange: Exchange, market: str, cpu: int) -> dict[str, Any]:
    """What every load needs to know."""
    prefix = "/api/v3" if market == "spot" else "/fapi/v1"
    quote = exchange.ask(f"{prefix}/ticker/bookTicker?symbol=ETHUSDT")
    return {
        "port": exchange.ready["port"],
        "cpu": cpu,
        "pid": exchange.process.pid,
        "api_key": exchange.ready["key"],
        "api_secret": exchange.ready["secret"],
        "rest_path": REST_PATHS[market],
        "socket_path": SOCKET_PATHS[market],
        "price": f"{float(quote['bidPrice']) * 0.97:.2f}",
        "quantity": "0.010",
        "server_ms": exchange.ask(f"{prefix}/time")["serverTime"],
        "has_user_stream": market == "spot",
    }


def start_load(task: dict[str, Any]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(LOAD), json.dumps(task)], stdout=subprocess.PIPE, text=True)


def result_of(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """What a load has found. Ends the bench when it failed."""
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SystemExit("the load did not end") from None
    if process.returncode != 0 or not text:
        raise SystemExit(f"the load failed ({process.returncode})")
    found: dict[str, Any] = json.loads(text)
    return found


def measure(args: argparse.Namespace, folder: Path, cpus: tuple[int, int]) -> dict[str, Any]:
    """Orders on schedule while the clients stream."""
    with Exchange(folder, "loaded", args.market, cpus[0]) as exchange:
        time.sleep(2.0)  # USD-M takes orders from its first mark price on
        common = task_of(exchange, args.market, cpus[1])
        if args.prefill:
            fill = {
                **common,
                "mode": "soak",
                "orders": args.prefill,
                "under_way": 32,
                "rest_connections": 0,
                "sockets": 4,
            }
            result_of(start_load(fill), 900.0)
            common = task_of(exchange, args.market, cpus[1])
        span = args.warmup + args.seconds
        streams = start_load(
            {
                **common,
                "mode": "streams",
                "path": STREAMS[args.market],
                "clients": args.clients,
                "warmup": args.warmup + 2.0,
                "seconds": args.seconds - 4.0,
            }
        )
        time.sleep(1.0)
        orders = start_load(
            {
                **common,
                "mode": "orders",
                "rate": args.rate,
                "warmup": args.warmup,
                "seconds": args.seconds,
                "rest_connections": 0 if args.over == "socket" else 16,
                "sockets": 0 if args.over == "rest" else 4,
            }
        )
        time.sleep(args.warmup + 1.0)
        before = (time.monotonic(), exchange.cpu_seconds())
        time.sleep(max(1.0, args.seconds - 3.0))
        after = (time.monotonic(), exchange.cpu_seconds())
        found = result_of(orders, span + 60)
        streamed = result_of(streams, span + 60)
        rss, peak = measuring.memory_bytes(exchange.process.pid)
    rates = sorted(count / streamed["seconds"] for count in streamed["frames"])
    return {
        **found,
        "cpu_percent": round(100 * (after[1] - before[1]) / (after[0] - before[0]), 1),
        "frames_per_second": {"min": round(rates[0], 1), "median": round(rates[len(rates) // 2], 1)},
        "clients": len(rates),
        "rss_mb": round(rss / kit.MB, 1),
        "rss_peak_mb": round(peak / kit.MB, 1),
    }


def measure_memory(args: argparse.Namespace, folder: Path, cpus: tuple[int, int]) -> dict[str, Any]:
    """Orders as fast as they are taken."""
    with Exchange(folder, "soaked", args.market, cpus[0], [f"--speed={SOAK_SPEED}"]) as exchange:
        time.sleep(2.0)
        task = {**task_of(exchange, args.market, cpus[1]), "mode": "soak", "orders": args.orders, "under_way": 32}
        load = start_load({**task, "rest_connections": 0, "sockets": 4})
        found = result_of(load, 1_800.0)
        trading = exchange.ask("/x/status")["trading"]
    first = max(0.1 * args.orders, 1.1 * HISTORY / FILLS_SHARE)
    points = [(count, rss) for count, _, rss in found["samples"] if count >= first]
    slope = least_squares(points)
    return {
        "orders": args.orders,
        "seconds": round(found["seconds"], 1),
        "per_second": round(args.orders / found["seconds"]),
        "bad": found["bad"],
        "samples": len(points),
        "from_message": int(first),
        "rss_mb_begin": round(found["samples"][0][2] / kit.MB, 1),
        "rss_mb_full": round(points[0][1] / kit.MB, 1) if points else 0.0,
        "rss_mb_end": round(found["samples"][-1][2] / kit.MB, 1),
        "rss_mb_by_message": {
            count: round(rss / kit.MB, 1) for count, _, rss in found["samples"][:: max(1, len(found["samples"]) // 60)]
        },
        "bytes_per_message": round(slope, 3),
        "mb_per_hour": round(slope * 2_000.0 * 3_600 / kit.MB, 2),
        "trading": trading,
    }


def least_squares(points: list[tuple[int, int]]) -> float:
    """The slope; inf with too few points."""
    if len(points) < 10:
        return float("inf")
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else float("inf")


def text_of(found: dict[str, float]) -> str:
    names = ("p50", "p99", "p99.9", "max")
    return " ".join(f"{name} {found.get(name, float('nan')):.2f}" for name in names)


def rows_of(args: argparse.Namespace, found: dict[str, Any]) -> list[Row]:
    ack, far = found["ack_ms"], float("inf")
    wanted = args.rate * args.seconds
    rows = [
        kit.enough("order messages answered", ack["all"]["count"], 0.999 * wanted),
        kit.enough("sent a second", found["sent"] / found["send_seconds"], 0.99 * args.rate),
        kit.Row("refused", f"{sum(found['bad'].values())}", "0", not found["bad"]),
        kit.below("ack p99, from the moment it was due", ack["all"].get("p99", far), ACK_MS_MAX, "ms"),
        kit.told("ack, ms", text_of(ack["all"])),
    ]
    rows += [
        kit.told(f"  {name}", f"{text_of(ack[key])} ({ack[key]['count']:,})")
        for name, key in (
            ("REST", "rest"),
            ("WebSocket API", "socket"),
            ("orders", "place"),
            ("cancels", "cancel"),
            ("market orders", "take"),
        )
        if ack[key]["count"]
    ]
    frames = found["frames_per_second"]
    rows += [
        kit.told("of it the load itself, ms", text_of(found["late_ms"])),
        kit.enough("streaming clients", found["clients"], args.clients),
        kit.enough("frames a second, the slowest client", frames["min"], FRAMES_MIN),
        kit.told("frames a second, the median", f"{frames['median']:.0f}"),
        kit.told("CPU of the exchange", f"{found['cpu_percent']:.0f} % of one core"),
        kit.told("RSS", f"{found['rss_mb']:.0f} MB, peak {found['rss_peak_mb']:.0f}"),
    ]
    return rows


def rows_of_memory(found: dict[str, Any], is_short: bool) -> list[Row]:
    """A short run's slope is told, not judged: RSS moves by half a megabyte to and fro."""
    after = found["orders"] - found["from_message"]
    slope = kit.below("memory: slope at 2,000 messages/s", found["mb_per_hour"], SLOPE_MB_MAX, "MB/h", 1)
    return [
        kit.told("memory: order messages", f"{found['orders']:,} at {found['per_second']:,} /s"),
        kit.enough("memory: of them after the histories are full", after, 100_000 if is_short else AFTER_MIN),
        kit.enough("memory: samples of RSS there", found["samples"], 50),
        kit.told(
            "memory: RSS", f"{found['rss_mb_begin']:.0f}, {found['rss_mb_full']:.0f}, {found['rss_mb_end']:.0f} MB"
        ),
        kit.told("memory: per message", f"{found['bytes_per_message']:.2f} bytes"),
        kit.told(slope.name, slope.value) if is_short else slope,
        kit.Row("memory: refused", f"{sum(found['bad'].values())}", "0", not found["bad"]),
    ]


def two_cpus() -> tuple[int, int]:
    """One core for the exchange, one for the load. Ends the bench with 2 where there is only one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.stderr.write("two cores are needed: one for the exchange, one for its load\n")
        raise SystemExit(2)
    return cpus[-1], cpus[0]


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--market", choices=("spot", "usdm"), default="spot")
    parser.add_argument("--over", choices=("rest", "socket", "both"), default="both")
    parser.add_argument("--rate", type=float, default=2_000.0, help="order messages a second")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warmup", type=float, default=5.0)
    parser.add_argument("--prefill", type=int, default=200_000, help="order messages before: the history is full")
    parser.add_argument("--orders", type=int, default=1_500_000, help="order messages of the memory run, 0 = none")
    parser.add_argument(
        "--short", action="store_true", help="15 s, an empty history, 700,000 messages of the memory run"
    )
    args = parser.parse_args()
    if args.short:
        args.seconds, args.orders, args.prefill = min(args.seconds, 15.0), min(args.orders, 700_000), 0
    cpus = two_cpus()
    session = kit.new_session()
    found: dict[str, Any] = {"host": measuring.host(), "load": measure(args, session.dir, cpus)}
    rows = rows_of(args, found["load"])
    if args.orders:
        found["memory"] = measure_memory(args, session.dir, cpus)
        rows += rows_of_memory(found["memory"], args.short)
    title = f"exchange   SIMULATED {args.market}, {args.rate:g} order messages/s, {kit.core()} core"
    return kit.finish("bench-exchange", title, rows, found, session.dir, args.json)


if __name__ == "__main__":
    sys.exit(main())
