"""A folder of law as a flat list: each duty, authority, jurisdiction and table with its fields.

It follows the shapes of the files, so a field or a file that is added to them needs no code here.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

from streams.contract.events.countries import COUNTRIES
from streams.registry.lawbook import SUBJECTS, jurisdiction_paths
from streams.registry.reading.document import Row, read_document
from streams.registry.reading.text_path import TextPath
from streams.registry.shapes.law import JurisdictionFile


class Key(NamedTuple):
    """What identifies an item. `place` is the code of a jurisdiction; None if the item concerns all of them.

    `kind` is the name of the item's shape in words (`obligation`, `authority`, `jurisdiction`, `territory`),
    or `table` for a file such as triggers.yaml, whose name is then the id.
    """

    place: str | None
    kind: str
    id: str


class Field(NamedTuple):
    """A value as in JSON, the default of its field, and the description that the shape gives, if any."""

    value: Any
    default: Any
    description: str | None


Fields = Mapping[str, Field]
Items = Mapping[Key, Fields]
"""The fields of each item by their path (`source.verification`)."""


class _Item(NamedTuple):
    id: str
    place: str | None
    row: Row


def read_items(law: TextPath, platform: TextPath | None) -> Items:
    """Read a folder of law that `load_rules` accepts; `platform` replaces its platform.yaml."""
    items: dict[Key, Fields] = {}
    for path in jurisdiction_paths(law):
        file = read_document(path).parse(JurisdictionFile)
        _add(items, Key(file.code, _kind(file), file.code), file)
    for subject, shape in SUBJECTS.items():
        path = law / f"{subject}.yaml" if platform is None or subject != "platform" else platform
        # `load_rules` refuses a folder without a file that it needs.
        if path.exists():
            _add(items, Key(None, "table", f"{subject}.yaml"), read_document(path).parse(shape))
    return items


def _add(items: dict[Key, Fields], key: Key, row: Row) -> None:
    fields: dict[str, Field] = {}
    for found in _parts(row, ""):
        if isinstance(found, _Item):
            _add(items, Key(found.place or key.place, _kind(found.row), found.id), found.row)
        else:
            path, field = found
            fields[path] = field
    if fields:
        items[key] = fields


def _parts(row: Row, above: str) -> Iterator[tuple[str, Field] | _Item]:
    """The fields of a row, those of the rows in it, and the rows that are items of their own."""
    shape = type(row)
    # In the order of the form: pydantic puts the fields of a base, such as the source, first.
    for name in dict.fromkeys(
        (*(own for own in shape.__annotations__ if own in shape.model_fields), *shape.model_fields)
    ):
        described = shape.model_fields[name]
        path, value = above + name, getattr(row, name)
        if isinstance(value, Row):
            yield from _parts(value, f"{path}.")
        elif isinstance(value, dict):
            for key, each in value.items():
                if not isinstance(each, Row):
                    yield f"{path}.{key}", Field(_plain(each), None, described.description)
                elif key in COUNTRIES:
                    yield _Item(key, key, each)
                else:
                    yield from _parts(each, f"{path}.{key}.")
        elif _lists_items(described.annotation):
            yield from (_Item(each.id, None, each) for each in value)
        else:
            yield path, Field(_plain(value), _default(shape, name), described.description)


# Pydantic reads the signature of a factory each time, which took most of a comparison of two folders.
@cache
def _default(shape: type[Row], name: str) -> Any:
    return _plain(shape.model_fields[name].get_default(call_default_factory=True))


def _lists_items(annotation: Any) -> bool:
    """Whether a field is a list of rows that have an id."""
    (listed, *_) = get_args(annotation) or (None,)
    return (
        get_origin(annotation) is list
        and isinstance(listed, type)
        and "id" in getattr(listed, "model_fields", {})
    )


def _plain(value: Any) -> Any:
    """The value as in JSON."""
    if isinstance(value, Row):
        return value.model_dump(mode="json")
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _kind(row: Row) -> str:
    name = type(row).__name__.removesuffix("Row").removesuffix("File")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
