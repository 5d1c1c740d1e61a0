"""Records as JSON, for the spill file: what could not go into the database is kept word for word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from supreme_system_v5.adapters.journal.rows import (
    DECISION_FIELDS,
    EQUITY_FIELDS,
    FILL_FIELDS,
    LEDGER_FIELDS,
    ORDER_COLUMNS,
    STATE_FIELDS,
    TRADE_FIELDS,
)
from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import (
    BooksRecord,
    DecisionRecord,
    Effect,
    EquityRecord,
    FillRecord,
    FundingRecord,
    OrderRecord,
    StateRecord,
    TradeRecord,
)
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.order import Order

Json = dict[str, Any]


def _fields(source: object, names: tuple[str, ...]) -> Json:
    return {name: getattr(source, name) for name in names}


def _fill(record: FillRecord) -> Json:
    return {
        "time_ns": record.time_ns,
        "report": _fields(record.report, FILL_FIELDS),
        "order": _fields(record.order, ORDER_COLUMNS),
        "ledger": _fields(record.ledger, LEDGER_FIELDS),
        "position": record.position,
        "is_simulated": record.is_simulated,
    }


def _books(record: BooksRecord) -> Json:
    fields = _fields(record, ("time_ns", "position", "reason"))
    return {**fields, "ledger": _fields(record.ledger, LEDGER_FIELDS)}


def _funding(record: FundingRecord) -> Json:
    fields = ("time_ns", "funding_time_ms", "amount_e8", "rate_e8", "mark_e8")
    return {**_fields(record, fields), "ledger": _fields(record.ledger, LEDGER_FIELDS)}


_ENCODERS: Final[dict[type, tuple[str, Callable[[Any], Json]]]] = {
    OrderRecord: ("order", lambda record: _fields(record, ORDER_COLUMNS)),
    FillRecord: ("fill", _fill),
    BooksRecord: ("books", _books),
    FundingRecord: ("funding", _funding),
    TradeRecord: ("trade", lambda record: _fields(record, TRADE_FIELDS)),
    DecisionRecord: ("decision", lambda record: _fields(record, DECISION_FIELDS)),
    EquityRecord: ("equity", lambda record: _fields(record, EQUITY_FIELDS)),
    StateRecord: ("state", lambda record: _fields(record, STATE_FIELDS)),
}


def _decode_order(value: Json) -> OrderRecord:
    order = Order(
        value["client_order_id"],
        value["role"],
        value["side"],
        value["order_type"],
        value["time_in_force"],
        value["quantity_e8"],
        value["price_e8"],
        value["trigger_e8"],
        value["is_reduce_only"],
        value["created_ns"],
        value["reason"],
    )
    for name in ("state", "filled_e8", "stop_order_id", "stop_trigger_e8", "target_order_id", "target_trigger_e8"):
        setattr(order, name, value[name])
    return OrderRecord(order, value["time_ns"])


def _decode_fill(value: Json) -> FillRecord:
    report = value["report"]
    execution = ExecutionReport(
        report["time_ns"],
        report["client_order_id"],
        report["order_state"],
        report["last_quantity_e8"],
        report["last_price_e8"],
        report["fee_quote_e8"],
        report["fee_base_e8"],
        report["is_maker"],
        report["execution_id"],
        report["reason"],
    )
    execution.is_while_down = report["is_while_down"]
    execution.is_forced_mark = report["is_forced_mark"]
    return FillRecord(
        execution, _decode_order(value["order"]), Ledger(**value["ledger"]), value["position"], value["is_simulated"]
    )


_DECODERS: Final[dict[str, Callable[[Json], Effect]]] = {
    "order": _decode_order,
    "fill": _decode_fill,
    "books": lambda value: BooksRecord(**{**value, "ledger": Ledger(**value["ledger"])}),
    "funding": lambda value: FundingRecord(**{**value, "ledger": Ledger(**value["ledger"])}),
    "trade": lambda value: TradeRecord(**value),
    "decision": lambda value: DecisionRecord(**value),
    "equity": lambda value: EquityRecord(**value),
    "state": lambda value: StateRecord(**value),
}


def encode_records(account: str, records: list[Effect]) -> str:
    """One JSON line for the records of one transaction. Raises TypeError for what is no record."""
    items = []
    for record in records:
        encoder = _ENCODERS.get(type(record))
        if encoder is None:
            raise TypeError(f"{type(record).__name__} is not a journal record")
        items.append([encoder[0], encoder[1](record)])
    return json.dumps({"account": account, "records": items}, separators=(",", ":"))


def decode_records(text: str) -> tuple[str, list[Effect]]:
    """The account id and its records. Raises ValueError, KeyError or TypeError for anything else."""
    value = json.loads(text)
    return str(value["account"]), [_DECODERS[kind](item) for kind, item in value["records"]]
