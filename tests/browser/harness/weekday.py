"""A desk as a platform has it on a weekday."""

from collections.abc import Mapping
from typing import Any

from tests.browser.harness.cases import HOUR, MINUTE, case, clock, raised, with_two_people

_COUNTS = case("counts")["counts"]


def weekday() -> list[dict[str, Any]]:
    """Events of twenty cases, with and without clocks; two of them need two people."""
    wave = _episode("kf4t2mxq7wz3", "ncii_deepfake", "intimate-images", 3, "channel_review", 96, voices=41.5)
    threat = _episode("nrd83kqvx5lt", "threat_to_life", "threats-to-life", 3, "authority_notice_review", 9)
    brigade = case("j6zp4wyh2mbs", example="opened-looks-coordinated", category="fraud")
    protest = _episode(
        "g3xv9cmt7kqa", "terrorism", "terrorism", 2, "priority_review", 31, voices=2.25, gate="KZ"
    )
    return [
        _clock("p2o6ehrv5ncd", -20 * MINUTE, "IN.itr.3-2-b", "IN"),
        _clock("p2o6ehrv5ncd", 35 * MINUTE, "US.take-it-down.s3", "US"),
        with_two_people(_clock("b7lqk3ydmsa4", 5 * HOUR, "IN.itr.3-2-a.ack", "IN")),
        _clock("w9txg5cfz2re", 30 * HOUR, "US.take-it-down.s3", "US"),
        _clock("c2vkq8ydn5wx", 44 * HOUR, "GB.osa.s10-3A", "GB"),
        wave,
        raised(wave, 4, "authority_report_review"),
        threat,
        with_two_people(protest),
        brigade | {"level": 2, "level_name": "priority_review"} | _in("unknown"),
        _episode("x8rmt4bqz6fh", "csam", "child-safety", 3, "authority_report_review", 4),
        _episode("y8wb5nfr2zpd", "harassment", "harassment", 1, "internal_review", 12, voices=7.1),
        *(
            _episode(f"{name}7kd3wq5zn", "fraud", "fraud", 1 + reports // 40, level, reports, voices=reports * 0.8)
            for name, level, reports in (
                ("hq", "surge", 88), ("tb", "surge", 85), ("mz", "priority_review", 57),
                ("dv", "priority_review", 44),
                ("ws", "internal_review", 33), ("pf", "internal_review", 24), ("ge", "internal_review", 19),
                ("lk", "internal_review", 11), ("nc", "internal_review", 8),
            )
        ),
    ]  # fmt: skip


def _episode(
    channel: str,
    category: str,
    policy: str,
    level: int,
    level_name: str,
    reports: int,
    *,
    voices: float | None = None,
    gate: str = "DE",
) -> dict[str, Any]:
    known: Mapping[str, Any] = {} if voices is None else {"voices": voices, "linked": 0, "trusted_voices": 0}
    counts = _COUNTS | {"reports": reports, "distinct_reporters": reports, **known}
    event = case(channel, category=category, policy=policy, level=level, level_name=level_name, counts=counts)
    return event | _in(gate) | {"score": {"value": reports / 30, "components": {category: reports / 30}}}


def _clock(channel: str, left: float, obligation: str, country: str) -> dict[str, Any]:
    return clock(channel, left, obligation) | _in(country)


def _in(country: str) -> dict[str, Any]:
    known = country != "unknown"
    place = (
        {"code": country, "confidence": 0.9, "basis": "victim"}
        if known
        else {"code": "XX", "confidence": 0.0, "basis": "none"}
    )
    return {"jurisdictions": [place]}
