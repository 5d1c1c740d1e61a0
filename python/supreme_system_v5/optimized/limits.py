"""The one numeric limit all indicators share."""

from __future__ import annotations

from typing import Final

# Inputs beyond this are refused together with infinities: sums over a window of them would overflow to inf,
# and inf - inf is the NaN that poisons an average for ever. NaN fails every comparison, so one range check does all.
INPUT_MAX: Final = 1e300
