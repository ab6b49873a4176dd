"""Writes the files that follow from the code: `python -m generators [--check] [NAME ...]`.

Each generator is a module with `files`: the text of each file it writes. One that has a `FOLDER` owns all
JSON files in it.
"""

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

# In this order: the AsyncAPI document reads the schemas of events.
NAMES = (
    "event_schemas",
    "asyncapi_document",
    "native_schemas",
    "registry_schemas",
    "metrics_page",
    "harms_page",
    "dashboard",
    "kubernetes_resources",
)
# Only where it is named, because it runs in an environment of its own.
CALENDARS = "holiday_calendars"


def main(arguments: list[str] | None = None) -> int:
    """Write the files. With `--check`, report instead which are out of date. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m generators", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="report what is out of date, and write nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, CALENDARS)))
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - {*NAMES, CALENDARS}:
        parser.error(f"no generator is called {', '.join(sorted(unknown))}")
    up_to_date = True
    for name in given.names or NAMES:
        generator = import_module(f"generators.{name}")
        if not given.check:
            for path, text in generator.files().items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            continue
        for path in _outdated(generator):
            sys.stderr.write(f"{path} is out of date: run `python -m generators {name}`.\n")
            up_to_date = False
    return 0 if up_to_date else 1


def _outdated(generator: ModuleType) -> Iterator[Path]:
    wanted: dict[Path, str] = generator.files()
    owned = generator.FOLDER.glob("*.json") if hasattr(generator, "FOLDER") else ()
    for path in sorted({*wanted, *owned}):
        stored = path.read_text(encoding="utf-8") if path.exists() else None
        if stored == wanted.get(path):
            continue
        if hasattr(generator, "differences") and stored is not None:
            for line in generator.differences(stored, wanted[path]):
                sys.stderr.write(f"{path.name}: {line}\n")
        yield path


if __name__ == "__main__":
    sys.exit(main())
