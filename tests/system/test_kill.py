"""A short kill suite; the long one is `python -m tests.system.kill_suite --kills 50`."""

from __future__ import annotations

import pytest

from tests.system import kill_suite, kill_windows

pytestmark = pytest.mark.slow


@pytest.mark.timeout(240)
def test_nothing_is_lost_or_doubled_by_kill_9(capsys: pytest.CaptureFixture[str]) -> None:
    suite = kill_suite.run(6, 3)
    with capsys.disabled():
        print("\n" + kill_suite.report(suite))
    wanted = {"kills": 6, "with a position open": 2, "market moved through the stop while down": 1}
    if kill_windows.can_watch_commits():
        wanted["inside a journal commit"] = 1
    assert not kill_suite.missing(suite, wanted)


def test_the_plan_holds_every_window_and_repeats() -> None:
    import random

    plan = kill_suite.windows_for(50, random.Random(1))
    assert len(plan) == 50 and plan == kill_suite.windows_for(50, random.Random(1))
    assert plan.count("position") + plan.count("moved") >= 20 and plan.count("in_flight") >= 10
    assert plan.index("settling") == plan.index("moved") + 1
    assert plan.count("commit") >= 5 or not kill_windows.can_watch_commits()
