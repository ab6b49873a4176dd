"""Secrets of a console, each from a variable or from a file."""

from typing import Final

from streams.console.settings import ConsoleSettings
from streams.worker.environment import CONSOLE_PREFIX, SettingsError, given_secret

LEAST_CHARACTERS: Final = 32
"""The number of hex digits of 128 random bits: nobody guesses that, however long they try."""

_MAKE_ONE = "Make one with `openssl rand -hex 32`"


def needed_secret(own: ConsoleSettings, name: str, least: int) -> str:
    """A secret of at least `least` characters. Raises SettingsError, also if it is not given."""
    secret = optional_secret(own, name, least)
    if secret is None:
        raise SettingsError(
            f"{variable(name)} is missing, and {variable(name)}_FILE too: {sign_in_said(own)}, which needs one of them."
        )
    return secret


def optional_secret(own: ConsoleSettings, name: str, least: int) -> str | None:
    """A secret of at least `least` characters, None if it is not given. Raises SettingsError, which does not say it."""
    given = given_secret(own, CONSOLE_PREFIX, name)
    return None if given is None else _checked(*given, least)


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
