"""The tally of compared values, printed as a table at the end (`pytest tests/parity -s`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest


class Tally:
    """Per indicator and oracle: how many values were compared, the worst error, how many were too far off."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[float]] = {}

    def compare(
        self,
        indicator: str,
        oracle: str,
        ours: Sequence[float | None],
        theirs: Sequence[float | None],
        allowed: Sequence[float],
        exempt: Sequence[bool],
    ) -> list[str]:
        """None = not warm; both must be not warm at the same places. Returns the violations in words."""
        row = self.rows.setdefault((indicator, oracle), [0, 0.0, 0, 0])
        violations = []
        assert len(ours) == len(theirs) == len(allowed) == len(exempt)
        for i, (mine, reference, limit, is_exempt) in enumerate(zip(ours, theirs, allowed, exempt, strict=True)):
            if mine is None and reference is None:
                continue
            if is_exempt:
                row[3] += 1
                continue
            row[0] += 1
            if mine is None or reference is None:
                violations.append(f"{indicator} vs {oracle} at {i}: {mine!r} against {reference!r}")
                continue
            error = abs(mine - reference)
            row[1] = max(row[1], error / limit)
            if not error <= limit:
                violations.append(f"{indicator} vs {oracle} at {i}: {mine!r} against {reference!r}, allowed {limit!r}")
        row[2] += len(violations)
        return violations

    def table(self) -> str:
        lines = [
            "",
            f"{'indicator':<16} {'against':<12} {'values':>9} {'exempt':>7} {'worst error / allowed':>22} violations",
        ]
        for (indicator, oracle), (count, worst, violations, exempt) in sorted(self.rows.items()):
            lines.append(
                f"{indicator:<16} {oracle:<12} {count:>9.0f} {exempt:>7.0f} {worst:>22.3e} {violations:>10.0f}"
            )
        lines.append("allowed: 1e-6 x max(|reference|, 1e-6 x price); RSI 1e-6 absolute")
        lines.append("exempt: RSI of what TA-Lib takes for flat (it says 0, we say 50)")
        return "\n".join(lines)


@pytest.fixture(scope="session")
def tally() -> Iterator[Tally]:
    result = Tally()
    yield result
    if result.rows:
        print(result.table())
