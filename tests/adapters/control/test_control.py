"""Server and client over a real socket, and everything that must not crash the daemon."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.control.client import (
    ControlError,
    ControlTimeoutError,
    ControlUnavailableError,
    call,
)
from supreme_system_v5.adapters.control.server import CLIENTS_MAX, LINE_BYTES_MAX, ControlServer
from supreme_system_v5.core.domain.errors import ConfigError, SupremeError


async def handler(command: str, args: dict[str, Any]) -> dict[str, Any]:
    if command == "echo":
        return args
    if command == "refuse":
        raise SupremeError("not now", "wait a minute")
    if command == "name":
        return {"name": args["name"]}
    if command == "slow":
        await asyncio.sleep(30)
    if command == "broken":
        raise ZeroDivisionError("oops")
    raise SupremeError(f"unknown command {command}")


class Running:
    """A server on its own loop in a thread, as the client sees a daemon."""

    def __init__(self, path: Path) -> None:
        self.server = ControlServer(path, handler)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(5)

    def _run(self) -> None:
        self._loop.run_until_complete(self.server.start())
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        self._loop.run_until_complete(self.server.close())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    daemon = Running(tmp_path / "c.sock")
    yield daemon
    daemon.stop()
    assert not daemon.server.path.exists()


def send_raw(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_a_command_and_its_result(running: Running) -> None:
    assert call(running.server.path, "echo", {"a": [1, "ü"]}) == {"a": [1, "ü"]}
    assert call(running.server.path, "echo") == {}


def test_only_the_owner_may_connect(running: Running) -> None:
    assert running.server.path.stat().st_mode & 0o777 == 0o600


def test_a_refusal_is_told_in_the_daemons_words(running: Running) -> None:
    with pytest.raises(ControlError, match="not now\n  wait a minute"):
        call(running.server.path, "refuse")
    with pytest.raises(ControlError, match="bad arguments for name"):
        call(running.server.path, "name")
    with pytest.raises(ControlError, match="internal error: ZeroDivisionError"):
        call(running.server.path, "broken")
    assert running.server.errors == 1
    assert call(running.server.path, "echo", {"still": "there"}) == {"still": "there"}


def test_many_lines_on_one_connection_keep_their_ids(running: Running) -> None:
    lines = b"".join(json.dumps({"id": n, "command": "echo", "args": {"n": n}}).encode() + b"\n" for n in range(20))
    answers = [json.loads(line) for line in send_raw(running.server.path, lines).splitlines()]
    assert answers == [{"id": n, "ok": True, "result": {"n": n}} for n in range(20)]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{\n",
        b"[]\n",
        b"null\n",
        b'"stop"\n',
        b"{}\n",
        b'{"command": 7}\n',
        b'{"command": "echo", "args": [1]}\n',
        b"\xff\xfe\x00\n",
        b"[" * 20_000 + b"\n",
        b'{"command": "echo"',
    ],
)
def test_a_malformed_line_is_answered_and_the_next_one_served(running: Running, line: bytes) -> None:
    good = b'{"id": 2, "command": "echo", "args": {}}\n'
    answers = [json.loads(a) for a in send_raw(running.server.path, line + good).splitlines()]
    assert answers[0]["ok"] is False and "malformed" in answers[0]["error"]
    if line.endswith(b"\n"):
        assert answers[1] == {"id": 2, "ok": True, "result": {}}
    assert running.server.malformed == 1


def test_a_line_without_end_is_cut_off(running: Running) -> None:
    answer = json.loads(send_raw(running.server.path, b"x" * (LINE_BYTES_MAX * 3)))
    assert answer == {"id": None, "ok": False, "error": "the line is too long"}
    assert call(running.server.path, "echo") == {}


def test_a_client_that_leaves_in_the_middle_does_no_harm(running: Running) -> None:
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(running.server.path))
            connection.sendall(b'{"id":1,"command":"echo","args":{}}\n{"id":2,')
    assert call(running.server.path, "echo") == {}


def test_too_many_clients_are_turned_away(running: Running) -> None:
    held = []
    try:
        for _ in range(CLIENTS_MAX):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(running.server.path))
            connection.sendall(b'{"id":1,"command":"echo"}\n')
            assert b"true" in connection.recv(1000)
            held.append(connection)
        for _ in range(50):  # whether it has hung up before we speak or after
            with pytest.raises(ControlError, match="too many clients"):
                call(running.server.path, "echo")
    finally:
        for connection in held:
            connection.close()


def test_no_answer_in_time_is_its_own_error(running: Running) -> None:
    with pytest.raises(ControlTimeoutError, match=r"within 0\.2 s"):
        call(running.server.path, "slow", timeout_seconds=0.2)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ControlUnavailableError):
        call(tmp_path / "none.sock", "echo")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "dead.sock"))
    with pytest.raises(ControlUnavailableError):
        call(tmp_path / "dead.sock", "echo")


def test_a_socket_nobody_accepts_on_is_a_timeout_and_not_a_crash(tmp_path: Path) -> None:
    """A stopped daemon: the system accepts for it until the backlog is full, then connecting itself waits."""
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(3):
            with pytest.raises(ControlTimeoutError):
                call(path, "echo", timeout_seconds=0.2)
        held = []
        for _ in range(4):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            held.append(client)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        with pytest.raises(ControlTimeoutError):
            call(path, "echo", timeout_seconds=0.2)
        for client in held:
            client.close()


def test_a_socket_file_left_behind_is_replaced_and_a_path_too_long_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    path.write_text("left behind")
    daemon = Running(path)
    assert call(path, "echo") == {}
    daemon.stop()
    with pytest.raises(ConfigError, match="control socket"):
        asyncio.run(ControlServer(tmp_path / ("x" * 120), handler).start())


def test_the_answer_to_the_command_that_ends_the_daemon_still_goes_out(tmp_path: Path) -> None:
    """`emergency_stop` is answered when the engine is flat, which is when the daemon begins to close."""

    async def run() -> dict[str, Any]:
        finished = asyncio.Event()

        async def end(_command: str, _args: dict[str, Any]) -> dict[str, Any]:
            finished.set()
            await asyncio.sleep(0.05)
            return {"flat": True}

        server = ControlServer(tmp_path / "c.sock", end)
        await server.start()
        asking = asyncio.get_running_loop().run_in_executor(None, call, server.path, "emergency_stop")
        await finished.wait()
        await server.close()
        return await asking

    assert asyncio.run(run()) == {"flat": True}
