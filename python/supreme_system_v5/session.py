"""One session of a home: the lock, the log, the loop, and what is said when it ends otherwise than it should."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.monitoring.log import setup_logging
from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home, Session
from supreme_system_v5.adapters.storage.lock import HomeLock
from supreme_system_v5.app import Application
from supreme_system_v5.controls import EXIT_INTERRUPTED, STOP_SIGNALS
from supreme_system_v5.core.domain.errors import ConfigError, SupremeError
from supreme_system_v5.orchestrator.console import Console

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

EXIT_CRASHED: Final = 1
CRASH_NAME: Final = "crash.txt"


def run_session(settings: Settings, duration_s: float, is_demo: bool) -> int:
    """Run one session of this home; its exit code. Raises SupremeError (halted, running already, bad start, ...)."""
    # Until the loop has handlers of its own, a signal is an interrupt: the lock is given back all the same.
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    home = Home(Path(settings.home))
    home.create()
    halt.refuse_if_halted(home.halted_path)
    lock = HomeLock(home.lock_path)
    session = home.new_session(time.time_ns())
    try:
        lock.acquire(session.id)
        # Again, now that emergency-stop can see us: it latches first and looks at the lock second.
        halt.refuse_if_halted(home.halted_path)
        return _run(settings, home, session, duration_s, is_demo)
    except KeyboardInterrupt:
        sys.stdout.write("stopped before anything was started\n")
        return 0
    finally:
        lock.release()
        _remove_if_empty(session)


def _remove_if_empty(session: Session) -> None:
    """A start that was refused leaves no folder behind."""
    try:
        session.dir.rmdir()
    except OSError:
        pass  # there is something in it


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    """All work is done; only the process is still there."""
    os._exit(EXIT_INTERRUPTED)


def _run(settings: Settings, home: Home, session: Session, duration_s: float, is_demo: bool) -> int:
    try:
        log_path = setup_logging(settings.log_level, session.dir if settings.log_to_file else None)
    except OSError as error:
        raise ConfigError(
            f"cannot write the log in {session.dir}: {error.strerror or error}",
            "free space or give permission there, or set LOG_TO_FILE=false",
        ) from None
    application = Application(settings, home, session, Console(), duration_s, is_demo)
    try:
        return run_loop(application)
    except SupremeError as error:
        _note(f"the session ends: {error}")
        if log_path is None and error.__cause__ is not None:  # a mistake of ours that was put into words
            _write_traceback(error.__cause__, session)
        raise
    except Exception as error:
        return _crash(error, session, log_path)


def run_loop(application: Application) -> int:
    """Run the application on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return int(loop.run_until_complete(application.run()))
    finally:
        try:
            _cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            for number in STOP_SIGNALS:  # closing took the loop's handlers away
                signal.signal(number, _end_at_once if number == signal.SIGINT else signal.SIG_IGN)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Whatever still runs has nobody left to work for."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=0.3))


def _note(text: str) -> None:
    from loguru import logger

    logger.info("{}", text)


def _crash(error: Exception, session: Session, log_path: Path | None) -> int:
    """A mistake of ours: the traceback where it can be found, one line for people."""
    from loguru import logger

    place = log_path or _write_traceback(error, session)
    where = f"the traceback is in {place}" if place is not None else "its traceback could not be written"
    logger.opt(exception=error).critical("unexpected error, the session ends; {}", where)
    return EXIT_CRASHED


def _write_traceback(error: BaseException, session: Session) -> Path | None:
    """Where no log file is kept: the traceback in a file of its own; None when even that fails."""
    place = session.dir / CRASH_NAME
    try:
        place.write_text("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    except OSError:
        return None
    return place
