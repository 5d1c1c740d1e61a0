"""Download from the exchange over real HTTP: the same files whatever the way, whatever went wrong on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.download import alone
from supreme_system_v5.history.http import ATTEMPTS, NetworkError
from supreme_system_v5.history.import_files import import_files
from supreme_system_v5.history.kinds import DAY_MS, parse_range
from supreme_system_v5.history.open import SourceQuery, open_data
from supreme_system_v5.history.report import GAP
from supreme_system_v5.history.store import Store, series
from tests.history.files import bar_chunk, bar_rows, some_bars, trade_rows
from tests.history.venue import SPAN, Venue, altered_archive, day_files, download

USDM = "usdm/ETHUSDT"
NOBODY = "http://127.0.0.1:9"  # the discard port: nobody listens


@pytest.mark.parametrize("market", ["usdm", "spot"])
def test_days_from_archives_and_over_rest_are_the_same_files(venue: Venue, tmp_path: Path, market: str) -> None:
    archived = download(tmp_path / "a", venue.url, market)
    assert (archived.stored, archived.were_there, archived.failures) == (4, 0, [])
    assert all(report.is_clean for report in archived.reports)
    venue.fault("archive_missing", seconds=1e6)
    over_rest = download(tmp_path / "b", venue.url, market)
    assert over_rest.stored == 4 and "archive_missing" in venue.hits()
    files = day_files(tmp_path / "a")
    assert list(files) == [f"{market}/ETHUSDT/{k}/{d}.parquet" for k in ("bars", "trades") for d in DAYS]
    assert day_files(tmp_path / "b") == files
    assert not list((tmp_path / "a").rglob("*.part")) and not list((tmp_path / "b" / "cache").iterdir())


DAYS = ("2025-11-17", "2025-11-18")


def test_what_is_stored_agrees_with_itself_and_is_not_fetched_again(venue: Venue, tmp_path: Path) -> None:
    download(tmp_path, venue.url)
    data = open_data("", tmp_path, SourceQuery(kind="trades"))
    trades = trade_rows(data.trades())
    bars = bar_rows(open_data("", tmp_path, SourceQuery(kind="bars")).bars())
    assert len(bars) == 2 * 1_440
    minute = [trade for trade in trades if bars[700][0] <= trade[0] < bars[701][0]]
    prices = [trade[2] for trade in minute]
    assert (prices[0], max(prices), min(prices), prices[-1], sum(t[3] for t in minute)) == bars[700][1:]
    before = day_files(tmp_path)
    venue.fault("http_5xx", seconds=1e6, path="/data/*")  # would be an error
    again = download(tmp_path, venue.url)
    assert (again.stored, again.were_there) == (0, 4)
    assert day_files(tmp_path) == before


def test_a_month_from_one_file_is_its_days(venue: Venue, tmp_path: Path) -> None:
    month = download(tmp_path / "m", venue.url, kinds=("bars",), span=parse_range("2025-10-01", "2025-10-31"))
    days = download(tmp_path / "d", venue.url, kinds=("bars",), span=parse_range("2025-10-05", "2025-10-06"))
    assert (month.stored, days.stored) == (31, 2)
    files = day_files(tmp_path / "m")
    assert len(files) == 31
    assert day_files(tmp_path / "d").items() <= files.items()


def test_today_is_stored_up_to_now_and_goes_on_later(venue: Venue, tmp_path: Path) -> None:
    span = parse_range("2025-11-19", "2025-11-20")
    first = download(tmp_path, venue.url, span=span)
    assert first.stored == 4 and not first.failures
    store = Store(tmp_path)
    today = date(2025, 11, 20)
    trades = series("usdm", "ETH-USDT", "trades")
    known_ms = store.known_until_ms(trades, today)
    assert known_ms % DAY_MS > 0 and known_ms % 60_000 == 0
    rows = trade_rows(open_data("", tmp_path, SourceQuery(kind="trades")).trades())
    assert rows[-1][0] < known_ms and rows[-1][0] > known_ms - 60_000
    assert [row[1] for row in rows] == list(range(rows[0][1], rows[-1][1] + 1))
    assert (tmp_path / "cache" / "usdm-ETHUSDT-2025-11-20.pages").exists()
    assert first.reports[0].is_clean and first.reports[1].is_clean
    assert store.known_until_ms(trades, date(2025, 11, 19)) % DAY_MS == 0
    again = download(tmp_path, venue.url, span=span)
    assert again.were_there >= 2 and not again.failures


# What goes wrong ---------------------------------------------------------------------------------------------------


def test_a_wrong_checksum_is_fetched_again(venue: Venue, tmp_path: Path) -> None:
    download(tmp_path / "a", venue.url)
    venue.fault("archive_checksum")
    outcome = download(tmp_path / "b", venue.url)
    assert venue.hits() == ["archive_checksum"] and not outcome.failures
    assert day_files(tmp_path / "b") == day_files(tmp_path / "a")


def test_a_checksum_that_stays_wrong_is_refused_and_the_rest_is_stored(venue: Venue, tmp_path: Path) -> None:
    path = "/data/futures/um/daily/aggTrades/ETHUSDT/ETHUSDT-aggTrades-2025-11-17.zip"
    venue.fault("archive_checksum", path=path, seconds=1e6)
    outcome = download(tmp_path, venue.url)
    (failure,) = outcome.failures
    assert "trades of usdm ETHUSDT 2025-11-17" in failure and path in failure
    assert "is not what its checksum says" in failure
    assert list(day_files(tmp_path)) == [
        f"{USDM}/bars/2025-11-17.parquet",
        f"{USDM}/bars/2025-11-18.parquet",
        f"{USDM}/trades/2025-11-18.parquet",
    ]
    assert not list((tmp_path / "cache").iterdir())
    venue.calm()
    assert download(tmp_path, venue.url).stored == 1


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.999])
def test_a_cut_connection_goes_on_where_it_was(venue: Venue, tmp_path: Path, fraction: float) -> None:
    download(tmp_path / "a", venue.url)
    venue.fault("archive_cut", fraction=fraction, count=3)
    waits: list[float] = []
    outcome = download(tmp_path / "b", venue.url, waits=waits)
    assert not outcome.failures and venue.hits() == ["archive_cut"] * 3
    assert len(waits) == 3 and all(0.1 < seconds < 5 for seconds in waits)
    assert day_files(tmp_path / "b") == day_files(tmp_path / "a")


@pytest.mark.parametrize(
    ("kind", "path"), [("http_429", "/data/*"), ("http_429", "/fapi/v1/*"), ("http_418", "/fapi/v1/*")]
)
def test_limits_are_obeyed(venue: Venue, tmp_path: Path, kind: str, path: str) -> None:
    venue.fault(kind, path=path, retry_after=7, count=2)
    waits: list[float] = []
    outcome = download(tmp_path, venue.url, waits=waits)
    assert outcome.stored == 4 and len(waits) == 2
    assert all(7.0 <= seconds <= 7.5 for seconds in waits)


def test_a_long_ban_ends_the_run_and_says_how_long(venue: Venue, tmp_path: Path) -> None:
    venue.fault("http_418", path="/data/*", retry_after=7_200, seconds=1e6)
    with pytest.raises(NetworkError, match=r"has banned this address for a while .* 7200 s") as found:
        download(tmp_path, venue.url)
    assert found.value.exit_code == 1 and "it goes on" in found.value.remedy


def test_faults_of_the_server_are_tried_again_with_growing_waits(venue: Venue, tmp_path: Path) -> None:
    venue.fault("http_5xx", path="/data/*", count=3, status=502)
    waits: list[float] = []
    assert not download(tmp_path, venue.url, waits=waits).failures
    assert len(waits) == 3
    venue.fault("http_5xx", path="/data/*", seconds=1e6)
    waits.clear()
    with pytest.raises(NetworkError, match=rf"HTTP 503 \({ATTEMPTS} attempts\)"):
        download(tmp_path / "other", venue.url, waits=waits)
    bases = [0.5, 1.0, 2.0, 4.0, 8.0]
    assert all(base * 0.5 <= seconds <= base * 1.5 for base, seconds in zip(bases, waits, strict=True))


def test_no_network_is_a_sentence_and_loses_nothing(venue: Venue, tmp_path: Path) -> None:
    download(tmp_path, venue.url, span=parse_range("2025-11-17", "2025-11-17"))
    before = day_files(tmp_path)
    with pytest.raises(NetworkError, match=r"cannot reach 127.0.0.1:9: Connection refused") as found:
        download(tmp_path, NOBODY)
    assert "is there a network?" in found.value.remedy
    assert day_files(tmp_path) == before


def test_archives_alone_are_enough(venue: Venue, tmp_path: Path) -> None:
    """Where the venue's REST is closed to a place, its archives are not."""
    download(tmp_path / "a", venue.url)
    outcome = download(tmp_path / "b", NOBODY, archive_url=venue.url)
    assert outcome.stored == 4
    assert day_files(tmp_path / "b") == day_files(tmp_path / "a")


