"""Secrets of a console, each from a variable or from a file."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

from streams.console.settings import ConsoleSettings
from streams.worker.settings import CONSOLE_PREFIX, SettingsError

LEAST_CHARACTERS: Final = 32
"""The number of hex digits of 128 random bits: nobody guesses that, however long they try."""

_MAKE_ONE = "Make one with `openssl rand -hex 32`"


def needed_secret(own: ConsoleSettings, name: str, least: int) -> str:
    """A secret of at least `least` characters. Raises SettingsError, also if it is not given."""
    secret = given_secret(own, name, least)
    if secret is None:
        raise SettingsError(
            f"{variable(name)} is missing, and {variable(name)}_FILE too: {sign_in_said(own)}, which needs one of them."
        )
    return secret


def given_secret(own: ConsoleSettings, name: str, least: int) -> str | None:
    """A secret of at least `least` characters, None if it is not given. Raises SettingsError, which does not say it."""
    given: SecretStr | None = getattr(own, name)
    file: Path | None = getattr(own, f"{name}_file")
    if given is not None and file is not None:
        raise SettingsError(f"{variable(name)} and {variable(name)}_FILE are both set: set only one of them.")
    if given is not None:
        return _checked(variable(name), given.get_secret_value(), least)
    if file is None:
        return None
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise SettingsError(f"{variable(name)}_FILE={file}: cannot be read ({why}).") from None
    return _checked(f"{variable(name)}_FILE", text, least)


def _checked(named: str, text: str, least: int) -> str:
    # Messages may not contain the text.
    if len(text) < least or not (text.isascii() and text.isprintable()):
        raise SettingsError(
            f"{named}: must have at least {least} ASCII characters and no line breaks. {_MAKE_ONE}."
            if least > 1
            else f"{named}: must not be empty, and be ASCII text in one line."
        )
    return text


def sign_in_said(own: ConsoleSettings) -> str:
    """How people sign in, as messages say it."""
    return f"{variable('sign_in')} is {own.sign_in}"


def variable(field: str) -> str:
    """The variable of a setting."""
    return CONSOLE_PREFIX + field.upper()
