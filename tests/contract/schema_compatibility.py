"""Checks whether every document of one JSON Schema is valid under another, for the keywords we use."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple


class Incompatibility(Enum):
    TYPE_NARROWED = "the reader rejects a type that the writer may write"
    ENUM_NARROWED = "the reader rejects a value that the writer may write"
    PATTERN_CHANGED = "the pattern or format differs"
    BOUND_TIGHTENED = "the reader has a tighter bound"
    REQUIRED_ADDED = "the reader requires a field that the writer may omit"
    CONTENT_NARROWED = "the reader restricts the type of unknown fields"


class Refusal(NamedTuple):
    path: str
    what: Incompatibility


# `discriminator` says which option of anyOf is meant; the enum of that property says it too, and is compared.
_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "discriminator"}
_UPPER = ("maximum", "maxLength", "maxItems")
_LOWER = ("minimum", "minLength", "minItems", "exclusiveMinimum")
_CHECKED = {"$ref", "anyOf", "type", "enum", "pattern", "format", "required", "properties", "items"} | {
    "additionalProperties", *_UPPER, *_LOWER
}  # fmt: skip


def refusals(writer: dict[str, Any], reader: dict[str, Any]) -> list[Refusal]:
    """List where `reader` may refuse a document that is valid for `writer`; empty if it never does.

    Backward compatible: the old schema writes, the new one reads. Forward compatible: the new schema writes,
    the old one reads. Two differences are allowed:

    - A field that only the writer knows: readers must ignore unknown fields, as Tocsin does.
    - An optional field that only the reader knows. An open schema would let a writer use the name for
      something else, but names that are not in the schema are reserved.

    Raises AssertionError for a keyword that this module does not compare.
    """
    return list(_refusals(writer, reader, writer, reader, "$"))


def _refusals(writer: Any, reader: Any, writer_root: Any, reader_root: Any, path: str) -> Iterator[Refusal]:
    roots = writer_root, reader_root
    written, read = _options(writer, writer_root), _options(reader, reader_root)
    if len(written) == len(read) == 1:
        yield from _differences(written[0], read[0], *roots, path)
        return
    for option in written:
        found = [list(_differences(option, candidate, *roots, path)) for candidate in read]
        yield from min(found, key=len)


def _options(node: Any, root: Any) -> list[Any]:
    if "$ref" in node:
        return _options(root["$defs"][node["$ref"].removeprefix("#/$defs/")], root)
    unknown = node.keys() - _ANNOTATIONS - _CHECKED
    assert not unknown, f"keywords are not compared: {sorted(unknown)}"
    return (
        [leaf for option in node["anyOf"] for leaf in _options(option, root)] if "anyOf" in node else [node]
    )


def _types(node: Any) -> set[str]:
    if "type" in node:
        return {node["type"]}
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return {names[type(value)] for value in node.get("enum", ())}


def _differences(
    writer: Any, reader: Any, writer_root: Any, reader_root: Any, path: str
) -> Iterator[Refusal]:
    readable = _types(reader) | ({"integer"} if "number" in _types(reader) else set())
    if not _types(writer) <= readable:
        yield Refusal(path, Incompatibility.TYPE_NARROWED)
        return
    if "enum" in reader and not ("enum" in writer and set(writer["enum"]) <= set(reader["enum"])):
        yield Refusal(path, Incompatibility.ENUM_NARROWED)
    if any(word in reader and reader[word] != writer.get(word) for word in ("pattern", "format")):
        yield Refusal(path, Incompatibility.PATTERN_CHANGED)
    infinite = float("inf")
    if any(writer.get(bound, infinite) > reader.get(bound, infinite) for bound in _UPPER) or any(
        writer.get(bound, -infinite) < reader.get(bound, -infinite) for bound in _LOWER
    ):
        yield Refusal(path, Incompatibility.BOUND_TIGHTENED)
    for name in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
        yield Refusal(f"{path}.{name}", Incompatibility.REQUIRED_ADDED)
    for name in writer.get("properties", {}).keys() & reader.get("properties", {}).keys():
        yield from _refusals(
            writer["properties"][name], reader["properties"][name], writer_root, reader_root, f"{path}.{name}"
        )
    for word, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(reader.get(word), dict):
            if isinstance(writer.get(word), dict):
                yield from _refusals(writer[word], reader[word], writer_root, reader_root, path + suffix)
            elif writer.get(word) is not False:
                yield Refusal(path + suffix, Incompatibility.CONTENT_NARROWED)
