"""USD-M account over REST and the WebSocket API: balances, positions, settings, income."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.api.endpoint import TRADE, USER_DATA, Endpoint
from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.api.usdm_account_json import (
    account_json,
    account_status_json,
    account_v3_json,
    adl_quantile,
    balance_json,
    bracket_json,
    is_shown,
    position_risk_json,
    position_risk_v3_json,
)
from supreme_system_v5.adapters.exchange.api.usdm_format import money
from supreme_system_v5.adapters.exchange.api.usdm_json import Json
from supreme_system_v5.adapters.exchange.api.usdm_orders import venue_of
from supreme_system_v5.adapters.exchange.api.usdm_window import read_window
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.matching.exchange import usdm_settings as setting
from supreme_system_v5.core.matching.exchange.margin import max_notional_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm_account import Income
from supreme_system_v5.core.matching.exchange.usdm_rules import check_position_side

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange

SUCCESS: Final[Json] = {"code": 200, "msg": "success"}
INCOME_TYPES: Final = (
    "TRANSFER WELCOME_BONUS REALIZED_PNL FUNDING_FEE COMMISSION INSURANCE_CLEAR REFERRAL_KICKBACK COMMISSION_REBATE"
    " API_REBATE CONTEST_REWARD CROSS_COLLATERAL_TRANSFER OPTIONS_PREMIUM_FEE OPTIONS_SETTLE_PROFIT INTERNAL_TRANSFER"
    " AUTO_EXCHANGE DELIVERED_SETTELMENT COIN_SWAP_DEPOSIT COIN_SWAP_WITHDRAW POSITION_LIMIT_INCREASE_FEE"
    " STRATEGY_UMFUTURES_TRANSFER FEE_RETURN BFUSD_REWARD SPECIAL_FUNDING_FEE"
).split()


# Balances and positions ------------------------------------------------------------------------------------------


def account_v2(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    return account_json(venue_of(x).account(account), x)


def account_status(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    return account_status_json(venue_of(x).account(account), x)


def account_v3(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    return account_v3_json(venue_of(x).account(account), x)


def account_status_v2(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    """`v2/account.status`: version 3, and whether the asset can be margin."""
    params.done()
    body = account_v3_json(venue_of(x).account(account), x)
    for asset in body["assets"]:
        asset["marginAvailable"] = True
    return body


def balance(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    return balance_json(venue_of(x).account(account), x)


def position_risk(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.has_symbol()
    params.done()
    return [position_risk_json(venue_of(x).account(account), x)]


def position_risk_v3(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    """Symbols with a position or open orders only, also where the symbol is named."""
    params.has_symbol()
    params.done()
    found = venue_of(x).account(account)
    return [position_risk_v3_json(found, x)] if is_shown(found, x) else []


def adl(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.has_symbol()
    params.done()
    venue = venue_of(x)
    quantile = adl_quantile(venue.account(account), x)
    return [{"symbol": venue.instrument.venue_symbol, "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": quantile}}]


# What the account is ---------------------------------------------------------------------------------------------


def account_config(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    venue_of(x).account(account)
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def symbol_config(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.has_symbol()
    params.done()
    venue = venue_of(x)
    leverage = venue.account(account).leverage
    return [
        {
            "symbol": venue.instrument.venue_symbol,
            "marginType": setting.ISOLATED,
            "isAutoAddMargin": False,
            "leverage": leverage,
            "maxNotionalValue": plain_e8(max_notional_e8(venue.rules.brackets, leverage)),
        }
    ]


def commission_rate(x: Exchange, _account: str, params: Params, _time_ns: int) -> object:
    symbol = params.symbol()
    params.done()
    booking = venue_of(x).booking
    return {
        "symbol": symbol,
        "makerCommissionRate": plain_e8(booking.maker_fee_e8),
        "takerCommissionRate": plain_e8(booking.taker_fee_e8),
        "rpiCommissionRate": "0",
    }


def leverage_bracket(x: Exchange, _account: str, params: Params, _time_ns: int) -> object:
    params.has_symbol()
    params.done()
    return [bracket_json(x)]


def trading_status(x: Exchange, _account: str, params: Params, time_ns: int) -> object:
    """The quantitative rules; nobody is ever locked by them here."""
    params.has_symbol()
    params.done()
    rules = (("UFR", 0.995), ("IFER", 0.99), ("GCR", 0.99))
    rows = [_indicator(name, threshold) for name, threshold in rules]
    indicators = {venue_of(x).instrument.venue_symbol: rows, "ACCOUNT": [_indicator("TMV", 1)]}
    return {"indicators": indicators, "updateTime": x.ms(time_ns)}


def _indicator(name: str, threshold: float) -> Json:
    return {
        "isLocked": False,
        "plannedRecoverTime": 0,
        "indicator": name,
        "value": 0,
        "triggerValue": threshold,
    }


# Settings --------------------------------------------------------------------------------------------------------


def set_leverage(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    symbol = params.symbol()
    leverage = params.require_integer("leverage")
    params.done()
    most_e8 = setting.set_leverage(venue_of(x), account, leverage, time_ns)
    return {"leverage": leverage, "maxNotionalValue": plain_e8(most_e8), "symbol": symbol}


def set_margin_type(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.symbol()
    bad = Refusal(-1130, "Data sent for parameter 'marginType' is not valid.")
    margin_type = params.choice("marginType", (setting.ISOLATED, setting.CROSSED), bad)
    if not margin_type:
        raise params.missing("marginType")
    params.done()
    setting.set_margin_type(venue_of(x), account, margin_type)
    return dict(SUCCESS)


def change_margin(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.symbol()
    check_position_side(params.text("positionSide"))
    amount_e8 = params.require_decimal("amount")
    kind = params.require_integer("type")
    if kind not in (setting.ADD, setting.REDUCE):
        raise Refusal(-1130, "Data sent for parameter 'type' is not valid.")
    params.done()
    setting.change_margin(venue_of(x), account, kind, amount_e8, time_ns)
    amount = amount_e8 / 1e8
    return {
        "amount": int(amount) if amount == int(amount) else amount,
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": kind,
    }


def margin_history(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    symbol = params.symbol()
    kind = params.integer("type")
    window = read_window(params, time_ns, 30)
    limit = params.limit(500, 500)
    params.done()
    venue = venue_of(x)
    rows = [
        row
        for row in venue.account(account).margin_changes
        if window.holds(row.time_ns) and (kind is None or row.kind == kind)
    ]
    return [
        {
            "symbol": symbol,
            "type": row.kind,
            "deltaType": "USER_ADJUST",
            "amount": money(row.amount_e8),
            "asset": venue.instrument.quote_asset,
            "time": x.ms(row.time_ns),
            "positionSide": "BOTH",
        }
        for row in rows[-limit:]
    ]


def get_dual_side(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    venue_of(x).account(account)
    return {"dualSidePosition": False}


def set_dual_side(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    is_dual = _require_boolean(params, "dualSidePosition")
    params.done()
    setting.set_dual_side(venue_of(x), account, is_dual)
    return dict(SUCCESS)


def get_multi_assets(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    venue_of(x).account(account)
    return {"multiAssetsMargin": False}


def set_multi_assets(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    is_multi = _require_boolean(params, "multiAssetsMargin")
    params.done()
    setting.set_multi_assets(venue_of(x), account, is_multi)
    return dict(SUCCESS)


def get_fee_burn(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    params.done()
    return {"feeBurn": venue_of(x).account(account).is_fee_burn}


def set_fee_burn(x: Exchange, account: str, params: Params, _time_ns: int) -> object:
    """Kept and shown; fees are paid in USDT whatever it says, as there is no BNB in the account."""
    wanted = _require_boolean(params, "feeBurn")
    params.done()
    venue_of(x).account(account).is_fee_burn = wanted
    return dict(SUCCESS)


def _require_boolean(params: Params, name: str) -> bool:
    wanted = params.boolean(name)
    if wanted is None:
        raise params.missing(name)
    return wanted


# Income ----------------------------------------------------------------------------------------------------------


def income(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.has_symbol()
    named = params.text("symbol")
    kind = params.choice("incomeType", INCOME_TYPES)
    window = read_window(params, time_ns, 7 if not params.has("startTime") else 100)
    page = params.integer("page") or 1
    limit = params.limit(100, 1_000)
    params.done()
    venue = venue_of(x)
    rows = [
        row
        for row in venue.account(account).income
        if window.holds(row.time_ns) and (not kind or row.kind == kind) and (not named or row.symbol == named)
    ]
    if window.is_from_start or params.has("page"):
        rows = rows[(page - 1) * limit : page * limit]
    else:
        rows = rows[-limit:]
    return [_income_json(row, venue.instrument.quote_asset, x) for row in rows]


def _income_json(row: Income, asset: str, x: Exchange) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": money(row.amount_e8),
        "asset": asset,
        "info": row.info,
        "time": x.ms(row.time_ns),
        "tranId": row.transaction_id,
        "tradeId": str(row.trade_id) if row.trade_id else "",
    }


def _status_weight(params: Mapping[str, str]) -> int:
    return 1 if "symbol" in params else 10


_F: Final = "/fapi/"
ENDPOINTS: Final = [
    Endpoint(USDM, "GET", _F + "v2/account", "", USER_DATA, 5, account_v2),
    Endpoint(USDM, "", "", "account.status", USER_DATA, 5, account_status),
    Endpoint(USDM, "GET", _F + "v3/account", "", USER_DATA, 5, account_v3),
    Endpoint(USDM, "", "", "v2/account.status", USER_DATA, 5, account_status_v2),
    Endpoint(USDM, "GET", _F + "v2/balance", "account.balance", USER_DATA, 5, balance),
    Endpoint(USDM, "GET", _F + "v3/balance", "v2/account.balance", USER_DATA, 5, balance),
    Endpoint(USDM, "GET", _F + "v1/positionRisk", "", USER_DATA, 5, position_risk),
    Endpoint(USDM, "GET", _F + "v2/positionRisk", "account.position", USER_DATA, 5, position_risk),
    Endpoint(USDM, "GET", _F + "v3/positionRisk", "v2/account.position", USER_DATA, 5, position_risk_v3),
    Endpoint(USDM, "GET", _F + "v1/adlQuantile", "", USER_DATA, 5, adl),
    Endpoint(USDM, "GET", _F + "v1/accountConfig", "", USER_DATA, 5, account_config),
    Endpoint(USDM, "GET", _F + "v1/symbolConfig", "", USER_DATA, 5, symbol_config),
    Endpoint(USDM, "GET", _F + "v1/commissionRate", "", USER_DATA, 20, commission_rate),
    Endpoint(USDM, "GET", _F + "v1/leverageBracket", "", USER_DATA, 1, leverage_bracket),
    Endpoint(USDM, "GET", _F + "v1/apiTradingStatus", "", USER_DATA, _status_weight, trading_status),
    Endpoint(USDM, "POST", _F + "v1/leverage", "", TRADE, 1, set_leverage),
    Endpoint(USDM, "POST", _F + "v1/marginType", "", TRADE, 1, set_margin_type),
    Endpoint(USDM, "POST", _F + "v1/positionMargin", "", TRADE, 1, change_margin),
    Endpoint(USDM, "GET", _F + "v1/positionMargin/history", "", TRADE, 1, margin_history),
    Endpoint(USDM, "GET", _F + "v1/positionSide/dual", "", USER_DATA, 30, get_dual_side),
    Endpoint(USDM, "POST", _F + "v1/positionSide/dual", "", TRADE, 1, set_dual_side),
    Endpoint(USDM, "GET", _F + "v1/multiAssetsMargin", "", USER_DATA, 30, get_multi_assets),
    Endpoint(USDM, "POST", _F + "v1/multiAssetsMargin", "", TRADE, 1, set_multi_assets),
    Endpoint(USDM, "GET", _F + "v1/feeBurn", "", USER_DATA, 30, get_fee_burn),
    Endpoint(USDM, "POST", _F + "v1/feeBurn", "", TRADE, 1, set_fee_burn),
    Endpoint(USDM, "GET", _F + "v1/income", "", USER_DATA, 30, income),
]
