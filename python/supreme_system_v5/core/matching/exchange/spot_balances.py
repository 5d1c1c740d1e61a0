"""What an account holds on the spot market: free and locked per asset, to the last digit."""

from __future__ import annotations

from supreme_system_v5.core.matching.exchange.refusal import Refusal

INSUFFICIENT = "Account has insufficient balance for requested action."


class SpotBalances:
    """Amounts in 1e-8 units. Nothing here ever goes below zero: that is asserted, not repaired."""

    def __init__(self, amounts_e8: dict[str, int], time_ns: int = 0) -> None:
        self.free_e8: dict[str, int] = dict(amounts_e8)
        self.locked_e8: dict[str, int] = dict.fromkeys(amounts_e8, 0)
        self.updated_ns = time_ns

    def free(self, asset: str) -> int:
        return self.free_e8.get(asset, 0)

    def total(self, asset: str) -> int:
        return self.free_e8.get(asset, 0) + self.locked_e8.get(asset, 0)

    def add(self, asset: str, amount_e8: int) -> None:
        """To what is free; a negative amount takes."""
        self.free_e8[asset] = self.free_e8.get(asset, 0) + amount_e8
        self.locked_e8.setdefault(asset, 0)
        assert self.free_e8[asset] >= 0, f"{asset} below zero"

    def require(self, asset: str, amount_e8: int) -> None:
        """Raises Refusal -2010 when less than this is free."""
        if self.free(asset) < amount_e8:
            raise Refusal(-2010, INSUFFICIENT)

    def lock(self, asset: str, amount_e8: int) -> None:
        """From free to locked; a negative amount goes back."""
        self.add(asset, -amount_e8)
        self.locked_e8[asset] += amount_e8
        assert self.locked_e8[asset] >= 0, f"locked {asset} below zero"

    def spend(self, asset: str, amount_e8: int) -> None:
        """Of what is locked."""
        self.locked_e8[asset] -= amount_e8
        assert self.locked_e8[asset] >= 0, f"locked {asset} below zero"

    def pair(self, asset: str) -> tuple[int, int]:
        """(free, locked)."""
        return self.free_e8.get(asset, 0), self.locked_e8.get(asset, 0)

    def save(self) -> dict[str, object]:
        return {"free": dict(self.free_e8), "locked": dict(self.locked_e8), "updated_ns": self.updated_ns}


def load_balances(saved: dict[str, dict[str, int]], updated_ns: int) -> SpotBalances:
    balances = SpotBalances(saved["free"], updated_ns)
    balances.locked_e8.update(saved["locked"])
    return balances
