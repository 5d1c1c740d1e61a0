"""The record of closed trades: the Kelly fraction and the streak of losses it implies."""

from __future__ import annotations

from typing import Final

TRADES_KEPT: Final = 100
TRADES_NEEDED: Final = 30


class Performance:
    """Net results (1e-8 quote units) of the last TRADES_KEPT closed trades of one account and strategy."""

    def __init__(self) -> None:
        self.results_e8: list[int] = []
        self.consecutive_losses = 0
        self._half_kelly: float | None = None  # until the next result

    def add(self, net_e8: int) -> None:
        self._half_kelly = None
        self.results_e8.append(net_e8)
        if len(self.results_e8) > TRADES_KEPT:
            self.results_e8.pop(0)
        self.consecutive_losses = self.consecutive_losses + 1 if net_e8 < 0 else 0

    @property
    def has_enough(self) -> bool:
        return len(self.results_e8) >= TRADES_NEEDED

    def half_kelly(self) -> float:
        """0.5 x (w - (1 - w) / b); w = win rate, b = mean win / mean loss (Kelly 1956). Needs has_enough.

        Without a loss it is w / 2; without a win it is -1 (no edge shown).
        """
        known = self._half_kelly
        if known is None:
            known = self._half_kelly_now()
            self._half_kelly = known
        return known

    def _half_kelly_now(self) -> float:
        wins_e8 = 0
        win_count = 0
        losses_e8 = 0
        loss_count = 0
        for result_e8 in self.results_e8:
            if result_e8 > 0:
                wins_e8 += result_e8
                win_count += 1
            elif result_e8 < 0:
                losses_e8 -= result_e8
                loss_count += 1
        if win_count == 0:
            return -1.0
        win_rate = win_count / len(self.results_e8)
        if loss_count == 0:
            return 0.5 * win_rate
        payoff = (wins_e8 / win_count) / (losses_e8 / loss_count)
        return 0.5 * (win_rate - (1.0 - win_rate) / payoff)

    def size_fraction(self, cap: float) -> float:
        """The fraction of equity a position may use: cap, scaled down by half-Kelly, never below cap / 4."""
        if not self.has_enough:
            return cap
        return min(cap, max(cap / 4.0, self.half_kelly()))
