"""What services send, and the reports that should become of it."""

from typing import Any

MASTODON: dict[str, Any] = {
    "event": "report.created",
    "created_at": "2026-09-21T10:00:01.000Z",
    "object": {
        "id": "4711",
        "action_taken": False,
        "category": "spam",
        "comment": "sells followers, write to alice@example.org",
        "forwarded": False,
        "created_at": "2026-09-21T10:00:00.000Z",
        "account": {
            "id": "108267695853695427",
            "username": "alice",
            "domain": None,
            "email": "alice@example.org",
            "ip": {"user_id": 1, "ip": "192.0.2.7", "used_at": "2026-09-20T00:00:00.000Z"},
        },
        "target_account": {"id": "108965430868193066", "username": "shop", "domain": "shop.example"},
        "statuses": [{"id": "110000000000000001", "content": "<p>cheap followers</p>"}],
        "rules": [],
    },
}
"""The webhook of Mastodon, with what is documented of Admin::Report that a mapping could leak."""

MASTODON_PRIVATE = (
    "alice",
    "example.org",
    "192.0.2.7",
    "followers",
    "108267695853695427",
    "108965430868193066",
)
"""Texts of it that may be in no event and in no log."""

REPORT: dict[str, Any] = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-09-21T10:00:00Z",
    "channel": {"ref": "room 7", "visibility": "public"},
    "category": "spam",
    "message_ref": "message 9",
    "reporter": {"kind": "user", "ref": "alice@example.org"},
}
"""A report in Tocsin's own form, with the ids of a platform."""
