"""Refuses to start while another program uses a port, before anything is started."""

import errno
import os
import socket
from collections.abc import Iterable

from streams.running.operations.address_refused import AddressRefused
from tocsin_up.settings import Listener


def require_free(listeners: Iterable[Listener]) -> None:
    """Raise AddressRefused with a line for each address on which nothing of ours could listen."""
    refused = [f"{each.variable}: {reason}" for each in listeners if (reason := _why_not(each))]
    if refused:
        raise AddressRefused("\n".join(refused))


def _why_not(listener: Listener) -> str | None:
    where = f"port {listener.port} of {listener.host} ({listener.what})"
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            listener.host, listener.port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind, protocol) as candidate:
            # As all of our servers do: connections of an earlier one in TIME_WAIT do not block it.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind(address)
            candidate.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"another program uses {where}. End that, or choose another port in tocsin.env."
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return f"nothing can listen on {where}: {reason}."
    return None
