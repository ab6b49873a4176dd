"""Every field of an event that is read has words for what would be valid: without them its error would raise."""

from collections.abc import Iterator

import msgspec
import pytest

from streams.contract.wire.dead_letter import WHOLE_VALUE
from streams.contract.wire.forms import (
    case_activity_decoding,
    moderation_outcome_decoding,
    outcome_decoding,
    report_decoding,
    request_decoding,
)

FORMS = [
    getattr(module, name)
    for module in (
        report_decoding,
        request_decoding,
        outcome_decoding,
        moderation_outcome_decoding,
        case_activity_decoding,
    )
    for name in vars(module)
    if isinstance(getattr(module, name), report_decoding.EventForm)
]


def paths(kind: msgspec.inspect.Type, path: str) -> Iterator[str]:
    """The paths of everything that may be wrong in a value, as errors name them."""
    if isinstance(kind, msgspec.inspect.Metadata):
        yield from paths(kind.type, path)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for each in kind.types:
            yield from paths(each, path)
    elif isinstance(kind, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        yield path
        yield from paths(kind.item_type, f"{path}[]")
    elif isinstance(kind, msgspec.inspect.StructType):
        yield path
        for field in kind.fields:
            yield from paths(field.type, f"{path}.{field.encode_name}" if path else field.encode_name)
    elif not isinstance(kind, msgspec.inspect.NoneType):
        yield path


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.type.decode())
def test_every_field_has_words_for_what_is_valid(form):
    found = {path or WHOLE_VALUE for path in paths(msgspec.inspect.type_info(form.decoder.type), "")}
    assert len(found) > 3
    assert found - form.valid.keys() == set()
