"""History on disk: how fast rows come from it, how fast they get there, how large they are, and the memory it takes.

    python benchmarks/bench_history.py [--rows 5000000] [--json FILE]

Trades like those of the recordings (a walk in ticks, two thirds share a millisecond with the trade before), written as
days of 1,000,000 and read back as chunks, each measurement in a process of its own; the median of three. The memory of
reading is measured again on ten times the rows: it must be the same. Exit 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import bench_kit as kit

from supreme_system_v5.commands.bench_light import Row

DAY_ROWS: Final = 1_000_000
ROUNDS: Final = 3
FIRST_DAY: Final = date(2024, 1, 1)
READ_MILLION_MIN: Final = 15.7  # what the pyarrow prototype read, million rows/s
CSV_MILLION_MIN: Final = 1.5
MEMORY_MB_MAX: Final = 150.0
GROWTH_MB_MAX: Final = 10.0


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, metavar="N", help="trades (tenfold for the memory)")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work, name, days_text, day_rows_text = args.work
        kit.say(json.dumps(WORK[work](Path(name), int(days_text), int(day_rows_text))))
        return 0
    folder = Path(tempfile.mkdtemp(prefix="bench-history-"))
    try:
        found = measure(folder, max(1, args.rows // DAY_ROWS), min(args.rows, DAY_ROWS))
    finally:
        shutil.rmtree(folder)
    session = None if args.json else kit.new_session().dir
    return kit.finish("bench_history", "History on disk", rows_of(found), {"figures": found}, session, args.json)


def measure(folder: Path, days: int, day_rows: int) -> dict[str, float]:
    """Seconds and megabytes of each work."""
    found: dict[str, float] = {"rows": days * day_rows, "csv_rows": day_rows}
    found["write_s"] = run("write", folder, days, day_rows)["seconds"]
    found["bytes"] = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    read = median("read", folder, days, day_rows)
    found["read_s"], found["read_cpu_s"], found["read_mb"] = read["seconds"], read["cpu_seconds"], read["peak_mb"]
    found["read_alone_s"] = median("read_without_ahead", folder, days, day_rows)["seconds"]
    found["check_s"] = median("check", folder, days, day_rows)["seconds"]
    found["csv_s"] = median("csv", folder, 1, day_rows)["seconds"]
    run("write", folder, days * 10, day_rows)
    found["tenfold_mb"] = run("read", folder, days * 10, day_rows)["peak_mb"]
    return found


def rows_of(found: dict[str, float]) -> list[Row]:
    """The table with its verdicts."""
    million = found["rows"] / 1e6
    return [
        kit.told("trades", f"{found['rows']:,.0f}"),
        kit.told("size", f"{found['bytes'] / found['rows']:.2f} bytes a trade"),
        kit.told("write", f"{million / found['write_s']:.1f} M rows/s"),
        above("read, a chunk ahead in a thread", million / found["read_s"], READ_MILLION_MIN, "M rows/s"),
        kit.told("the same, by CPU time", f"{million / found['read_cpu_s']:.1f} M rows/s"),
        kit.told("read, without the thread", f"{million / found['read_alone_s']:.1f} M rows/s"),
        kit.told("read and check (gaps, order, outliers)", f"{million / found['check_s']:.1f} M rows/s"),
        above("read the venue's CSV (zip)", found["csv_rows"] / 1e6 / found["csv_s"], CSV_MILLION_MIN, "M rows/s"),
        kit.below("memory of a reading process", found["read_mb"], MEMORY_MB_MAX, "MB", 1),
        kit.below("the same on ten times the rows", found["tenfold_mb"], MEMORY_MB_MAX, "MB", 1),
        kit.below("growth with ten times the rows", found["tenfold_mb"] - found["read_mb"], GROWTH_MB_MAX, "MB", 1),
    ]


def above(name: str, value: float, least: float, unit: str) -> Row:
    return Row(name, f"{value:.1f} {unit}", f"> {least:g} {unit}", value > least)


def median(work: str, folder: Path, days: int, day_rows: int) -> dict[str, float]:
    found = [run(work, folder, days, day_rows) for _ in range(ROUNDS)]
    return {key: statistics.median(item[key] for item in found) for key in found[0]}


def run(work: str, folder: Path, days: int, day_rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--work", work, str(folder), str(days), str(day_rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


# In a process of its own ------------------------------------------------------------------------------------------


def some_trades(day: int, day_rows: int) -> Any:
    import numpy as np

    from supreme_system_v5.history.columns import TradeChunk

    rng = np.random.default_rng(day)
    steps = np.where(rng.random(day_rows) < 0.66, 0, rng.integers(1, 500, day_rows))
    times = np.minimum(np.cumsum(steps), 86_399_999) + (FIRST_DAY.toordinal() + day - 719_163) * 86_400_000
    prices = (268_000 + np.cumsum(rng.integers(-2, 3, day_rows)).clip(-100_000, 100_000)) * 1_000_000
    quantities = (rng.lognormal(-3, 2, day_rows) * 10_000 + 1).astype("<i8") * 10_000
    ids = np.arange(day * day_rows, (day + 1) * day_rows)
    columns = [column.astype("<i8").tobytes() for column in (times, ids, prices, quantities)]
    return TradeChunk(day_rows, *columns, (rng.random(day_rows) < 0.5).astype("u1").tobytes())


def result(start: float, cpu_start: float = 0.0) -> dict[str, float]:
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def wanted() -> Any:
    from supreme_system_v5.history.store import series

    return series("usdm", "ETH-USDT", "trades")


def write(folder: Path, days: int, day_rows: int) -> dict[str, float]:
    from supreme_system_v5.history.store import Store

    store = Store(folder)
    seconds = 0.0
    for day in range(days):
        chunk = some_trades(day, day_rows)
        start = time.perf_counter()
        store.put(wanted(), FIRST_DAY + timedelta(days=day), [chunk])
        seconds += time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": 0.0}


def data_of(folder: Path, days: int) -> Any:
    from supreme_system_v5.history.kinds import parse_range
    from supreme_system_v5.history.open import SourceQuery, open_data

    last = FIRST_DAY + timedelta(days=days - 1)
    query = SourceQuery(kind="trades", span=parse_range(FIRST_DAY.isoformat(), last.isoformat()))
    return open_data("", folder, query)


def read(folder: Path, days: int, day_rows: int) -> dict[str, float]:
    data = data_of(folder, days)
    start, cpu_start = time.perf_counter(), time.process_time()
    assert sum(chunk.rows for chunk in data.trades()) == days * day_rows
    return result(start, cpu_start)


def read_without_ahead(folder: Path, days: int, day_rows: int) -> dict[str, float]:
    data = data_of(folder, days)
    start = time.perf_counter()
    assert sum(chunk.rows for chunk in data._chunks()) == days * day_rows
    return result(start)


def check(folder: Path, days: int, day_rows: int) -> dict[str, float]:
    from supreme_system_v5.history.kinds import ALL_TIME
    from supreme_system_v5.history.store import Store
    from supreme_system_v5.history.survey import survey_store

    start = time.perf_counter()
    report = survey_store(Store(folder), wanted(), ALL_TIME)
    assert report.rows_in == days * day_rows and not report.totals.get("gap")
    return result(start)


def csv(folder: Path, _days: int, day_rows: int) -> dict[str, float]:
    import zipfile

    from supreme_system_v5.core.domain.money import format_e8
    from supreme_system_v5.history.open import open_data

    path = folder / "ETHUSDT-aggTrades-2024-01-01.zip"
    if not path.exists():
        chunk = some_trades(0, day_rows)
        columns = [memoryview(column).cast("q").tolist() for column in chunk[1:5]]
        lines = [
            f"{i},{format_e8(p)},{format_e8(q)},{3 * i},{3 * i + 2},{t},{'False' if m else 'True'},True"
            for t, i, p, q, m in zip(*columns, chunk.is_buyer_maker, strict=True)
        ]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("trades.csv", "\n".join(lines) + "\n")
    start = time.perf_counter()
    assert sum(chunk.rows for chunk in open_data(str(path), folder).trades()) == day_rows
    return result(start)


WORK: Final = {"write": write, "read": read, "read_without_ahead": read_without_ahead, "check": check, "csv": csv}

if __name__ == "__main__":
    raise SystemExit(main())
