"""The log: JSON lines, rotated, and no secret in any sink, tracebacks included."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from supreme_system_v5.adapters.monitoring.log import FILE_NAME, FILES_MAX, Masker, setup_logging

SECRET = "Xy7-very-secret-value"


@pytest.fixture(autouse=True)
def clean_logger() -> Iterator[None]:
    hook, handlers = sys.excepthook, list(logging.getLogger().handlers)
    yield
    logger.remove()
    sys.excepthook, logging.getLogger().handlers = hook, handlers


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_file_has_json_lines_and_stderr_only_warnings(tmp_path: Path) -> None:
    stderr = io.StringIO()
    path = setup_logging("WARNING", tmp_path, stderr=stderr)
    assert path == tmp_path / FILE_NAME
    logger.debug("tick")
    logger.bind(order="s5-1").info("bought {}", 1)
    logger.warning("careful <red>{not a field}</red>")
    found = lines(tmp_path / FILE_NAME)
    assert [line["message"] for line in found] == ["bought 1", "careful <red>{not a field}</red>"]
    assert found[0]["extra"] == {"order": "s5-1"}
    assert found[0]["level"] == "INFO"
    assert isinstance(found[0]["time_ns"], int)
    assert stderr.getvalue() == "warning careful <red>{not a field}</red>\n"


def test_level_opens_the_file_further_and_no_file_without_a_folder(tmp_path: Path) -> None:
    setup_logging("DEBUG", tmp_path, stderr=io.StringIO())
    logger.debug("detail")
    assert lines(tmp_path / FILE_NAME)[0]["message"] == "detail"
    stderr = io.StringIO()
    assert setup_logging("ERROR", None, stderr=stderr) is None
    logger.warning("no")
    logger.error("yes")
    assert stderr.getvalue() == "error   yes\n"


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        setup_logging("LOUD", tmp_path)


def test_no_secret_in_messages_extras_or_tracebacks(tmp_path: Path) -> None:
    stderr = io.StringIO()
    setup_logging("INFO", tmp_path, secrets=[SECRET], stderr=stderr)
    logger.info("using {}", SECRET)
    logger.bind(url=f"https://x/?signature={SECRET}").warning("call")
    try:
        password = SECRET
        raise ValueError(f"bad {password}")
    except ValueError:
        logger.exception("failed")
    text = (tmp_path / FILE_NAME).read_text() + stderr.getvalue()
    assert SECRET not in text
    assert "ValueError: bad ***" in text
    assert "Traceback" in text


def test_libraries_and_crashes_are_masked_too(tmp_path: Path) -> None:
    stderr = io.StringIO()
    setup_logging("WARNING", tmp_path, secrets=[SECRET], stderr=stderr)
    logging.getLogger("aiohttp.server").warning("header %s", SECRET)
    logging.getLogger("asyncio").info("chatter")
    try:
        raise RuntimeError(SECRET)
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    text = (tmp_path / FILE_NAME).read_text() + stderr.getvalue()
    assert SECRET not in text
    assert "header ***" in text
    assert "RuntimeError: ***" in stderr.getvalue()
    assert "chatter" not in text
    assert lines(tmp_path / FILE_NAME)[0]["extra"] == {"library": "aiohttp.server"}


@pytest.mark.parametrize(
    "text",
    [
        "api_key=abc123",
        "X-MBX-APIKEY: abc123",
        '{"secret": "abc123", "a": 1}',
        "POST /order?quantity=1&signature=abc123&x=2",
        "password='abc123'",
        "Authorization: Bearer abc123",
        "http://user:abc123@proxy:8080/x",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    masked = Masker().mask(text)
    assert "abc123" not in masked
    assert "***" in masked


def test_ordinary_text_is_left_alone() -> None:
    text = "price=3412.55 quantity: 0.058 tokens are fine, key figures too"
    assert Masker(["", "ab"]).mask(text) == text


def test_rotation_keeps_three_files(tmp_path: Path) -> None:
    setup_logging("INFO", tmp_path, stderr=io.StringIO(), rotation_bytes=4_000)
    for number in range(200):
        logger.info("line {}", number)
    logger.remove()
    files = sorted(tmp_path.iterdir())
    assert len(files) == FILES_MAX
    assert all(file.stat().st_size <= 4_400 for file in files)
    assert lines(tmp_path / FILE_NAME)[-1]["message"] == "line 199"
