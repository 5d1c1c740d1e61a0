"""profile-cpu, profile-memory, optimize-ultra: the reading and the tables; a real profile of a small run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from supreme_system_v5.commands import optimize_ultra, profile_cpu, profile_memory
from tests.commands.fake_daemon import arguments, settings_for


def test_a_real_profile_counts_work_and_not_waiting(tmp_path: Path) -> None:
    out = tmp_path / "profile"
    code = profile_cpu.PROFILE_CODE.replace(
        "from supreme_system_v5.cli import main",
        "def work(): return sum(n * n for n in range(600_000))\n"
        "def wait(): time.sleep(0.4)\n"
        "def main(argv, root): work(); wait(); return 0",
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "", str(out), "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = profile_cpu.read_profile(out)
    own = {line[3].rpartition(" ")[2]: line for line in lines}
    assert own["<genexpr>"][0] > 0.01
    assert sum(line[0] for line in lines if "sleep" in line[3]) < 0.05
    assert lines == sorted(lines, reverse=True)
    assert "SIMULATED" in profile_cpu.render(lines, 1.0)


@pytest.mark.parametrize(
    ("file", "name", "room"),
    [
        ("/x/python/supreme_system_v5/core/engine/engine.py", "process", "core/engine"),
        ("/x/supreme_system_v5/optimized/ema.py", "update", "optimized"),
        ("/x/supreme_system_v5/app.py", "run", "app.py"),
        ("/x/lib/python3.11/site-packages/aiohttp/web.py", "handle", "aiohttp"),
        ("~", "<built-in method time.sleep>", "built in and compiled"),
    ],
)
def test_rooms(file: str, name: str, room: str) -> None:
    assert profile_cpu.room(profile_cpu.place(file, 7, name)) == room


def test_memory_by_room() -> None:
    lines = [
        ["/x/supreme_system_v5/core/wire/a.py:3", 300, 1],
        ["/x/supreme_system_v5/core/wire/b.py:4", 200, 1],
        ["/y/site-packages/aiohttp/c.py:1", 900, 2],
        ["/usr/lib/python3.11/abc.py:1", 50, 2],
    ]
    assert profile_memory.rooms(lines) == {"aiohttp": 900, "core/wire": 500, "Python": 50}


def test_parts_are_measured_in_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_memory, "PARTS", (("Python itself", ""), ("asyncio", "asyncio"), ("none", "no_such_x")))
    found = dict(profile_memory.part_costs())
    assert set(found) == {"Python itself", "asyncio"}, "what is not installed is left out"
    assert found["Python itself"] > 4_000_000
    assert found["asyncio"] > 1_000_000


def test_optimize_ultra_explains_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path)
    assert optimize_ultra.main(settings, arguments(json=True)) == 0
    checks = {item["name"]: item for item in json.loads(capsys.readouterr().out)["checks"]}
    assert {"swap", "huge pages", "open files", "CPU governor", "clock source"} <= set(checks)
    for item in checks.values():
        assert item["found"]
        assert item["is_good"] is not False or (item["why"] or item["change"])
    assert optimize_ultra.main(settings, arguments()) == 0
    assert list(tmp_path.iterdir()) == []