def test_a_day_that_only_rest_has_is_a_failure_where_rest_is_closed_and_the_others_are_stored(
    venue: Venue, tmp_path: Path
) -> None:
    span = parse_range("2025-11-19", "2025-11-20")
    outcome = download(tmp_path, NOBODY, archive_url=venue.url, span=span)
    assert outcome.stored == 2
    assert [failure.partition(": ")[0] for failure in outcome.failures] == [
        "bars of usdm ETHUSDT 2025-11-20",
        "trades of usdm ETHUSDT 2025-11-20",
    ]
    assert all("REST cannot be asked" in failure for failure in outcome.failures)


def test_what_the_venue_does_not_have(venue: Venue, tmp_path: Path) -> None:
    for words, from_day, to_day in [
        (r"nothing of usdm ETHUSDT from 2024-01-01 to 2024-01-02", "2024-01-01", "2024-01-02"),
        (r"FROM=2026-01-01 is in the future", "2026-01-01", "2026-01-02"),
    ]:
        with pytest.raises(ConfigError, match=words):
            download(tmp_path, venue.url, span=parse_range(from_day, to_day))


def test_simulated_prices_are_marked_and_do_not_mix_with_real_ones(venue: Venue, tmp_path: Path) -> None:
    outcome = download(tmp_path / "sim", venue.url, span=parse_range("2025-11-17", "2025-11-17"))
    assert [report.name for report in outcome.reports] == [f"SIMULATED {k} of usdm ETHUSDT" for k in ("bars", "trades")]
    data = open_data("", tmp_path / "sim", SourceQuery(kind="bars"))
    assert data.is_simulated
    real = Store(tmp_path / "real")
    real.put(series("usdm", "ETH-USDT", "bars"), date(2025, 11, 1), [bar_chunk(some_bars(10, 1_761_955_200_000))])
    assert not open_data("", tmp_path / "real", SourceQuery(kind="bars")).is_simulated
    with pytest.raises(ConfigError, match="holds real prices; this would add simulated ones"):
        download(tmp_path / "real", venue.url)
    with pytest.raises(ConfigError, match="holds real prices; this would add simulated ones"):
        import_files(real, str(data.paths[0]), "", "", False)


