"""USD-M account, balance and positions in the venue's JSON, versions 1 to 3."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from supreme_system_v5.adapters.exchange.api.usdm_format import entry, money, quantity
from supreme_system_v5.adapters.exchange.api.usdm_json import Json
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.matching.exchange.margin import (
    initial_e8,
    liquidation_price_e8,
    maintenance_e8,
    max_notional_e8,
)
from supreme_system_v5.core.matching.exchange.usdm_account import UsdmAccount

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange


class Figures(NamedTuple):
    """What the account comes to at the mark price, 1e-8 USDT."""

    notional_e8: int  # signed
    unrealized_e8: int
    position_margin_e8: int
    order_margin_e8: int
    maintenance_e8: int
    available_e8: int


def figures(account: UsdmAccount, x: Exchange) -> Figures:
    venue, position = x.usdm, account.position
    mark_e8 = venue.mark_e8
    sign = -1 if position.quantity_e8 < 0 else 1
    worth_e8 = position.notional_e8(mark_e8)
    return Figures(
        sign * worth_e8,
        position.unrealized_e8(mark_e8) if mark_e8 else 0,
        initial_e8(worth_e8, account.leverage),
        account.order_margin_e8,
        maintenance_e8(venue.rules.brackets, worth_e8),
        max(0, account.available_e8),
    )


def alias(account: UsdmAccount) -> str:
    """The account's alias, as balances show it: always the same for a name."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    digest = hashlib.sha256(account.name.encode()).digest()
    return "".join(letters[byte % 52] for byte in digest[:4])


def updated(account: UsdmAccount, x: Exchange) -> int:
    """Of the balance; never 0, which clients read as "not in use"."""
    return x.ms(account.updated_ns or x.markets[USDM].start_ns)


def position_updated(account: UsdmAccount, x: Exchange) -> int:
    return x.ms(account.position.updated_ns) if account.position.updated_ns else 0


def is_shown(account: UsdmAccount, x: Exchange) -> bool:
    """Version 3 shows symbols with a position or open orders only."""
    return bool(account.position.quantity_e8 or x.usdm.orders.open_count(account.name))


def balance_json(account: UsdmAccount, x: Exchange) -> list[Json]:
    available = money(max(0, account.available_e8))
    return [
        {
            "accountAlias": alias(account),
            "asset": x.usdm.instrument.quote_asset,
            "balance": money(account.wallet_e8),
            "crossWalletBalance": money(account.cross_e8),
            "crossUnPnl": money(0),
            "availableBalance": available,
            "maxWithdrawAmount": available,
            "marginAvailable": True,
            "updateTime": updated(account, x),
        }
    ]


def account_json(account: UsdmAccount, x: Exchange) -> Json:
    """Version 2."""
    totals = _totals(account, x)
    asset = _asset(account, x)
    asset["marginAvailable"] = True
    return {
        "feeTier": 0,
        "feeBurn": account.is_fee_burn,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **totals,
        "assets": [asset],
        "positions": [_position_v2(account, x)],
    }


def account_status_json(account: UsdmAccount, x: Exchange) -> Json:
    """`account.status` of the WebSocket API: version 2 with the break-even price, and less of the rest."""
    body = account_json(account, x)
    position = body["positions"][0]
    del body["feeBurn"], position["notional"], position["isolatedWallet"]
    position["breakEvenPrice"] = entry(account.position.break_even_e8)
    return body


def account_v3_json(account: UsdmAccount, x: Exchange) -> Json:
    positions = [_position_v3(account, x)] if is_shown(account, x) else []
    return {**_totals(account, x), "assets": [_asset(account, x)], "positions": positions}


def _totals(account: UsdmAccount, x: Exchange) -> Json:
    now = figures(account, x)
    available = money(now.available_e8)
    return {
        "totalInitialMargin": money(now.position_margin_e8 + now.order_margin_e8),
        "totalMaintMargin": money(now.maintenance_e8),
        "totalWalletBalance": money(account.wallet_e8),
        "totalUnrealizedProfit": money(now.unrealized_e8),
        "totalMarginBalance": money(account.wallet_e8 + now.unrealized_e8),
        "totalPositionInitialMargin": money(now.position_margin_e8),
        "totalOpenOrderInitialMargin": money(now.order_margin_e8),
        "totalCrossWalletBalance": money(account.cross_e8),
        "totalCrossUnPnl": money(0),
        "availableBalance": available,
        "maxWithdrawAmount": available,
    }


def _asset(account: UsdmAccount, x: Exchange) -> Json:
    now = figures(account, x)
    available = money(now.available_e8)
    return {
        "asset": x.usdm.instrument.quote_asset,
        "walletBalance": money(account.wallet_e8),
        "unrealizedProfit": money(now.unrealized_e8),
        "marginBalance": money(account.wallet_e8 + now.unrealized_e8),
        "maintMargin": money(now.maintenance_e8),
        "initialMargin": money(now.position_margin_e8 + now.order_margin_e8),
        "positionInitialMargin": money(now.position_margin_e8),
        "openOrderInitialMargin": money(now.order_margin_e8),
        "crossWalletBalance": money(account.cross_e8),
        "crossUnPnl": money(0),
        "availableBalance": available,
        "maxWithdrawAmount": available,
        "updateTime": updated(account, x),
    }


