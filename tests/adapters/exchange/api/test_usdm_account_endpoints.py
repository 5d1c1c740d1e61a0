"""The USD-M account over its endpoints, and the user events."""

from __future__ import annotations

import pytest

from tests.adapters.exchange.api.usdm_api import Api
from tests.core.matching.exchange.usdm_kit import FUNDING_MS, START_MS, e8


@pytest.fixture
def api() -> Api:
    return Api()


# The account -----------------------------------------------------------------------------------------------------


def test_balances_and_account(api: Api) -> None:
    api.market("BUY", 1)
    api.limit("BUY", 1, 1900)
    api.floor.mark(2011)
    row = api.call("GET", "/fapi/v3/balance")[0]
    assert api.call("GET", "/fapi/v2/balance") == [row]
    assert (row["asset"], row["balance"], row["crossWalletBalance"]) == ("USDT", "9998.99950000", "9899.95000000")
    assert (row["availableBalance"], row["crossUnPnl"], len(row["accountAlias"])) == ("9804.95000000", "0.00000000", 4)
    account = api.call("GET", "/fapi/v2/account")
    assert account["totalWalletBalance"] == "9998.99950000"
    assert account["totalUnrealizedProfit"] == "10.00000000"
    assert account["totalMarginBalance"] == "10008.99950000"
    assert account["totalPositionInitialMargin"] == "100.55000000"
    assert account["totalOpenOrderInitialMargin"] == "95.00000000"
    assert account["totalMaintMargin"] == "8.04400000"
    position = account["positions"][0]
    assert (position["positionAmt"], position["entryPrice"], position["leverage"]) == ("1.000", "2001", "20")
    newer = api.call("GET", "/fapi/v3/account")
    assert newer["positions"][0]["isolatedMargin"] == "109.04950000"
    assert newer["assets"][0]["availableBalance"] == "9804.95000000"
    status = api.call("ws", "account.status")
    assert status["positions"][0].pop("breakEvenPrice") == "2002.0005"
    for name in ("notional", "isolatedWallet"):
        del position[name]
    assert status == {name: value for name, value in account.items() if name != "feeBurn"}
    newest = api.call("ws", "v2/account.status")
    assert newest["assets"][0].pop("marginAvailable") is True
    assert newest == newer


def test_positions(api: Api) -> None:
    assert api.one("GET", "/fapi/v3/positionRisk") == []
    flat = api.one("GET", "/fapi/v2/positionRisk")[0]
    assert (flat["positionAmt"], flat["entryPrice"], flat["liquidationPrice"]) == ("0.000", "0.0", "0")
    api.market("SELL", 2)
    api.floor.mark(1990)
    row = api.call("GET", "/fapi/v3/positionRisk")[0]
    assert (row["positionAmt"], row["notional"], row["unRealizedProfit"]) == ("-2.000", "-3980", "18.00000000")
    assert (row["entryPrice"], row["breakEvenPrice"], row["markPrice"]) == ("1999", "1998.0005", "1990.00000000")
    assert (row["isolatedWallet"], row["isolatedMargin"]) == ("197.901", "215.901")
    assert row["liquidationPrice"].startswith("2089.59")
    older = api.one("GET", "/fapi/v2/positionRisk")[0]
    assert (older["leverage"], older["marginType"], older["maxNotionalValue"]) == ("20", "isolated", "65000000")
    assert api.call("ws", "account.position")[0] == older
    assert api.call("ws", "v2/account.position")[0] == row
    assert api.one("GET", "adlQuantile")[0]["adlQuantile"]["BOTH"] == 1


