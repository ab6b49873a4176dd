"""What all workers of a deployment must have alike, from the settings and files of this one."""

import hashlib

from streams import __version__
from streams.deciding.partition.hash_key import HashKeys
from streams.registry.rules import Rules
from streams.running.log.terms import FORMAT, Terms
from streams.running.worker.settings import PREFIX, Settings

# In which format this version writes state, bundles and other records of internal topics, and which others it
# reads. Increase the first when the version before cannot read it: 1 is 0.2, which cannot read bundles.
FORMATS = ("2", "1")

_REGISTRY = ", ".join(
    f"{PREFIX}{name}"
    for name in ("LAW_FOLDER", "PLATFORM_FILE", "CATEGORIES_FILE", "SCORING_FILE", "SOURCES_FILE")
)


def worker_terms(
    settings: Settings, rules: Rules, hash_keys: HashKeys, partitions: int, approvals: str, *, by_log: bool
) -> Terms:
    """Return the terms of a worker. `partitions` is the number of them in each source topic.

    `approvals` says whose acts on rules count, and `by_log` that such acts have put a set into force: then
    the files of installations decide nothing, and may differ.
    """
    keys = (hash_keys.current, *([hash_keys.previous] if hash_keys.previous else []))
    return Terms(
        version=__version__,
        alike={
            FORMAT: FORMATS,
            # Two workers of a change of the key can each read what the other one writes.
            f"{PREFIX}HASH_KEY (its id)": tuple(key.id for key in keys),
            "partitions of the source topics": (str(partitions),),
        },
        rules={
            # Acts that count for one worker and not for another would judge partitions by other rules.
            f"{PREFIX}RULE_APPROVALS, {PREFIX}RULE_KEYS_FILE": approvals,
            **({} if by_log else _of_files(rules)),
        },
        replaces=settings.replaces_rules,
    )


def _of_files(rules: Rules) -> dict[str, str]:
    return {
        f"{PREFIX}POLICIES_FILE (policy_version)": rules.policy_version,
        f"{_REGISTRY} (registry_version)": rules.registry_version,
    }


def limits_id(settings: Settings) -> str:
    """Return a short hash of the settings that all stages have in common, which workers need not have alike.

    They are limits that an operator raises in an incident, so they must not keep a restarted worker out.
    """
    return hashlib.sha256(repr(settings.partition_settings()).encode()).hexdigest()[:16]
