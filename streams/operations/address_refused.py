"""What a person is told when a program cannot listen on the address that its settings name."""

import errno
import os


def address_refused(prefix: str, host: str, port: int, error: OSError) -> str:
    """Name the two settings that begin with `prefix`, the reason, and what would be valid."""
    # getaddrinfo errors use their own (negative) codes, which strerror() does not know.
    number = max(error.errno or 0, 0)
    return (
        f"{prefix}HOST={host} {prefix}PORT={port}: cannot listen on this address "
        f"({os.strerror(number) if number else error.strerror or error}). "
        + (
            "Another program uses the port: choose another one, or 0 for a free port, which is logged."
            if number == errno.EADDRINUSE
            else "The host must be a name or an address of this machine, and the port one that this user may listen on."
        )
    )
