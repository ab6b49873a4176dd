"""Runs a console that serves on loopback in a container, and lets the container's published port reach it.

    python published_console.py LISTEN SERVES COMMAND...

Without sign-in a console serves on loopback only, which in a container nobody reaches. So this passes
connections to LISTEN (host:port) on to SERVES. docker-compose.yml publishes that port on the loopback
interface of the machine: who reaches the console is who works at it. It ends with the command, with its exit
code.
"""

import asyncio
import contextlib
import signal
import sys


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def run(listen: str, serves: str, command: list[str]) -> int:
    """Pass connections on until the command ends. Returns its exit code."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            # The console is not there yet: the browser is told so.
            there, back = await asyncio.open_connection(*_place(serves))
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.close()
        writer.close()

    server = await asyncio.start_server(pass_on, *_place(listen))
    console = await asyncio.create_subprocess_exec(*command)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, console.send_signal, number)
    code = await console.wait()
    server.close()
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3:])))
