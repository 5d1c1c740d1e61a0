"""The one thread that writes. Commits that wait together go into one transaction."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from supreme_system_v5.adapters.journal.faults import fault_from
from supreme_system_v5.adapters.journal.rows import write_record
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.errors import JournalFault

BATCH_MAX: Final = 256
COMMITTED: Final = "committed"
DUPLICATE: Final = "duplicate"

_CHECKPOINT_COMMITS: Final = 100
_PRUNE_SECONDS: Final = 3_600.0
_PRUNE_ROWS_MAX: Final = 200  # one bounded bite: a commit that comes meanwhile waits about a millisecond
_IDLE_SECONDS: Final = 0.25  # quiet for this long before any housekeeping
_NS_PER_DAY: Final = 86_400_000_000_000

Deliver = Callable[[str, "Exception | None"], None]


class Job:
    """Records that belong together: all of them are committed, or none."""

    def __init__(self, records: list[Effect], is_durable: bool, deliver: Deliver) -> None:
        self.records = records
        self.is_durable = is_durable
        self.deliver = deliver


class JournalWriter:
    """Owns the connection while it runs. After the first fault it refuses everything.

    A later commit that succeeded after an earlier one was lost would leave a hole in the books, so the first fault is
    final for this process: what follows goes to the spill file and is booked, in order, at the next start.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, account: str, journal_days: int) -> None:
        self._db = db
        self._path = path
        self._account = account
        self._keep_ns = journal_days * _NS_PER_DAY
        self.before_write: Callable[[], None] = lambda: None  # on this thread, before each transaction
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._is_full_sync = True  # as connect() leaves it
        self._commits_since_checkpoint = 0
        self._next_prune = 0.0
        self.fault: JournalFault | None = None
        self.commits = 0
        self.records = 0
        self.duplicates = 0
        self.commit_ns_max = 0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, job: Job) -> None:
        self._jobs.put(job)

    def stop(self, timeout_seconds: float) -> bool:
        """Finish what is queued and end the thread; False when it did not end in time."""
        self._jobs.put(None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch and batch[-1] is None:
                self._commit_batch([job for job in batch if job is not None])
                return
            self._commit_batch([job for job in batch if job is not None])

    def _next_batch(self) -> list[Job | None]:
        """What waits now; blocks until there is something. Housekeeping happens only in a quiet moment."""
        while True:
            try:
                first = self._jobs.get(timeout=_IDLE_SECONDS if self._is_upkeep_due() else None)
                break
            except queue.Empty:
                self._upkeep()
        batch = [first]
        while batch[-1] is not None and len(batch) < BATCH_MAX:
            try:
                batch.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return batch

    def _commit_batch(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        if self.fault is not None:
            self._refuse(jobs)
            return
        started_ns = time.perf_counter_ns()
        try:
            results = self._transaction(jobs)
        except (sqlite3.Error, OSError) as error:
            self.fault = fault_from(error, self._path, "write")
            self._refuse(jobs)
            return
        except Exception as error:  # a record that cannot be written: ours; the others must not suffer
            if len(jobs) == 1:
                jobs[0].deliver("", error)
            else:
                for job in jobs:
                    self._commit_batch([job])
            return
        self.commit_ns_max = max(self.commit_ns_max, time.perf_counter_ns() - started_ns)
        self.commits += 1
        self._commits_since_checkpoint += 1
        for job, result in zip(jobs, results, strict=True):
            self.records += len(job.records)
            job.deliver(result, None)

    def _transaction(self, jobs: list[Job]) -> list[str]:
        """One transaction over all jobs, synced to disk when any of them asks for it."""
        self.before_write()
        db = self._db
        is_full_sync = any(job.is_durable for job in jobs)
        if is_full_sync != self._is_full_sync:
            db.execute(f"PRAGMA synchronous = {'FULL' if is_full_sync else 'NORMAL'}")
            self._is_full_sync = is_full_sync
        results: list[str] = []
        duplicates = 0
        db.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                written = [write_record(db, self._account, record) for record in job.records]
                duplicates += written.count(False)
                results.append(COMMITTED if all(written) else DUPLICATE)
            db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.duplicates += duplicates
        return results

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the fault that brought us here is the one to report

    def _refuse(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.deliver("", self.fault)

    def _is_upkeep_due(self) -> bool:
        if self.fault is not None:
            return False
        return self._commits_since_checkpoint >= _CHECKPOINT_COMMITS or (
            self.commits > 0 and time.monotonic() >= self._next_prune
        )

    def _upkeep(self) -> None:
        """Off the hot path: move the WAL into the database, forget old decisions and equity in bounded bites."""
        try:
            if self._commits_since_checkpoint >= _CHECKPOINT_COMMITS:
                self._commits_since_checkpoint = 0
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            elif self._prune() < _PRUNE_ROWS_MAX:
                self._next_prune = time.monotonic() + _PRUNE_SECONDS
        except sqlite3.Error as error:
            self._roll_back()
            self.fault = fault_from(error, self._path, "write")

    def _prune(self) -> int:
        """Delete one bite of what is older than the retention, by the account's own engine time; rows deleted."""
        db = self._db
        newest_ns = 0
        for table in ("decisions", "equity"):
            row = db.execute(f"SELECT max(time_ns) FROM {table} WHERE account = ?", (self._account,)).fetchone()
            newest_ns = max(newest_ns, int(row[0] or 0))
        oldest_ns = newest_ns - self._keep_ns
        values = (self._account, oldest_ns, _PRUNE_ROWS_MAX)
        db.execute("BEGIN IMMEDIATE")
        decisions = db.execute(
            "DELETE FROM decisions WHERE id IN "
            "(SELECT id FROM decisions WHERE account = ? AND time_ns < ? ORDER BY time_ns LIMIT ?)",
            values,
        ).rowcount
        equity = db.execute(
            "DELETE FROM equity WHERE account = ?1 AND time_ns IN "
            "(SELECT time_ns FROM equity WHERE account = ?1 AND time_ns < ?2 ORDER BY time_ns LIMIT ?3)",
            values,
        ).rowcount
        db.execute("COMMIT")
        return max(decisions, equity)
