"""`tocsin config show`: the command."""

import os
import textwrap

import click
from pydantic import SecretStr

from streams.worker.settings import PREFIX, Settings, load_settings

_WIDTH = 100


@click.group()
def config() -> None:
    """Show the settings and where their values come from."""


@config.command()
def show() -> None:
    """List every setting, its value and what it does.

    Settings are environment variables. Each line ends with `set` if the variable is set, or with `default`.
    Secrets are masked. Exits with 2 and names the setting if one is wrong.
    """
    settings = load_settings()
    # Raises SettingsError if TLS and SASL settings contradict each other.
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