def _position_v2(account: UsdmAccount, x: Exchange) -> Json:
    now, position = figures(account, x), account.position
    return {
        "symbol": x.usdm.instrument.venue_symbol,
        "initialMargin": plain_e8(now.position_margin_e8 + now.order_margin_e8),
        "maintMargin": plain_e8(now.maintenance_e8),
        "unrealizedProfit": money(now.unrealized_e8),
        "positionInitialMargin": plain_e8(now.position_margin_e8),
        "openOrderInitialMargin": plain_e8(now.order_margin_e8),
        "leverage": str(account.leverage),
        "isolated": True,
        "entryPrice": entry(position.entry_price_e8),
        "maxNotional": plain_e8(max_notional_e8(x.usdm.rules.brackets, account.leverage)),
        "bidNotional": plain_e8(account.bids_e8),
        "askNotional": plain_e8(account.asks_e8),
        "positionSide": "BOTH",
        "positionAmt": quantity(x, position.quantity_e8),
        "notional": plain_e8(now.notional_e8),
        "isolatedWallet": plain_e8(position.isolated_e8),
        "updateTime": position_updated(account, x),
    }


def _position_v3(account: UsdmAccount, x: Exchange) -> Json:
    now, position = figures(account, x), account.position
    held = position.quantity_e8 != 0
    return {
        "symbol": x.usdm.instrument.venue_symbol,
        "positionSide": "BOTH",
        "positionAmt": quantity(x, position.quantity_e8),
        "unrealizedProfit": money(now.unrealized_e8),
        "isolatedMargin": money(position.isolated_e8 + now.unrealized_e8 if held else 0),
        "notional": plain_e8(now.notional_e8),
        "isolatedWallet": plain_e8(position.isolated_e8),
        "initialMargin": plain_e8(now.position_margin_e8 + now.order_margin_e8),
        "maintMargin": plain_e8(now.maintenance_e8),
        "updateTime": position_updated(account, x),
    }


def _liquidation(account: UsdmAccount, x: Exchange) -> str:
    position = account.position
    at_e8 = liquidation_price_e8(x.usdm.rules.brackets, position.quantity_e8, position.cost_e8, position.isolated_e8)
    return plain_e8(at_e8)


def _risk_of_every_version(account: UsdmAccount, x: Exchange, now: Figures) -> Json:
    position = account.position
    return {
        "symbol": x.usdm.instrument.venue_symbol,
        "positionSide": "BOTH",
        "positionAmt": quantity(x, position.quantity_e8),
        "entryPrice": entry(position.entry_price_e8),
        "breakEvenPrice": entry(position.break_even_e8),
        "markPrice": money(x.usdm.mark_e8),
        "unRealizedProfit": money(now.unrealized_e8),
        "liquidationPrice": _liquidation(account, x),
        "notional": plain_e8(now.notional_e8),
        "isolatedWallet": plain_e8(position.isolated_e8),
        "updateTime": position_updated(account, x),
    }


def _isolated_margin_e8(account: UsdmAccount, now: Figures) -> int:
    return account.position.isolated_e8 + now.unrealized_e8 if account.position.quantity_e8 else 0


def position_risk_json(account: UsdmAccount, x: Exchange) -> Json:
    """Versions 1 and 2; also `account.position`."""
    now = figures(account, x)
    return {
        **_risk_of_every_version(account, x, now),
        "leverage": str(account.leverage),
        "maxNotionalValue": plain_e8(max_notional_e8(x.usdm.rules.brackets, account.leverage)),
        "marginType": "isolated",
        "isolatedMargin": money(_isolated_margin_e8(account, now)),
        "isAutoAddMargin": "false",
    }


def position_risk_v3_json(account: UsdmAccount, x: Exchange) -> Json:
    now = figures(account, x)
    return {
        **_risk_of_every_version(account, x, now),
        "isolatedMargin": plain_e8(_isolated_margin_e8(account, now)),
        "marginAsset": x.usdm.instrument.quote_asset,
        "initialMargin": plain_e8(now.position_margin_e8 + now.order_margin_e8),
        "maintMargin": plain_e8(now.maintenance_e8),
        "positionInitialMargin": plain_e8(now.position_margin_e8),
        "openOrderInitialMargin": plain_e8(now.order_margin_e8),
        "adl": adl_quantile(account, x),
        "bidNotional": plain_e8(account.bids_e8),
        "askNotional": plain_e8(account.asks_e8),
    }


def adl_quantile(account: UsdmAccount, x: Exchange) -> int:
    """0 to 4. Nobody is deleveraged here, so it only tells a winning position from the others."""
    return 1 if account.position.unrealized_e8(x.usdm.mark_e8) > 0 else 0


def bracket_json(x: Exchange) -> Json:
    return {
        "symbol": x.usdm.instrument.venue_symbol,
        "brackets": [
            {
                "bracket": row.number,
                "initialLeverage": row.leverage,
                "notionalCap": row.cap_e8 // 100_000_000,
                "notionalFloor": row.floor_e8 // 100_000_000,
                "maintMarginRatio": row.rate_e8 / 1e8,
                "cum": row.amount_e8 / 1e8,
            }
            for row in x.usdm.rules.brackets
        ],
    }
