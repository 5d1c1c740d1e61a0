"""logs: what the real log setup wrote, readable."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from loguru import logger

from supreme_system_v5.adapters.monitoring.log import setup_logging
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import logs
from tests.commands.fake_daemon import arguments, settings_for


def session_with_log(root: Path, second: int, rotation_bytes: int = 10_000_000) -> str:
    session = Home(root).new_session((1_794_000_000 + second) * 1_000_000_000)
    setup_logging("INFO", session.dir, stderr=io.StringIO(), rotation_bytes=rotation_bytes)
    for number in range(60):
        logger.info("line {} of {}", number, second)
    try:
        raise ValueError("broken")
    except ValueError:
        logger.bind(order="s5-1").exception("bad")
    logger.remove()
    return session.id


def test_the_newest_session_is_shown_readable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = session_with_log(tmp_path, 1), session_with_log(tmp_path, 2)
    assert logs.main(settings_for(tmp_path), arguments(lines=3, follow=False)) == 0
    shown = capsys.readouterr().out.splitlines()
    assert new in shown[0]
    assert shown[1].endswith("info     line 58 of 2")
    assert shown[3].endswith("error    bad  [order=s5-1]")
    assert shown[-1].strip() == "ValueError: broken"
    assert logs.main(settings_for(tmp_path), arguments(session=old, lines=2, follow=False)) == 0
    assert "line 59 of 1" in capsys.readouterr().out


def test_json_is_the_log_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session_with_log(tmp_path, 1)
    assert logs.main(settings_for(tmp_path), arguments(json=True, lines=5, follow=False)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == [*(f"line {n} of 1" for n in range(56, 60)), "bad"]


def test_the_tail_reaches_back_into_rotated_files(tmp_path: Path) -> None:
    name = session_with_log(tmp_path, 1, rotation_bytes=4_000)
    folder = Home(tmp_path).artifacts_dir / name
    assert len(list(folder.iterdir())) == 3
    messages = [json.loads(line)["message"] for line in logs.tail(folder / "daemon.jsonl", 50)]
    assert messages[-1] == "bad"
    numbers = [int(text.split()[1]) for text in messages[:-1]]
    assert numbers == list(range(numbers[0], 60))
    assert len(numbers) > 20


def test_no_log_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main(settings_for(tmp_path), arguments()) == 1
    assert "LOG_TO_FILE" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["", "not json", "[1]", '{"time": 3}', '{"time": "x"}'])
def test_a_damaged_line_is_shown_as_it_is(line: str) -> None:
    assert logs.readable(line) == line
