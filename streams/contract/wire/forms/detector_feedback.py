"""Encodes what became of reports of detectors: records of `detector-feedback`."""

from streams.contract.events.detector_feedback import DETECTOR_FEEDBACK_TYPE, DetectorFeedback
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import headers_at
from streams.contract.wire.forms.reporter_notice import midnight
from streams.contract.wire.ids import stable_id
from streams.contract.wire.records import OutputRecord, new_tuple
from streams.contract.wire.topics import DETECTOR_FEEDBACK


def encode_detector_feedback(
    root: int, channel_ref: str, outcome_id: str, feedback: DetectorFeedback
) -> OutputRecord:
    """The record of what became of a report.

    Its key is the name of the list or else of the classifier, so that one program gets all that concerns it
    in order; `root`, the keyed hash of the source in hexadecimal digits, if the report named neither. Channel
    and outcome make the event's id with the report, so a replay writes the same one. The time in the headers
    is the beginning of the day.
    """
    if feedback.match is not None:
        key = feedback.match.list
    elif feedback.classifier is not None:
        key = feedback.classifier.name
    else:
        key = f"{root:016x}"
    # A ce_source is the one part in which a publisher may write NUL.
    event_id = stable_id(
        "detector-feedback", channel_ref, feedback.report_id, feedback.state, outcome_id, feedback.ce_source
    )
    headers = headers_at(DETECTOR_FEEDBACK_TYPE, event_id, midnight(feedback.day))
    return new_tuple(OutputRecord, (DETECTOR_FEEDBACK, None, key.encode(), encode(feedback), headers))
