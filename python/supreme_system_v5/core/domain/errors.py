"""The kinds of wrong: ours stop the program, the world's are counted, the books' stop trading."""

from __future__ import annotations


class SupremeError(Exception):
    """An error a person can act on: what happened, and what to do about it.

    ``exit_code`` is what `main.py` ends with when nobody handles the error.
    """

    exit_code: int = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class ConfigError(SupremeError):
    """A setting, a file or the environment is not usable (exit 2)."""

    exit_code = 2


class AlreadyRunningError(SupremeError):
    """Another daemon owns this home (exit 5)."""

    exit_code = 5


class HaltedError(SupremeError):
    """The halt latch is set; a start is refused until an operator clears it (exit 4)."""

    exit_code = 4


class FrameError(Exception):
    """A frame from outside that is not usable; ``reason`` is the counter it goes to."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class VenueError(Exception):
    """The venue answered with an error. ``code`` is its own code (0 when it gave none)."""

    def __init__(self, status: int, code: int, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(f"HTTP {status}, code {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class BooksError(SupremeError):
    """Our own records contradict each other: trading stops, a person looks."""


class JournalFault(SupremeError):
    """The journal cannot be written or read."""

    exit_code = 2
