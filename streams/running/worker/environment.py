"""Loads settings from environment variables with a prefix, and secrets from files that they name."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings

CONSOLE_PREFIX = "TOCSIN_CONSOLE_"
WEBHOOK_PREFIX = "TOCSIN_WEBHOOK_"
OZONE_PREFIX = "TOCSIN_OZONE_"
COOP_PREFIX = "TOCSIN_COOP_"
HANDLED_PREFIX = "TOCSIN_HANDLED_"
INTAKE_PREFIX = "TOCSIN_INTAKE_"
UP_PREFIX = "TOCSIN_UP_"

OTHER_PREFIXES = (
    CONSOLE_PREFIX,
    WEBHOOK_PREFIX,
    OZONE_PREFIX,
    COOP_PREFIX,
    HANDLED_PREFIX,
    INTAKE_PREFIX,
    UP_PREFIX,
)
"""The variables of other programs (console, adapters, intake, up) begin so; they are not the worker's."""


# Two of eight letters are missing or wrong; names that share a word only are less alike.
_SIMILAR = 0.75

Model = TypeVar("Model", bound=BaseSettings)

HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]
# 0 chooses a free one.
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """The environment is invalid; one line per variable says what is wrong and what would be valid."""


def load_prefixed(model: type[Model], environment: Mapping[str, str]) -> Model:
    """Load the settings whose variables begin with the prefix of `model`.

    Raises SettingsError, also for unknown variables with that prefix.
    """
    prefix = str(model.model_config["env_prefix"])
    values = {
        name.removeprefix(prefix).lower(): text
        for name, text in environment.items()
        if name.startswith(prefix)
    }
    return checked(model, prefix, values)


def checked(model: type[Model], prefix: str, values: Mapping[str, str]) -> Model:
    """The settings that `values` say, by field; variables begin with `prefix`.

    Raises SettingsError, also for unknown fields.
    """
    unknown = sorted(values.keys() - model.model_fields.keys())
    if unknown:
        raise SettingsError("\n".join(_unknown(prefix, unknown, model.model_fields)))
    try:
        return model(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = ((str(row["loc"][0]), _in_words(row["msg"])) for row in error.errors())
        raise SettingsError(
            "\n".join(
                f"{prefix}{name.upper()}: {message}. {model.model_fields[name].description}"
                for name, message in wrong
            )
        ) from None


def _in_words(message: str) -> str:
    """What pydantic says, as the messages of this program are worded."""
    message = message.removeprefix("Value error, ").partition(", unable to parse")[0]
    return re.sub(r"^(?:Input|String) should", "must", message)


def _unknown(prefix: str, unknown: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """A line for each variable that there is not; one with all that there are if some resemble none."""
    all_close = True
    for name in unknown:
        close = get_close_matches(name, known, cutoff=_SIMILAR)
        all_close = all_close and bool(close)
        meant = ", ".join(prefix + each.upper() for each in close)
        yield f"{prefix}{name.upper()}: there is no such setting.{f' Did you mean {meant}?' if close else ''}"
    if not all_close:
        yield f"Known: {', '.join(prefix + name.upper() for name in known)}."


class GivenSecret(NamedTuple):
    """The text of a secret, and the variable that gave it, for messages: they may not contain the text."""

    variable: str
    text: str


def given_secret(settings: BaseSettings, prefix: str, name: str, must: str = "") -> GivenSecret | None:
    """The secret in the field `name`, or in the file of the field `name`_file; None if neither is set.

    Variables begin with `prefix`; `must` ends the message about a file that cannot be read. Raises
    SettingsError.
    """
    variable = prefix + name.upper()
    secret: SecretStr | None = getattr(settings, name)
    file: Path | None = getattr(settings, f"{name}_file")
    if secret is not None and file is not None:
        raise SettingsError(f"{variable} and {variable}_FILE are both set: set only one of them.")
    if secret is not None:
        return GivenSecret(variable, secret.get_secret_value())
    if file is None:
        return None
    try:
        return GivenSecret(f"{variable}_FILE", file.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise SettingsError(f"{variable}_FILE={file}: cannot be read ({reason}).{must}") from None


def needed(settings: BaseSettings, name: str) -> str:
    """The text of a setting. Raises SettingsError if it is not set."""
    value = getattr(settings, name)
    if value is None:
        raise _missing(settings, name)
    return str(value)


def needed_secret(settings: BaseSettings, name: str, least_characters: int = 1) -> str:
    """The text of a secret, or of the file that its variable names.

    Raises SettingsError if there is none, or it is too short.
    """
    prefix = str(settings.model_config["env_prefix"])
    secret = given_secret(settings, prefix, name)
    if secret is None:
        raise _missing(settings, name)
    if len(secret.text) < least_characters:
        raise SettingsError(f"{secret.variable}: must have {least_characters} characters or more.")
    return secret.text


def _missing(settings: BaseSettings, name: str) -> SettingsError:
    variable = f"{settings.model_config['env_prefix']}{name.upper()}"
    return SettingsError(f"{variable}: must be set. {type(settings).model_fields[name].description}")
