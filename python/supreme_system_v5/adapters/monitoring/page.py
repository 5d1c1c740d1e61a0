"""The full status page (`make status`, `make monitor`): sections laid out in as many columns as the width allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from supreme_system_v5.adapters.monitoring.text import (
    MISSING,
    SIMULATED,
    age,
    count,
    cpu,
    decimal,
    duration,
    fit,
    megabytes,
    milliseconds,
    number,
    pad,
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

_GAP: Final = 3
_LABEL: Final = 9
_STATE_COLOR: Final = {"active": "bold green", "warming": "bold cyan", "reduce_only": "bold yellow"}
_STATE_TEXT: Final = {
    "active": "watching the market",
    "warming": "warming up: indicators and book are not ready yet",
    "reduce_only": "no new position; open ones are protected and may close",
    "halted": "halted: no order goes out but to close",
    "stopping": "stopping in order",
}

Section = tuple[str, list[str]]


def is_simulated(data: Mapping[str, object]) -> bool:
    """True when prices and results are not of a real market."""
    return pick(data, "source_class") == "simulated" or pick(data, "source") == "simulated"


def position_words(status: Mapping[str, object], is_color: bool = False) -> str:
    """The position in a few words: flat, or LONG 0.058 @ 3,412.10."""
    position = table(status, "position")
    if not position:
        return "flat"
    side = str(position.get("side") or MISSING)
    colored = paint(side, "bold green" if side == "LONG" else "bold red", is_color)
    return f"{colored} {quantity(position.get('quantity'))} @ {price(position.get('entry_price'))}"


def latency_text(status: Mapping[str, object]) -> str:
    """p50, p95, p99 and how many there were."""
    data = table(status, "latency_ms")
    parts = [f"{name} {milliseconds(data.get(name))}" for name in ("p50", "p95", "p99")]
    return f"{'  '.join(parts)}  (n {count(data.get('count'))})"


def recording_text(status: Mapping[str, object]) -> str:
    """What becomes of the recording, "" where none was asked for: "12 MB, 1 segment", "ended: memory pressure"."""
    found = table(status, "recording")
    state = found.get("state", "off")
    if state == "off":
        return ""
    if state == "failed":
        return f"NOT RECORDED: {found.get('reason')}"
    segments = int(number(found.get("segments")))
    text = f"{number(found.get('bytes')) / 1048576:.1f} MB, {segments} segment{'' if segments == 1 else 's'}"
    dropped = (int(number(found.get("dropped_recordings"))), int(number(found.get("dropped_segments"))))
    if any(dropped):
        text += f"; dropped: {dropped[0]} older recordings, {dropped[1]} segments"
    return text if state == "on" else f"ended: {found.get('reason')}; {text}"


def _line(label: str, value: str, is_color: bool) -> str:
    return f"{paint(label.ljust(_LABEL), 'dim', is_color)} {value}"


def _market(status: Mapping[str, object], is_color: bool) -> Section:
    spread = decimal(pick(status, "spread_bps"))
    ages = table(status, "data_age_ms")
    mark_text = price(pick(status, "mark"))
    lines = [
        _line("last", paint(price(pick(status, "price")), "bold", is_color), is_color),
        _line("bid / ask", f"{price(pick(status, 'bid'))} / {price(pick(status, 'ask'))}", is_color),
        _line("spread", f"{spread:.3f} bps   mark {mark_text}" if spread is not None else MISSING, is_color),
        _line("data age", f"trade {age(ages.get('trade'))}, quote {age(ages.get('quote'))}", is_color),
        _line("", f"depth {age(ages.get('depth'))}, mark {age(ages.get('mark'))}", is_color),
    ]
    return "MARKET", lines


def _distance(level: object, last: object) -> str:
    level_price, last_price = decimal(level), decimal(last)
    if not level_price or not last_price:
        return ""
    return f" ({signed(100 * (level_price / last_price - 1))} %)"


def _position(status: Mapping[str, object], is_color: bool) -> Section:
    position = table(status, "position")
    lines = [paint(position_words(status, is_color), "bold", is_color and not position)]
    if position:
        last = pick(status, "price")
        unrealized = position.get("unrealized")
        protected = position.get("is_protected")
        lines.append(_line("now", paint(f"{signed(unrealized)} USDT", sign_color(unrealized), is_color), is_color))
        for name in ("stop", "target"):
            lines.append(_line(name, price(position.get(name)) + _distance(position.get(name), last), is_color))
        left_ns = number(position.get("timeout_ns")) - number(pick(status, "time_ns"))
        lines.append(_line("timeout", f"in {duration(left_ns / 1e9)}" if left_ns > 0 else "due", is_color))
        if protected is False:
            bare = f"UNPROTECTED for {duration(position.get('unprotected_seconds'))}"
            lines.append(paint(bare, "bold red", is_color))
    if decimal(pick(status, "dust")):
        lines.append(_line("dust", quantity(pick(status, "dust")), is_color))
    for item in rows(status, "left_open_elsewhere"):
        kind = SIMULATED if item.get("source_class") == "simulated" else "REAL"
        text = f"unattended: {kind} {quantity(item.get('quantity'))} {item.get('symbol')} {item.get('market')}"
        lines.append(paint(f"{text} @ {price(item.get('entry_price'))}", "bold red", is_color))
    return "POSITION", lines


def _result(status: Mapping[str, object], is_color: bool) -> Section:
    lines = [paint(f"{'USDT':7}{'gross':>9}{'fees':>7}{'fund.':>6}{'net':>9}", "dim", is_color)]
    for label in ("session", "today", "total"):
        data = table(status, f"pnl_{label}")
        if not data:
            continue
        net = paint(f"{signed(data.get('net')):>9}", sign_color(data.get("net")), is_color)
        fees = decimal(data.get("fees"))
        fees_text = MISSING if fees is None else f"{fees:.2f}"
        lines.append(f"{label:7}{signed(data.get('gross')):>9}{fees_text:>7}{signed(data.get('funding')):>6}{net}")
    trades = f"{count(pick(status, 'trades_session'))} this session, {count(pick(status, 'trades_closed'))} in all"
    lines.append(_line("trades", trades, is_color))
    equity = f"{price(pick(status, 'equity'))} USDT"
    drawdown, limit = decimal(pick(status, "day", "drawdown")), decimal(pick(status, "day", "limit"))
    lines.append(_line("equity", equity, is_color))
    if drawdown is not None:
        alarm = "red" if limit and drawdown >= limit * 8 / 10 else ""
        text = f"{percent(drawdown, 2)} today, limit {percent(limit, 1)}"
        lines.append(_line("drawdown", paint(text, alarm, is_color), is_color))
    if pick(status, "funding") == "unknown":
        lines.append(_line("funding", paint("unknown: no rate was announced", "yellow", is_color), is_color))
    return "RESULT", lines


def _decisions(status: Mapping[str, object], is_color: bool) -> Section:
    signals = table(status, "signals")
    lines = [
        _line("signals", f"{count(signals.get('long') or 0)} long, {count(signals.get('short') or 0)} short", is_color),
        _line("refused", f"{tally(table(status, 'refusals_today'))} (today)", is_color),
        _line("orders", tally(table(status, "orders")).lower(), is_color),
    ]
    breakers = [item for item in rows(status, "breakers") if item.get("state") not in (None, "closed")]
    for item in breakers:
        left_s = (number(item.get("until_ns")) - number(pick(status, "time_ns"))) / 1e9
        until = f", {duration(left_s)} left" if left_s > 0 else ""
        text = f"{words(item.get('name'))} {words(item.get('state'))}: {item.get('reason') or '-'}{until}"
        lines.append(_line("breaker", paint(text, "bold red", is_color), is_color))
    if not breakers:
        lines.append(_line("breakers", "none open", is_color))
    if "no edge" in str(pick(status, "kelly", "note")):
        lines.append(_line("Kelly", paint(str(pick(status, "kelly", "note")), "yellow", is_color), is_color))
    return "DECISIONS", lines


def _gate(status: Mapping[str, object], is_color: bool) -> Section:
    gate = table(status, "gate")
    next_s = gate.get("next_interval_seconds")
    factor = number(gate.get("interval_multiplier"), 1.0)
    slowed = f" (x{factor:g} by throttle)" if factor > 1 else ""
    bars = table(status, "bars")
    lines = [
        _line("trades", f"{count(gate.get('seen'))} seen, {percent(gate.get('skip_ratio'), 1)} skipped", is_color),
        _line("passed by", tally(table(gate, "passes")), is_color),
        _line("next look", f"in {duration(next_s)} at the latest{slowed}" if next_s is not None else MISSING, is_color),
        _line("bars", f"{count(bars.get('committed'))}, late trades {count(bars.get('late'))}", is_color),
    ]
    if bars.get("warm") is False:
        lines.append(_line("", paint("indicators not warm yet", "yellow", is_color), is_color))
    return "EVENT GATE", lines


def _health(status: Mapping[str, object], is_color: bool) -> Section:
    used, throttle = table(status, "resources"), table(status, "throttle")
    limit_mb, limit_cpu = used.get("max_ram_mb"), used.get("max_cpu_percent")
    rss = megabytes(used.get("rss_bytes")) + (f" of {number(limit_mb):g}" if limit_mb else "")
    cpu_text = cpu(used.get("cpu_percent"), 1) + (f" of {number(limit_cpu):g} %" if limit_cpu else "")
    latency = table(status, "latency_ms")
    p50_p95 = f"p50 {milliseconds(latency.get('p50'))}, p95 {milliseconds(latency.get('p95'))}"
    lines = [
        _line("memory", f"{rss}, peak {megabytes(used.get('peak_rss_bytes'))}", is_color),
        _line("CPU", f"{cpu_text}, lag {milliseconds(used.get('loop_lag_ms_p99'))}", is_color),
        _line("latency", p50_p95, is_color),
        _line("", f"p99 {milliseconds(latency.get('p99'))} (n {count(latency.get('count'))})", is_color),
    ]
    steps = [
        f"{kind}: {words(throttle.get(f'{key}_name'))}"
        for kind, key in (("CPU", "cpu"), ("memory", "memory"))
        if number(throttle.get(f"{key}_level")) > 0
    ]
    lines.append(_line("throttle", paint("; ".join(steps), "bold yellow", is_color) or "none", is_color))
    recording = recording_text(status)
    if recording:
        lines.append(_line("recording", recording, is_color))
    return "HEALTH", lines


def _feeds(status: Mapping[str, object], is_color: bool) -> Section:
    lines = []
    for source, up in table(status, "feed_up").items():
        dot = paint("● up", "green", is_color) if up else paint("○ down", "red", is_color)
        lost = f"reconnects {count(table(status, 'reconnects').get(source) or 0)}"
        lost += f", gaps {count(table(status, 'gaps').get(source) or 0)}"
        lines.append(_line(source, f"{dot}  {lost}", is_color))
    rejected = tally(rejected_frames(status))
    lines.append(_line("frames", f"{count(pick(status, 'frames', 'processed'))}, rejected: {rejected}", is_color))
    metrics = pick(status, "urls", "metrics")
    if metrics:
        lines.append(_line("metrics", str(metrics).replace("http://", ""), is_color))
    return "FEEDS", lines


def _header(status: Mapping[str, object], width: int, is_color: bool) -> list[str]:
    simulated = paint(f"  {SIMULATED}", "bold yellow", is_color) if is_simulated(status) else ""
    where = " · ".join(
        words(pick(status, key)).upper() if key != "symbol" else str(pick(status, key) or MISSING)
        for key in ("mode", "market", "symbol")
    )
    left = f"{paint('SUPREME SYSTEM V5', 'bold cyan', is_color)}  {where}{simulated}"
    right = f"up {duration(pick(status, 'uptime_seconds'))}"
    space = width - visible_length(left) - len(right)
    top = left + " " * space + right if space >= 2 else fit(left, width)
    state = str(pick(status, "state") or "")
    shown = paint(words(state).upper(), _STATE_COLOR.get(state, "bold red"), is_color)
    source = f"source {words(pick(status, 'source'))}"
    about = f"{_STATE_TEXT.get(state, 'state not known')}   {source}, {pick(status, 'core') or '-'} core"
    why = str(pick(status, "no_trade_reason") or "")
    lines = [f"{shown}  {about}"]
    if why:
        lines.append(f"{paint('why no trade', 'bold', is_color)}  {paint(why, 'yellow', is_color)}")
    return [top, *(part for line in lines for part in wrap(line, width, 14))]


def _block(section: Section, width: int, mark: str, is_color: bool) -> list[str]:
    title, lines = section
    named = title + (f" ({SIMULATED})" if mark and title in ("MARKET", "POSITION", "RESULT") else "")
    bar = f"── {named} "
    wrapped = (part for line in lines for part in wrap(line, width, _LABEL + 1))
    return [paint(bar + "─" * max(0, width - len(bar)), "cyan", is_color), *(pad(part, width) for part in wrapped)]


def status_page(status: Mapping[str, object], width: int = 80, height: int = 0, is_color: bool = False) -> str:
    """The whole state on one page of at most ``width`` columns and (when > 0) ``height`` lines."""
    width = max(40, width)
    columns = 1 if width < 76 else 2 if width < 126 else 3
    column_width = (width - _GAP * (columns - 1)) // columns
    mark = SIMULATED if is_simulated(status) else ""
    makers = (_market, _position, _result, _decisions, _gate, _health, _feeds)
    blocks = [_block(make(status, is_color), column_width, mark, is_color) for make in makers]
    stacks: list[list[str]] = [[] for _ in range(columns)]
    for index, block in enumerate(blocks):
        # The first row stays in reading order, the rest goes where there is room.
        target = index if index < columns else min(range(columns), key=lambda k: len(stacks[k]))
        stacks[target].extend(block)
    deepest = max(len(stack) for stack in stacks)
    lines = _header(status, width, is_color)
    for row in range(deepest):
        cells = [stack[row] if row < len(stack) else " " * column_width for stack in stacks]
        lines.append((" " * _GAP).join(cells).rstrip())
    if height > 0 and len(lines) > height:
        hidden = len(lines) - height + 1
        lines = [*lines[: height - 1], paint(f"… {hidden} more lines: enlarge the window", "dim", is_color)]
    return "\n".join(lines)
