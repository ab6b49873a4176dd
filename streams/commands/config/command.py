"""`tocsin config show`: what is set, and what could be."""

import os
import textwrap

import click
from pydantic import SecretStr

from streams.worker.settings import PREFIX, Settings, load_settings

_WIDTH = 100


@click.group()
def config() -> None:
    """Show the settings."""


@config.command()
def show() -> None:
    """List every setting, its value and what it does.

    `set` and `default` say where the value is from. Settings are environment variables. Secrets are masked. Exits with 2 if a setting is wrong, saying which.
    """
    settings = load_settings()
    # TLS and SASL settings that do not fit together are found when they are put together.
    settings.connection()
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        origin = "set" if variable in os.environ else "default"
        click.echo(f"{variable}={_shown(getattr(settings, name))}  ({origin})")
        click.echo(textwrap.indent(textwrap.fill(field.description or "", _WIDTH), "    "))


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********"
    return "" if value is None else str(value)
