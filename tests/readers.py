"""Readers of events of Tocsin's categories, as a worker with the shipped rules has them."""

from streams.wire import (
    case_activity_decoding,
    moderation_outcome_decoding,
    report_decoding,
    request_decoding,
)
from streams.wire.reading import event_reader
from tests.categories import CATEGORIES

decode_report = event_reader(report_decoding.FORM, CATEGORIES)
decode_request = event_reader(request_decoding.FORM, CATEGORIES)
decode_moderation_outcome = event_reader(moderation_outcome_decoding.FORM, CATEGORIES)
decode_case_activity = event_reader(case_activity_decoding.FORM, CATEGORIES)
