"""Explains the errors that a person can fix: a setting, a file of rules, or the surroundings of a worker.

`main` imports this only after an error, because the settings bring Faust and Kafka's client.
"""

from pathlib import Path

from streams.commands.shared.terminal import echo
from streams.distribution import with_pages_named
from streams.registry.reading.errors import RegistryError, UnreadableFile
from streams.registry.reading.text_path import TextPath
from streams.running.errors import RefusedToStart
from streams.running.operations.address_refused import AddressRefused
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import PREFIX, Settings, load_settings

# Exit codes: 0 success; 1 failed while running; 2 the command line, a setting or a file is wrong (click uses
# 2 too).
EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2

_SETTINGS_WITH_RULES = (
    "policies_file",
    "scoring_file",
    "categories_file",
    "sources_file",
    "platform_file",
    "law_folder",
)


def explain(error: Exception) -> int | None:
    """Print `error` as one message and return the exit code; None, without output, if nobody can fix it."""
    if isinstance(error, RefusedToStart):
        echo(f"Error: refused to start: {with_pages_named(str(error))}", err=True)
        return EXIT_FAILED
    if not isinstance(error, SettingsError | RegistryError | AddressRefused):
        return None
    echo(f"Error: {with_pages_named(str(error))}", err=True)
    if isinstance(error, UnreadableFile) and (setting := _setting_pointing_to(error.path, load_settings())):
        echo(
            f"{setting} points to it: correct the path, or unset the variable to use the built-in rules.",
            err=True,
        )
    return EXIT_WRONG_INPUT


def _setting_pointing_to(path: TextPath, settings: Settings) -> str | None:
    """The variable, with its value, that names `path` or a folder above it; None if there is none."""
    for name in _SETTINGS_WITH_RULES:
        configured = getattr(settings, name)
        if isinstance(path, Path) and configured in (path, *path.parents):
            return f"{PREFIX}{name.upper()}={configured}"
    return None
