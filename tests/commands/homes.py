"""Homes, settings and small daemons for the commands' tests."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState
from supreme_system_v5.adapters.storage.home import Home
from tests.adapters.journal.books import KEY, Books

REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY_LISTENS = "http://127.0.0.1:9"  # the discard port


def settings_for(home: Home, rest_url: str = NOBODY_LISTENS) -> Any:
    """What the commands read of Settings."""
    return SimpleNamespace(
        home=home.root, strategy="scalping", binance_usdm_rest_url=rest_url, binance_spot_rest_url=rest_url
    )


def arguments(**values: object) -> argparse.Namespace:
    return argparse.Namespace(**values)


def start_daemon(home: Home, mode: str) -> subprocess.Popen[str]:
    """A small daemon with a position open, ready to be asked."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.commands.small_daemon", str(home.root), mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])},
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    """Whatever is left of it."""
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def leave_position(home: Home, key: AccountKey = KEY) -> Books:
    """A journal that shows a position, as after a stop by ON_STOP=keep."""
    home.create()
    journal = Journal.open(home.journal_path, key)
    books = Books(key)
    journal.commit_sync(books.intent())
    journal.commit_sync(books.entry_fill())
    journal.close()
    return books


def load(home: Home, key: AccountKey = KEY) -> JournalState:
    with JournalReader(home.journal_path) as reader:
        return reader.load(key)
