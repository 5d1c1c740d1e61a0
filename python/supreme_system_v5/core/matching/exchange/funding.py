"""Money of USD-M accounts that is not traded: funding of positions at the funding times, and transfers."""

from __future__ import annotations

from collections.abc import Iterable

from supreme_system_v5.core.domain.money import funding_amount_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm_account import FUNDING_FEE, TRANSFER, Income, UsdmAccount
from supreme_system_v5.core.matching.exchange.usdm_booking import UsdmBooking


def pay_funding(booking: UsdmBooking, accounts: Iterable[UsdmAccount], rate_e8: int, time_ns: int) -> None:
    """Each open position pays or receives quantity x mark x rate, rounded against it, from or into its margin;
    income FUNDING_FEE, ACCOUNT_UPDATE.
    """
    for account in accounts:
        position = account.position
        amount_e8 = funding_amount_e8(position.quantity_e8, booking.mark_e8, rate_e8)
        if amount_e8 == 0:
            continue
        account.wallet_e8 += amount_e8
        position.charge(-amount_e8)
        position.updated_ns = account.updated_ns = time_ns
        booking.funding_e8 += amount_e8
        booking.earn(account, FUNDING_FEE, amount_e8, time_ns, FUNDING_FEE)
        booking.tell_account(account, FUNDING_FEE, amount_e8, time_ns)


def transfer(booking: UsdmBooking, account: UsdmAccount, amount_e8: int, time_ns: int) -> None:
    """Into (or, negative, out of) the wallet. Raises Refusal -4050 when that much is not free."""
    if amount_e8 < 0 and -amount_e8 > account.available_e8:
        raise Refusal(-4050, "Cross balance insufficient.")
    account.wallet_e8 += amount_e8
    account.updated_ns = time_ns
    number = booking.ids.next_transaction_id()
    account.income.append(Income("", TRANSFER, amount_e8, TRANSFER, time_ns, number, 0))
    reason = "DEPOSIT" if amount_e8 >= 0 else "WITHDRAW"
    booking.tell_account(account, reason, amount_e8, time_ns, with_position=False)
