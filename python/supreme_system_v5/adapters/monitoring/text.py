"""Small pieces of terminal text: colours, widths, numbers for people. Plain ANSI; every value may be missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

MISSING: Final = "-"
SIMULATED: Final = "SIMULATED"

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_ASCII: Final = str.maketrans({"─": "-", "│": "|", "…": "~", "·": "|", "●": "*", "○": "o", "█": "#", "░": "."})


def paint(text: str, names: str, is_color: bool) -> str:
    """``text`` in the named styles ("bold red"); unchanged without colour or names."""
    if not is_color or not names or not text:
        return text
    return f"\x1b[{';'.join(_CODES[name] for name in names.split())}m{text}\x1b[0m"


def visible_length(text: str) -> int:
    """Columns a text takes on the screen (colour codes take none)."""
    return len(_ANSI.sub("", text))


def fit(text: str, width: int) -> str:
    """``text`` cut to ``width`` columns with an ellipsis; colours kept and closed."""
    if visible_length(text) <= width:
        return text
    if width < 1:
        return ""
    out, room, position = [], width - 1, 0
    for match in _ANSI.finditer(text + "\x1b[0m"):
        piece = text[position : match.start()]
        out.append(piece[:room])
        room -= len(piece[:room])
        position = match.end()
        if room > 0:
            out.append(match.group())
    return "".join(out) + ("\x1b[0m…" if "\x1b[" in text else "…")


def wrap(text: str, width: int, indent: int = 0) -> list[str]:
    """The text in lines of at most ``width`` columns, broken at spaces; a colour goes on in the next line."""
    lines: list[str] = []
    first, *rest = text.split(" ")
    line = first
    for word in rest:
        joined = f"{line} {word}"
        if line.strip() and visible_length(joined) > width:
            codes = _ANSI.findall(line)
            color = codes[-1] if codes and codes[-1] != "\x1b[0m" else ""
            lines.append(line + ("\x1b[0m" if color else ""))
            joined = " " * indent + color + word
        line = joined
    return [fit(part, width) for part in [*lines, line]]


def pad(text: str, width: int) -> str:
    """``text`` in exactly ``width`` columns."""
    cut = fit(text, width)
    return cut + " " * (width - visible_length(cut))


def to_encoding(text: str, encoding: str | None) -> str:
    """The text as a terminal of this encoding can show it: lines and dots become ASCII where needed."""
    try:
        text.encode(encoding or "ascii")
        return text
    except (UnicodeEncodeError, LookupError):
        return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def pick(data: object, *keys: str) -> object:
    """The value at a path of keys in nested mappings; None when anything on the way is missing."""
    for key in keys:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data


def table(data: object, *keys: str) -> dict[str, object]:
    """The mapping at a path, {} when it is missing or something else."""
    found = pick(data, *keys)
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}


def rows(data: object, *keys: str) -> list[dict[str, object]]:
    """The mappings of the list at a path; [] when missing."""
    found = pick(data, *keys)
    return [dict(item) for item in found if isinstance(item, Mapping)] if isinstance(found, (list, tuple)) else []


def decimal(value: object) -> Decimal | None:
    """A decimal string or number as a Decimal; None when it is not a finite number."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def number(value: object, default: float = 0.0) -> float:
    """The value as a float, the default when it is missing or not finite."""
    found = decimal(value)
    return default if found is None else float(found)


def count(value: object) -> str:
    """A whole number with thousands separators."""
    found = decimal(value)
    return MISSING if found is None else f"{int(found):,}"


def plural(amount: int, word: str) -> str:
    """`1 account`, `2 accounts`."""
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"


def price(value: object, places: int = 2) -> str:
    """A price with thousands separators; 0 means not known."""
    found = decimal(value)
    return MISSING if found is None or found == 0 else f"{found:,.{places}f}"


def quantity(value: object) -> str:
    """A quantity in its shortest exact form."""
    found = decimal(value)
    if found is None:
        return MISSING
    text = f"{found:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: object, places: int = 2) -> str:
    """An amount with its sign; zero has none, so that "+0.00" never looks like a win."""
    found = decimal(value)
    if found is None:
        return MISSING
    text = f"{found:+,.{places}f}"
    return text[1:] if not text.strip("+-0.,") else text


def sign_color(value: object) -> str:
    """green for a win, red for a loss, nothing for zero or missing."""
    found = decimal(value)
    return "" if not found else ("green" if found > 0 else "red")


def percent(share: object, places: int = 0) -> str:
    """A share (0.7) as "70 %"."""
    found = decimal(share)
    return MISSING if found is None else f"{100 * found:.{places}f} %"


def cpu(value: object, places: int = 0) -> str:
    """A CPU share that already is in percent of a core."""
    found = decimal(value)
    return MISSING if found is None else f"{found:.{places}f} %"


def megabytes(value: object) -> str:
    """Bytes as "52 MB"."""
    found = decimal(value)
    return MISSING if not found else f"{float(found) / 1048576:.0f} MB"


def milliseconds(value: object) -> str:
    """Milliseconds with two useful digits: "0.083 ms", "12 ms"."""
    found = decimal(value)
    if found is None or found < 0:
        return MISSING
    number_ms = float(found)
    places = 0 if number_ms >= 10 else 1 if number_ms >= 1 else 2 if number_ms >= 0.1 else 3
    return f"{number_ms:.{places}f} ms"


def age(value_ms: object) -> str:
    """How old something is: "40 ms", "2.3 s", "4 min"; never heard of: "-"."""
    found = decimal(value_ms)
    if found is None or found < 0:
        return MISSING
    value = float(found)
    if value < 1000:
        return f"{value:.0f} ms"
    return f"{value / 1000:.1f} s" if value < 60_000 else duration(value / 1000)


def duration(seconds: object) -> str:
    """A span of time: "45 s", "12 min 03 s", "3 h 05 min", "2 d 4 h"."""
    found = decimal(seconds)
    if found is None:
        return MISSING
    total = max(0, int(found))
    minutes, rest = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def words(value: object) -> str:
    """A code word for people: "in_position" -> "in position"."""
    return str(value).replace("_", " ") if value not in (None, "") else MISSING


def tally(counts: Mapping[str, object], empty: str = "none", limit: int = 6) -> str:
    """Counts by name, the most frequent first: "spread 12, in position 3"; zeros are left out."""
    found = sorted(((int(number(n)), name) for name, n in counts.items() if number(n) > 0), key=lambda x: (-x[0], x[1]))
    shown = [f"{words(name)} {n:,}" for n, name in found[:limit]]
    if len(found) > limit:
        shown.append(f"{len(found) - limit} more")
    return ", ".join(shown) or empty


def rejected_frames(status: Mapping[str, object]) -> dict[str, float]:
    """Frames dropped by reason: those of the decoder and those that the engine itself refused."""
    total = {name: number(n) for name, n in table(status, "frames", "rejected").items()}
    for name, n in table(status, "rejected_by_engine").items():
        total[name] = total.get(name, 0.0) + number(n)
    return total
