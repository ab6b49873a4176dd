"""What goes wrong with the registry."""

from pathlib import Path


class RegistryError(Exception):
    """A file of rules cannot be used; each line of the message is `file:line: field: what is wrong`."""


class UnreadableFile(RegistryError):
    """A file of rules is not there or cannot be read; `path` is as it was given, or below the folder that was."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: cannot be read: {why}")
        self.path = path
