"""Readers of events of Tocsin's categories, as a worker with the shipped rules has them."""

from streams.contract.wire.forms import (
    case_activity_decoding,
    moderation_outcome_decoding,
    report_decoding,
    request_decoding,
)
from streams.contract.wire.reading import event_reader
from streams.contract.wire.rejection import require_category
from tests.categories import CATEGORIES

decode_report = event_reader(report_decoding.FORM, CATEGORIES)
decode_request = event_reader(request_decoding.FORM, CATEGORIES)
decode_moderation_outcome = event_reader(moderation_outcome_decoding.FORM, CATEGORIES)


def decode_case_activity(value, headers, append_time_ms):
    """Read an act as a console does, which refuses a category that its rules do not have."""
    decoded = case_activity_decoding.decode_case_activity(value, headers, append_time_ms)
    if decoded.event.proposed is not None:
        require_category("proposed.category", decoded.event.proposed.category, CATEGORIES)
    return decoded
