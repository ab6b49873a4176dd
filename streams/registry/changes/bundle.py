"""Makes a set of rules of files, and loads the rules of a set, within limits."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from streams.contract.events.rules.rule_set import RuleFile, RuleSet
from streams.registry.categories import SHIPPED_CATEGORIES
from streams.registry.changes.golden import GOLDEN_REPORTS
from streams.registry.loader import SHIPPED, SHIPPED_LAW, load_rules, signatures_folder
from streams.registry.reading.document import read_text
from streams.registry.reading.errors import RegistryError, UnreadableFile
from streams.registry.reading.text_path import folder_in_memory
from streams.registry.rules import Rules
from streams.registry.signing.signatures import SIGNATURES

# Each is far more than any rules need, and far less than what takes a worker minutes or its memory.
MOST_POLICIES: Final = 100_000
# Rows in rows in rows: the deepest shipped file has 7 levels.
MOST_LEVELS: Final = 32

_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LAW: Final = "law/"
_KNOWN: Final = (
    "categories.yaml",
    GOLDEN_REPORTS,
    "policies.yaml",
    "reporters.yaml",
    "scoring.yaml",
    "sources.yaml",
)


def rule_files(
    policies: Path | None = None,
    platform: Path | None = None,
    law: Path | None = None,
    scoring: Path | None = None,
    categories: Path | None = None,
    sources: Path | None = None,
) -> tuple[RuleFile, ...]:
    """Read all files from which `load_rules` would load rules with these arguments.

    What is None is read from the files that Tocsin ships, so that a set is complete and another version of
    Tocsin reads the same rules. Raises RegistryError for a file that cannot be read.
    """
    texts = {
        "policies.yaml": policies or SHIPPED / "policies.yaml",
        "scoring.yaml": scoring or SHIPPED / "scoring.yaml",
        "categories.yaml": categories or SHIPPED_CATEGORIES,
        "sources.yaml": sources or SHIPPED / "sources.yaml",
        "reporters.yaml": SHIPPED / "reporters.yaml",
    }
    folder = SHIPPED_LAW if law is None else law
    texts |= {_LAW + path.name: path for path in sorted(folder.glob("*.y*ml")) if path.name != SIGNATURES}
    if platform is not None:
        texts[f"{_LAW}platform.yaml"] = platform
    signatures = (signatures_folder(platform, law) or SHIPPED_LAW) / SIGNATURES
    if signatures.exists():
        texts[_LAW + SIGNATURES] = signatures
    return tuple(RuleFile(name, read_text(texts[name])) for name in sorted(texts))


def overlaid(files: Iterable[RuleFile], folder: Path) -> tuple[RuleFile, ...]:
    """Return files with those of a folder in their places; its folder `law` replaces all law.

    A platform.yaml beside `law` replaces the one in it. Raises RegistryError for a file that cannot be read,
    and for a folder without any file of rules.
    """
    own = {name: folder / name for name in _KNOWN if (folder / name).exists()}
    law = folder / "law"
    kept = [file for file in files if not (law.is_dir() and file.name.startswith(_LAW))]
    if law.is_dir():
        own |= {_LAW + path.name: path for path in sorted(law.glob("*.y*ml"))}
    if (folder / "platform.yaml").exists():
        own[f"{_LAW}platform.yaml"] = folder / "platform.yaml"
    if not own:
        raise UnreadableFile(
            folder, f"it has no file of rules; they are {', '.join(_KNOWN)} and a folder law"
        )
    texts = {file.name: file.text for file in kept} | {name: read_text(path) for name, path in own.items()}
    return tuple(RuleFile(name, texts[name]) for name in sorted(texts))


def load_rule_set(rules: RuleSet) -> Rules:
    """Load the rules of a set. Raises RegistryError, which names file, line and field, if any is invalid."""
    texts = {file.name: file.text for file in rules.files}
    for name, text in texts.items():
        if not name.startswith(_LAW) and name not in _KNOWN:
            raise RegistryError(
                f"{name}:1: file: is no file of rules; they are {', '.join(_KNOWN)}, law/*.yaml"
            )
        _require_shallow(name, text)
    loaded = load_rules(folder_in_memory(texts))
    if len(loaded.policies) > MOST_POLICIES:
        raise RegistryError(
            f"policies.yaml:1: policies: has {len(loaded.policies):,} rows; at most {MOST_POLICIES:,} are "
            "taken"
        )
    return loaded


def _require_shallow(name: str, text: str) -> None:
    """Raise RegistryError for rows nested so deep that reading them as a whole could end the process.

    Events are read one after the other, without a stack. Faults of the text are left to who reads it.
    """
    level = 0
    try:
        for event in yaml.parse(text, _SAFE_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
                if level > MOST_LEVELS:
                    line = 1 if event.start_mark is None else event.start_mark.line + 1
                    raise RegistryError(
                        f"{Path(name).name}:{line}: file: is nested more than {MOST_LEVELS} levels deep"
                    )
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
    except yaml.YAMLError:
        return


def beyond_policies(before: RuleSet, after: RuleSet) -> list[str]:
    """Return the names of the files that differ, but for policies and golden reports.

    They decide for all channels alike, so a set that changes one cannot judge a share of them.
    """
    old, new = ({file.name: file.text for file in rules.files} for rules in (before, after))
    decides = (old.keys() | new.keys()) - {"policies.yaml", GOLDEN_REPORTS}
    return sorted(name for name in decides if old.get(name) != new.get(name))


def category_conflicts(before: Rules, after: Rules) -> list[str]:
    """Return what keeps state that was counted with `before` from being read with `after`.

    State holds the codes of categories, and open cases their names.
    """
    gone = [name for name in before.categories if name not in after.categories]
    moved = [
        name
        for name, row in before.categories.items()
        if name in after.categories and after.categories[name].code != row.code
    ]
    return [f"has no category {name}" for name in gone] + [
        f"gives {name} another code: {after.categories[name].code} instead of {before.categories[name].code}"
        for name in moved
    ]
