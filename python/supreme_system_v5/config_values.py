"""The kinds of setting: how a text becomes a value, and how what is allowed is said."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlsplit

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Kind:
    """``parse`` raises ValueError for a text that is not allowed; ``allowed`` says what is."""

    parse: Callable[[str], object]
    allowed: str


def boolean() -> Kind:
    def parse(text: str) -> bool:
        word = text.lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError
        return word in TRUE_WORDS

    return Kind(parse, "true or false (also 1/0, yes/no, on/off)")


def integer(low: int, high: int) -> Kind:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,19}", text, re.ASCII):
            raise ValueError
        return _within(int(text), low, high)

    return Kind(parse, f"a whole number from {low} to {high}")


def number(low: float, high: float, above: bool = False, empty: float | None = None) -> Kind:
    """A finite float in [low, high], or (low, high] with ``above``; ``empty`` is what an empty text means."""

    def parse(text: str) -> float:
        if text == "" and empty is not None:
            return empty
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
            raise ValueError
        value = float(text)
        if not math.isfinite(value) or (above and not value > low):
            raise ValueError
        return _within(value, low, high)

    lower = f"above {low:g} up to" if above else f"from {low:g} to"
    return Kind(parse, f"a number {lower} {high:g}" + ("" if empty is None else ", or empty"))


def positive(high: float) -> Kind:
    return number(0, high, above=True)


def money(low: str, high: str) -> Kind:
    """An exact amount with at most 8 decimal places."""

    def parse(text: str) -> Decimal:
        if not re.fullmatch(r"\d{1,12}(\.\d{1,8})?", text, re.ASCII):
            raise ValueError
        return _within(Decimal(text), Decimal(low), Decimal(high))

    return Kind(parse, f"an amount from {low} to {high} with at most 8 decimals")


def choice(*words: str) -> Kind:
    def parse(text: str) -> str:
        for word in words:
            if text.lower() == word.lower():
                return word
        raise ValueError

    return Kind(parse, " or ".join(words) if len(words) == 2 else "one of " + ", ".join(words))


def choices(*words: str) -> Kind:
    """A comma-separated list of different words out of these, in the order given."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(part.strip().lower() for part in text.split(","))
        if len(set(found)) != len(found) or not set(found) <= set(words):
            raise ValueError
        return found

    return Kind(parse, "a comma-separated list out of " + ", ".join(words))


def symbols() -> Kind:
    def parse(text: str) -> tuple[str, ...]:
        found = tuple(part.strip().upper() for part in text.split(","))
        if len(set(found)) != len(found) or not all(re.fullmatch(r"[A-Z0-9]{2,12}-[A-Z0-9]{2,12}", s) for s in found):
            raise ValueError
        return found

    return Kind(parse, "BASE-QUOTE, such as ETH-USDT")


def word(allowed: str) -> Kind:
    """A name whose list is kept elsewhere; only its form is looked at here."""

    def parse(text: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
            raise ValueError
        return text

    return Kind(parse, allowed)


def path() -> Kind:
    """A path, or empty. Kept as it was written."""

    def parse(text: str) -> str:
        if "\0" in text:
            raise ValueError
        return text

    return Kind(parse, "a path, or empty")


def url(*schemes: str) -> Kind:
    """A base address without a trailing slash."""

    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or " " in text:
            raise ValueError
        _ = parts.port  # raises ValueError when it is not a port
        return text.rstrip("/")

    return Kind(parse, f"an address that begins with {' or '.join(scheme + '://' for scheme in schemes)}")


def optional(kind: Kind) -> Kind:
    """The same, or empty for None."""
    return Kind(lambda text: None if text == "" else kind.parse(text), f"{kind.allowed}, or empty")


def masked_url(text: str) -> str:
    """An address without the password that may stand in it."""
    return re.sub(r"(?<=://)[^/@]*@", "***@", text)


_N = TypeVar("_N", int, float, Decimal)


def _within(value: _N, low: _N, high: _N) -> _N:
    if not low <= value <= high:
        raise ValueError
    return value
