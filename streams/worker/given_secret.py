"""Secrets that a setting gives, or a file that a setting names."""

from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from streams.worker.settings import SettingsError


class GivenSecret(NamedTuple):
    """The text of a secret, and the variable that gave it, for messages: they may not contain the text."""

    variable: str
    text: str


def given_secret(settings: BaseSettings, prefix: str, name: str, must: str = "") -> GivenSecret | None:
    """The secret in the field `name`, or in the file of the field `name`_file; None if neither is set.

    Variables begin with `prefix`; `must` ends the message about a file that cannot be read. Raises SettingsError.
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
