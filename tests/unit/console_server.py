"""The server of a console on a free port of this machine, and what tests ask of it by sockets."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from streams.desk.console.web.security.slow_clients import BoundedProtocol


@contextmanager
def served(app: ASGIApp) -> Iterator[uvicorn.Server]:
    """Serve an application until the block ends."""
    config = uvicorn.Config(
        app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


def port_of(server: uvicorn.Server) -> int:
    """The port on which it serves."""
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def is_closed(client: socket.socket) -> bool:
    """Wait for the server's end of the connection."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        return True
    return True
