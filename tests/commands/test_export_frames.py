"""`export-frames` as a person meets it, and the recorded session as DATA of a backtest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.recording.keeping import segments
from supreme_system_v5.cli import main
from tests.backtesting.recorded_session import blocks_of, folder_of, record
from tests.system.world import FAST

pytest.importorskip("pyarrow", reason="pyarrow reads the data (requirements-research.txt)")
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recording of the one session of this home."""
    monkeypatch.setenv("SUPREME_HOME", str(tmp_path))
    for key, value in FAST.items():
        monkeypatch.setenv(key, value)
    Home(tmp_path).create()
    return folder_of(record(tmp_path, 7, 12))


def run(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(words), root)
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    return code, out.out, out.err


def test_a_session_is_exported_and_is_data(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(tmp_path, capsys, "export-frames")
    path = folder.parent / "frames.jsonl.gz"
    assert code == 0
    assert "SIMULATED market" in said and f"make backtest DATA={path}" in said
    assert "begins without a warm-up" in said  # its klines are of 2 s
    code, document, _ = run(tmp_path, capsys, "export-frames", "--json", "--session", folder.parent.name[-4:])
    told = json.loads(document)
    assert (code, told["path"], told["source_class"]) == (0, str(path), "simulated")
    code, text, _ = run(tmp_path, capsys, "backtest", "--data", str(path))
    assert code == 0
    assert "SIMULATED" in text
    (page,) = (file for file in tmp_path.glob("run_artifacts/*/*.json") if "is_simulated" in file.read_text())
    assert '"is_simulated":true' in page.read_text().replace(" ", "")


def test_a_backtest_takes_the_session_itself(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, first, _ = run(tmp_path, capsys, "backtest", "--json", "--data", f"session:{folder.parent.name[:10]}")
    assert code == 0
    path = folder.parent / "frames.jsonl.gz"
    written_ns = path.stat().st_mtime_ns
    code, second, _ = run(tmp_path, capsys, "backtest", "--json", "--data", "session:")
    assert code == 0
    assert json.loads(first)["digest"] == json.loads(second)["digest"]
    assert path.stat().st_mtime_ns == written_ns  # it was there already
    code, _, error = run(tmp_path, capsys, "backtest", "--data", str(folder))
    assert code == 2
    assert f"DATA=session:{folder.parent.name}" in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--session", "nowhere"), "no recorded session is named nowhere"),
        (("--file", "out.txt"), "does not say what it is"),
        (("--file", "/nowhere/at/all.jsonl"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, _, error = run(tmp_path, capsys, "export-frames", *words)
    assert code == (1 if "cannot be written" in said else 2)
    assert said in error
    assert not (folder.parent / "frames.jsonl.gz").exists()
    assert run(tmp_path, capsys, "backtest", "--data", "session:a,b")[0] == 2


def test_an_altered_recording_ends_with_1(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = segments(folder)
    data = bytearray(path.read_bytes())
    data[blocks_of(path)[0].end - 5] ^= 4
    path.write_bytes(data)
    code, _, error = run(tmp_path, capsys, "export-frames")
    assert code == 1
    assert "was altered" in error
    assert [one.name for one in folder.parent.iterdir()] == ["recording"]


def test_a_home_without_recordings_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUPREME_HOME", str(tmp_path))
    code, _, error = run(tmp_path, capsys, "export-frames")
    assert code == 2
    assert "make record" in error
