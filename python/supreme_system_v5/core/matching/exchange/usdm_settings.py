"""What a USD-M client can set: leverage, margin type, isolated margin by hand, position and asset mode.

Cross margin, hedge mode and multi-assets mode are not served: asking for them is refused with the venue's -1020, after
the refusals the venue itself has for the state of the account.
"""

from __future__ import annotations

from supreme_system_v5.core.matching.exchange.margin import initial_e8, max_notional_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.usdm_account import MarginChange, UsdmAccount
from supreme_system_v5.core.matching.exchange.usdm_happenings import LeverageChanged
from supreme_system_v5.core.matching.exchange.usdm_rules import unsupported

ISOLATED = "ISOLATED"
CROSSED = "CROSSED"
ADD = 1
REDUCE = 2


def set_leverage(venue: UsdmVenue, name: str, leverage: int, time_ns: int) -> int:
    """Returns the largest notional allowed with it, 1e-8. Raises Refusal -4028, -4161, -2027, -2028."""
    account = venue.account(name)
    most_e8 = max_notional_e8(venue.rules.brackets, leverage)
    if leverage < 1 or most_e8 == 0:
        raise Refusal(-4028, f"Leverage {leverage} is not valid")
    cost_e8 = account.position.cost_e8
    if leverage < account.leverage and cost_e8:
        raise Refusal(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.")
    if max(abs(cost_e8 + account.bids_e8), abs(cost_e8 - account.asks_e8)) > most_e8:
        raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
    before = account.leverage
    account.leverage = leverage
    if account.available_e8 < 0:
        account.leverage = before
        raise Refusal(-2028, "Leverage is smaller than permitted: insufficient margin balance")
    venue.happenings.append(LeverageChanged(name, time_ns, leverage))
    return most_e8


def set_margin_type(venue: UsdmVenue, name: str, margin_type: str) -> None:
    """There is ISOLATED alone, so this always refuses: -4046 for it, -4047, -4048 or -1020 for CROSSED."""
    account = venue.account(name)
    if margin_type == ISOLATED:
        raise Refusal(-4046, "No need to change margin type.")
    if venue.orders.open_count(name) or venue.algos.waiting(name):
        raise Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
    if account.position.quantity_e8:
        raise Refusal(-4048, "Margin type cannot be changed if there exists position.")
    raise unsupported()


def removable_margin_e8(venue: UsdmVenue, account: UsdmAccount) -> int:
    """What can be taken out of the isolated wallet: what is above the initial margin, at the cost and at the mark."""
    position = account.position
    at_mark_e8 = initial_e8(position.notional_e8(venue.mark_e8), account.leverage)
    loss_e8 = min(0, position.unrealized_e8(venue.mark_e8)) if venue.mark_e8 else 0
    return max(0, position.isolated_e8 + loss_e8 - max(at_mark_e8, account.position_margin_e8))


def change_margin(venue: UsdmVenue, name: str, kind: int, amount_e8: int, time_ns: int) -> None:
    """Move margin into (ADD) or out of (REDUCE) the isolated wallet. Raises Refusal -4055, -4054, -4050, -4051."""
    account = venue.account(name)
    if amount_e8 <= 0:
        raise Refusal(-4055, "Amount must be positive.")
    if account.position.quantity_e8 == 0:
        raise Refusal(-4054, "Cannot add position margin: position is 0.")
    if kind == ADD:
        if amount_e8 > account.available_e8:
            raise Refusal(-4050, "Cross balance insufficient.")
        account.position.isolated_e8 += amount_e8
    else:
        if amount_e8 > removable_margin_e8(venue, account):
            raise Refusal(-4051, "Isolated balance insufficient.")
        account.position.isolated_e8 -= amount_e8
    account.updated_ns = account.position.updated_ns = time_ns
    account.margin_changes.append(MarginChange(kind, amount_e8, time_ns))
    venue.booking.tell_account(account, "MARGIN_TRANSFER", 0, time_ns)


def set_dual_side(venue: UsdmVenue, name: str, is_dual: bool) -> None:
    """One-way mode alone: -4059 for it, -4067, -4068 or -1020 for hedge mode."""
    account = venue.account(name)
    if not is_dual:
        raise Refusal(-4059, "No need to change position side.")
    if venue.orders.open_count(name) or venue.algos.waiting(name):
        raise Refusal(-4067, "Position side cannot be changed if there exists open orders.")
    if account.position.quantity_e8:
        raise Refusal(-4068, "Position side cannot be changed if there exists position.")
    raise unsupported()


def set_multi_assets(venue: UsdmVenue, name: str, is_multi: bool) -> None:
    """Single-asset mode alone: -4171 for it; multi-assets mode is refused as with isolated symbols, -4167."""
    venue.account(name)
    if not is_multi:
        raise Refusal(-4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.")
    raise Refusal(
        -4167, "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode."
    )
