"""CSV of trades and bars as column chunks: our own files, and the venue's (klines, aggTrades, trades; plain, gz, zip).

The venue's files have a header line or none, times in ms or (spot from 2025-01-01) in microseconds: both are told by
content. Numbers are read as decimals and become 1e-8 units exactly; a ninth decimal place is an error, not a rounding.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from supreme_system_v5.history.columns import NO_ID, ROWS_MAX, BarChunk, TradeChunk
from supreme_system_v5.history.kinds import BARS, TRADES, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_BYTES: Final = 1 << 22
_MICRO_FROM: Final = 10**14  # as ms this is the year 5138, as microseconds 1973
_NANO_FROM: Final = 10**17
_WHOLE_MAX: Final = 10**10  # prices and quantities are below this, so that 1e-8 units fit 64 bits
_HEAD_BYTES: Final = 65_536

# What a column is called in the files that have a header, and what it is to us.
_NAMES: Final = {
    "open_ms": "time",
    "open_time": "time",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "trade_ms": "time",
    "transact_time": "time",
    "time_ms": "time",
    "time": "time",
    "timestamp": "time",
    "agg_trade_id": "id",
    "trade_id": "id",
    "id": "id",
    "price": "price",
    "quantity": "quantity",
    "qty": "quantity",
    "is_buyer_maker": "maker",
    "taker_side": "side",
}
_KLINE: Final = "time,open,high,low,close,volume,x6,x7,x8,x9,x10,x11"
_AGG: Final = "id,price,quantity,x3,x4,time,maker"
AGG_COLUMNS: Final = ("id", "price", "quantity", "x3", "x4")  # how the venue's aggTrades files begin
# The venue's files without a header, by the number of columns; a fifth column that is a bool makes it `trades`.
_HEADERLESS: Final = {6: _KLINE[: _KLINE.index(",x6")], 7: _AGG, 8: f"{_AGG},x7", 12: _KLINE}
_TRADE_FILE: Final = {6: "id,price,quantity,x3,time,maker", 7: "id,price,quantity,x3,time,maker,x6"}
_BOOLS: Final = frozenset({"true", "false"})
_NUMBER: Final = re.compile(rb"-?[0-9.]+")


class CsvForm(NamedTuple):
    """How to read a file: its kind, the meaning of each column, and whether a header line comes first."""

    kind: str
    columns: tuple[str, ...]
    has_header: bool


def csv_form(head: bytes) -> CsvForm | None:
    """The form of a CSV file that begins like this; None when it is no CSV of ours."""
    first, _, rest = head.lstrip(b"\xef\xbb\xbf").partition(b"\n")
    cells = [cell.strip().strip('"') for cell in first.decode("ascii", "replace").split(",")]
    if len(cells) < 2:
        return None
    if _NUMBER.fullmatch(cells[0].encode()) is not None:
        return _by_count(cells)
    del rest
    named = tuple(_NAMES.get(cell.lower().replace(" ", "_"), f"x{n}") for n, cell in enumerate(cells))
    return _form(named, True)


def _by_count(cells: list[str]) -> CsvForm | None:
    is_trade_file = len(cells) in _TRADE_FILE and cells[5].lower() in _BOOLS
    text = (_TRADE_FILE if is_trade_file else _HEADERLESS).get(len(cells))
    return None if text is None else _form(tuple(text.split(",")), False)


def _form(columns: tuple[str, ...], has_header: bool) -> CsvForm | None:
    has = set(columns)
    if len([name for name in columns if not name.startswith("x")]) != len(has - {c for c in has if c.startswith("x")}):
        return None  # two columns of one meaning
    if has >= {"time", "open", "high", "low", "close", "volume"}:
        return CsvForm(BARS, columns, has_header)
    if has >= {"time", "price", "quantity"} and has & {"maker", "side"}:
        return CsvForm(TRADES, columns, has_header)
    return None


@contextlib.contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The content of a file; of .gz and .zip (one file in it) what is inside. Raises DataError."""
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.open(raw) as inside:
                    yield inside  # type: ignore[misc]
            elif magic == b"PK\x03\x04":
                with zipfile.ZipFile(raw) as archive:
                    names = [name for name in archive.namelist() if not name.endswith("/")]
                    if len(names) != 1:
                        raise DataError(f"{path} holds {len(names)} files, not one", "unpack it and name the file")
                    with archive.open(names[0]) as inside_zip:
                        yield inside_zip
            else:
                yield raw
    except (OSError, EOFError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise DataError(f"cannot read {path}: {error}", "is it whole? fetch or copy it again") from None
    except Exception as error:
        if type(error).__module__ == "zlib":
            raise DataError(f"cannot read {path}: {error}", "is it whole? fetch or copy it again") from None
        raise


def head_of(path: Path) -> bytes:
    """The first bytes of what a file holds. Raises DataError."""
    with open_bytes(path) as stream:
        return stream.read(_HEAD_BYTES)


def read_csv(path: Path, form: CsvForm) -> Iterator[TradeChunk | BarChunk]:
    """The rows of a file, in its own order. Raises DataError naming the file and the fault."""
    with open_bytes(path) as stream:
        yield from read_stream(stream, form, str(path))


def read_stream(stream: IO[bytes], form: CsvForm, name: str) -> Iterator[TradeChunk | BarChunk]:
    """As ``read_csv``, of something that is open already; ``name`` is for what goes wrong."""
    import pyarrow as pa

    try:
        for batch in _batches(stream, form):
            for start in range(0, batch.num_rows, ROWS_MAX):
                part = {name: batch.column(name).slice(start, ROWS_MAX) for name in batch.schema.names}
                yield _bar_chunk(part) if form.kind == BARS else _trade_chunk(part, name)
    except pa.ArrowInvalid as error:
        words = str(error).replace("Rescaling Decimal value would cause data loss", "more than 8 decimal places")
        raise DataError(f"{name}: {words}", "the file is damaged, or not of the kind its first line says") from None
    except (OSError, EOFError) as error:
        raise DataError(f"cannot read {name}: {error}", "is it whole? fetch or copy it again") from None


def _batches(stream: IO[bytes], form: CsvForm) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    number = pa.decimal128(38, 8)
    types = {name: number for name in form.columns if not name.startswith("x")}
    types |= {"time": pa.int64(), "id": pa.int64(), "maker": pa.bool_(), "side": pa.string()}
    wanted = [name for name in form.columns if not name.startswith("x")]
    reader = csv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=csv.ReadOptions(
            column_names=list(form.columns),
            skip_rows=1 if form.has_header else 0,
            block_size=BLOCK_BYTES,
            use_threads=False,  # of one file and three columns the threads cost more than they bring
        ),
        convert_options=csv.ConvertOptions(
            column_types={name: types[name] for name in wanted},
            include_columns=wanted,
            null_values=[],
            strings_can_be_null=False,
        ),
    )
    yield from reader


