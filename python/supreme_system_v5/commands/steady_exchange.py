"""A simulated exchange with a steady market, n trades a second all day, as its own process: for soak and load runs.

    python -m supreme_system_v5.commands.steady_exchange --port N [--market usdm] [--rate 20] [--hours 24] [--speed 0]

The generated market with its price path, quotes and diffs, but without bursts: every trade is followed by its share of
the second, an order that takes several levels by as many shares.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import Final

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame
from supreme_system_v5.adapters.exchange.server import ExchangeServer

START_NS: Final = 1_763_640_000_000_000_000  # a fixed past: the same seed is the same day, every time
NS_PER_HOUR: Final = 3_600_000_000_000
QUOTE_SHARE: Final = 8.0


class SteadyMarket(GeneratedMarket):
    """``rate`` trades (aggTrades) a second; everything else as generated, with fewer quotes between the trades."""

    def __init__(self, market: str, seed: int, start_ns: int, rate: float) -> None:
        """Raises ValueError unless 0 < rate <= 1000."""
        if not 0.0 < rate <= 1_000.0:
            raise ValueError(f"a rate of {rate!r} trades a second is not between 0 and 1000")
        self._beat_ms = 1_000.0 / rate
        self._trades = 1  # of the last taker order
        super().__init__(market, seed, start_ns)
        self.profile = self.profile._replace(quote_pace=self.profile.quote_pace / QUOTE_SHARE)

    def _trade_frames(self, time_ns: int, eaten: list[tuple[int, int]], fills: int, is_buying: bool) -> list[OutFrame]:
        self._trades = len(eaten)
        return super()._trade_frames(time_ns, eaten, fills, is_buying)

    def _gap_ms(self) -> float:
        return self._beat_ms * self._trades


async def serve(server: ExchangeServer) -> None:
    """Until a signal."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    try:
        await stopped.wait()
    finally:
        await server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description="A simulated exchange with --rate trades a second.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--market", choices=("usdm", "spot"), default="usdm")
    parser.add_argument("--rate", type=float, default=20.0, help="trades a second")
    parser.add_argument("--hours", type=float, default=24.0, help="of market time")
    parser.add_argument("--speed", type=float, default=0.0, help="market seconds a second; 0 = as fast as it goes")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    market = SteadyMarket(args.market, args.seed, START_NS, args.rate)
    end_ns = START_NS + int(args.hours * NS_PER_HOUR)
    server = ExchangeServer(market, port=args.port, speed=args.speed, is_waiting=True, end_ns=end_ns)
    asyncio.run(serve(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
