"""Errors raised for the registry's files."""

from streams.registry.reading.text_path import TextPath


class RegistryError(Exception):
    """A file of rules cannot be used; each line of the message is `file:line: field: what is wrong`."""


class UnreadableFile(RegistryError):
    """A file of rules is missing or cannot be read. `path` is as given, or inside the given folder."""

    def __init__(self, path: TextPath, why: str) -> None:
        super().__init__(f"{path}: cannot be read: {why}")
        self.path = path
