"""Supreme System V5: a small trading daemon for one symbol. Importing this imports nothing heavy."""

from __future__ import annotations

import os

from supreme_system_v5 import pure_import

__version__ = "5.0.0"

if pure_import.is_wanted(os.environ):
    pure_import.install()
