"""Fields as they are in the middle of a JSON object."""

from typing import Any

from streams.contract.wire.encoding import encode


def fragment(**fields: Any) -> str:
    """Return them by their names, in this order."""
    return ",".join(f'"{name}":{encode(value).decode()}' for name, value in fields.items())
