"""The reason types of Ozone's reports for Tocsin's categories."""

from collections.abc import Mapping

from streams.events.report import Category

_REASON = "tools.ozone.report.defs#reason"

# The values that com.atproto.moderation.defs#reasonType knows. It has none for defamation, extortion or copyright.
REASON_TYPES: Mapping[Category, str] = {
    "csam": f"{_REASON}ChildSafetyCSAM",
    "csam_synthetic": f"{_REASON}ChildSafetyCSAM",
    "grooming": f"{_REASON}ChildSafetyGroom",
    "threat_to_life": f"{_REASON}ViolenceThreats",
    "terrorism": f"{_REASON}ViolenceExtremistContent",
    "trafficking": f"{_REASON}ViolenceTrafficking",
    "ncii_deepfake": f"{_REASON}SexualDeepfake",
    "ncii": f"{_REASON}SexualNCII",
    "sextortion": f"{_REASON}SexualOther",
    "self_harm": f"{_REASON}SelfHarmContent",
    "weapons_drugs": f"{_REASON}RuleProhibitedSales",
    "fraud": f"{_REASON}MisleadingScam",
    "hate": f"{_REASON}HarassmentHateSpeech",
    "doxxing": f"{_REASON}HarassmentDoxxing",
    "harassment": f"{_REASON}HarassmentTargeted",
    "civic": f"{_REASON}MisleadingElections",
    "defamation": f"{_REASON}HarassmentOther",
    "ip": f"{_REASON}RuleOther",
    "spam": f"{_REASON}MisleadingSpam",
    "unspecified": f"{_REASON}Other",
}
