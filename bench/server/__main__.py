"""`python -m bench.server`: prints its four ports as JSON, and serves until its standard input is closed."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.server.http import Connection
from bench.server.world import Control, World

if TYPE_CHECKING:
    from bench.server.http import Site

_HOST = "127.0.0.1"


async def serve() -> None:
    """Serves on free ports. The pipe also closes, and the server ends, if the process that started it crashes."""
    loop = asyncio.get_running_loop()
    world = World()
    ports = {
        "qonto": await _listen(loop, world.ports.qonto),
        "files": await _listen(loop, world.ports.files),
        "aws": await _listen(loop, world.ports.aws),
        "control": await _listen(loop, Control(world)),
    }
    world.files_origin = f"http://{_HOST}:{ports['files']}"
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


async def _listen(loop: asyncio.AbstractEventLoop, site: Site) -> int:
    server = await loop.create_server(partial(Connection, site, loop), _HOST, 0, backlog=256)
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    # The stored objects have no cycles, and a garbage collection of them would add latency.
    gc.disable()
    asyncio.run(serve())
