"""The separate exchange as a real venue looks to a client: no time of its own in any reply.

python -m tests.system.real_clock --target http://127.0.0.1:18080 --ready-file FILE
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import aiohttp
from aiohttp import web

HIDDEN = frozenset(
    {"x-time-ns", "content-length", "transfer-encoding", "content-encoding", "date", "server", "connection"}
)


class Passage:
    """Hands everything on to the exchange, and its answers back without its clock."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.client: aiohttp.ClientSession

    async def handle(self, request: web.Request) -> web.StreamResponse:
        url = self.target + request.path_qs
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request, url)
        async with self.client.request(request.method, url, data=await request.read()) as reply:
            headers = {name: value for name, value in reply.headers.items() if name.lower() not in HIDDEN}
            return web.Response(status=reply.status, body=await reply.read(), headers=headers)

    async def _stream(self, request: web.Request, url: str) -> web.StreamResponse:
        down = web.WebSocketResponse(compress=False)
        await down.prepare(request)
        async with self.client.ws_connect(url, compress=0) as up:

            async def upwards() -> None:
                async for message in down:
                    await up.send_str(message.data)
                await up.close()

            task = asyncio.create_task(upwards())
            async for message in up:
                await down.send_str(message.data)
            task.cancel()
        return down


async def serve(target: str, ready_file: Path) -> None:
    """Until the process is ended."""
    passage = Passage(target)
    passage.client = aiohttp.ClientSession()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", passage.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    part = ready_file.with_suffix(".part")
    part.write_text(json.dumps({"port": runner.addresses[0][1]}))
    part.replace(ready_file)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--ready-file", required=True, type=Path)
    options = parser.parse_args()
    asyncio.run(serve(options.target, options.ready_file))
