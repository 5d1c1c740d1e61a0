"""The one list of strategies: name -> how to make it from the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Strategy
from supreme_system_v5.core.strategies.scalping import ScalpingStrategy
from supreme_system_v5.core.strategies.template import TemplateStrategy
from supreme_system_v5.core.strategies.trade_window import TradeWindowStrategy


def _scalping(parameters: Parameters) -> Strategy:
    return ScalpingStrategy(parameters.scalping_confirm_bars)


def _template(_parameters: Parameters) -> Strategy:
    return TemplateStrategy()


def _trade_window(_parameters: Parameters) -> Strategy:
    return TradeWindowStrategy()


_FACTORIES: Final[dict[str, Callable[[Parameters], Strategy]]] = {
    "scalping": _scalping,
    "template": _template,
    "trade_window": _trade_window,
}
STRATEGY_NAMES: Final = tuple(_FACTORIES)


def make_strategy(parameters: Parameters) -> Strategy:
    """Raises ValueError for a name that is not in STRATEGY_NAMES."""
    factory = _FACTORIES.get(parameters.strategy)
    if factory is None:
        raise ValueError(f"no strategy {parameters.strategy!r}; there are: {', '.join(STRATEGY_NAMES)}")
    return factory(parameters)
