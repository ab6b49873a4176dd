"""What a console needs before it starts: its addresses and its file. What is refused names the setting."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket

from streams.console.read_model.database import Database
from streams.operations.address_refused import refusal_explained
from streams.worker.environment import CONSOLE_PREFIX, SettingsError


@asynccontextmanager
async def listening(prefix: str, host: str, port: int) -> AsyncIterator[list[socket]]:
    """Sockets of an address, for a server, until the end of the block. Raises AddressRefused if another program has it."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        with refusal_explained(prefix, host, port):
            bound = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
            # asyncio resolves and binds; the copies outlive its server.
            sockets = [stack.enter_context(each.dup()) for each in bound.sockets]
            bound.close()
            for each in sockets:
                # Two that bind at the same moment learn of each other only here.
                each.listen()
        yield sockets


def opened(database: Database, path: Path) -> sqlite3.Connection:
    """The connection that writes the read model in the file at `path`. Raises SettingsError if it cannot be used."""
    try:
        return database.open_writer()
    except (sqlite3.Error, OSError) as error:
        folder = path.absolute().parent
        if path.is_dir():
            why = "it is a folder"
        elif not folder.is_dir():
            why = f"there is no folder {folder}"
        else:
            why = str(error)
        raise SettingsError(
            f"{CONSOLE_PREFIX}DATABASE={path}: cannot be used ({why}). It must be a file, made if it is missing, in a folder "
            "that exists and in which this user may write; each console needs one of its own."
        ) from error