def _trade_chunk(part: Mapping[str, Any], name: str) -> TradeChunk:
    rows = len(part["time"])
    if "maker" in part:
        is_maker = _bytes_of_bools(part["maker"])
    else:
        is_maker = _sides(part["side"], name)
    ids = _int64(part["id"]) if "id" in part else (NO_ID).to_bytes(8, "little", signed=True) * rows
    return TradeChunk(
        rows, _times_ms(part["time"]), ids, _e8(part["price"], name), _e8(part["quantity"], name), is_maker
    )


def _bar_chunk(part: Mapping[str, Any]) -> BarChunk:
    values = [_e8(part[name], name) for name in ("open", "high", "low", "close", "volume")]
    return BarChunk(len(part["time"]), _times_ms(part["time"]), *values)


def _numbers(column: Any) -> NDArray[np.int64]:
    import numpy as np

    data: NDArray[np.int64] = np.frombuffer(column.buffers()[1], dtype="<i8", offset=column.offset * 8)
    return data[: len(column)]


def _int64(column: Any) -> bytes:
    return _numbers(column).tobytes()


def _times_ms(column: Any) -> bytes:
    """Times as ms: microseconds and nanoseconds are told by their size."""
    times = _numbers(column)
    if len(times) and times.max() >= _MICRO_FROM:
        times = times.copy()
        is_nano = times >= _NANO_FROM
        times[is_nano] //= 1_000_000
        times[(times >= _MICRO_FROM) & ~is_nano] //= 1_000
    return times.tobytes()


def _e8(column: Any, name: str) -> bytes:
    """Decimals with 8 places are 1e-8 units already: the low half of each 128-bit number."""
    import numpy as np

    halves = np.frombuffer(column.buffers()[1], dtype="<i8", offset=column.offset * 16)[: 2 * len(column)]
    low, high = halves[::2], halves[1::2]
    is_fine = (high == 0) & (low >= 0) & (low < _WHOLE_MAX * 100_000_000)
    if not is_fine.all():
        worst = column[int(np.argmin(is_fine))]
        raise DataError(f"{name}: the number {worst} is out of range", "prices and quantities are from 0 to 1e10")
    return low.tobytes()


def _bytes_of_bools(column: Any) -> bytes:
    import pyarrow as pa

    whole = column.cast(pa.uint8())
    return memoryview(whole.buffers()[1]).cast("B")[whole.offset : whole.offset + len(whole)].tobytes()


def _sides(column: Any, name: str) -> bytes:
    """``taker_side``: BUY or SELL; where the taker sold, the buyer was the maker."""
    from pyarrow import compute

    sold = compute.equal(column, "SELL")
    if not compute.all(compute.or_(sold, compute.equal(column, "BUY"))).as_py():
        raise DataError(f"{name}: taker_side is neither BUY nor SELL", "the file is damaged")
    return _bytes_of_bools(sold)
