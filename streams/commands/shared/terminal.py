"""Prints what others wrote: a record may hold control sequences and signs that reorder text."""

import click


def echo(text: str, *, err: bool = False) -> None:
    """Print `text` as `printable` shows it, and a line break."""
    click.echo(printable(text), err=err)


def printable(text: str) -> str:
    r"""`text` with every invisible sign except space and line break as an escape such as \u202e.

    These are C0 and C1 control characters, the signs that change the direction of writing, and others of no
    width. In a JSON text they occur in strings only, and the escapes are JSON's own: it means the same as
    before.
    """
    # Nearly every text is printable, and the check takes a hundredth of the time of the loop.
    lines = text.split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_shown, line)) for line in lines)


def _shown(sign: str) -> str:
    if sign.isprintable():
        return sign
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
