"""One symbol under load: 20 ticks/s for an hour through the sockets; CPU < 85 %, RSS bounded, skip ratio reported.

    python scripts/load_single_symbol.py [--seconds 3600] [--speed 1] [--ticks 20] [--json FILE]

``--speed 10`` plays the hour in six minutes, ``--speed 0`` as fast as the sockets go (CPU is then told, not judged:
the daemon is given all the work it can do). RSS is bounded when its fitted line rises by less than 1 MB after the
first tenth and its peak stays below 64 MB. Exit 1 when a bound breaks or fewer ticks came than asked.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

kit: Any = importlib.import_module("bench_kit")  # also finds the package of a clone that is not installed

CPU_PERCENT_MAX = 85.0
GROWTH_MB_MAX = 1.0
RSS_MB_MAX = 64.0


def main() -> int:
    from supreme_system_v5.commands import steady_load

    parser = kit.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=3_600.0, help="of market time")
    parser.add_argument("--speed", type=float, default=1.0, help="market seconds a second")
    parser.add_argument("--ticks", type=float, default=20.0, help="trades a second of market time")
    parser.add_argument("--market", choices=("usdm", "spot"), default="usdm")
    args = parser.parse_args()
    session = kit.new_session()
    settings = kit.settings_of(session.dir, MARKET=args.market)
    hours = args.seconds / 3_600.0
    found = steady_load.measure(
        settings, session.dir, hours, args.ticks, args.speed, sample_seconds=0.5 if args.speed else 0.2, say=kit.say
    )
    cpu = found["cpu_percent"]
    rows = [
        kit.enough("ticks", found["trades"], found["trades_asked"] * 0.999),
        kit.below("CPU average", cpu, CPU_PERCENT_MAX, "% of a core")
        if args.speed
        else kit.told("CPU average", f"{cpu:.1f} % of a core"),
        kit.below("RSS peak", found["rss_peak_mb"], RSS_MB_MAX, "MB", 1),
        kit.below("RSS rise of the fitted line", found["rss_growth_mb"], GROWTH_MB_MAX, "MB", 3),
        kit.told("skip ratio", f"{100 * found['skip_ratio']:.1f} %"),
        kit.told("ticks a second", f"{found['trades'] / max(1e-9, found['wall_seconds']):.0f}"),
        kit.Row("orderly end", f"exit {found['exit_code']}", "exit 0", found["exit_code"] == 0),
    ]
    title = f"load   SIMULATED {args.market}, {args.ticks:g} ticks/s at {args.speed:g}x, {found['core']} core"
    return int(kit.finish("load-single-symbol", title, rows, found, session.dir, args.json))


if __name__ == "__main__":
    sys.exit(main())
