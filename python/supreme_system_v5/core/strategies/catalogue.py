"""The one list of strategies: name -> how to make it from the parameters."""

from __future__ import annotations

from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Strategy
from supreme_system_v5.core.strategies.scalping import ScalpingStrategy

STRATEGY_NAMES = ("scalping",)


def make_strategy(parameters: Parameters) -> Strategy:
    """Raises ValueError for a name that is not in STRATEGY_NAMES."""
    if parameters.strategy == "scalping":
        return ScalpingStrategy(parameters.scalping_confirm_bars)
    raise ValueError(f"no strategy {parameters.strategy!r}; there are: {', '.join(STRATEGY_NAMES)}")
