"""Reading a compact JSON object byte by byte: the primitives under the hand parsers of this room.

Nothing here raises for bad input except IndexError at the end of the bytes; a value that is not of the plain form
sets ``is_bad``, and the caller hands the whole frame to msgspec.
"""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64

_QUOTATION: Final = 34
_COMMA: Final = 44
_MINUS: Final = 45
_POINT: Final = 46
_ZERO: Final = 48
_NINE: Final = 57
_COLON: Final = 58
_OPEN_LIST: Final = 91
_BACKSLASH: Final = 92
_CLOSE_LIST: Final = 93
_LETTER_F: Final = 102
_LETTER_N: Final = 110
_LETTER_T: Final = 116
_CLOSE: Final = 125

# The same bounds as numbers.py (a test holds them together); literals, so that they compile to constants.
_WHOLE_DIGITS_MAX: Final = 10
_DECIMALS_MAX: Final = 8
_INTEGER_DIGITS_MAX: Final = 19  # with a first digit of at most 8 still below 2**63
_ID_MAX: Final = 4_611_686_018_427_387_904
_TIME_MS_MAX: Final = 4_102_444_800_000
_TIME_NS_MAX: Final = 4_102_444_800_000_000_000
_LEVELS_MAX: Final = 10_000

_SIM_TIME_KEY: Final = b'"x_time_ns":'
_TRUE: Final = b"true"
_FALSE: Final = b"false"
_NULL: Final = b"null"


