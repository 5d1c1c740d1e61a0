"""What the exchange answers when it does not do what was asked: the venue's own code and message."""

from __future__ import annotations


class Refusal(Exception):
    """``code`` and ``message`` as the venue documents them; ``status`` of the HTTP reply.

    ``data``: the extra object of some refusals (cancelReplace). Nothing has changed when one is raised, unless ``data``
    says so.
    """

    def __init__(self, code: int, message: str, status: int = 400, data: object = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.data = data
