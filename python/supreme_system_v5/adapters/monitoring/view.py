"""What a person sees: start banner, status line, end-of-session summary. Pure text from plain data.

`page.py` renders the full page. Whatever is missing shows as "-"; on the simulated market every block that holds a
price, a trade or a result says SIMULATED.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from typing import Final

from supreme_system_v5.adapters.monitoring.page import (
    is_simulated,
    latency_text,
    position_words,
    recording_text,
    status_page,
)
from supreme_system_v5.adapters.monitoring.text import (
    SIMULATED,
    count,
    cpu,
    decimal,
    duration,
    fit,
    megabytes,
    milliseconds,
    number,
    paint,
    percent,
    pick,
    price,
    quantity,
    rejected_frames,
    rows,
    sign_color,
    signed,
    table,
    tally,
    visible_length,
    words,
    wrap,
)

__all__ = ["banner", "status_line", "status_page", "summary"]

WIDTH: Final = 80  # of banner and summary
_LABEL: Final = 13


def _row(label: str, value: str, is_color: bool = False) -> str:
    return "\n".join(wrap(f"  {paint(label.ljust(_LABEL), 'dim', is_color)}{value}", WIDTH, _LABEL + 2))


def banner(info: Mapping[str, object], is_color: bool = False) -> str:
    """The block printed at start.

    ``info`` (all optional): version, session, mode, market, symbol, source, source_class, account, core, strategy,
    balance, max_ram_mb, max_cpu_percent, bar_seconds, artifacts, urls {name: url}, stop (how to stop),
    duration_seconds, failed_sources [{source, reason}], left_open_elsewhere [as in the status], notes [text].
    """
    simulated = is_simulated(info)
    mark = f"   {paint(SIMULATED, 'bold yellow', is_color)}" if simulated else ""
    title = f"Supreme System V5 {pick(info, 'version') or ''}".rstrip()
    out = [f"{paint(title, 'bold cyan', is_color)}   {words(pick(info, 'mode')).upper()} trading{mark}", "─" * WIDTH]
    market = {"usdm": "USD-M futures, leverage 1", "spot": "spot"}.get(str(pick(info, "market")), "-")
    out.append(_row("market", f"{pick(info, 'symbol') or '-'} · {market}", is_color))
    for failed in rows(info, "failed_sources"):
        why = f"{failed.get('source')} not reachable: {failed.get('reason')}"
        out.append(_row("source", paint("○ ", "red", is_color) + why, is_color))
    source = words(pick(info, "source"))
    if simulated:
        source = paint("simulated exchange: prices, trades and results are not real", "yellow", is_color)
    out.append(_row("source", paint("● ", "green", is_color) + source, is_color))
    core = {"compiled": "compiled", "pure": "pure Python (slower; no compiled core was built)"}
    out.append(_row("core", core.get(str(pick(info, "core")), "-"), is_color))
    strategy = words(pick(info, "strategy")) if pick(info, "strategy") else ""
    bars = number(pick(info, "bar_seconds"))
    if strategy or bars:
        parts = [strategy, f"{bars:g} s bars" if bars else ""]
        out.append(_row("strategy", " · ".join(part for part in parts if part), is_color))
    if decimal(pick(info, "balance")) is not None:
        paper = f"{SIMULATED} account" if simulated else f"{words(pick(info, 'mode'))} account"
        text = f"{price(pick(info, 'balance'))} USDT · {paper} {pick(info, 'account') or ''}".rstrip()
        out.append(_row("equity", text, is_color))
    budget = f"{number(pick(info, 'max_ram_mb')):g} MB RAM, {number(pick(info, 'max_cpu_percent')):g} % of one CPU"
    out.append(_row("budget", budget, is_color))
    out.extend(_row(name, str(url), is_color) for name, url in table(info, "urls").items())
    for label, key in (("session", "session"), ("files", "artifacts")):
        if pick(info, key):
            out.append(_row(label, str(pick(info, key)), is_color))
    out.append(_row("watch", "make status · make monitor   (in another terminal)", is_color))
    out.append(_row("stop", _stop_text(info), is_color))
    out.append(_row("emergency", "make emergency-stop   (closes everything and stays stopped)", is_color))
    out.extend(left_open_lines(info, is_color))
    notes = pick(info, "notes")
    for note in notes if isinstance(notes, (list, tuple)) else ():
        out.append(_row("note", paint(str(note), "yellow", is_color), is_color))
    return "\n".join([*out, "─" * WIDTH])


def _stop_text(info: Mapping[str, object]) -> str:
    how = str(pick(info, "stop") or "Ctrl-C or make stop")
    seconds = decimal(pick(info, "duration_seconds"))
    return f"by itself after {duration(seconds)}, or {how}" if seconds else how


def left_open_lines(data: Mapping[str, object], is_color: bool = False) -> list[str]:
    """One line for each position of another account that nobody is attending to now."""
    out = []
    for item in rows(data, "left_open_elsewhere"):
        kind = SIMULATED if item.get("source_class") == "simulated" else "REAL market"
        text = (
            f"{kind} account {item.get('account') or '-'}: {quantity(item.get('quantity'))} {item.get('symbol') or ''}"
            f" {item.get('market') or ''} @ {price(item.get('entry_price'))} is open and unattended"
        )
        out.append(_row("LEFT OPEN", paint(text, "bold red", is_color), is_color))
    return out


def status_line(status: Mapping[str, object], width: int = 0, is_color: bool = False) -> str:
    """One line: price, position, P&L net, skip ratio, p95 latency, RSS, CPU, and why there is no trade.

    ``width`` 0 = as long as it takes. On a narrow terminal the figures about the machine go first, the reason last.
    """
    reason = why_no_trade(status)
    short = reason.split(";")[0]
    line = ""
    # First the history behind the reason goes, then the spaces, then the machine's figures, then a hard cut.
    for text, is_compact, figures in (
        (reason, False, 4),
        (short, False, 4),
        (reason, True, 4),
        (short, True, 4),
        (short, True, 3),
        (short, True, 2),
        (short, True, 1),
        (short, True, 0),
    ):
        line = _line(status, text, is_compact, figures, is_color)
        if width <= 0 or visible_length(line) <= width:
            return line
    return fit(line, width)


def _line(status: Mapping[str, object], reason: str, is_compact: bool, figures: int, is_color: bool) -> str:
    net = pick(status, "pnl_session", "net")
    head = [paint(SIMULATED, "yellow", is_color)] if is_simulated(status) else []
    head += [price(pick(status, "price")), position_words(status, is_color)]
    if not is_compact and table(status, "position"):
        unrealized = pick(status, "position", "unrealized")
        head.append(paint(f"({signed(unrealized)})", sign_color(unrealized), is_color))
    head.append(paint(f"net {signed(net)}", sign_color(net), is_color))
    rss = megabytes(pick(status, "resources", "rss_bytes"))
    machine = [
        f"skip {percent(pick(status, 'gate', 'skip_ratio'))}",
        f"p95 {milliseconds(pick(status, 'latency_ms', 'p95'))}",
        rss if is_compact else f"RSS {rss}",
        f"CPU {cpu(pick(status, 'resources', 'cpu_percent'))}",
    ][:figures]
    if is_compact:
        machine = [text.replace(" %", "%").replace(" ms", "ms").replace(" MB", "MB") for text in machine]
    space = " " if is_compact else "  "
    return space.join([*head, *machine]) + (f"{space}| {reason}" if reason else "")


def why_no_trade(status: Mapping[str, object]) -> str:
    """The first unmet condition; in a mode that takes no entries, that mode first."""
    state = str(pick(status, "state") or "")
    reason = str(pick(status, "no_trade_reason") or "")
    if state in ("halted", "stopping", "reduce_only") and state.replace("_", " ") not in reason.replace("_", " "):
        return f"{words(state)}{': ' + reason if reason else ''}"
    return reason


def _why_none(status: Mapping[str, object]) -> str:
    if not any(number(value) for value in table(status, "signals").values()):
        return "no signal met the rule"
    return f"signals {tally(table(status, 'signals'))}, refused {tally(table(status, 'refusals'))}"


def _start_and_end(status: Mapping[str, object]) -> list[tuple[str, str]]:
    """Both in UTC. The session's name has the wall time of the start; ``time_ns`` may be the market's own."""
    seconds = number(pick(status, "uptime_seconds"))
    end_s = number(pick(status, "time_ns")) / 1e9
    try:
        start_s = float(calendar.timegm(time.strptime(str(pick(status, "session"))[:16], "%Y%m%dT%H%M%SZ")))
        end_s = start_s + seconds
    except ValueError:
        start_s = end_s - seconds
    if end_s <= 0 or seconds <= 0:
        return []
    try:
        texts = [time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment)) for moment in (start_s, end_s)]
    except (OverflowError, OSError, ValueError):  # not a time
        return []
    return list(zip(("start", "end"), texts, strict=True))


def summary(status: Mapping[str, object], reason: str = "", artifacts: str = "", is_color: bool = False) -> str:
    """The block printed at the end of a session: what happened, what it cost, what is LEFT OPEN."""
    simulated = is_simulated(status)
    mark = f"   {paint(SIMULATED, 'bold yellow', is_color)}" if simulated else ""
    out = ["─" * WIDTH, f"{paint('Session summary', 'bold cyan', is_color)}{mark}"]
    ended = f"{duration(pick(status, 'uptime_seconds'))}{', ended: ' + reason if reason else ''}"
    out.append(_row("ran", ended, is_color))
    out += [_row(name, text, is_color) for name, text in _start_and_end(status)]
    market = f"{pick(status, 'symbol') or '-'} {pick(status, 'market') or ''}, source {words(pick(status, 'source'))}"
    out.append(_row("market", f"{market}, last price {price(pick(status, 'price'))}", is_color))
    closed = number(pick(status, "trades_session"))
    trades = f"{closed:.0f} closed" if closed else f"none closed: {_why_none(status)}"
    out.append(_row("trades", f"{trades}", is_color))
    pnl = table(status, "pnl_session")
    net = paint(f"net {signed(pnl.get('net'))}", sign_color(pnl.get("net")), is_color)
    fees = decimal(pnl.get("fees"))
    paid = "-" if fees is None else f"{fees:,.2f}"
    funding = "unknown" if pick(status, "funding") == "unknown" else signed(pnl.get("funding"))
    parts = f"gross {signed(pnl.get('gross'))}  fees {paid}  funding {funding}"
    out.append(_row("result", f"{parts}  {net} USDT{' (' + SIMULATED + ')' if simulated else ''}", is_color))
    out.append(_row("equity", f"{price(pick(status, 'equity'))} USDT", is_color))
    gate = table(status, "gate")
    seen = f"{count(gate.get('seen'))} trades seen, {percent(gate.get('skip_ratio'), 1)} skipped by the gate"
    out.append(_row("market data", seen, is_color))
    signals, refusals = tally(table(status, "signals")), tally(table(status, "refusals"))
    out.append(_row("decisions", f"signals: {signals}; refused: {refusals}", is_color))
    rejected = tally(rejected_frames(status))
    out.append(_row("frames", f"{count(pick(status, 'frames', 'processed'))}, rejected: {rejected}", is_color))
    out.append(_row("latency", latency_text(status), is_color))
    peak = f"RSS peak {megabytes(pick(status, 'resources', 'peak_rss_bytes'))}"
    out.append(_row("resources", f"{peak}, CPU {cpu(pick(status, 'resources', 'cpu_percent'), 1)}", is_color))
    recording = recording_text(status)
    if recording:
        out.append(_row("recording", recording, is_color))
    if artifacts:
        out.append(_row("files", artifacts, is_color))
    position = table(status, "position")
    if position:
        kept = (
            f"{position_words(status)}{' (' + SIMULATED + ')' if simulated else ''}, stop"
            f" {price(position.get('stop'))}; nothing watches it while the daemon is down: it is checked against the"
            " market's history at the next start; to close now: make emergency-stop"
        )
        out.append(_row("LEFT OPEN", paint(kept, "bold yellow", is_color), is_color))
    elif status:
        out.append(_row("position", "flat", is_color))
    out.extend(left_open_lines(status, is_color))
    return "\n".join([*out, "─" * WIDTH])