@final
class ByteCursor:
    """Where a scan stands: ``at`` is the byte after the last value, ``sim_time_ns`` the x_time_ns met (0: none)."""

    def __init__(self) -> None:
        self.at: i64 = 0
        self.is_bad = False
        self.sim_time_ns: i64 = 0

    def start(self) -> None:
        """Forget the frame before."""
        self.at = 0
        self.is_bad = False
        self.sim_time_ns = 0

    def key(self, raw: bytes, at: i64) -> i64:
        """The byte of a one-letter key at its opening quotation mark; 0 for any other key."""
        if raw[at] == _QUOTATION and raw[at + 2] == _QUOTATION and raw[at + 3] == _COLON:
            return raw[at + 1]
        return 0

    def next(self, raw: bytes) -> i64:
        """Where the next pair of the object begins; 0 when the object has ended (or the scan is bad)."""
        at = self.at
        if not self.is_bad:
            if raw[at] == _COMMA:
                return at + 1
            self.at = at + 1
            self.is_bad = raw[at] != _CLOSE
        return 0

    def ends(self, raw: bytes, is_flat: bool) -> bool:
        """True when the frame ends here, with or without a closing x_time_ns beside the data object."""
        if is_flat:
            return self.at == len(raw)
        if raw[self.at] == _COMMA:
            if not has(raw, self.at + 1, _SIM_TIME_KEY):
                return False
            self.read_sim_time(raw, self.at + 1 + len(_SIM_TIME_KEY))
        return self.closes(raw, self.at)

    def closes(self, raw: bytes, at: i64) -> bool:
        """True when a closing brace at ``at`` is the last byte of a frame that is not bad."""
        return not self.is_bad and at + 1 == len(raw) and raw[at] == _CLOSE

    def read_decimal(self, raw: bytes, at: i64) -> i64:
        """A quoted plain decimal in 1e-8 units: 1 to 10 digits, then optionally a point and 1 to 8 more."""
        value: i64 = 0
        start = at + 1
        at = start
        byte: i64 = raw[at]
        # One digit too many ends a loop too, and is then no point or quotation mark: the value cannot overflow.
        while _ZERO <= byte <= _NINE and at - start < _WHOLE_DIGITS_MAX:
            value = value * 10 + (byte - _ZERO)
            at += 1
            byte = raw[at]
        is_plain = at > start and raw[start - 1] == _QUOTATION
        decimals: i64 = 0
        if byte == _POINT:
            at += 1
            byte = raw[at]
            while _ZERO <= byte <= _NINE and decimals < _DECIMALS_MAX:
                value = value * 10 + (byte - _ZERO)
                decimals += 1
                at += 1
                byte = raw[at]
            is_plain = is_plain and decimals > 0
        if not is_plain or byte != _QUOTATION:
            self.is_bad = True
            return -1
        while decimals < _DECIMALS_MAX:
            value *= 10
            decimals += 1
        self.at = at + 1
        return value

    def read_levels(self, raw: bytes, at: i64) -> list[i64] | None:
        """`[["price","quantity"],...]` as a flat list of integers."""
        flat: list[i64] = []
        if raw[at] != _OPEN_LIST:
            self.is_bad = True
            return None
        at += 1
        if raw[at] == _CLOSE_LIST:
            self.at = at + 1
            return flat
        while len(flat) < 2 * _LEVELS_MAX:
            if raw[at] != _OPEN_LIST:
                break
            price_e8 = self.read_decimal(raw, at + 1)
            if price_e8 <= 0 or raw[self.at] != _COMMA:
                break
            quantity_e8 = self.read_decimal(raw, self.at + 1)
            at = self.at
            if quantity_e8 < 0 or raw[at] != _CLOSE_LIST:
                break
            flat.append(price_e8)
            flat.append(quantity_e8)
            if raw[at + 1] == _CLOSE_LIST:
                self.at = at + 2
                return flat
            if raw[at + 1] != _COMMA:
                break
            at += 2
        self.is_bad = True
        return None

    def read_integer(self, raw: bytes, at: i64) -> i64:
        """A JSON integer >= 0 that fits 63 bits."""
        value: i64 = 0
        start = at
        byte: i64 = raw[at]
        first = byte
        while _ZERO <= byte <= _NINE and at - start < _INTEGER_DIGITS_MAX:
            value = value * 10 + (byte - _ZERO)
            at += 1
            byte = raw[at]
        digits = at - start
        if digits == 0 or (first == _ZERO and digits > 1) or (digits == _INTEGER_DIGITS_MAX and first == _NINE):
            self.is_bad = True
            return -1
        self.at = at
        return value

    def read_id(self, raw: bytes, at: i64) -> i64:
        value = self.read_integer(raw, at)
        if value > _ID_MAX:
            self.is_bad = True
        return value

    def read_ms(self, raw: bytes, at: i64) -> i64:
        value = self.read_integer(raw, at)
        if value > _TIME_MS_MAX:
            self.is_bad = True
        return value

    def read_sim_time(self, raw: bytes, at: i64) -> None:
        value = self.read_integer(raw, at)
        if value <= 0 or value > _TIME_NS_MAX:
            self.is_bad = True
        else:
            self.sim_time_ns = value

    def read_bool(self, raw: bytes, at: i64) -> i64:
        """1 true, 0 false."""
        is_true = raw[at] == _LETTER_T
        word = _TRUE if is_true else _FALSE
        self.at = at + len(word)
        if not has(raw, at, word):
            self.is_bad = True
        return 1 if is_true else 0

    def read_text(self, raw: bytes, at: i64, expected: bytes) -> bool:
        """True when the quoted text here is exactly the expected one; anything else is bad."""
        end: i64 = at + 1 + len(expected)
        if raw[at] == _QUOTATION and has(raw, at + 1, expected) and raw[end] == _QUOTATION:
            self.at = end + 1
            return True
        self.is_bad = True
        return False

    def skip_pair(self, raw: bytes, at: i64, is_flat: bool) -> None:
        """Step over a pair nobody asked for; in a flat frame x_time_ns is one of the pairs."""
        if is_flat and has(raw, at, _SIM_TIME_KEY):
            self.read_sim_time(raw, at + len(_SIM_TIME_KEY))
            return
        self.skip_text(raw, at)
        if self.is_bad or raw[self.at] != _COLON:
            self.is_bad = True
            return
        at = self.at + 1
        byte: i64 = raw[at]
        if byte == _QUOTATION:
            self.skip_text(raw, at)
        elif byte in (_LETTER_T, _LETTER_F):
            self.read_bool(raw, at)
        elif byte == _LETTER_N:
            self.at = at + len(_NULL)
            if not has(raw, at, _NULL):
                self.is_bad = True
        else:
            self.read_integer(raw, at + 1 if byte == _MINUS else at)

    def skip_text(self, raw: bytes, at: i64) -> None:
        """Over a quoted text of printable ASCII without escapes."""
        if raw[at] != _QUOTATION:
            self.is_bad = True
            return
        at += 1
        byte: i64 = raw[at]
        while byte != _QUOTATION:
            if byte == _BACKSLASH or byte < 32 or byte > 126:
                self.is_bad = True
                return
            at += 1
            byte = raw[at]
        self.at = at + 1


def has(raw: bytes, at: i64, word: bytes) -> bool:
    """True when ``word`` stands at ``at``."""
    length: i64 = len(word)
    if at + length > len(raw):
        return False
    index: i64 = 0
    while index < length:
        if raw[at + index] != word[index]:
            return False
        index += 1
    return True
