"""`replay`: a recorded session, or the chain of all of a home, through the engine again. See docs/recording.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5 import build_info
from supreme_system_v5.adapters.monitoring.text import count, duration
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.recording.keeping import recordings
from supreme_system_v5.adapters.storage.recording.reader import DamageError, Recording
from supreme_system_v5.backtesting.replay import Replay
from supreme_system_v5.backtesting.replay_chain import Books, Link, link
from supreme_system_v5.backtesting.replay_difference import Outcome, as_dict, render
from supreme_system_v5.backtesting.replay_parts import instrument_of, parameters_of, saved_of
from supreme_system_v5.commands.tables import complain, say, say_json
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.trading import Trading

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

CHAIN: Final = "chain"  # SESSION=chain
BAR_WIDTH: Final = 30
LINE_SECONDS: Final = 5.0  # between two lines of progress where stderr is no terminal


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 when nothing differs, 1 at the first difference or for a damaged recording. Raises ConfigError (2)."""
    artifacts_dir = Home(settings.home).artifacts_dir
    if args.session == CHAIN:
        return _chain(artifacts_dir, args.json)
    recording = Recording(find(artifacts_dir, args.session))
    report = replay_one(recording)
    if args.json:
        say_json(report.as_dict())
    else:
        say(report.text())
    return report.exit_code


def find(artifacts_dir: Path, name: str | None) -> Path:
    """The recording of a named session (a part of the name is enough), or the newest. Raises ConfigError."""
    found = recordings(artifacts_dir)
    if not name:
        if found:
            return found[-1]
        raise ConfigError(f"there is no recording in {artifacts_dir}", "RECORD=true or `make record` makes one")
    named = [folder for folder in found if name in folder.parent.name]
    if len(named) == 1:
        return named[0]
    if named:
        sessions = ", ".join(folder.parent.name for folder in named)
        raise ConfigError(f"SESSION={name} names several recordings: {sessions}", "give more of the name")
    have = ", ".join(folder.parent.name for folder in found[-5:]) or "none"
    raise ConfigError(
        f"no recorded session is named {name} in {artifacts_dir}", f"recorded: {have}; or SESSION={CHAIN}"
    )


