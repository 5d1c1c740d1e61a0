"""What the venue remembers: bounded history, and its state over a restart."""

from __future__ import annotations

import contextlib
import json
import random

from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.core.matching.exchange.spot_kit import BUY, SELL, SpotDesk, asked, told


def test_the_oldest_ended_orders_and_fills_are_forgotten() -> None:
    desk = SpotDesk(ended_max=5)
    kept = desk.place(BUY, "LIMIT", "1", "1900", name="kept")
    for number in range(8):
        desk.cancel(desk.place(BUY, "LIMIT", "1", "1900", name=f"n{number}"))
    store = desk.venue.orders
    assert [order.order_id for order in store.orders("ann")] == [1, 5, 6, 7, 8, 9]
    assert [order.order_id for order in store.newest_first("ann")] == [9, 8, 7, 6, 5, 1]
    assert store.get("ann", 2) is None and store.find("ann", "n0") is None
    assert store.find("ann", "n7") is store.get("ann", 9) and store.get("ann", 1) is kept
    assert len(store) == 6
    for _ in range(7):
        desk.book([("2000", "1")], [("2000.10", "1")])
        desk.place(BUY, "MARKET", "0.01")
    fills = store.fills("ann")
    assert len(fills) == 5 and [fill.trade_id for fill in fills] == [
        fill.trade_id for fill in reversed(list(store.newest_fills("ann")))
    ]


def busy_desk() -> SpotDesk:
    desk = SpotDesk()
    desk.trade("2000.05")
    desk.place(BUY, "LIMIT", "2", "1990", name="rests")
    desk.place(SELL, "LIMIT", "1", "2010", iceberg="0.3", account="bob")
    desk.place(SELL, "STOP_LOSS", "1", stop="1980")
    desk.place(BUY, "MARKET", "1.5")
    desk.venue.place_oco(
        "ann", "pair", asked(SELL, "LIMIT_MAKER", "1", "2100"), asked(SELL, "STOP_LOSS", "1", stop="1900"), desk.time_ns
    )
    desk.venue.place_oto("bob", "", asked(BUY, "LIMIT", "1", "1995"), asked(SELL, "LIMIT", "1", "2020"), desk.time_ns)
    desk.place(SELL, "LIMIT", "5", "1990", stp="DECREMENT", tif="IOC")
    desk.venue.take_happenings()
    return desk


def restarted(desk: SpotDesk) -> SpotDesk:
    saved = json.loads(json.dumps(desk.venue.save()))
    again = SpotDesk()
    again.venue.accounts.clear()
    again.venue.restore(saved)
    again.update_id, again.trade_id, again.now_ms = desk.update_id, desk.trade_id, desk.now_ms
    again.opened = dict(desk.opened)
    return again


def test_a_restored_venue_goes_on_as_if_nothing_had_been() -> None:
    first = busy_desk()
    second = restarted(first)
    assert second.venue.state() == first.venue.state()
    assert restarted(second).venue.save() == second.venue.save()
    for desk in (first, second):
        desk.book([("1990", "1")], [("1991", "1")])
        desk.trade("1990", "1.5")
        desk.trade("1975", "9")
        desk.trade("2110", "9", is_buyer_maker=False)
        desk.check_books()
    assert told(first.venue.take_happenings()) == told(second.venue.take_happenings())
    assert second.venue.state() == first.venue.state()


def test_history_and_prevented_matches_survive() -> None:
    first = busy_desk()
    second = restarted(first)
    for name in ("ann", "bob"):
        assert [vars(fill) for fill in second.venue.orders.fills(name)] == [
            vars(fill) for fill in first.venue.orders.fills(name)
        ]
        for old, new in zip(first.venue.orders.orders(name), second.venue.orders.orders(name), strict=True):
            assert (old.order_id, old.status, old.quote_e8, len(old.fills)) == (
                new.order_id,
                new.status,
                new.quote_e8,
                len(new.fills),
            )
            assert [match.match_id for match in old.prevented] == [match.match_id for match in new.prevented]
    assert len(second.venue.prevented) == 1
    again = second.venue.lists.find("ann", "pair")
    assert again is not None and again.orders[0] in second.venue.orders.open_orders("ann")


def test_random_commands_keep_the_books_and_repeat_exactly() -> None:
    def run(seed: int) -> list[object]:
        rng = random.Random(seed)
        desk = SpotDesk()
        for step in range(600):
            desk.now_ms = step * 10
            with contextlib.suppress(Refusal):
                _command(desk, rng)
            if step % 10 == 0:
                desk.check_books()
        desk.check_books()
        return [desk.venue.state(), told(desk.venue.take_happenings())]

    for seed in range(3):
        assert run(seed) == run(seed)


def _command(desk: SpotDesk, rng: random.Random) -> None:
    middle = 2000 + rng.randint(-8, 8)
    price = f"{middle}.{rng.randint(0, 9)}0"
    side, account = rng.choice((BUY, SELL)), rng.choice(("ann", "bob"))
    quantity = f"{rng.randint(1, 20) / 10}"
    choice = rng.randint(0, 9)
    if choice < 3:
        tif = rng.choice(("GTC", "GTC", "IOC", "FOK"))
        stp = rng.choice(("", "NONE", "EXPIRE_BOTH", "EXPIRE_TAKER", "DECREMENT"))
        iceberg = "0.1" if tif == "GTC" and rng.random() < 0.2 else "0"
        desk.place(side, "LIMIT", quantity, price, tif=tif, stp=stp, iceberg=iceberg, account=account)
    elif choice == 3:
        desk.place(
            side, "MARKET", account=account, **({"quote": "700"} if rng.random() < 0.5 else {"quantity": quantity})
        )
    elif choice == 4:
        kind = rng.choice(("STOP_LOSS", "TAKE_PROFIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"))
        desk.place(
            side, kind, quantity, price if kind.endswith("LIMIT") else "0", stop=price, tif="GTC", account=account
        )
    elif choice == 5:
        legs = [
            asked(side, "LIMIT_MAKER", quantity, f"{middle + 5 * -side}"),
            asked(side, "STOP_LOSS", quantity, stop=f"{middle + 5 * side}"),
        ]
        above, below = legs if side == SELL else legs[::-1]
        if rng.random() < 0.5:
            desk.venue.place_oco(account, "", above, below, desk.time_ns)
        else:
            desk.venue.place_otoco(account, "", asked(-side, "LIMIT", quantity, price), above, below, desk.time_ns)
    elif choice == 6:
        orders = desk.venue.orders.open_orders(account)
        if orders:
            desk.cancel(rng.choice(orders))
    elif choice == 7 and rng.random() < 0.2:
        desk.venue.cancel_all(account, desk.time_ns)
    elif choice == 8:
        desk.book(
            [(f"{middle - level}", quantity) for level in range(1, 4)],
            [(f"{middle + level}", quantity) for level in range(1, 4)],
        )
    else:
        desk.trade(price, quantity, rng.random() < 0.5)
