"""Checks the refs and the language of a decoded report, which the decoder itself would do far slower."""

import re
from functools import lru_cache

from streams.events.report import LANGUAGE_PATTERN, REF_PATTERN, MessageReport
from streams.wire.personal_data import looks_like_phone
from streams.wire.rejection import not_valid

_REF = re.compile(REF_PATTERN)
_LANGUAGE = re.compile(LANGUAGE_PATTERN)

# The alphabet of a ref, for many of them at once: the decoder has checked the length of each.
_all_in_alphabet = re.compile(r"[A-Za-z0-9._:~-]+").fullmatch

# What a telephone number can be made of within the alphabet.
_PHONE_CHARACTERS = "0123456789-.telTEL:"


def check_refs(report: MessageReport) -> None:
    """Raise Rejected if a ref leaves its alphabet or reads as a telephone number, or the language is no tag."""
    channel, message_ref, reporter, classifier = (
        report.channel,
        report.message_ref,
        report.reporter,
        report.classifier,
    )
    text = report.report_id + channel.ref
    if not channel.ref.strip(_PHONE_CHARACTERS):
        _refuse_phone("channel.ref", channel.ref)
    if message_ref is not None:
        text += message_ref
        if not message_ref.strip(_PHONE_CHARACTERS):
            _refuse_phone("message_ref", message_ref)
    if reporter is not None and reporter.ref is not None:
        text += reporter.ref
        if not reporter.ref.strip(_PHONE_CHARACTERS):
            _refuse_phone("reporter.ref", reporter.ref)
    if classifier is not None:
        text += classifier.name + classifier.version
    if _all_in_alphabet(text) is None:
        raise not_valid("invalid_value", _first_outside_alphabet(report))
    if channel.language is not None and not is_language(channel.language):
        raise not_valid("invalid_value", "channel.language")


def is_ref(text: str) -> bool:
    """Whether `text` keeps to the alphabet and the length of a ref."""
    return _REF.match(text) is not None


def _refuse_phone(path: str, ref: str) -> None:
    if looks_like_phone(ref):
        raise not_valid("pii_detected", path)


def _first_outside_alphabet(report: MessageReport) -> str:
    reporter, classifier = report.reporter, report.classifier
    refs = {
        "report_id": report.report_id,
        "channel.ref": report.channel.ref,
        "message_ref": report.message_ref,
        "reporter.ref": reporter.ref if reporter else None,
        "classifier.name": classifier.name if classifier else None,
        "classifier.version": classifier.version if classifier else None,
    }
    return next(path for path, ref in refs.items() if ref is not None and not _REF.match(ref))


# Publishers use a few hundred tags; hostile ones must not fill the memory.
@lru_cache(maxsize=1024)
def is_language(tag: str) -> bool:
    """Whether `tag` has the form of a BCP 47 language tag."""
    return _LANGUAGE.match(tag) is not None
