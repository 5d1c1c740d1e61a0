"""The bench report as one self-contained page: a table and small charts, no script, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

WIDTH: Final = 640
HEIGHT: Final = 120
POINTS_MAX: Final = 600
STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.4rem;margin-bottom:.2rem}h2{font-size:1rem;margin:1.6rem 0 .3rem}
table{border-collapse:collapse;width:100%}td,th{padding:.35rem .6rem;border-bottom:1px solid #dde3ea;text-align:left}
td:nth-child(2){font-variant-numeric:tabular-nums}.ok{color:#17693a}.missed{color:#b3261e;font-weight:600}
.sim{background:#fff3cd;padding:.1rem .5rem;border-radius:.3rem}.note{color:#5a6877}svg{width:100%;height:auto}
@media(prefers-color-scheme:dark){body{background:#12181f;color:#dfe6ee}td,th{border-color:#2b3641}
.ok{color:#6fd08c}.missed{color:#ff8a80}.sim{background:#5a4a12}.note{color:#93a1b0}}
"""
CHARTS: Final = (
    ("rss_mb", "Memory (RSS), MB"),
    ("cpu_percent", "CPU, % of a core, each second"),
    ("p95_ms", "Latency p95 since the start, ms"),
    ("skip_ratio", "Skip ratio of the event gate"),
)


def render(document: Mapping[str, Any], rows: Sequence[Any]) -> str:
    """The page of one bench run."""
    host = document["host"]
    verdict = "every target is met" if document["ok"] else f"missed: {', '.join(document['missed'])}"
    head = f"{document['market']} at {document['sim_speed']:g}x, {document['core']} core, session {document['session']}"
    note = (
        f"{host['cpu']}, {host['cores']} cores, Python {host['python']}, kernel {host['kernel']}, load {host['load']}"
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>bench-light {escape(document['session'])}</title><style>{STYLE}</style>",
        f"<h1>bench-light <span class=sim>SIMULATED market</span></h1><p>{escape(head)}</p>",
        f"<p class={'ok' if document['ok'] else 'missed'}>{escape(verdict)}</p>",
        "<table><tr><th>figure<th>measured<th>target<th>verdict</tr>",
        *(_row(row) for row in rows),
        "</table>",
        *(_chart(title, document["series"], key) for key, title in CHARTS),
        f"<p class=note>{escape(note)}<br>The real daemon on a separate simulated exchange; metrics scraped and status"
        f" asked each second. CPU after {document['warmup_seconds']:.0f} s of warm-up. Latency: bytes off the socket to"
        " effects returned, trades that passed the gate.</p></html>",
    ]
    return "\n".join(parts)


def _row(row: Any) -> str:
    name, css = {True: ("ok", "ok"), False: ("missed", "missed"), None: ("", "")}[row.is_met]
    return f"<tr><td>{escape(row.name)}<td>{escape(row.value)}<td>{escape(row.target)}<td class='{css}'>{name}</tr>"


def _chart(title: str, series: Sequence[Mapping[str, float]], key: str) -> str:
    points = [(item["t"], item[key]) for item in series]
    points = points[:: max(1, -(-len(points) // POINTS_MAX))]
    if len(points) < 2:
        return ""
    last_t, top = max(t for t, _ in points) or 1.0, max(value for _, value in points) or 1.0
    low = 0.0
    path = " ".join(
        f"{WIDTH * t / last_t:.1f},{HEIGHT - (HEIGHT - 8) * (value - low) / (top - low):.1f}" for t, value in points
    )
    values = [value for _, value in points]
    said = f"lowest {min(values):.4g}, highest {max(values):.4g}, last {values[-1]:.4g}"
    return (
        f"<h2>{escape(title)}</h2><svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{escape(title)}: {said}'>"
        f"<line x1=0 y1={HEIGHT} x2={WIDTH} y2={HEIGHT} stroke='#8894a3'/>"
        f"<polyline points='{path}' fill=none stroke='#2f6fed' stroke-width=1.5 /></svg>"
        f"<div class=note>{said} over {last_t:.0f} s, scale from 0</div>"
    )