def test_settings(api: Api) -> None:
    assert api.one("POST", "leverage", leverage=10) == {
        "leverage": 10,
        "maxNotionalValue": "150000000",
        "symbol": "ETHUSDT",
    }
    assert api.one("GET", "symbolConfig") == [
        {
            "symbol": "ETHUSDT",
            "marginType": "ISOLATED",
            "isAutoAddMargin": False,
            "leverage": 10,
            "maxNotionalValue": "150000000",
        }
    ]
    assert api.code("POST", "marginType", marginType="ISOLATED") == -4046
    assert api.code("POST", "marginType", marginType="CROSSED") == -1020
    assert api.code("POST", "marginType", marginType="WIDE") == -1130
    assert api.call("GET", "positionSide/dual") == {"dualSidePosition": False}
    assert api.code("POST", "positionSide/dual", dualSidePosition="false") == -4059
    assert api.code("POST", "positionSide/dual", dualSidePosition="true") == -1020
    assert api.call("GET", "multiAssetsMargin") == {"multiAssetsMargin": False}
    assert api.code("POST", "multiAssetsMargin", multiAssetsMargin="true") == -4167
    assert api.call("POST", "feeBurn", feeBurn="true") == {"code": 200, "msg": "success"}
    assert api.call("GET", "feeBurn") == {"feeBurn": True}
    assert api.call("GET", "accountConfig")["dualSidePosition"] is False
    assert api.one("GET", "commissionRate")["takerCommissionRate"] == "0.0005"
    bracket = api.one("GET", "leverageBracket")[0]["brackets"][1]
    assert bracket == {
        "bracket": 2,
        "initialLeverage": 100,
        "notionalCap": 600_000,
        "notionalFloor": 50_000,
        "maintMarginRatio": 0.005,
        "cum": 50.0,
    }
    assert api.one("GET", "apiTradingStatus")["indicators"]["ETHUSDT"][0]["isLocked"] is False


def test_isolated_margin_by_hand(api: Api) -> None:
    api.market("BUY", 1)
    changed = api.one("POST", "positionMargin", amount="50.5", type=1)
    assert changed == {"amount": 50.5, "code": 200, "msg": "Successfully modify position margin.", "type": 1}
    assert api.one("POST", "positionMargin", amount="20", type=2)["amount"] == 20
    assert api.code("POST", "positionMargin", amount="20", type=3) == -1130
    rows = api.one("GET", "positionMargin/history")
    assert [(row["type"], row["amount"], row["deltaType"]) for row in rows] == [
        (1, "50.50000000", "USER_ADJUST"),
        (2, "20.00000000", "USER_ADJUST"),
    ]
    assert len(api.one("GET", "positionMargin/history", type=2)) == 1


def test_income(api: Api) -> None:
    api.floor.venue.deposit("a", e8(3), api.floor.now_ns)
    api.market("BUY", 1)
    api.floor.mark(2000, 0, FUNDING_MS + 28_800_000)
    rows = api.call("GET", "income")
    assert [row["incomeType"] for row in rows] == ["TRANSFER", "COMMISSION", "FUNDING_FEE"]
    assert rows[0] | {"tranId": 0} == {
        "symbol": "",
        "incomeType": "TRANSFER",
        "income": "3.00000000",
        "asset": "USDT",
        "info": "TRANSFER",
        "time": START_MS,
        "tranId": 0,
        "tradeId": "",
    }
    assert (rows[2]["income"], rows[2]["symbol"]) == ("-0.20000000", "ETHUSDT")
    assert rows[1]["tradeId"] == rows[1]["info"]
    assert [row["incomeType"] for row in api.one("GET", "income", limit=1)] == ["FUNDING_FEE"]
    assert len(api.one("GET", "income", incomeType="COMMISSION")) == 1
    assert api.code("GET", "income", incomeType="LUCK") == -1130


def test_a_liquidation_is_among_the_forced_orders(api: Api) -> None:
    api.market("BUY", 5)
    api.floor.depth({1905: 50}, {1906: 5})
    api.floor.mark(1908)
    row = api.one("GET", "forceOrders")[0]
    assert row["clientOrderId"].startswith("autoclose-")
    assert (row["status"], row["avgPrice"], row["type"], row["timeInForce"]) == ("FILLED", "1905.00000", "LIMIT", "IOC")
    assert api.one("GET", "forceOrders", autoCloseType="ADL") == []


