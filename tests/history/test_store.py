"""The store: the same rows give the same bytes, what is half done does not count, what is broken is named."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.columns import TradeChunk
from supreme_system_v5.history.kinds import BARS, DAY_MS, TRADES, DataError, day_start_ms
from supreme_system_v5.history.open import Data, person_symbol
from supreme_system_v5.history.parquet import DayFile
from supreme_system_v5.history.store import Store, series, writing
from tests.history.files import bar_chunk, bar_rows, some_bars, some_trades, trade_chunk, trade_rows

DAY = date(2024, 8, 1)
WANTED = series("usdm", "ETH-USDT", TRADES)


def test_symbols() -> None:
    assert series("spot", "eth/usdt", BARS).symbol == series("spot", "ETH-USDT", BARS).symbol == "ETHUSDT"
    assert person_symbol("ETHUSDT") == "ETH-USDT" and person_symbol("STRANGE") == "STRANGE"
    with pytest.raises(ConfigError, match="is not a symbol"):
        series("spot", "../ETH", BARS)


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(1, 69_999), max_size=6, unique=True))
def test_pieces_do_not_show(cuts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    edges = [0, *sorted(cuts), 70_000]
    parts = [trade_chunk(ROWS[a:b]) for a, b in itertools.pairwise(edges)]
    assert store.put(WANTED, DAY, parts) == 70_000
    content = store.path(WANTED, DAY).read_bytes()
    assert _first.setdefault("bytes", content) == content


ROWS = some_trades(70_000, step_ms=1_000)
_first: dict[str, bytes] = {}


@pytest.mark.parametrize("kind", [TRADES, BARS])
def test_what_is_stored_comes_back(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path)
    wanted = WANTED._replace(kind=kind)
    rows = ROWS if kind == TRADES else some_bars(1_440)
    store.put(wanted, DAY, [trade_chunk(rows) if kind == TRADES else bar_chunk(rows)])
    data = Data(kind, "usdm", "ETH-USDT", (store.path(wanted, DAY),))
    assert (trade_rows(data.trades()) if kind == TRADES else bar_rows(data.bars())) == rows
    file = DayFile(store.path(wanted, DAY))
    assert file.notes == {"day": "2024-08-01", "format": "1", "kind": kind, "market": "usdm", "symbol": "ETHUSDT"}
    groups = [chunk.rows for chunk in file.chunks(0, 1 << 60)]
    file.close()
    assert groups == ([65_536, 4_464] if kind == TRADES else [1_440])
    assert store.days(wanted) == [DAY]
    assert store.known_until_ms(wanted, DAY) == day_start_ms(DAY) + DAY_MS


def test_negative_and_large_numbers_survive(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = [(0, -1, 2**63 - 1, 1, 0), (1, -1, 1, 10**18, 1)]
    store.put(WANTED, DAY, [trade_chunk(rows)])
    assert trade_rows(Data(TRADES, "", "", (store.path(WANTED, DAY),)).trades()) == rows


def test_a_day_that_is_not_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    until_ms = day_start_ms(DAY) + 3_600_000
    store.put(WANTED, DAY, [trade_chunk(ROWS[:10])], until_ms)
    assert store.known_until_ms(WANTED, DAY) == until_ms
    store.put(WANTED, DAY, [trade_chunk(ROWS[:20])])
    assert store.known_until_ms(WANTED, DAY) == day_start_ms(DAY) + DAY_MS


def test_what_is_half_written_does_not_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(WANTED, DAY, [trade_chunk(ROWS[:10])])
    before = store.path(WANTED, DAY).read_bytes()

    def broken() -> Iterator[TradeChunk]:
        yield trade_chunk(ROWS[:5])
        raise DataError("the source ended")

    with pytest.raises(DataError):
        store.put(WANTED, DAY, broken())
    with pytest.raises(DataError):
        store.put(WANTED, date(2024, 8, 2), broken())
    assert store.put(WANTED, date(2024, 8, 3), []) == 0  # a day without a row is no day
    assert store.days(WANTED) == [DAY]
    assert store.path(WANTED, DAY).read_bytes() == before
    assert [path.name for path in store.folder_of(WANTED).iterdir()] == ["2024-08-01.parquet"]


@pytest.mark.parametrize("damage", ["cut", "middle", "bit", "empty"])
def test_a_damaged_file_is_named_and_not_there_for_a_download(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    store.put(WANTED, DAY, [trade_chunk(ROWS)])
    path = store.path(WANTED, DAY)
    content = bytearray(path.read_bytes())
    if damage == "middle":
        content[len(content) // 4 : len(content) // 4 + 4_000] = bytes(4_000)
    if damage == "bit":
        content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content[: {"cut": -100, "empty": 0}.get(damage, len(content))]))
    with pytest.raises(DataError) as found:
        file = DayFile(path)
        for _ in file.chunks(0, 1 << 60):
            pass
    assert str(path) in found.value.message and "again" in found.value.remedy
    if damage in ("cut", "empty"):  # the footer is whole: that is seen when the rows are read
        assert store.known_until_ms(WANTED, DAY) == 0


def test_a_disk_that_is_full_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No space left on device") as found, writing(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(tmp_path) in found.value.message and "what is stored stays" in found.value.remedy
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(ConfigError, match="cannot write"):
        Store(blocked).put(WANTED, DAY, [trade_chunk(ROWS[:1])])


def test_another_parquet_file_is_told(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"when": [1], "what": [2]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="has the columns when, what"):
        DayFile(tmp_path / "other.parquet")
