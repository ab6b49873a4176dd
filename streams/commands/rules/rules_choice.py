"""The argument of a command that names a set of rules: a folder, those in use, or those that Tocsin ships."""

from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import click

from streams.commands.registry.options import BUILT_IN
from streams.desk.text.differences.law_diff import Law, read_law
from streams.registry.loader import SHIPPED_LAW, load_rules
from streams.running.worker.settings import RegistryFiles, load_settings

IN_USE: Final = "in-use"

# The files of a folder of rules, by the file of a worker's settings that they replace.
_FILES: Final = {
    "policies": "policies.yaml",
    "scoring": "scoring.yaml",
    "categories": "categories.yaml",
    "sources": "sources.yaml",
    "platform": "platform.yaml",
    "law": "law",
}


class Choice(NamedTuple):
    """A set of rules as the user calls it, and its files."""

    name: str
    files: RegistryFiles

    def read(self) -> Law:
        """Load the rules and read the items of their law. Raises RegistryError with file, line and field."""
        law = self.files["law"] or SHIPPED_LAW
        return read_law(self.name, law, self.files["platform"], load_rules(**self.files))


class RulesType(click.ParamType):
    """A set of rules: `in-use`, `built-in`, or a folder whose files replace those in use."""

    name = "rules"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Choice:
        """Return what was chosen. Fails for a folder that is none, or has none of the files."""
        files = load_settings().registry_files()
        if value == IN_USE:
            return Choice(value, files)
        if value == BUILT_IN:
            return Choice(value, cast(RegistryFiles, dict.fromkeys(files)))
        folder = Path(value)
        if not folder.is_dir():
            self.fail(
                f"{value} is no folder. Give a folder of rules, `{IN_USE}` or `{BUILT_IN}`.", param, ctx
            )
        own = {file: folder / name for file, name in _FILES.items() if (folder / name).exists()}
        if not own:
            self.fail(
                f"{value} has no file of rules. They are called {', '.join(_FILES.values())}; for a folder "
                "of law alone there is `tocsin registry diff`.",
                param,
                ctx,
            )
        return Choice(value, cast(RegistryFiles, {**files, **own}))
