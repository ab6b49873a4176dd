"""What a person is told when a program cannot listen on the address that its settings name."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class AddressRefused(Exception):
    """The message names the two settings, the reason, and what would be valid."""


@contextmanager
def refusal_explained(prefix: str, host: str, port: int) -> Iterator[None]:
    """Listen in the block on the address in the settings that begin with `prefix`. Raises AddressRefused."""
    try:
        yield
    except OSError as error:
        # getaddrinfo errors use their own (negative) codes, which strerror() does not know.
        number = max(error.errno or 0, 0)
        raise AddressRefused(
            f"{prefix}HOST={host} {prefix}PORT={port}: cannot listen on this address "
            f"({os.strerror(number) if number else error.strerror or error}). "
            + (
                "Another program uses the port: choose another one, or 0 for a free port, which is logged."
                if number == errno.EADDRINUSE
                else "The host must be a name or an address of this machine, and the port one that this user "
                "may listen on."
            )
        ) from error
