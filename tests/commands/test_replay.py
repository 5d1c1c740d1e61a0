"""`replay` as a person meets it: which session, and a sentence where there is nothing to replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.keeping import segments
from supreme_system_v5.adapters.storage.recording.reader import Recording
from supreme_system_v5.cli import main
from supreme_system_v5.commands.replay import find, replay_one
from supreme_system_v5.core.domain.errors import ConfigError
from tests.backtesting.recorded_session import folder_of, record


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SUPREME_HOME", str(tmp_path))
    home = Home(tmp_path)
    home.create()
    return home


def session(home: Home, name: str, header: str = '{"format": 1}') -> Path:
    folder = home.artifacts_dir / name / layout.FOLDER
    folder.mkdir(parents=True)
    (folder / layout.HEADER_NAME).write_text(header)
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return out.out + out.err


def test_the_newest_is_the_default_and_a_part_of_the_name_is_enough(home: Home) -> None:
    old, new = session(home, "20260101T000000Z-aaaa"), session(home, "20260102T000000Z-bbbb")
    (home.artifacts_dir / "20260103T000000Z-cccc").mkdir()  # not recorded
    assert find(home.artifacts_dir, None) == new
    assert find(home.artifacts_dir, "aaaa") == old
    with pytest.raises(ConfigError, match="several"):
        find(home.artifacts_dir, "2026010")
    with pytest.raises(ConfigError, match="no recorded session is named cccc"):
        find(home.artifacts_dir, "cccc")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ('{"format": 99, "version": "9.1"}', "replay it with the version that recorded it"),
        ("nonsense", "cannot be read"),
        ('{"format": 1}', "has no segments"),
    ],
)
def test_what_cannot_be_replayed_ends_with_2(
    home: Home, capsys: pytest.CaptureFixture[str], header: str, words: str
) -> None:
    session(home, "20260101T000000Z-aaaa", header)
    assert main(["replay"]) == 2
    assert words in said(capsys)


def test_without_any_recording_it_says_how_to_make_one(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay"]) == 2
    assert "make record" in said(capsys)
    assert main(["replay", "--session", "chain"]) == 2
    assert "make record" in said(capsys)


@pytest.mark.slow
def test_a_header_of_other_words_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = folder_of(record(tmp_path, seconds=5))
    path = folder / layout.HEADER_NAME
    header = json.loads(path.read_text())
    words = {**header["parameters"], "invented": 1}
    for name, other in (("parameters", words), ("instrument", {"invented": 1}), ("saved", {})):
        path.write_text(json.dumps({**header, name: other}))
        with pytest.raises(ConfigError, match="cannot be read by this version"):
            replay_one(Recording(folder))


@pytest.mark.slow
def test_a_recording_without_its_beginning_says_so(tmp_path: Path) -> None:
    folder = folder_of(record(tmp_path, seconds=5))
    (only,) = segments(folder)
    data = bytearray(only.read_bytes())
    layout.SEGMENT_HEAD.pack_into(data, 0, layout.SEGMENT_MAGIC, layout.FORMAT, 3)
    only.unlink()
    (folder / layout.segment_name(3)).write_bytes(data)
    with pytest.raises(ConfigError, match="segments 1 to 2"):
        replay_one(Recording(folder))


@pytest.mark.slow
def test_both_ways_of_telling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(tmp_path, seconds=20)
    monkeypatch.setenv("SUPREME_HOME", str(tmp_path))
    assert main(["replay"]) == 0
    text = said(capsys)
    assert "0 differences; digest" in text
    assert "ended in order: the test is over" in text
    assert main(["replay", "--json"]) == 0
    found = json.loads(said(capsys))
    assert found["differences"] == 0
    assert found["difference"] is None
    assert found["digest"] in text
    path = folder_of(run) / layout.HEADER_NAME
    header = json.loads(path.read_text())
    header["parameters"]["seed"] += 1
    path.write_text(json.dumps(header))
    assert main(["replay"]) == 1
    text = said(capsys)
    assert "first difference" in text and "recorded" in text and "replayed" in text and "gate" in text
    assert main(["replay", "--json"]) == 1
    assert json.loads(said(capsys))["difference"]["fields"]
