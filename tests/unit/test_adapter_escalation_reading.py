"""What adapters read of an escalation is what escalations have."""

import msgspec
from msgspec import inspect

from streams.contract.events.escalation import Escalation
from streams.desk.adapters.escalation_reading import Escalated


def alternatives(kind):
    """The types that a field may have, by class."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return {type(each): each for each in kinds}


def differences(part, whole, path="$"):
    """Where the shape of a struct that reads fields of another does not fit it; numbers may have limits
    there.
    """
    fields = {field.encode_name: field for field in whole.fields}
    for field in part.fields:
        where, found = f"{path}.{field.encode_name}", fields.get(field.encode_name)
        if found is None:
            yield f"{where} does not exist"
            continue
        mine, theirs = alternatives(field.type), alternatives(found.type)
        if field.required and not found.required:
            yield f"{where} may be absent"
        for kind, each in theirs.items():
            if kind not in mine:
                yield f"{where} may be {each}"
            elif isinstance(each, inspect.StructType):
                yield from differences(mine[kind], each, where)
            elif kind not in (inspect.IntType, inspect.StrType) and mine[kind] != each:
                yield f"{where} is {each}"


def test_every_field_that_adapters_read_is_one_of_an_escalation_and_of_its_type():
    assert list(differences(inspect.type_info(Escalated), inspect.type_info(Escalation))) == []


class Nested(msgspec.Struct):
    value: str


class Wrong(msgspec.Struct):
    channel: str
    level: str
    clock: Nested
    priority: Nested
    message_refs: tuple[str, ...]


def test_a_field_that_does_not_fit_is_found():
    found = list(differences(inspect.type_info(Wrong), inspect.type_info(Escalation)))
    assert [text.split()[0] for text in found] == [
        "$.channel",
        "$.level",
        "$.clock.value",
        "$.clock",
        "$.priority",
        "$.priority.value",
    ]
