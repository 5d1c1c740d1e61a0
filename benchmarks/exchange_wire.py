"""WebSockets for the load of bench_exchange.py: raw sockets, frames split and made by hand, nothing else."""

from __future__ import annotations

import socket

RECEIVE_BYTES = 262_144


def connect(port: int, path: str) -> socket.socket:
    """A WebSocket, upgraded; or a plain connection where ``path`` is ""."""
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if path:
        made.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:  # byte by byte: the first frame may follow at once
            byte = made.recv(1)
            if not byte:
                raise SystemExit(f"the exchange closed {path}")
            answer += byte
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            raise SystemExit(f"{path}: {answer.decode(errors='replace')}")
    made.setblocking(False)
    return made


def masked(payload: bytes, opcode: int = 0x81) -> bytes:
    """A client's frame; the mask is zero, so the payload stays as it is."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, 0x80 | size)) + b"\0\0\0\0" + payload
    return bytes((opcode, 0xFE)) + size.to_bytes(2, "big") + b"\0\0\0\0" + payload


class Frames:
    """Splits what a WebSocket sends into messages; answers pings."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""

    def read(self) -> list[bytes]:
        try:
            got = self.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return []
        if not got:
            raise SystemExit("the exchange closed a socket")
        data = self.buffer + got if self.buffer else got
        at, size, messages = 0, len(data), []
        while size - at >= 2:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            end = at + head + length
            if end > size:
                break
            opcode = data[at] & 15
            if opcode == 1:
                messages.append(data[at + head : end])
            elif opcode == 9:
                self.sock.send(masked(data[at + head : end], 0x8A))
            elif opcode == 8:
                raise SystemExit("the exchange closed a socket in an orderly way")
            at = end
        self.buffer = data[at:]
        return messages
