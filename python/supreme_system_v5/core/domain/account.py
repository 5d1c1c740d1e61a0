"""The exact ledger of one account: wallet, position, realised result, fees, funding, dust.

Identity, exact after every fill:

    wallet = initial + realized - fees + funding
    equity = wallet + (position x mark - cost) + (dust x mark - dust cost)

Both markets use it. On spot the quote balance is ``wallet - cost - dust_cost``; a spot buy that pays its fee in
the base asset books the fee's share of the notional as a fee, so that the identity holds there too.
"""

from __future__ import annotations

import hashlib

from supreme_system_v5.core.domain.money import multiply_e8


def account_id(mode: str, source_class: str, market: str, symbol: str) -> str:
    """First 4 hex of SHA-256 over (mode, real|simulated, market, symbol): accounts are never mixed."""
    return hashlib.sha256("|".join((mode, source_class, market, symbol)).encode()).hexdigest()[:4]


class Ledger:
    """All amounts in 1e-8 units of the quote asset, quantities in 1e-8 of the base asset; position is signed."""

    def __init__(
        self,
        initial_e8: int,
        wallet_e8: int,
        position_e8: int,
        cost_e8: int,
        realized_e8: int,
        fees_e8: int,
        funding_e8: int,
        dust_e8: int,
        dust_cost_e8: int,
    ) -> None:
        self.initial_e8 = initial_e8
        self.wallet_e8 = wallet_e8
        self.position_e8 = position_e8
        self.cost_e8 = cost_e8  # signed: what the position cost (negative for a short: what it brought)
        self.realized_e8 = realized_e8
        self.fees_e8 = fees_e8
        self.funding_e8 = funding_e8  # received minus paid
        self.dust_e8 = dust_e8
        self.dust_cost_e8 = dust_cost_e8

    def copy(self) -> Ledger:
        return Ledger(
            self.initial_e8,
            self.wallet_e8,
            self.position_e8,
            self.cost_e8,
            self.realized_e8,
            self.fees_e8,
            self.funding_e8,
            self.dust_e8,
            self.dust_cost_e8,
        )

    def after_fill(self, side: int, quantity_e8: int, price_e8: int, fee_quote_e8: int, fee_base_e8: int) -> Ledger:
        """The ledger after a fill. ``side`` +1 buy, -1 sell; one of the two fees is 0.

        A fill that closes books its share of the cost; one that passes through zero opens the rest anew.
        """
        new = self.copy()
        signed_e8 = side * quantity_e8
        notional_e8 = multiply_e8(quantity_e8, price_e8)
        held_e8 = new.position_e8
        if held_e8 == 0 or (held_e8 > 0) == (signed_e8 > 0):
            new.position_e8 = held_e8 + signed_e8
            new.cost_e8 += side * notional_e8
        else:
            closing_e8 = min(abs(held_e8), quantity_e8)
            closing_notional_e8 = notional_e8 if closing_e8 == quantity_e8 else multiply_e8(closing_e8, price_e8)
            share_e8 = new.cost_e8 if closing_e8 == abs(held_e8) else new.cost_e8 * closing_e8 // abs(held_e8)
            result_e8 = -side * closing_notional_e8 - share_e8
            new.realized_e8 += result_e8
            new.wallet_e8 += result_e8
            new.cost_e8 -= share_e8
            new.position_e8 = held_e8 + side * closing_e8
            opening_e8 = quantity_e8 - closing_e8
            if opening_e8 > 0:
                new.position_e8 += side * opening_e8
                new.cost_e8 += side * (notional_e8 - closing_notional_e8)
        if fee_base_e8 > 0:
            fee_cost_e8 = multiply_e8(fee_base_e8, price_e8)
            new.position_e8 -= fee_base_e8
            new.cost_e8 -= fee_cost_e8
            new.fees_e8 += fee_cost_e8
            new.wallet_e8 -= fee_cost_e8
        new.fees_e8 += fee_quote_e8
        new.wallet_e8 -= fee_quote_e8
        return new

    def after_funding(self, amount_e8: int) -> Ledger:
        """The ledger after a funding payment (positive = received)."""
        new = self.copy()
        new.funding_e8 += amount_e8
        new.wallet_e8 += amount_e8
        return new

    def with_dust(self) -> Ledger:
        """The ledger with the remaining position moved to the dust line: the position counts as flat."""
        new = self.copy()
        new.dust_e8 += new.position_e8
        new.dust_cost_e8 += new.cost_e8
        new.position_e8 = 0
        new.cost_e8 = 0
        return new

    def unrealized_e8(self, mark_e8: int) -> int:
        """Result of position and dust at a mark price."""
        if self.position_e8 == 0 and self.dust_e8 == 0:
            return 0
        return multiply_e8(self.position_e8 + self.dust_e8, mark_e8) - self.cost_e8 - self.dust_cost_e8

    def equity_e8(self, mark_e8: int) -> int:
        return self.wallet_e8 + self.unrealized_e8(mark_e8)

    def entry_price_e8(self) -> int:
        """Average entry price of the open position (0 when flat), rounded down; for display and levels."""
        if self.position_e8 == 0:
            return 0
        return abs(self.cost_e8) * 100_000_000 // abs(self.position_e8)

    def identity_gap_e8(self) -> int:
        """0 when the books add up; anything else is a BooksError waiting to be raised."""
        return self.wallet_e8 - (self.initial_e8 + self.realized_e8 - self.fees_e8 + self.funding_e8)

    def fields(self) -> dict[str, int]:
        """Every field by name, in a fixed order (journal, digest)."""
        return {
            "initial_e8": self.initial_e8,
            "wallet_e8": self.wallet_e8,
            "position_e8": self.position_e8,
            "cost_e8": self.cost_e8,
            "realized_e8": self.realized_e8,
            "fees_e8": self.fees_e8,
            "funding_e8": self.funding_e8,
            "dust_e8": self.dust_e8,
            "dust_cost_e8": self.dust_cost_e8,
        }


def new_ledger(initial_e8: int) -> Ledger:
    """A fresh account with nothing but its opening balance."""
    return Ledger(initial_e8, initial_e8, 0, 0, 0, 0, 0, 0, 0)
