"""The settings of the console, from environment variables that begin with `TOCSIN_CONSOLE_`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.worker.settings import CONSOLE_PREFIX, SettingsError


class ConsoleSettings(BaseSettings):
    """One field per variable: `host` is TOCSIN_CONSOLE_HOST. The brokers are those of the settings of workers."""

    model_config = SettingsConfigDict(env_prefix=CONSOLE_PREFIX, extra="forbid", frozen=True)

    host: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9.:-]+$", description="Address on which the console serves.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65535, description="Port of the console. 0 uses a free port and prints it.")
    ] = 8460
    database: Annotated[
        Path,
        Field(
            description="File of the read model, made if it is missing. It can be deleted while the console does not run; each "
            "console needs its own."
        ),
    ] = Path("tocsin-console.sqlite")
    message_link: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s\"'<>]+$",
            description="Address of the platform's own viewer of messages, with {channel} and {message}.",
        ),
    ] = None


def load_console_settings(environment: Mapping[str, str] | None = None) -> ConsoleSettings:
    """Load the settings from the environment. Raises SettingsError, also for unknown TOCSIN_CONSOLE_ variables."""
    variables = os.environ if environment is None else environment
    values = {
        name.removeprefix(CONSOLE_PREFIX).lower(): text
        for name, text in variables.items()
        if name.startswith(CONSOLE_PREFIX)
    }
    unknown = sorted(values.keys() - ConsoleSettings.model_fields.keys())
    if unknown:
        known = ", ".join(CONSOLE_PREFIX + name.upper() for name in ConsoleSettings.model_fields)
        raise SettingsError(
            "\n".join(f"{CONSOLE_PREFIX}{name.upper()}: there is no such setting." for name in unknown)
            + f"\nKnown: {known}."
        )
    try:
        return ConsoleSettings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(
            "\n".join(
                f"{CONSOLE_PREFIX}{str(row['loc'][0]).upper()}: {row['msg']}. "
                f"{ConsoleSettings.model_fields[str(row['loc'][0])].description}"
                for row in error.errors()
            )
        ) from None