# Events ----------------------------------------------------------------------------------------------------------


def test_events_of_an_order(api: Api) -> None:
    api.limit("BUY", 6, 2001, newClientOrderId="mine")
    new, lite, account, trade = api.events()
    assert (new["e"], new["o"]["x"], new["o"]["X"], new["o"]["l"], new["o"]["T"]) == (
        "ORDER_TRADE_UPDATE",
        "NEW",
        "NEW",
        "0",
        START_MS,
    )
    assert (new["o"]["N"], new["o"]["n"], new["o"]["ap"]) == ("USDT", "0", "0")
    assert lite == {
        "e": "TRADE_LITE",
        "E": START_MS,
        "T": START_MS,
        "s": "ETHUSDT",
        "q": "6.000",
        "p": "2001.00",
        "m": False,
        "c": "mine",
        "S": "BUY",
        "L": "2001.00",
        "l": "5.000",
        "t": lite["t"],
        "i": 1,
    }
    assert account["a"] == {
        "m": "ORDER",
        "B": [{"a": "USDT", "wb": "9994.99750000", "cw": "9499.75000000", "bc": "0"}],
        "P": [
            {
                "s": "ETHUSDT",
                "pa": "5.000",
                "ep": "2001",
                "bep": "2002.0005",
                "cr": "0",
                "up": "-5.00000000",
                "mt": "isolated",
                "iw": "495.24750000",
                "ps": "BOTH",
            }
        ],
    }
    told = trade["o"]
    assert (told["x"], told["X"], told["l"], told["z"], told["L"]) == (
        "TRADE",
        "PARTIALLY_FILLED",
        "5.000",
        "5.000",
        "2001.00",
    )
    assert (told["N"], told["n"], told["rp"], told["ap"], told["m"]) == ("USDT", "5.00250000", "0", "2001.00000", False)


def test_events_of_a_stop(api: Api) -> None:
    api.market("BUY", 1)
    api.stop("SELL", 1990, quantity=1, clientAlgoId="guard")
    api.events()
    api.floor.trade(1990, 1, True)
    events = api.events()
    assert [event["e"] for event in events] == [
        "ALGO_UPDATE",
        "ORDER_TRADE_UPDATE",
        "ALGO_UPDATE",
        "TRADE_LITE",
        "ACCOUNT_UPDATE",
        "ORDER_TRADE_UPDATE",
        "ALGO_UPDATE",
    ]
    triggering, triggered, finished = (event["o"] for event in events if event["e"] == "ALGO_UPDATE")
    assert (triggering["X"], triggering["ai"], triggering["tt"]) == ("TRIGGERING", "", START_MS)
    assert "ap" not in triggering
    assert (triggered["X"], triggered["ap"], triggered["aq"], triggered["act"]) == ("TRIGGERED", "0", "0", "MARKET")
    assert (finished["X"], finished["ap"], finished["aq"]) == ("FINISHED", "1999", "1.000")
    order = events[1]["o"]
    assert (order["o"], order["ot"], order["sp"], order["c"]) == ("MARKET", "STOP_MARKET", "1990.00", "guard")


def test_other_events(api: Api) -> None:
    api.one("POST", "leverage", leverage=10)
    assert api.events()[0] == {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": START_MS,
        "T": START_MS,
        "ac": {"s": "ETHUSDT", "l": 10},
    }
    api.market("BUY", 5)
    api.events()
    api.floor.mark(2000, 0, FUNDING_MS + 28_800_000)
    funding = api.events()[0]["a"]
    assert (funding["m"], funding["S"], funding["B"][0]["bc"]) == ("FUNDING_FEE", "ETHUSDT", "-1.00000000")
    api.floor.mark(1811)
    call = api.events()[0]
    assert (call["e"], call["p"][0]["mt"], call["p"][0]["pa"]) == ("MARGIN_CALL", "ISOLATED", "5.000")
    api.floor.venue.deposit("a", e8(1), api.floor.now_ns)
    assert api.events()[0]["a"]["P"] == []
