"""info: versions, core, paths, and a digest that tells settings apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5 import build_info
from supreme_system_v5.commands import info
from tests.commands.fake_daemon import arguments, settings_for


def test_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path)
    assert info.main(settings, arguments(json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1
    assert found["core"] == build_info.core()
    assert found["home"] == str(tmp_path)
    assert found["packages"]["aiohttp"][0].isdigit()
    assert info.main(settings, arguments()) == 0
    shown = capsys.readouterr().out
    assert info.settings_digest(settings) in shown
    assert "usdm, ETH-USDT, scalping" in shown


def test_the_digest_follows_the_settings_and_not_the_place(tmp_path: Path) -> None:
    here = info.settings_digest(settings_for(tmp_path / "a"))
    assert info.settings_digest(settings_for(tmp_path / "b")) == here
    assert info.settings_digest(settings_for(tmp_path / "a", SEED="43")) != here
