"""HTTP for downloads: one connection a host, kept alive; retries with backoff and jitter; the venue's limits obeyed.

Blocking on purpose: a download is one thing after the other, and it waits for the venue most of the time.
"""

from __future__ import annotations

import base64
import http.client
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from supreme_system_v5.core.domain.errors import SupremeError

TIMEOUT_SECONDS: Final = 20.0
ATTEMPTS: Final = 6
ATTEMPTS_AT_FIRST: Final = 3  # before any answer has come: there may be no network at all
BACKOFF_SECONDS: Final = 0.5
BACKOFF_SECONDS_MAX: Final = 15.0
LIMITED_MAX: Final = 20  # answers 429 and 418 in a row
WAIT_SECONDS_MAX: Final = 300.0  # a longer ban ends the run; the next one goes on
LIMIT_SHARE: Final = 0.8  # of the venue's weight a minute: a daemon beside us needs some of it
PIECE_BYTES: Final = 65_536
BODY_BYTES_MAX: Final = 64 << 20
_SIMULATED: Final = "X-Time-Ns"
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_RESUME: Final = "what is stored stays; run the same command again and it goes on"


class NetworkError(SupremeError):
    """No usable answer came (exit 1). Nothing that is stored is lost."""


class Answer(NamedTuple):
    """Status, headers (names in small letters) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pace:
    """Request weight used in this minute, by our count and by what the venue says."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._minute = -1
        self._used = 0

    def wait_seconds(self, weight: int, now: float) -> float:
        """How long to wait before a request of this weight; 0 when there is room."""
        self._turn(now)
        if self._used + weight <= self.limit * LIMIT_SHARE or self._used == 0:
            return 0.0
        return 60.0 - now % 60.0 + 0.1

    def spend(self, weight: int, now: float) -> None:
        """A request of this weight goes out."""
        self._turn(now)
        self._used += weight

    def told(self, used: str, now: float) -> None:
        """What the venue's header says (``X-MBX-USED-WEIGHT-1M``); others behind our address count too."""
        self._turn(now)
        if used.isascii() and used.isdigit():
            self._used = max(self._used, int(used))

    def _turn(self, now: float) -> None:
        minute = int(now // 60)
        if minute != self._minute:
            self._minute = minute
            self._used = 0


class Http:
    """Requests with retries. ``say`` gets a line when something makes it wait."""

    def __init__(self, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        self._say = say
        self._sleep = sleep
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}
        self._jitter = random.Random()
        self._has_answered = False
        self.requests = 0
        self.is_simulated = False  # an answer came from the simulated exchange, which says its time in a header

    def get(
        self, url: str, params: Mapping[str, object] | None = None, pace: Pace | None = None, weight: int = 0
    ) -> Answer:
        """The answer to a GET: 200, 404, or 400 (a request that the venue does not understand).

        Raises NetworkError for everything else, after the retries.
        """
        full = f"{url}?{urlencode(params)}" if params else url

        def attempt() -> Answer:
            if pace is not None:
                self._keep_pace(pace, weight)
            with self._open(full, {}) as response:
                answer = Answer(response.status, _headers(response), _body(response))
            if pace is not None:
                pace.told(answer.headers.get("x-mbx-used-weight-1m", ""), time.time())
            return answer

        return self._retried(full, attempt)

    def download(self, url: str, have_bytes: Callable[[], int], write: Callable[[int, Iterator[bytes]], None]) -> bool:
        """Fetch a file, from where it was left; False when there is none (404).

        ``have_bytes`` tells how much of it is there already. ``write(offset, pieces)`` takes what comes, from
        ``offset`` on (0: from the beginning, whatever was there). Raises NetworkError.
        """

        def attempt() -> Answer:
            have = have_bytes()
            with self._open(url, {"Range": f"bytes={have}-"} if have else {}) as response:
                headers = _headers(response)
                if response.status == 206 and headers.get("content-range", "").startswith(f"bytes {have}-"):
                    write(have, _pieces(response, _length(headers)))
                    return Answer(200, headers, b"")
                if response.status == 416:  # longer than what is there now: it is another file
                    _body(response)
                    write(0, iter(()))
                    return Answer(503, headers, b"the file has changed")
                if response.status == 200:
                    write(0, _pieces(response, _length(headers)))
                    return Answer(200, headers, b"")
                return Answer(response.status, headers, _body(response))

        return self._retried(url, attempt).status == 200

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    # Retries -----------------------------------------------------------------------------------------------------

    def _retried(self, url: str, attempt: Callable[[], Answer]) -> Answer:
        failures = limited = 0
        host = urlsplit(url).netloc.rpartition("@")[2]
        while True:
            reason = ""
            try:
                answer = attempt()
            except (OSError, http.client.HTTPException, EOFError) as error:
                self.close()
                reason = _reason(error)
            else:
                self._has_answered = True
                if answer.status in (200, 400, 404):
                    return answer
                if answer.status in (418, 429):
                    limited += 1
                    self._obey(answer, host, limited)
                    continue
                if answer.status < 500:
                    raise _refused(answer, host, url)
                reason = f"HTTP {answer.status}"
            failures += 1
            if failures >= (ATTEMPTS if self._has_answered else ATTEMPTS_AT_FIRST):
                raise NetworkError(
                    f"cannot reach {host}: {reason} ({failures} attempts)", f"is there a network? {_RESUME}"
                )
            delay = min(BACKOFF_SECONDS * 2.0 ** (failures - 1), BACKOFF_SECONDS_MAX)
            self._sleep(delay * (0.5 + self._jitter.random()))

    def _obey(self, answer: Answer, host: str, limited: int) -> None:
        text = answer.headers.get("retry-after", "")
        seconds = float(text) if text.isascii() and text.isdigit() else 60.0
        what = "has banned this address for a while (HTTP 418)" if answer.status == 418 else "asks to wait (HTTP 429)"
        if seconds > WAIT_SECONDS_MAX or limited > LIMITED_MAX:
            raise NetworkError(f"{host} {what}: {seconds:.0f} s", f"come back after that; {_RESUME}")
        self._say(f"{host} {what}: {seconds:.0f} s")
        self._sleep(seconds + self._jitter.random() * 0.5)

    def _keep_pace(self, pace: Pace, weight: int) -> None:
        seconds = pace.wait_seconds(weight, time.time())
        if seconds > 0.0:  # until the next minute
            self._say(f"the venue's request limit of this minute is used: waiting {seconds:.0f} s")
            self._sleep(seconds)
        pace.spend(weight, time.time())

    # Connections -------------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str], depth: int = 0) -> Iterator[http.client.HTTPResponse]:
        """One request. A kept connection that the server has closed meanwhile is opened anew."""
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        is_kept = key in self._connections
        sent = {"User-Agent": "supreme-system-v5", "Accept-Encoding": "identity", **headers}
        self.requests += 1
        try:
            response = self._send(key, parts, sent)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not is_kept:
                raise
            self._connections.pop(key).close()
            response = self._send(key, parts, sent)
        target = response.headers.get("Location", "")
        if response.status in _REDIRECTS and target and depth < 3:
            response.read()
            with self._open(target, headers, depth + 1) as found:
                yield found
            return
        self.is_simulated |= _SIMULATED in response.headers
        try:
            yield response
        finally:
            if not response.isclosed():  # something of the body was not read: the connection cannot be used again
                self._connections.pop(key).close()

    def _send(self, key: tuple[str, str], parts: SplitResult, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        connection = self._connections.get(key)
        if connection is None:
            connection = self._connections[key] = _connect(parts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if parts.scheme == "http" and _proxy_of(parts) is not None:
            path = parts.geturl()
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        _check_head(response)
        return response


def _proxy_of(parts: SplitResult) -> SplitResult | None:
    text = getproxies().get(parts.scheme, "")
    if not text or proxy_bypass(parts.hostname or ""):
        return None
    return urlsplit(text if "://" in text else f"http://{text}")


def _connect(parts: SplitResult) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    proxy = _proxy_of(parts)
    if proxy is None:
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    if parts.scheme == "http":
        return http.client.HTTPConnection(proxy.hostname or "", proxy.port, timeout=TIMEOUT_SECONDS)
    made = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
    )
    words = {}
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        words["Proxy-Authorization"] = "Basic " + base64.b64encode(pair).decode()
    made.set_tunnel(host, port or 443, words)
    return made


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else -1


def _check_head(response: http.client.HTTPResponse) -> None:
    """Headers that were cut look like fewer headers: an answer must say where it ends. Raises HTTPException."""
    found = _headers(response)
    ends = _length(found) >= 0 or "transfer-encoding" in found or found.get("connection", "").lower() == "close"
    if not ends and response.version == 11:
        response.close()
        raise http.client.HTTPException("the connection ended within the headers")


def _body(response: http.client.HTTPResponse) -> bytes:
    body = response.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        raise http.client.HTTPException("the answer is too large")
    _check_length(len(body), _length(_headers(response)))
    return body


def _pieces(response: http.client.HTTPResponse, length: int) -> Iterator[bytes]:
    """What comes, piece by piece. Raises EOFError when the connection ended early."""
    seen = 0
    while piece := response.read1(PIECE_BYTES):
        seen += len(piece)
        yield piece
    _check_length(seen, length)


def _check_length(seen: int, length: int) -> None:
    """A cut connection looks like the end of the body. Raises EOFError."""
    if 0 <= length != seen:
        raise EOFError(f"the connection ended after {seen:,} of {length:,} bytes")


def _reason(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return f"its name is not known here ({error.strerror})"
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _refused(answer: Answer, host: str, url: str) -> NetworkError:
    words = answer.body[:200].decode("utf-8", "replace").replace("\n", " ")
    remedy = "the venue does not serve your place or address" if answer.status in (403, 451) else _RESUME
    return NetworkError(f"{host} refuses {urlsplit(url).path}: HTTP {answer.status} {words}".rstrip(), remedy)