def test_only_one_at_a_time(venue: Venue, tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(ConfigError, match="another download or import is writing"):
        download(tmp_path, venue.url)


# Holes in an archive -----------------------------------------------------------------------------------------------


def holes(name: str, lines: list[str]) -> list[str]:
    """Without 00:30 to 00:33 of the bars, and without 30 trades, of one day."""
    if not name.endswith("2025-11-17.csv"):
        return lines
    return lines[:31] + lines[34:] if "-1m-" in name else lines[:501] + lines[531:]


def test_holes_are_filled_over_rest_and_nothing_tells_that_they_were_there(venue: Venue, tmp_path: Path) -> None:
    download(tmp_path / "a", venue.url)
    with altered_archive(venue.url, holes) as archive_url:
        outcome = download(tmp_path / "b", venue.url, archive_url=archive_url)
    assert not outcome.failures and all(report.is_clean for report in outcome.reports)
    for kind in ("bars", "trades"):
        rows = []
        for home in ("a", "b"):
            data = open_data("", tmp_path / home, SourceQuery(kind=kind))
            rows.append(bar_rows(data.bars()) if kind == "bars" else trade_rows(data.trades()))
        assert rows[0] == rows[1]


def test_holes_that_stay_are_reported_to_the_minute(venue: Venue, tmp_path: Path) -> None:
    with altered_archive(venue.url, holes) as archive_url:
        outcome = download(tmp_path, NOBODY, archive_url=archive_url)
    bars, trades = outcome.reports
    midnight = SPAN.from_ms
    assert [(g.from_ms - midnight, g.to_ms - midnight, g.number) for g in bars.of(GAP)] == [(1_800_000, 1_980_000, 3)]
    (gap,) = trades.of(GAP)
    assert gap.number == 30 and not outcome.failures
    report = (tmp_path / USDM / "bars" / "report.json").read_text()
    assert '"from": "2025-11-17 00:30"' in report and '"to": "2025-11-17 00:33"' in report


def test_rows_out_of_order_and_twice_come_out_right(venue: Venue, tmp_path: Path) -> None:
    def mixed(_name: str, lines: list[str]) -> list[str]:
        head, rows = lines[0], lines[1:]
        return [head, *rows[700:], *rows[:700], rows[5]]

    download(tmp_path / "a", venue.url)
    with altered_archive(venue.url, mixed) as archive_url:
        outcome = download(tmp_path / "b", venue.url, archive_url=archive_url)
    assert [report.totals["duplicate"] for report in outcome.reports] == [2, 2]
    assert all(report.totals["order"] > 1_000 for report in outcome.reports)
    for kind in ("bars", "trades"):
        rows = []
        for home in ("a", "b"):
            data = open_data("", tmp_path / home, SourceQuery(kind=kind))
            rows.append(bar_rows(data.bars()) if kind == "bars" else trade_rows(data.trades()))
        assert rows[0] == rows[1]
