"""Backtest = daemon: a recording through `make backtest` and through the running daemon, without a word of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.backtesting.results import BacktestResult, RoundTrip
from supreme_system_v5.commands.backtest_frames import play_recording
from supreme_system_v5.config import Settings
from supreme_system_v5.core.domain.effects import TradeRecord
from supreme_system_v5.trading import account_key
from tests.determinism.daemon import BUSY, RecordingRun, settings_of
from tests.determinism.recordings import FILES, MARKETS, names, recording


def by_backtest(data_dir: Path, settings: Settings, market: str) -> BacktestResult:
    paths = [data_dir / "frames" / name for name in FILES[market]]
    return play_recording(settings, paths, True, lambda _events, _share: None)


def facts(one: RoundTrip | TradeRecord) -> tuple[object, ...]:
    """A trade: side, times, quantity, prices, result and costs."""
    prices = (one.quantity_e8, one.entry_price_e8, one.exit_price_e8)
    money = (one.gross_e8, one.fees_e8, one.funding_e8, one.net_e8)
    return (one.side, one.opened_ns, one.closed_ns, *prices, *money, one.exit_reason)


@pytest.mark.slow
@pytest.mark.parametrize("keys", [{}, BUSY], ids=["default", "busy"])
@pytest.mark.parametrize("market", MARKETS)
def test_the_backtest_is_the_daemon(data_dir: Path, tmp_path: Path, market: str, keys: dict[str, str]) -> None:
    settings = settings_of(market, tmp_path, **keys)
    result = by_backtest(data_dir, settings, market)
    source = recording(data_dir, market)
    with RecordingRun(settings, tmp_path, names(data_dir, market), 0.0, **keys) as run:
        assert isinstance(run, RecordingRun)
        status = run.play(source.last_ns, 60.0)
        assert status, run.said("daemon")
        with JournalReader(run.home.journal_path) as reader:
            journalled = reader.trades(account_key(settings, True, False), 1_000)
    assert status["digest"] == result.digest
    assert status["trades_closed"] == len(result.trades)
    assert status["frames"]["rejected"] == {}
    assert [facts(one) for one in result.trades] == [facts(one) for one in journalled]
    if keys:
        assert len(result.trades) >= 2
