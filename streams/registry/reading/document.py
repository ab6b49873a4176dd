"""YAML read together with the line of every value, so that errors can name file, line and field."""

import hashlib
import json
import re
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NoReturn, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from streams.contract.events.report import CATEGORY_MARK
from streams.registry.reading.errors import RegistryError, UnreadableFile
from streams.registry.reading.text_path import TextPath

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    # PyYAML without libyaml gives the same result, several times slower.
    from yaml import SafeLoader  # type: ignore[assignment]

FieldPath = tuple[str | int, ...]


class Row(BaseModel):
    """Base class of everything read from a file: no unknown fields, no conversion of values."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, value: Any) -> Any:
        if isinstance(value, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in value:
                if key not in known:
                    raise PydanticCustomError(
                        "unknown_field",
                        "unknown field; valid fields here: {known}",
                        {"field": str(key), "known": ", ".join(sorted(known))},
                    )
        return value


Shape = TypeVar("Shape", bound=Row)


def _known_category(value: str, info: ValidationInfo) -> str:
    if info.context is not None and value not in info.context:
        *most, last = map(repr, info.context)
        raise ValueError(f"should be {', '.join(most)} or {last}")
    return value


Category = Annotated[str, AfterValidator(_known_category), WithJsonSchema(CATEGORY_MARK)]
"""A category, in a file that refers to it."""


# More than any file needs, and less than the numbers of 64 bits that state and events hold.
_MOST_DIGITS: Final = 18
_MOST: Final = 10**_MOST_DIGITS

# Enough to find it in the line.
_SHOWN: Final = 40

# What PyYAML says of `reports: > 3`, in a row and in a line of its own.
_UNQUOTED: Final = re.compile("cannot start any token|comment or (?:a )?line break")

_KINDS: Final = {
    "bool": "true or false",
    "float": "a number",
    "int": f"a whole number of at most {_MOST_DIGITS} digits",
    "timestamp": "a date",
}


class _Loader(SafeLoader):
    """SafeLoader with only true and false as booleans: YAML 1.1 reads NO (Norway) and off as false."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make a value.

        Raises MarkedYAMLError with the line for one that is none, such as 2026-02-30 or a huge number.
        """
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and abs(value) >= _MOST:
                raise OverflowError(value.bit_length())
        except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
            # What PyYAML raises for a scalar that fits its type by its look or its tag only.
            text, kind = str(node.value), node.tag.rpartition(":")[2]
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"
            raise yaml.MarkedYAMLError(
                problem=f"{shown} is not {_KINDS.get(kind, kind)}", problem_mark=node.start_mark
            ) from error
        return value


_BOOLEAN = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("^(?:true|false)$"), ["t", "f"])


@dataclass(frozen=True)
class Document:
    """The content of a file, and the line of each value (of its key, in a mapping)."""

    path: TextPath
    content: Any
    lines: dict[FieldPath, int]

    def problem(self, place: Sequence[str | int], text: str) -> str:
        """Give `file:line: field: text`. For a missing field the line is that of its parent."""
        known = tuple(place)
        while known not in self.lines:
            known = known[:-1]
        return f"{self.path.name}:{self.lines[known]}: {_spell(place)}: {text}"

    def refuse(self, place: Sequence[str | int], text: str) -> NoReturn:
        """Raise RegistryError for the value at `place`."""
        raise RegistryError(self.problem(place, text))

    def require(self, place: FieldPath, given: Container[str], wanted: Sequence[str]) -> None:
        """Raise RegistryError, naming the missing keys, unless `given` has all keys in `wanted`."""
        missing = [key for key in wanted if key not in given]
        if missing:
            self.refuse(place, f"has no row for {', '.join(missing)}")

    def parse(self, shape: type[Shape], categories: Collection[str] | None = None) -> Shape:
        """Check the content against `shape`; `categories` are those that it may name, None for any.

        Raises RegistryError with one line per problem.
        """
        try:
            return shape.model_validate(self.content, context=categories)
        except ValidationError as error:
            problems = [self.problem(*_explain(entry)) for entry in error.errors()]
            raise RegistryError("\n".join(problems)) from error


def read_document(path: TextPath) -> Document:
    """Read a YAML file. Raises RegistryError if it is unreadable, not valid YAML, or gives a key twice."""
    try:
        content, lines = parse_yaml(read_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or error
        if _UNQUOTED.search(str(problem)):
            problem = f"{problem}: a text that begins with a sign, such as > 3, needs quotes"
        raise RegistryError(f"{path.name}:{line}: not valid YAML: {problem}") from error
    return Document(path, content, lines)


def read_text(path: TextPath) -> str:
    """Read a file as it is. Raises UnreadableFile (a RegistryError)."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(path, str(error)) from error


def parse_yaml(text: str) -> tuple[Any, dict[FieldPath, int]]:
    """Return the content of a YAML text and the lines of its values, as in Document. Raises YAMLError."""
    loader = _Loader(text)
    node = loader.get_single_node()
    lines: dict[FieldPath, int] = {(): 1}
    if node is None:
        return None, lines
    _note_lines(node, (), lines, set())
    return loader.construct_document(node), lines


def _note_lines(node: yaml.Node, place: FieldPath, lines: dict[FieldPath, int], seen: set[int]) -> None:
    if id(node) in seen:
        raise yaml.MarkedYAMLError(
            problem="anchors and aliases are not allowed: write the row out in full",
            problem_mark=node.start_mark,
        )
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*place, str(key.value))
            if below in lines:
                raise yaml.MarkedYAMLError(
                    problem=f"{_spell(below)} is given twice", problem_mark=key.start_mark
                )
            lines[below] = key.start_mark.line + 1
            _note_lines(value, below, lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*place, index)] = item.start_mark.line + 1
            _note_lines(item, (*place, index), lines, seen)


def sha256_of(content: Any) -> str:
    """Give SHA-256 (hex) of parsed content; comments, layout and the order of keys have no influence."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def content_hash(rows: Sequence[Row]) -> str:
    """Give the version of rules, which every output publishes: 16 hex digits over what they say.

    Defaults are part of the content: writing a default value out does not change the hash.
    """
    return sha256_of([row.model_dump(mode="json") for row in rows])[:16]


# What pydantic puts into the place of a problem besides keys and numbers: which type of several it tried.
_OF_PYDANTIC = re.compile(r"\[key\]$|(?:literal|list|function-after)\[|MarksRow$")


def _explain(entry: Any) -> tuple[FieldPath, str]:
    place = tuple(part for part in entry["loc"] if not _OF_PYDANTIC.match(str(part)))
    if entry["type"] == "unknown_field":
        place = (*place, entry["ctx"]["field"])
    if entry["type"] == "missing":
        return place, "is missing"
    return place, entry["msg"].removeprefix("Value error, ").replace("Input should", "should")


def _spell(place: Sequence[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".") or "file"
