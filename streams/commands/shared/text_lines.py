"""Reads a file that somebody made elsewhere as lines of UTF-8, and says which of them are not."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import click

NOT_UTF8: Final = "is not UTF-8; save the file as UTF-8, e.g. iconv -f latin1 -t utf-8"
"""Why a line is refused: with a sign in place of each wrong byte, different ids would become one."""

# As `surrogateescape` decodes the byte order marks FF FE and FE FF.
_UTF16_MARKS: Final = ("\udcff\udcfe", "\udcfe\udcff")


def text_lines(file: BinaryIO, newline: str) -> Iterator[str]:
    """Return the lines of a file with their ends, without a byte order mark; `newline` is as `open` takes it.

    `is_utf8` says of a line whether it may be used. Raises UsageError, before the first line, for UTF-16 and
    for what is no text.
    """
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=newline)
    first = lines.readline()
    if "\0" in first or first.startswith(_UTF16_MARKS):
        raise click.UsageError(
            f"{file.name} is UTF-16 or no text; save it as UTF-8, e.g. iconv -f utf-16 -t utf-8"
        )
    return _from_first(first, lines)


def is_utf8(line: str) -> bool:
    """Whether all bytes of a line were UTF-8."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_first(first: str, others: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
        yield from others
