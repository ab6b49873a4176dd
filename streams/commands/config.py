"""`tocsin config show`: lists every setting, its value and its meaning."""

import os
import textwrap

import click
from pydantic import SecretStr

from streams.commands.shared.suggesting_group import SuggestingGroup
from streams.desk.adapters.coop.settings import CoopSettings
from streams.desk.adapters.handled.settings import HandledSettings
from streams.desk.adapters.ozone.settings import OzoneSettings
from streams.desk.adapters.webhook.settings import WebhookSettings
from streams.desk.console.settings import ConsoleSettings
from streams.intake.settings import IntakeSettings
from streams.running.worker.environment import load_prefixed
from streams.running.worker.hash_keys import given_hash_keys
from streams.running.worker.settings import PREFIX, Settings, load_settings
from streams.running.worker.tracing.settings import OTEL_PREFIX, TracingSettings, load_tracing_settings

_WIDTH = 100


@click.group(cls=SuggestingGroup)
def config() -> None:
    """Show the settings and where their values come from."""


@config.command()
def show() -> None:
    """List every setting, its value and what it does.

    Settings are environment variables. Each line ends with `set` if the variable is set, or with `default`.
    Secrets are masked; a key for hashing reporters is followed by its id. Exits with 2 and names the setting
    if one is wrong.
    """
    settings = load_settings()
    # Raises SettingsError if TLS and SASL settings contradict each other.
    settings.connection()
    ids = _key_ids(settings)
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        key_id = ids.get(name.removesuffix("_file")) if value is not None else None
        _show(
            PREFIX + name.upper(), f"{_shown(value)}{f', id {key_id}' if key_id else ''}", field.description
        )
    if settings.tracing == "on":
        traced = load_tracing_settings()
        for name, field in TracingSettings.model_fields.items():
            _show(OTEL_PREFIX + name.upper(), _shown(getattr(traced, name)), field.description)
    for model in (
        ConsoleSettings,
        WebhookSettings,
        OzoneSettings,
        CoopSettings,
        HandledSettings,
        IntakeSettings,
    ):
        prefix = str(model.model_config["env_prefix"])
        own = load_prefixed(model, os.environ)
        for name, field in model.model_fields.items():
            _show(prefix + name.upper(), _shown(getattr(own, name)), field.description)


def _show(variable: str, value: str, description: str | None) -> None:
    origin = "set" if variable in os.environ else "default"
    click.echo(f"{variable}={value}  ({origin})")
    click.echo(textwrap.indent(textwrap.fill(description or "", _WIDTH), "    "))


def _key_ids(settings: Settings) -> dict[str, str]:
    keys = given_hash_keys(settings)
    if keys is None:
        return {}
    given = {"hash_key": keys.current, "hash_key_previous": keys.previous}
    return {name: key.id for name, key in given.items() if key is not None}


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********"
    return "" if value is None else str(value)
