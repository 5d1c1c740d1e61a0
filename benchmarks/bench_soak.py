"""Soak: a simulated day at 20 trades/s through the sockets, as fast as they go; memory must not rise.

    python benchmarks/bench_soak.py [--hours 24] [--rate 20] [--market usdm] [--json FILE]

The daemon runs with its journal on the separate exchange; /metrics is scraped with every sample of RSS. Judged: the
rise of the line fitted to RSS after the first tenth, over the rest of the run (< 1 MB), all trades seen, no gap, no
reconnect, an orderly end. 24 h take a quarter of an hour to an hour, depending on the machine.
"""

from __future__ import annotations

import sys

import bench_kit as kit

from supreme_system_v5.commands import steady_load

GROWTH_MB_MAX = 1.0
RSS_MB_MAX = 64.0
SAMPLES_MIN = 30


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="of market time")
    parser.add_argument("--rate", type=float, default=20.0, help="trades a second")
    parser.add_argument("--market", choices=("usdm", "spot"), default="usdm")
    parser.add_argument("--sample-seconds", type=float, default=1.0)
    args = parser.parse_args()
    session = kit.new_session()
    settings = kit.settings_of(session.dir, MARKET=args.market)
    found = steady_load.measure(
        settings, session.dir, args.hours, args.rate, 0.0, sample_seconds=args.sample_seconds, say=kit.say
    )
    rows = [
        kit.Row("market time", f"{found['hours']:.3f} h", f">= {args.hours:g} h", found["hours"] >= args.hours * 0.999),
        kit.enough("trades seen", found["trades"], found["trades_asked"] * 0.999),
        kit.enough("memory samples", len(found["series"]), SAMPLES_MIN),
        kit.below("RSS rise of the fitted line", found["rss_growth_mb"], GROWTH_MB_MAX, "MB", 3),
        kit.told("RSS slope", f"{found['rss_slope_mb_per_hour']:.4f} MB/h"),
        kit.below("RSS peak", found["rss_peak_mb"], RSS_MB_MAX, "MB", 1),
        kit.told("frames", f"{found['frames']:,} in {found['wall_seconds']:.0f} s"),
        kit.told("skip ratio", f"{100 * found['skip_ratio']:.1f} %"),
        kit.told("trades closed", f"{found['trades_closed']}"),
        kit.told("journal", f"{found['journal_mb']:.1f} MB"),
        kit.Row("gaps, reconnects", f"{_sum(found['gaps'])}, {_sum(found['reconnects'])}", "0, 0", _is_calm(found)),
        kit.Row("orderly end", f"exit {found['exit_code']}", "exit 0", found["exit_code"] == 0),
    ]
    title = f"soak   SIMULATED {args.market}, {args.hours:g} h at {args.rate:g} trades/s, {found['core']} core"
    return kit.finish("bench-soak", title, rows, found, session.dir, args.json)


def _sum(counts: dict[str, float]) -> int:
    return int(sum(counts.values()))


def _is_calm(found: dict[str, dict[str, float]]) -> bool:
    return _sum(found["gaps"]) == 0 and _sum(found["reconnects"]) == 0


if __name__ == "__main__":
    sys.exit(main())
