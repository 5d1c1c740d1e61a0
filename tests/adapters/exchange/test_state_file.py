"""The state file: whole or refused, never half; written at once or by a copy of the process; one owner."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from supreme_system_v5.adapters.exchange.state_file import StateFile, encode
from supreme_system_v5.core.domain.errors import ConfigError

BODY = {"orders": [[1, "a"], [2, "b"]], "text": 'é "quoted"\n', "big": 2**62}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with StateFile(path) as file:
        assert file.load() is None
        file.save(BODY)
        assert file.load() == BODY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(item.name for item in tmp_path.iterdir()) == ["state.json", "state.json.lock"]


def test_a_copy_of_the_process_writes_what_was_true_when_it_began(tmp_path: Path) -> None:
    body = {"value": 1}
    with StateFile(tmp_path / "state.json") as file:
        assert file.save_aside(lambda: body)
        body["value"] = 2
        file.wait()
        assert file.load() == {"value": 1}
        assert file.save_aside(lambda: body)
        file.wait()
        assert file.load() == {"value": 2}


def test_a_copy_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    with StateFile(tmp_path / "state.json") as file:
        file.save(BODY)
        assert file.save_aside(lambda: {"not json": object()})
        file.wait()
        assert file.load() == BODY


def test_one_copy_at_a_time(tmp_path: Path) -> None:
    reader, writer = os.pipe()

    def slow() -> dict[str, object]:
        os.read(reader, 1)
        return BODY

    with StateFile(tmp_path / "state.json") as file:
        assert file.save_aside(slow)
        assert not file.save_aside(dict)
        os.write(writer, b"x")
        file.wait()
        assert file.load() == BODY
    os.close(reader)
    os.close(writer)


def whole() -> bytes:
    return encode(BODY)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (b"", "not a state of the exchange"),
        (b"{}\n{}\n", "not a state of the exchange"),
        (whole()[:-10], "is damaged"),
        (whole().replace(b"[1,", b"[7,"), "checksum"),
        (whole().replace(b'"version": 1', b'"version": 9'), "version 9"),
        (whole()[7:], "its beginning is damaged"),
    ],
)
def test_a_damaged_file_is_named_and_refused(tmp_path: Path, damaged: bytes, said: str) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(damaged)
    with StateFile(path) as file, pytest.raises(ConfigError, match=said) as caught:
        file.load()
    assert str(path) in caught.value.message
    assert "mv " in caught.value.remedy
    assert path.read_bytes() == damaged


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    text = whole()
    with StateFile(path) as file:
        for length in range(len(text) - 1):
            path.write_bytes(text[:length])
            with pytest.raises(ConfigError):
                file.load()
        path.write_bytes(text)
        assert file.load() == json.loads(text.partition(b"\n")[2])


def test_two_exchanges_cannot_share_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    code = (
        "import sys; from pathlib import Path\n"
        "from supreme_system_v5.adapters.exchange.state_file import StateFile\n"
        "StateFile(Path(sys.argv[1])).__enter__()"
    )
    with StateFile(path):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode != 0
    assert "used by another exchange" in done.stderr


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no/where"):
        StateFile(tmp_path / "no" / "where").__enter__()
