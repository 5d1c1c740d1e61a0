"""Read ahead in a thread: while the loop works on one chunk, the next is unpacked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Final, TypeVar

AHEAD_MAX: Final = 2  # chunks that wait: a chunk of trades is 2.2 MB

T = TypeVar("T")


class _Ahead:
    """The thread's side: pulls from the source while there is room. An error travels to the reader."""

    def __init__(self, source: Iterator[T], ahead_max: int) -> None:
        self._source = source
        self._ahead_max = ahead_max
        self._ready: deque[object] = deque()
        self._error: BaseException | None = None
        self._is_over = False
        self._is_unwanted = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._pull, name="read-ahead", daemon=True)
        self._thread.start()

    def _pull(self) -> None:
        try:
            for item in self._source:
                with self._change:
                    self._change.wait_for(lambda: self._is_unwanted or len(self._ready) < self._ahead_max)
                    if self._is_unwanted:
                        return
                    self._ready.append(item)
                    self._change.notify()
        except BaseException as error:
            self._error = error
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()
            with self._change:
                self._is_over = True
                self._change.notify()

    def next(self) -> list[object]:
        """The next item in a list, or an empty list at the end. Raises what the source raised."""
        with self._change:
            self._change.wait_for(lambda: bool(self._ready) or self._is_over)
            if self._ready:
                item = self._ready.popleft()
                self._change.notify()
                return [item]
        if self._error is not None:
            raise self._error
        return []

    def end(self) -> None:
        """Stop the thread, wherever it is."""
        with self._change:
            self._is_unwanted = True
            self._change.notify()
        self._thread.join()


def read_ahead(source: Iterator[T], ahead_max: int = AHEAD_MAX) -> Iterator[T]:
    """The items of ``source``, at most ``ahead_max`` of them made before they are asked for."""
    worker = _Ahead(source, ahead_max)
    try:
        while found := worker.next():
            yield found[0]  # type: ignore[misc]
    finally:
        worker.end()
