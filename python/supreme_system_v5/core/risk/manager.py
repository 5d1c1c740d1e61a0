"""Every intent ends Approved or Refused(reason)."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8, divide_up, format_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.risk.breakers import Breaker
from supreme_system_v5.core.risk.checks import Check, EntryFacts, entry_checks
from supreme_system_v5.core.risk.performance import Performance
from supreme_system_v5.core.risk.sizing import entry_quantity_e8, volatility_scaler
from supreme_system_v5.core.risk.stops import stop_and_target_e8
from supreme_system_v5.core.strategies.base import Signal

BREAKER_LOSSES: Final = "consecutive_losses"
BREAKER_KELLY: Final = "kelly"


class Verdict:
    """Approved (``reason`` empty) with quantity, limit, stop and target in 1e-8 units, or refused with a reason."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        self.quantity_e8 = 0
        self.limit_e8 = 0
        self.stop_e8 = 0
        self.target_e8 = 0

    @property
    def is_approved(self) -> bool:
        return self.reason == ""


class RiskManager:
    """Checks, breakers, sizing and levels of one account."""

    def __init__(self, parameters: Parameters, instrument: Instrument) -> None:
        self.parameters = parameters
        self.instrument = instrument
        self.performance = Performance()
        cooldown_ns = int(parameters.breaker_cooldown_minutes * 60e9)
        self.breakers: list[Breaker] = [
            Breaker(BREAKER_LOSSES, cooldown_ns, False),
            Breaker(BREAKER_KELLY, 0, True),
        ]
        self._checks: list[Check] = entry_checks(parameters)

    def breaker(self, name: str) -> Breaker | None:
        for breaker in self.breakers:
            if breaker.name == name:
                return breaker
        return None

    def blocking_reason(self, facts: EntryFacts) -> str:
        """The first limit an entry would meet now ("" when none)."""
        for check in self._checks:
            reason = check.refusal(facts)
            if reason:
                return reason
        for breaker in self.breakers:
            if breaker.size_factor(facts.time_ns) <= 0.0:
                return f"breaker_{breaker.name}"
        return ""

    def decide(
        self, signal: Signal, facts: EntryFacts, equity_e8: int, atr: float, atr_pct: float, median_atr_pct: float
    ) -> Verdict:
        """Approve or refuse an entry; on approval the breakers are told that it is on its way."""
        reason = self.blocking_reason(facts)
        if reason:
            return Verdict(reason, "")
        fraction = self.performance.size_fraction(self.parameters.position_size_pct)
        fraction *= signal.confidence * volatility_scaler(median_atr_pct, atr_pct)
        for breaker in self.breakers:
            fraction *= breaker.size_factor(facts.time_ns)
        is_buy = signal.side == BUY
        reference_e8 = int(facts.ask_e8 if is_buy else facts.bid_e8)
        slip_e8 = reference_e8 * round(self.parameters.entry_slippage_bps * 10_000) // E8
        limit_e8 = (
            self.instrument.price_down(reference_e8 + slip_e8)
            if is_buy
            else self.instrument.price_up(reference_e8 - slip_e8)
        )
        exposure_cap_e8 = equity_e8 * round(self.parameters.max_exposure_pct * E8) // E8
        cap_e8 = min(self.parameters.max_order_notional_e8, exposure_cap_e8)
        # Size at the worst price the order may pay, so that no fill can pass a cap.
        worst_e8 = max(limit_e8, reference_e8)
        quantity_e8 = entry_quantity_e8(self.instrument, equity_e8, worst_e8, fraction, cap_e8)
        fault = self.instrument.order_fault(quantity_e8, limit_e8, False, False)
        if fault:
            return Verdict("below_minimum" if "NOTIONAL" in fault or "LOT_SIZE" in fault else "venue_filter", fault)
        verdict = Verdict("", f"{format_e8(quantity_e8, 4)} at {format_e8(limit_e8, 2)}")
        verdict.quantity_e8 = quantity_e8
        verdict.limit_e8 = limit_e8
        verdict.stop_e8, verdict.target_e8 = stop_and_target_e8(
            self.parameters, self.instrument, signal.side, reference_e8, atr
        )
        if facts.is_spot:
            # What is bought must be sellable at the stop, its fee paid in the base asset.
            fee_e8 = divide_up(quantity_e8 * self.parameters.taker_fee_e8, E8)
            if self.instrument.is_dust(quantity_e8 - fee_e8, verdict.stop_e8):
                return Verdict("below_minimum", f"{format_e8(quantity_e8, 4)} could not be sold at its stop")
        for breaker in self.breakers:
            breaker.on_entry(facts.time_ns)
        return verdict

    def probing(self) -> list[Breaker]:
        """The breakers whose half-open probe is under way."""
        return [breaker for breaker in self.breakers if breaker.is_probing]

    def on_entry_failed(self) -> list[Breaker]:
        """The approved entry ended without a fill; the breakers whose probe it was."""
        probing = self.probing()
        for breaker in probing:
            breaker.on_entry_failed()
        return probing

    def on_trade_closed(self, time_ns: i64, net_e8: int) -> list[Breaker]:
        """Book a closed trade's net result; the breakers whose state changed."""
        before = [breaker.to_json() for breaker in self.breakers]
        self.performance.add(net_e8)
        for breaker in self.breakers:
            breaker.on_result(time_ns, net_e8)
        losses = self.performance.consecutive_losses
        losing = self.breakers[0]
        if losses >= self.parameters.max_consecutive_losses and losing.state == "closed":
            losing.trip(time_ns, f"{losses} losses in a row")
        kelly = self.breakers[1]
        if self.parameters.kelly_stop and kelly.state == "closed" and self.has_no_edge():
            kelly.trip(time_ns, f"no edge shown in {len(self.performance.results_e8)} trades")
        return [breaker for i, breaker in enumerate(self.breakers) if breaker.to_json() != before[i]]

    def has_no_edge(self) -> bool:
        """True when enough trades are known and half-Kelly is not positive."""
        return self.performance.has_enough and not self.performance.half_kelly() > 0.0
