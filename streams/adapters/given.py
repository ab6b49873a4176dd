"""Settings without which an adapter cannot work."""

from streams.adapters.settings import AdapterSettings
from streams.worker.given_secret import given_secret
from streams.worker.settings import SettingsError


def needed(settings: AdapterSettings, name: str) -> str:
    """The text of a setting. Raises SettingsError if it is not set."""
    value = getattr(settings, name)
    if value is None:
        raise _missing(settings, name)
    return str(value)


def needed_secret(settings: AdapterSettings, name: str, least_characters: int = 1) -> str:
    """The text of a secret, or of the file that its variable names. Raises SettingsError if there is none, or it is too short."""
    prefix = str(settings.model_config["env_prefix"])
    secret = given_secret(settings, prefix, name)
    if secret is None:
        raise _missing(settings, name)
    if len(secret.text) < least_characters:
        raise SettingsError(f"{secret.variable}: must have {least_characters} characters or more.")
    return secret.text


def _missing(settings: AdapterSettings, name: str) -> SettingsError:
    variable = f"{settings.model_config['env_prefix']}{name.upper()}"
    return SettingsError(f"{variable}: must be set. {type(settings).model_fields[name].description}")
