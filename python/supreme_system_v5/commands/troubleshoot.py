"""troubleshoot: the usual faults, one line each, with the remedy; exit 1 when something fails."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from supreme_system_v5.adapters.control.client import ControlError, ControlTimeoutError, ControlUnavailableError
from supreme_system_v5.adapters.monitoring.text import plural, to_encoding
from supreme_system_v5.adapters.storage import halt, lock
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import validate
from supreme_system_v5.commands.status import read_status
from supreme_system_v5.commands.validate import FAIL, OK, WARN, Result
from supreme_system_v5.config import Settings

NET_TIMEOUT_SECONDS = 2.0


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the table; 1 when a line is FAIL."""
    results = check_all(settings, args.config_error)
    failed = [result for result in results if result.verdict == FAIL]
    if args.json:
        checks = [result._asdict() for result in results]
        print(json.dumps({"schema_version": 1, "ok": not failed, "checks": checks}, indent=2))
        return 1 if failed else 0
    for result in results:
        print(to_encoding(f"{result.verdict:<5} {result.name:<10} {result.found}", "utf-8"))
        if result.verdict != OK and result.remedy:
            print(f"                 -> {result.remedy}")
    warned = sum(result.verdict == WARN for result in results)
    print(f"\n{len(failed)} failed, {warned} to look at" + ("" if failed or warned else ": nothing is wrong here"))
    return 1 if failed else 0


def check_all(settings: Settings, config_error: str) -> list[Result]:
    """The environment (as `make validate`), then the daemon, its files and the way to the venue."""
    first = Result("config", OK, str(settings.env_file) if settings.env_file.is_file() else "defaults")
    if config_error:
        first = Result("config", FAIL, config_error, "correct it; make check-config shows every key")
    results = [first, *(check(settings) for check in validate.CHECKS)]
    is_running, daemon = check_daemon(settings)
    if is_running:  # its own port is in use, as it should be
        results = [result for result in results if not (result.name == "port" and result.verdict != OK)]
    checks: tuple[Callable[[Settings], Result], ...] = (check_lock, check_latch, check_journal)
    return [*results, daemon, *(check(settings) for check in checks), *check_network(settings)]


def check_daemon(settings: Settings) -> tuple[bool, Result]:
    """Whether one runs (or hangs), and what it says of itself."""
    try:
        status = read_status(settings)
    except ControlUnavailableError:
        return False, Result("daemon", OK, "none is running (make run-ultra-local starts one)")
    except ControlTimeoutError as error:
        return True, Result("daemon", FAIL, error.message, "it hangs or is stopped: make emergency-stop ends it")
    except ControlError as error:
        return True, Result("daemon", FAIL, error.message, "make logs says more")
    state, why = status.get("state"), status.get("no_trade_reason") or ""
    found = f"pid {status.get('pid')}, {state}" + (f": {why}" if why else "")
    if state in ("halted", "reduce_only"):
        return True, Result("daemon", WARN, found, "make status says more")
    return True, Result("daemon", OK, found)


def check_lock(settings: Settings) -> Result:
    """Who holds this home, and whether that process is still the one that wrote it."""
    home = Home(settings.home)
    owner = lock.read_owner(home.lock_path)
    if owner is None:
        return Result("lock", OK, "free")
    if owner.is_alive:
        return Result("lock", OK, f"held by pid {owner.pid}, session {owner.session or '-'}")
    other = "; that pid now belongs to another program, which is left alone" if owner.is_pid_reused else ""
    found = f"left by pid {owner.pid}, which is gone{other}"
    return Result("lock", WARN, found, "it ended without its orderly stop; the next start recovers by itself")


def check_latch(settings: Settings) -> Result:
    """The halt latch."""
    path = Home(settings.home).halted_path
    if not halt.is_halted(path):
        return Result("latch", OK, "not halted")
    reason = halt.read(path).get("reason") or "no reason recorded"
    return Result("latch", FAIL, f"HALTED: {reason}", "look at what happened, then: make clear-halt")


def check_journal(settings: Settings) -> Result:
    """Whether the journal can be read, and what it shows open."""
    path = Home(settings.home).journal_path
    if not path.exists():
        return Result("journal", OK, "none yet")
    from supreme_system_v5.adapters.journal.reader import JournalReader
    from supreme_system_v5.core.domain.errors import JournalFault

    try:
        with JournalReader(path) as reader:
            accounts, positions = reader.accounts(), reader.open_positions()
    except JournalFault as fault:
        remedy = fault.remedy or f"keep {path} and restore a backup from {Home(settings.home).backup_dir}"
        return Result("journal", FAIL, fault.message, remedy)
    opened = ", ".join(item.key.label for item in positions) or "none"
    return Result("journal", OK, f"readable, {plural(len(accounts), 'account')}, open positions: {opened}")


def check_network(settings: Settings) -> list[Result]:
    """Name and port of each configured real source; without any of them only the simulated market is left."""
    urls = {
        "binance": (
            getattr(settings, f"binance_{settings.market}_rest_url"),
            getattr(settings, f"binance_{settings.market}_ws_url"),
        ),
        "coingecko": (settings.coingecko_url,),
    }
    has_other = "simulated" in settings.data_sources
    results = []
    for source in settings.data_sources:
        for url in urls.get(source, ()):
            fault = reach(url, NET_TIMEOUT_SECONDS)
            host = urlsplit(url).hostname or url
            if not fault:
                results.append(Result(source, OK, f"{host} answers"))
                continue
            rest = "until then the simulated market is used" if has_other else "DATA_SOURCES names no other market"
            remedy = f"check network, DNS and firewall; {rest}"
            is_fatal = source == "binance" and not has_other
            results.append(Result(source, FAIL if is_fatal else WARN, f"{host}: {fault}", remedy))
    return results


def reach(url: str, timeout_seconds: float) -> str:
    """Resolve the host and connect to its port; "" when that works, else what failed, in a few words."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    found: list[str] = []

    def probe() -> None:
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            found.append(f"name not resolved ({error.strerror or error})")
            return
        try:
            with socket.create_connection((host, port), timeout_seconds):
                found.append("")
        except TimeoutError:
            found.append(f"no answer on port {port} within {timeout_seconds:g} s")
        except OSError as error:
            found.append(f"port {port}: {error.strerror or error}")

    # The resolver knows no time-out of ours: it runs beside, and is left behind when it is slow.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(2 * timeout_seconds)
    return found[0] if found else f"name not resolved within {2 * timeout_seconds:g} s"
