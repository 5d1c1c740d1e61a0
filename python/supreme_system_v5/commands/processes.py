"""Waiting for the daemon of a home to end."""

from __future__ import annotations

import time
from typing import Final

from supreme_system_v5.adapters.storage.lock import Owner

STOP_SECONDS_MAX: Final = 10.0


def wait_until_gone(owner: Owner, timeout_seconds: float = STOP_SECONDS_MAX) -> bool:
    """True as soon as that very process is gone; False when it still runs after the time-out."""
    deadline = time.monotonic() + timeout_seconds
    while owner.is_alive:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
