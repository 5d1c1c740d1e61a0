"""Day files: columns of 64-bit integers in Parquet, the same bytes for the same rows.

Row groups of 65,536 rows whatever pieces the rows came in; times, ids and prices as differences, quantities by byte
planes, then zstd: 4.5 bytes a trade, and read faster than plain columns (fewer bytes to unpack).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.history.columns import ROWS_MAX, BarChunk, TradeChunk
from supreme_system_v5.history.kinds import BARS, TRADES, DataError

TRADE_COLUMNS: Final = ("time_ms", "trade_id", "price_e8", "quantity_e8", "is_buyer_maker")
BAR_COLUMNS: Final = ("open_ms", "open_e8", "high_e8", "low_e8", "close_e8", "volume_e8")
_ENCODINGS: Final = {
    "time_ms": "DELTA_BINARY_PACKED",
    "trade_id": "DELTA_BINARY_PACKED",
    "price_e8": "DELTA_BINARY_PACKED",
    "quantity_e8": "BYTE_STREAM_SPLIT",
    "is_buyer_maker": "RLE",
    "open_ms": "DELTA_BINARY_PACKED",
    "open_e8": "DELTA_BINARY_PACKED",
    "high_e8": "DELTA_BINARY_PACKED",
    "low_e8": "DELTA_BINARY_PACKED",
    "close_e8": "DELTA_BINARY_PACKED",
    "volume_e8": "BYTE_STREAM_SPLIT",
}
Chunk = TradeChunk | BarChunk


def columns_of(kind: str) -> tuple[str, ...]:
    """The columns of a kind, in the order of its chunk."""
    return BAR_COLUMNS if kind == BARS else TRADE_COLUMNS


class DayWriter:
    """Writes one file."""

    def __init__(self, path: Path, kind: str) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.kind = kind
        self.rows = 0
        self._names = columns_of(kind)
        types = [pa.bool_() if name == "is_buyer_maker" else pa.int64() for name in self._names]
        fields = [pa.field(name, kind_of, False) for name, kind_of in zip(self._names, types, strict=True)]
        self._schema = pa.schema(fields)
        self._writer = parquet.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=False,
            column_encoding={name: _ENCODINGS[name] for name in self._names},
            version="2.6",
            write_statistics=True,
            write_page_checksum=True,
        )
        self._waiting: list[bytearray] = [bytearray() for _ in self._names]

    def add(self, chunk: Chunk) -> None:
        """Rows that follow those before them."""
        for waiting, column in zip(self._waiting, chunk[1:], strict=True):
            waiting.extend(column)
        self.rows += chunk.rows
        while len(self._waiting[0]) >= 8 * ROWS_MAX:
            self._flush(ROWS_MAX)

    def _flush(self, rows: int) -> None:
        import pyarrow as pa

        arrays = []
        for place, name in enumerate(self._names):
            size = rows if name == "is_buyer_maker" else 8 * rows
            data = bytes(self._waiting[place][:size])
            del self._waiting[place][:size]
            if name == "is_buyer_maker":
                flags = pa.Array.from_buffers(pa.uint8(), rows, [None, pa.py_buffer(data)])
                arrays.append(flags.cast(pa.bool_()))
            else:
                arrays.append(pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(data)]))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=ROWS_MAX)

    def close(self, notes: Mapping[str, str]) -> None:
        """Write what is left and the footer with ``notes``: part of the file's bytes, so no clock among them."""
        if self._waiting[0]:
            self._flush(len(self._waiting[0]) // 8)
        self._writer.add_key_value_metadata(dict(sorted(notes.items())))
        self._writer.close()


class DayFile:
    """One Parquet file, open for reading. Raises DataError for one that is none, or of other columns."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            self._file = parquet.ParquetFile(path, memory_map=False, page_checksum_verification=True)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(f"cannot read {path}: {error}", "delete it and download or import it again") from None
        self.path = path
        self.rows: int = self._file.metadata.num_rows
        names = tuple(self._file.schema_arrow.names)
        if set(names) >= set(TRADE_COLUMNS):
            self.kind = TRADES
        elif set(names) >= set(BAR_COLUMNS):
            self.kind = BARS
        else:
            raise DataError(f"{path} has the columns {', '.join(names)}", f"known: {', '.join(TRADE_COLUMNS)}")
        stored: Mapping[bytes, bytes] = self._file.metadata.metadata or {}
        self.notes = {key.decode(): value.decode() for key, value in stored.items() if not key.startswith(b"ARROW")}

    def chunks(self, from_ms: int, to_ms: int) -> Iterator[Chunk]:
        """The rows with from_ms <= time < to_ms. Row groups wholly outside are not read."""
        import pyarrow as pa

        names = list(columns_of(self.kind))
        groups = self._groups(names[0], from_ms, to_ms)
        try:
            for batch in self._file.iter_batches(ROWS_MAX, row_groups=groups, columns=names, use_threads=False):
                found = _chunk(self.kind, batch, from_ms, to_ms)
                if found is not None:
                    yield found
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(f"{self.path} is damaged: {error}", "delete it and download or import it again") from None

    def _groups(self, time_name: str, from_ms: int, to_ms: int) -> list[int]:
        metadata = self._file.metadata
        place = metadata.schema.names.index(time_name)
        found = []
        for group in range(metadata.num_row_groups):
            bounds = metadata.row_group(group).column(place).statistics
            if bounds is None or not bounds.has_min_max or (bounds.max >= from_ms and bounds.min < to_ms):
                found.append(group)
        return found

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _chunk(kind: str, batch: Any, from_ms: int, to_ms: int) -> Chunk | None:
    times = memoryview(batch.column(0).buffers()[1]).cast("B").cast("q")
    first = batch.column(0).offset
    last = first + batch.num_rows
    if batch.num_rows == 0:
        return None
    if times[first] < from_ms or times[last - 1] >= to_ms:  # only the first and the last chunk of a range
        inside = [at for at in range(first, last) if from_ms <= times[at] < to_ms]
        if not inside:
            return None
        batch = batch.slice(inside[0] - first, inside[-1] + 1 - inside[0])
    if kind == BARS:
        return BarChunk(batch.num_rows, *[_view(batch.column(place)) for place in range(6)])
    times, ids, prices, quantities = [_view(batch.column(place)) for place in range(4)]
    return TradeChunk(batch.num_rows, times, ids, prices, quantities, _flags(batch.column(4)))


def _view(column: Any) -> memoryview:
    return memoryview(column.buffers()[1]).cast("B")[column.offset * 8 : (column.offset + len(column)) * 8]


def _flags(column: Any) -> memoryview:
    import pyarrow as pa

    whole = column.cast(pa.uint8())
    return memoryview(whole.buffers()[1]).cast("B")[whole.offset : whole.offset + len(whole)]
