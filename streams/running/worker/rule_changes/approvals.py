"""Whose acts on rules count, as the settings say."""

from typing import NamedTuple

from streams.distribution import packages_missing
from streams.registry.changes.history import WhoMayAct
from streams.registry.changes.keys import NOBODY, ON_TRUST, Keys, read_keys
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import PREFIX, Settings


class Approvals(NamedTuple):
    """Whose acts count, the listed keys, if any, and what all workers must have alike of it."""

    may_act: WhoMayAct
    keys: Keys | None
    version: str


def configured_approvals(settings: Settings) -> Approvals:
    """Return whose acts count.

    Raises SettingsError if settings contradict each other, and RegistryError for an invalid list of keys.
    """
    file = settings.rule_keys_file
    if settings.rule_approvals == "unsigned":
        if file is not None:
            raise SettingsError(
                f"{PREFIX}RULE_APPROVALS=unsigned, and {PREFIX}RULE_KEYS_FILE is set: the keys would decide "
                "nothing. Unset one of the two."
            )
        return Approvals(ON_TRUST, None, "unsigned")
    if file is None:
        return Approvals(NOBODY, None, "none")
    try:
        keys = read_keys(file)
    except ImportError as error:
        raise SettingsError(
            packages_missing(f"{PREFIX}RULE_KEYS_FILE", "adapters", str(error.name))
        ) from error
    return Approvals(keys.may_act, keys, keys.version)
