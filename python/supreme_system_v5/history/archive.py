"""The venue's public archives: where a day's or a month's file is, and fetching it, checked by its checksum."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.history.http import Http
from supreme_system_v5.history.kinds import BARS, DataError
from supreme_system_v5.history.open import sha256_of
from supreme_system_v5.history.store import Series, writing

FRESH_TRIES: Final = 2
_MARKET: Final = {"spot": "spot", "usdm": "futures/um"}
_CHECKSUM: Final = re.compile(rb"([0-9a-f]{64}) [ *]?(\S+)\s*", re.ASCII)


class ArchiveFile(NamedTuple):
    """One file of the archive; ``name`` without .zip."""

    url: str
    name: str


def archive_file(base_url: str, wanted: Series, day: date, is_month: bool) -> ArchiveFile:
    """The file that holds a day, or the month that the day is in."""
    is_bars = wanted.kind == BARS
    when = day.strftime("%Y-%m") if is_month else day.isoformat()
    name = f"{wanted.symbol}-{'1m' if is_bars else 'aggTrades'}-{when}"
    folder = f"klines/{wanted.symbol}/1m" if is_bars else f"aggTrades/{wanted.symbol}"
    period = "monthly" if is_month else "daily"
    return ArchiveFile(f"{base_url.rstrip('/')}/data/{_MARKET[wanted.market]}/{period}/{folder}/{name}.zip", name)


class ArchiveFetcher:
    """Fetches files into ``folder``, from where they were left."""

    def __init__(self, http: Http, folder: Path, on_bytes: Callable[[int], None]) -> None:
        self._http = http
        self._folder = folder
        self._on_bytes = on_bytes

    def fetch(self, wanted: Series, file: ArchiveFile) -> Path | None:
        """The zip on disk, or None when the archive does not have it.

        Raises NetworkError, and DataError when its checksum stays wrong: the file is then deleted.
        """
        answer = self._http.get(f"{file.url}.CHECKSUM")
        if answer.status == 404:
            return None
        found = _CHECKSUM.fullmatch(answer.body)
        if found is None or found[2].decode("ascii", "replace") != f"{file.name}.zip":
            raise DataError(f"{file.url}.CHECKSUM is no checksum file", "try again later")
        path = self._path(wanted, file)
        part = path.with_name(path.name + ".part")
        if path.exists() and sha256_of(path) == found[1].decode():  # fetched before, and the run ended
            return path
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        tries = 0
        while tries < FRESH_TRIES:
            is_fresh = not part.exists() or part.stat().st_size == 0
            if not self._load(file.url, part):
                return None
            if sha256_of(part) == found[1].decode():
                part.replace(path)
                return path
            part.unlink()
            tries += is_fresh  # what was left by an earlier run may be of an older file: that is no try
        raise DataError(
            f"{file.url} is not what its checksum says, {FRESH_TRIES} times; it is refused and deleted",
            "try again later; the other days are stored",
        )

    def has_begun(self, wanted: Series, file: ArchiveFile) -> bool:
        """True when an earlier run left this file, or a part of it."""
        path = self._path(wanted, file)
        return path.exists() or path.with_name(path.name + ".part").exists()

    def _path(self, wanted: Series, file: ArchiveFile) -> Path:
        return self._folder / f"{wanted.market}-{file.name}.zip"

    def _load(self, url: str, part: Path) -> bool:
        def have() -> int:
            return part.stat().st_size if part.exists() else 0

        def write(offset: int, pieces: Iterator[bytes]) -> None:
            with writing(self._folder):
                stream = part.open("r+b" if offset else "wb")
            with stream:
                stream.seek(offset)
                stream.truncate()
                for piece in pieces:
                    with writing(self._folder):
                        stream.write(piece)
                        stream.flush()
                    self._on_bytes(len(piece))

        return self._http.download(url, have, write)
