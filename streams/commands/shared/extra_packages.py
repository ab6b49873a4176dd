"""Packages that a command needs and a worker does not."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from streams.distribution import packages_missing


@contextmanager
def extra_packages(who: str, extra: str) -> Iterator[None]:
    """A block whose imports need the packages of `extra`, for `who` ("the console").

    Import them in it and not with the other modules: whoever runs no such command need not have them, nor
    wait for them. Raises ClickException with what to install if one is missing.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise click.ClickException(packages_missing(who, extra, str(missing.name))) from missing
