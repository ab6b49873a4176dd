"""A randomly changed law file either loads or is refused with the place of the mistake.

Nothing else is raised.
"""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.registry_files import SHIPPED, copy_files
from tests.yaml_files import load_yaml

FILES = sorted(path.name for path in (SHIPPED / "law").glob("*.yaml"))
OTHERS: tuple[Any, ...] = (
    None,
    "",
    "EU",
    "DE",
    "BKA",
    "GLOBAL",
    "PT1H",
    "verified",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    ["EU"],
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full, because the loader refuses anchors as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@pytest.mark.parametrize("seed", range(30))
def test_a_changed_file_loads_or_is_refused_with_a_place(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    folder = copy_files(tmp_path)
    path = folder / "law" / rng.choice(FILES)
    content = load_yaml(path.read_text(encoding="utf-8"))
    container, key = rng.choice(places(content))
    change = rng.randrange(3)
    if change == 0:
        del container[key]
    elif change == 1:
        container[key] = rng.choice(OTHERS)
    elif isinstance(container, list):
        container.append(container[key])
    else:
        container[f"{key}x"] = container.pop(key)
    path.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
    try:
        load_rules(folder)
    except RegistryError as error:
        for problem in str(error).splitlines():
            assert re.match(r"[A-Za-z_]+\.yaml:[1-9][0-9]*: \S+: .+", problem), problem
