"""The msgspec messages that the explanation of a rejection relies on.

They are not part of msgspec's interface.
"""

import re
from datetime import datetime
from typing import get_args, get_origin, get_type_hints

import msgspec
import pytest

from streams.contract.events.report import MessageReport
from streams.contract.wire.forms.report_decoding import VALID_IN_REPORT
from streams.contract.wire.rejection import rejection_of

REPORT = {
    "report_id": "r",
    "kind": "user_report",
    "occurred_at": "2026-09-21T13:33:20Z",
    "channel": {"ref": "c", "visibility": "public"},
    "category": "fraud",
}
CASES = [
    ({}, "Object missing required field `report_id`"),
    ({"channel": {"ref": "c"}}, "Object missing required field `visibility` - at `$.channel`"),
    ({"kind": "x"}, "Invalid enum value 'x' - at `$.kind`"),
    ({"kind": 1}, "Expected `str`, got `int` - at `$.kind`"),
    ({"evidence": [1]}, "Expected `object`, got `int` - at `$.evidence[0]`"),
    ({"report_id": ""}, "Expected `str` of length >= 1 - at `$.report_id`"),
    ({"occurred_at": "x"}, "Invalid RFC3339 encoded datetime - at `$.occurred_at`"),
    (
        {"occurred_at": "2026-09-21T13:33:20"},
        "Expected `datetime` with a timezone component - at `$.occurred_at`",
    ),
    ({"notice": {"elements": ["contact"] * 17}}, "Expected `array` of length <= 16 - at `$.notice.elements`"),
]


@pytest.mark.parametrize(("fields", "message"), CASES)
def test_msgspec_words_its_errors_as_expected(fields, message):
    document = {**REPORT, **fields} if fields else {}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(document), type=MessageReport)
    assert str(caught.value) == message


def test_msgspec_raises_the_exceptions_that_are_caught():
    for text, exception in ((b"{", msgspec.DecodeError), (b'{"kind":"\xff"}', UnicodeDecodeError)):
        with pytest.raises(exception):
            msgspec.json.decode(text, type=MessageReport)


def paths_of(structure, prefix=""):
    """Every path that a value can have, with `[]` for any index."""
    for name, hint in get_type_hints(structure).items():
        yield from paths_of_type(hint, prefix + name)


def paths_of_type(hint, path):
    yield path
    if get_origin(hint) is tuple:
        yield from set(paths_of_type(get_args(hint)[0], path + "[]"))
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield from paths_of(hint, path + ".")
    elif {type(None), msgspec.UnsetType} & {*get_args(hint)}:
        for option in get_args(hint):
            yield from paths_of_type(option, path)


def test_exactly_the_paths_of_a_report_have_a_sentence():
    assert set(paths_of(MessageReport)) | {"value"} == set(VALID_IN_REPORT)


def test_sentences_state_the_limits_of_the_types():
    definitions = msgspec.json.schema(MessageReport)["$defs"]
    assert (
        str(definitions["MessageReport"]["properties"]["evidence"]["maxItems"]) in VALID_IN_REPORT["evidence"]
    )
    assert (
        str(definitions["Notice"]["properties"]["elements"]["maxItems"]) in VALID_IN_REPORT["notice.elements"]
    )


def test_any_other_exception_means_unreadable_bytes():
    rejected = rejection_of(RecursionError("secret"), VALID_IN_REPORT)
    assert (rejected.reason, rejected.field) == ("not_json", "value")
    assert "secret" not in str(rejected)


def test_the_path_is_taken_from_the_end_of_the_message():
    for text in ("x' - at `$.category`", "\n - at `$.reporter.ref`", "` - at `$`"):
        message = f"Invalid enum value '{text}' - at `$.evidence[12].basis`"
        rejected = rejection_of(msgspec.ValidationError(message), VALID_IN_REPORT)
        assert (rejected.reason, rejected.field) == ("invalid_value", "evidence[12].basis")


def test_the_time_shown_as_an_example_is_valid():
    (example,) = re.findall(r"such as (\S+);", VALID_IN_REPORT["occurred_at"])
    assert datetime.fromisoformat(example).utcoffset() is not None
