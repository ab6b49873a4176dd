"""The path of a text from which rules are read: a file, or a text in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any, Protocol, Self, TypeVar


class TextPath(Protocol):
    """What is asked of a path; pathlib.Path gives it for files."""

    @property
    def name(self) -> str:
        """The last part."""

    @property
    def stem(self) -> str:
        """The last part without its suffix."""

    @property
    def suffix(self) -> str:
        """The suffix with its dot."""

    def __lt__(self, other: Any, /) -> bool:
        """Whether it comes before another one."""

    def __truediv__(self, name: str, /) -> Self:
        """A path in this folder."""

    def glob(self, pattern: str, /) -> Iterable[Self]:
        """The paths in this folder whose names match."""

    def exists(self) -> bool:
        """Whether anything is there."""

    def is_dir(self) -> bool:
        """Whether it is a folder."""

    def read_text(self, encoding: str) -> str:
        """The text. Raises OSError or UnicodeDecodeError."""


FoundPath = TypeVar("FoundPath", bound=TextPath)


@dataclass(frozen=True, order=True)
class TextInMemory:
    """A path among texts by their names, such as `law/DE.yaml`; the folder of all of them has no name."""

    place: PurePosixPath
    texts: Mapping[str, str]

    @property
    def name(self) -> str:
        """The last part."""
        return self.place.name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return self.place.stem

    @property
    def suffix(self) -> str:
        """The suffix with its dot."""
        return self.place.suffix

    def __truediv__(self, name: str) -> "TextInMemory":
        """Return a path in this folder."""
        return TextInMemory(self.place / name, self.texts)

    def __str__(self) -> str:
        """Return the path for messages."""
        return str(self.place)

    def glob(self, pattern: str) -> "Iterable[TextInMemory]":
        """Return the texts in this folder whose names match."""
        found = (PurePosixPath(name) for name in self.texts)
        return [
            TextInMemory(each, self.texts)
            for each in found
            if each.parent == self.place and fnmatch(each.name, pattern)
        ]

    def exists(self) -> bool:
        """Return whether there is such a text or folder."""
        return str(self.place) in self.texts or self.is_dir()

    def is_dir(self) -> bool:
        """Return whether texts are in it."""
        return any(self.place in PurePosixPath(name).parents for name in self.texts)

    def read_text(self, encoding: str) -> str:  # noqa: ARG002
        """Return the text. Raises FileNotFoundError."""
        try:
            return self.texts[str(self.place)]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory") from None


def folder_in_memory(texts: Mapping[str, str]) -> TextInMemory:
    """Return the folder of some texts, by their names."""
    return TextInMemory(PurePosixPath(), texts)