class Report:
    """One replayed recording, for people and machines."""

    def __init__(self, recording: Recording, outcome: Outcome, damage: str, seconds: float, books: Books) -> None:
        self.recording = recording
        self.outcome = outcome
        self.damage = damage
        self.seconds = seconds
        self.books = books

    @property
    def exit_code(self) -> int:
        return 1 if self.damage or self.outcome.difference is not None else 0

    def text(self) -> str:
        """A few lines, or the page of the difference."""
        outcome, header = self.outcome, self.recording.header
        dropped = outcome.events_dropped
        lines = [
            f"session {self.recording.session}: recorded by {header.get('version')} ({header.get('core')} core),"
            f" replayed by the {build_info.core()} core",
            f"  {count(outcome.events)} events ({count(outcome.frames)} frames, {count(outcome.rejected)} refused),"
            f" {duration((outcome.last_ns - outcome.first_ns) / 1e9)} of the market in {self.seconds:.1f} s",
            f"  {count(outcome.decisions)} decisions, {count(outcome.effects)} effects and"
            f" {count(outcome.marks)} states compared",
        ]
        if outcome.difference is None and not self.damage:
            lines.append(f"  {self._ending()}")
        if dropped:
            lines.append(
                f"  the first {count(dropped)} events were dropped by RECORD_MAX_MB: replayed from segment"
                f" {self.recording.first_segment} on, without the digest, which begins with them"
            )
        if outcome.failure:
            lines.append(f"  the session ended by a mistake of its own, and so does the replay: {outcome.failure}")
        if self.damage:
            lines.append(f"  DAMAGED: {self.damage}")
        if outcome.difference is not None:
            lines.append(render(outcome.difference, _time(outcome.difference.time_ns)))
        elif self.damage:
            lines.append("0 differences up to there")
        else:
            lines.append("0 differences" if dropped else f"0 differences; digest {outcome.digest}")
        return "\n".join(lines)

    def _ending(self) -> str:
        outcome = self.outcome
        if self.recording.fault:
            return f"the recording ended before its session: {self.recording.fault}"
        if outcome.is_early:
            return f"the recording ended before its session: {outcome.reason}"
        if outcome.is_ended:
            return f"ended in order: {outcome.reason}"
        words = f"no orderly end (a kill): recorded up to {_time(outcome.last_ns)}; inputs of the second after it may"
        words += " be missing, none of which led to anything in the journal"
        if outcome.cut:
            words += f"; {outcome.cut}"
        if outcome.is_unfinished:
            words += "; the effects of its last event had not all been written and are not compared"
        return words

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON words."""
        outcome = self.outcome
        return {
            "session": self.recording.session,
            "recorded_core": self.recording.header.get("core"),
            "core": build_info.core(),
            "events": outcome.events,
            "events_dropped": outcome.events_dropped,
            "frames": outcome.frames,
            "rejected": outcome.rejected,
            "decisions": outcome.decisions,
            "effects": outcome.effects,
            "states": outcome.marks,
            "first_ns": outcome.first_ns,
            "last_ns": outcome.last_ns,
            "seconds": round(self.seconds, 3),
            "is_ended": outcome.is_ended,
            "is_early": outcome.is_early,
            "reason": outcome.reason,
            "cut": outcome.cut,
            "damage": self.damage,
            "failure": outcome.failure,
            "digest": "" if outcome.events_dropped else outcome.digest,
            "differences": 0 if outcome.difference is None else 1,
            "difference": None if outcome.difference is None else as_dict(outcome.difference),
        }


def replay_one(recording: Recording) -> Report:
    """Replay a recording with a bar of progress. Raises ConfigError for one that this version cannot read."""
    header = recording.header
    parameters = parameters_of(header)
    saved_of(header)  # refused before anything is played
    books = Books(header["saved"], parameters.account)
    replay = Replay(recording, Trading(parameters, instrument_of(header)), books.take)
    progress = Progress(recording.session)
    began = time.monotonic()
    damage = ""
    try:
        outcome = replay.run(progress.show)
    except DamageError as error:
        outcome, damage = replay.outcome, error.message
    finally:
        progress.end()
    return Report(recording, outcome, damage, time.monotonic() - began, books)


# -- the chain -----------------------------------------------------------------------------------------------------


def _chain(artifacts_dir: Path, is_json: bool) -> int:
    """Every recorded session of the home, one after the other; for each account what one left is compared."""
    folders = recordings(artifacts_dir)
    if not folders:
        raise ConfigError(f"there is no recording in {artifacts_dir}", "RECORD=true or `make record` makes one")
    before: dict[str, Report] = {}
    document: list[dict[str, Any]] = []
    is_good = True
    for folder in folders:
        recording = Recording(folder)
        account = str(recording.header["parameters"]["account"])
        facts: dict[str, Any] = {"link": ""}
        if account in before:
            joined = _join(before[account], recording)
            is_good = is_good and not joined.differences
            facts = {"link": joined.note or "holds", "link_differences": joined.differences}
            if not is_json:
                say(_link_text(before[account], joined))
        report = replay_one(recording)
        is_good = is_good and report.exit_code == 0
        before[account] = report
        document.append({**report.as_dict(), **facts})
        if not is_json:
            say(report.text())
    if is_json:
        say_json({"sessions": document, "is_good": is_good})
    else:
        say(f"chain of {len(folders)} sessions: {'holds' if is_good else 'BROKEN'}")
    return 0 if is_good else 1


def _join(report: Report, recording: Recording) -> Link:
    """The link between a replayed session and the next one of its account."""
    if report.outcome.is_early:
        return Link([], "not compared, because that recording ended before its session")
    if report.exit_code:
        return Link([], "not compared, because the replay did not get to its end")
    if report.outcome.events_dropped:
        return Link([], "not compared, because the beginning of that recording was dropped by RECORD_MAX_MB")
    return link(report.books, recording.header["saved"], report.outcome.is_ended)


def _link_text(report: Report, joined: Link) -> str:
    if not joined.differences and not joined.note.startswith("not compared"):
        return f"  |  the next session began with what it left{f' ({joined.note})' if joined.note else ''}"
    if joined.note.startswith("not compared"):
        return f"  |  {joined.note}"
    lines = [f"  |  BROKEN: the next session did not begin with what {report.recording.session} left"]
    lines.append("  |  (a session that was not recorded, emergency-stop or reset may lie between them)")
    for name, left, began in joined.differences:
        lines.append(f"  |    {name:<16} left  {left[:300]}")
        lines.append(f"  |    {'':<16} began {began[:300]}")
    return "\n".join(lines)


# -- for people ----------------------------------------------------------------------------------------------------


class Progress:
    """A bar on a terminal; elsewhere a line every few seconds."""

    def __init__(self, name: str, doing: str = "replaying") -> None:
        self._name = f"{doing} {name}"
        self._is_terminal = sys.stderr.isatty()
        self._said = time.monotonic()
        self._is_open = False

    def show(self, share: float) -> None:
        now = time.monotonic()
        if not self._is_terminal:
            if now - self._said >= LINE_SECONDS and share < 1.0:
                self._said = now
                complain(f"{self._name}: {share:.0%}")
            return
        filled = round(BAR_WIDTH * share)
        sys.stderr.write(f"\r{self._name} {'█' * filled}{'░' * (BAR_WIDTH - filled)} {share:4.0%}")
        sys.stderr.flush()
        self._is_open = True

    def end(self) -> None:
        if self._is_open:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _time(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
        + f".{rest // 1_000_000:03d} UTC (engine time {time_ns})"
    )
