"""Name resolution that never delays the end of the process.

A resolver that cannot be reached keeps ``getaddrinfo`` busy for many seconds, and the event loop's own executor is
joined at exit. A daemon thread is not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading

RESOLVE_SECONDS = 4.0


async def resolve(host: str, port: int, timeout_seconds: float = RESOLVE_SECONDS) -> list[str]:
    """The addresses of a host, IPv4 first.

    Raises:
        socket.gaierror: the name does not resolve, or not in time.
    """
    try:
        ipaddress.ip_address(host)
        return [host]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(addresses)

    def look_up() -> None:
        found: list[str] = []
        fault: BaseException | None = None
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            rows.sort(key=lambda row: row[0] != socket.AF_INET)
            found = [str(row[4][0]) for row in rows]
        except (OSError, UnicodeError) as error:
            fault = error if isinstance(error, socket.gaierror) else socket.gaierror(socket.EAI_NONAME, str(error))
        try:
            loop.call_soon_threadsafe(settle, found, fault)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    try:
        return await asyncio.wait_for(answer, timeout_seconds)
    except asyncio.TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer") from None
