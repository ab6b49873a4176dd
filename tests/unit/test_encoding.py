from pathlib import Path

import msgspec
import orjson
import pytest

from streams.contract.events.enriched_report import EnrichedReport
from streams.contract.events.escalation import Escalation
from streams.contract.wire.encoding import encode

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
CASES = [
    (path, event_type)
    for topic, event_type in (("enriched-reports", EnrichedReport), ("escalations", Escalation))
    for path in sorted((EXAMPLES / topic / "v1").glob("*.json"))
]


@pytest.mark.parametrize(("path", "event_type"), CASES, ids=lambda value: getattr(value, "stem", None))
def test_encoding_gives_the_bytes_of_orjson(path, event_type):
    value = orjson.loads(path.read_bytes())["value"]
    event = msgspec.convert(value, event_type)
    assert encode(event) == orjson.dumps(event, default=msgspec.to_builtins)
    assert orjson.loads(encode(event)) == value
